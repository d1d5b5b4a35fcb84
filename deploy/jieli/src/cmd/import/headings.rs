//! What an office calls its columns, kept beside the city's configuration: headings, never a cell.

use crate::cmd::Fail;
use crate::cmd::say::WRONG_USE;
use anyhow::Context;
use jieli_gateway::sheet::Mapping;
use jieli_node::disk;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Folder in the city's directory.
const FOLDER: &str = "import";
const FILE_BYTES_MAX: u64 = 64 << 10;

/// The file of an office.
pub(super) fn path(dir: &Path, office: &str) -> PathBuf {
    dir.join(FOLDER).join(format!("{office}.toml"))
}

/// What is remembered of an office; nothing where there is no file.
pub(super) fn load(dir: &Path, office: &str) -> Result<Mapping, Fail> {
    let path = path(dir, office);
    if !path.exists() {
        return Ok(Mapping::default());
    }
    let bytes = disk::read(&path, FILE_BYTES_MAX).context("the remembered headings")?;
    let text = String::from_utf8_lossy(&bytes);
    toml::from_str(&text).map_err(|error| {
        Fail::new(
            WRONG_USE,
            "MAPPING",
            format!(
                "记住的表头对应关系无法使用（{}）；请更正，或用 --forget-mapping 删除。",
                path.display()
            ),
            format!(
                "{}: {}; correct it, or delete it with --forget-mapping.",
                path.display(),
                error.message()
            ),
        )
    })
}

/// Remembers; the file is whole at every moment.
pub(super) fn save(dir: &Path, office: &str, mapping: &Mapping) -> Result<(), Fail> {
    let folder = dir.join(FOLDER);
    disk::make_private_dir(&folder).context("the folder of remembered headings")?;
    let text = toml::to_string(mapping).context("the remembered headings")?;
    let text = format!(
        "# 本机构的表头 = 标准栏目；由 jieli import --map 写入\n\
         # headings of this office = columns; written by jieli import --map\n{text}"
    );
    let mut file = tempfile::NamedTempFile::new_in(&folder).context("the remembered headings")?;
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).context("writing")?;
    file.persist(path(dir, office)).context("the remembered headings")?;
    Ok(disk::sync_dir(&folder).context("the remembered headings")?)
}

/// Forgets; says whether there was anything.
pub(super) fn forget(dir: &Path, office: &str) -> Result<bool, Fail> {
    match std::fs::remove_file(path(dir, office)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(anyhow::Error::from(error).context("the remembered headings").into()),
    }
}
