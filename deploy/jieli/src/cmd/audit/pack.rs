//! Packs as files: written as they arrive, read piece by piece.

use super::super::Fail;
use super::super::evidence::{create_new, write_new};
use super::super::say::{Out, unreadable, unwritable};
use jieli_proto::bundle::pack::{Pack, Source};
use jieli_proto::wire::AuditPackPart;
use jieli_proto::words::NOT_PROOF_OF_FREEDOM;
use serde_json::json;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use tonic::Streaming;

/// A file that is read in places.
pub(in super::super) struct FileSource {
    file: File,
    total: u64,
}

impl FileSource {
    pub(in super::super) fn open(path: &Path) -> Result<FileSource, Fail> {
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (total, file) = opened.map_err(|error| unreadable(path, &error))?;
        Ok(FileSource { file, total })
    }
}

impl Source for FileSource {
    fn total(&self) -> u64 {
        self.total
    }

    fn read(&mut self, at: u64, len: usize) -> Option<Vec<u8>> {
        // A length that a file only claims to have reserves no memory.
        let end = at.checked_add(len as u64).filter(|end| *end <= self.total);
        end?;
        let mut bytes = vec![0; len];
        self.file.read_exact_at(&mut bytes, at).ok()?;
        Some(bytes)
    }
}

/// Writes a pack as it comes. What is cut short is removed again.
pub(super) async fn receive(
    mut parts: Streaming<AuditPackPart>,
    path: &Path,
    out: Out,
) -> Result<(), Fail> {
    let mut file = create_new(path)?;
    let mut bytes = 0;
    let cut_short = loop {
        match parts.message().await {
            Ok(Some(part)) => {
                bytes += part.data.len();
                if let Err(error) = file.write_all(&part.data) {
                    break Some(unwritable(path, &error));
                }
            }
            Ok(None) => break file.sync_all().err().map(|error| unwritable(path, &error)),
            Err(status) => break Some(status.into()),
        }
    };
    if let Some(fail) = cut_short {
        std::fs::remove_file(path).map_err(|error| unwritable(path, &error))?;
        return Err(fail);
    }
    let (name, caveat) = (path.display().to_string(), NOT_PROOF_OF_FREEDOM);
    let value = json!({
        "file": name, "bytes": bytes, "caveat": { "zh": caveat.zh, "en": caveat.en },
    });
    out.show(&value, || {
        let zh = format!("已写入 {name}，{bytes} 字节。");
        let done = out.say(&zh, &format!("{name} written, {bytes} bytes."));
        format!("{done}\n{}\n{}", caveat.zh, caveat.en)
    });
    Ok(())
}

/// Writes one bundle of a pack.
pub(super) fn unpack(from: &Path, number: usize, to: &Path, out: Out) -> Result<(), Fail> {
    let mut source = FileSource::open(from)?;
    let found = Pack::open(&mut source).ok().flatten().and_then(|mut pack| pack.bundle(number));
    let zip = found.ok_or_else(|| {
        let file = from.display();
        Fail::usage(
            format!("{file} 不是审计包，或没有第 {number} 个证据包。"),
            format!("{file} is no pack, or has no bundle {number}."),
        )
    })?;
    write_new(to, &zip)?;
    let (name, bytes) = (to.display().to_string(), zip.len());
    out.show(&json!({ "file": name, "bytes": bytes }), || {
        out.say(
            &format!("已写入 {name}，{bytes} 字节。"),
            &format!("{name} written, {bytes} bytes."),
        )
    });
    Ok(())
}
