//! The high-water file: the largest head of each log that was durable before it was signed. It lies
//! outside the database and its backups, so that a restored backup is noticed.
//!
//! One line a log, sorted: `<origin> <size> <root in lower-case hex>`. It is replaced as a whole:
//! temporary file, fsync, rename, fsync of the directory. These calls block: give them a thread that may.

use crate::plant;
use jieli_proto::tree::{Hash, SIZE_MAX, empty_root};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Name of the file in the node's directory.
pub const FILE: &str = "high-water";

/// Before the origin of a log of another city: the head of it that was cosigned last.
const COSIGNED: &str = "cosigned:";

/// The largest file that is read: some tens of logs and epochs.
const FILE_BYTES_MAX: usize = 1 << 20;

/// Why the file was not written or not believed.
#[derive(Debug, thiserror::Error)]
pub enum HighWaterError {
    /// The file exists already: `init` never overwrites one.
    #[error("the high-water file exists already")]
    Exists,
    /// Not exactly what this program writes.
    #[error("the high-water file is malformed")]
    Malformed,
    /// No line for this log.
    #[error("the high-water file does not know this log")]
    UnknownOrigin,
    /// This log has a line already.
    #[error("the high-water file knows this log already")]
    KnownOrigin,
    /// An origin that cannot stand in a line, or a size beyond the largest tree.
    #[error("not a head")]
    BadHead,
    /// A smaller size than the file's.
    #[error("the high-water mark never goes back")]
    Back,
    /// The file's size with another root.
    #[error("another root at the size of the high-water mark")]
    OtherRoot,
    /// The disk did not do it. What the file holds now is not known: the process must end.
    #[error("the high-water file: {0}")]
    Io(#[from] io::Error),
    /// An earlier write failed.
    #[error("an earlier write of the high-water file failed")]
    Broken,
}

/// The steps of a write, one at a time, so that tests can stop between any two.
pub trait FileOps: Send + Sync {
    /// The whole file, or `None` if there is none.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;
    /// Writes a file anew.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Makes a file's bytes durable.
    fn sync_file(&self, path: &Path) -> io::Result<()>;
    /// Gives a file its name, in place of the one that had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
}

/// The disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl FileOps for Disk {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)?.write_all(bytes)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

/// The file, and what it holds.
pub struct HighWater {
    path: PathBuf,
    ops: Box<dyn FileOps>,
    marks: BTreeMap<String, (u64, Hash)>,
    is_broken: bool,
}

impl HighWater {
    /// Makes the file with these logs at size 0. Refuses one that exists.
    pub fn init(
        path: &Path,
        ops: Box<dyn FileOps>,
        origins: &[&str],
    ) -> Result<HighWater, HighWaterError> {
        if ops.read(path)?.is_some() {
            return Err(HighWaterError::Exists);
        }
        let mut marks = BTreeMap::new();
        for origin in origins {
            check_origin(origin)?;
            marks.insert((*origin).to_owned(), (0, empty_root()));
        }
        let path = path.to_owned();
        let mut file = HighWater { path, ops, marks: BTreeMap::new(), is_broken: false };
        file.write(marks)?;
        Ok(file)
    }

    /// Reads the file strictly; `None` if there is none.
    pub fn open(path: &Path, ops: Box<dyn FileOps>) -> Result<Option<HighWater>, HighWaterError> {
        let Some(bytes) = ops.read(path)? else { return Ok(None) };
        let marks = parse(&bytes).ok_or(HighWaterError::Malformed)?;
        Ok(Some(HighWater { path: path.to_owned(), ops, marks, is_broken: false }))
    }

    /// No file: nothing is known, and nothing is written before a log is added.
    pub fn lost(path: &Path, ops: Box<dyn FileOps>) -> HighWater {
        HighWater { path: path.to_owned(), ops, marks: BTreeMap::new(), is_broken: false }
    }

    /// The last epoch of a log that has a line, by what its origins begin with; 0 if none has.
    pub fn last_epoch(&self, prefix: &str) -> u32 {
        let epochs = self.marks.keys().filter_map(|origin| origin.strip_prefix(prefix));
        epochs.filter_map(|epoch| epoch.parse().ok()).max().unwrap_or(0)
    }

    /// The mark of a log: its size and root.
    pub fn mark(&self, origin: &str) -> Option<(u64, Hash)> {
        self.marks.get(origin).copied()
    }

    /// A new epoch, or a log that did not exist: it starts at size 0.
    pub fn add(&mut self, origin: &str) -> Result<(), HighWaterError> {
        check_origin(origin)?;
        if self.marks.contains_key(origin) {
            return Err(HighWaterError::KnownOrigin);
        }
        self.set(&[(origin, 0, empty_root())])
    }

    /// Moves the mark of a log. Returns once that is durable; nothing is written if it is there
    /// already.
    pub fn advance(&mut self, origin: &str, size: u64, root: &Hash) -> Result<(), HighWaterError> {
        self.advance_all(&[(origin, size, *root)])
    }

    /// Moves the marks of several logs with one write: all of them, or on a refusal none.
    pub fn advance_all(&mut self, heads: &[(&str, u64, Hash)]) -> Result<(), HighWaterError> {
        if plant::is(plant::Fault::AcceptFork) {
            return self.set(heads);
        }
        for (origin, size, root) in heads {
            let (old_size, old_root) = self.mark(origin).ok_or(HighWaterError::UnknownOrigin)?;
            if *size > SIZE_MAX {
                return Err(HighWaterError::BadHead);
            }
            if *size < old_size {
                return Err(HighWaterError::Back);
            }
            if *size == old_size && *root != old_root {
                return Err(HighWaterError::OtherRoot);
            }
        }
        self.set(heads)
    }

    /// Moves the marks of heads of other cities that were cosigned, under `COSIGNED`; a log
    /// without a line gets one.
    pub fn cosign_all(&mut self, heads: &[(String, u64, Hash)]) -> Result<(), HighWaterError> {
        let lines: Vec<(String, u64, Hash)> = heads
            .iter()
            .map(|(origin, size, root)| (format!("{COSIGNED}{origin}"), *size, *root))
            .collect();
        for (line, size, root) in &lines {
            check_origin(line)?;
            match self.mark(line) {
                Some((old_size, _)) if *size < old_size => return Err(HighWaterError::Back),
                Some((old_size, old_root)) if *size == old_size && *root != old_root => {
                    return Err(HighWaterError::OtherRoot);
                }
                Some(_) | None => {}
            }
        }
        let lines: Vec<_> =
            lines.iter().map(|(line, size, root)| (&**line, *size, *root)).collect();
        self.set(&lines)
    }

    /// The heads of other cities' logs that were cosigned last: origin, size, root.
    pub fn cosigned(&self) -> Vec<(String, u64, Hash)> {
        let lines = self.marks.iter();
        lines
            .filter_map(|(line, (size, root))| {
                Some((line.strip_prefix(COSIGNED)?.to_owned(), *size, *root))
            })
            .collect()
    }

    fn set(&mut self, heads: &[(&str, u64, Hash)]) -> Result<(), HighWaterError> {
        if self.is_broken {
            return Err(HighWaterError::Broken);
        }
        let mut marks = self.marks.clone();
        for (origin, size, root) in heads {
            marks.insert((*origin).to_owned(), (*size, *root));
        }
        if marks == self.marks { Ok(()) } else { self.write(marks) }
    }

    fn write(&mut self, marks: BTreeMap<String, (u64, Hash)>) -> Result<(), HighWaterError> {
        self.is_broken = true;
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let new = PathBuf::from(name);
        let folder = match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        self.ops.write(&new, text(&marks).as_bytes())?;
        self.ops.sync_file(&new)?;
        self.ops.rename(&new, &self.path)?;
        self.ops.sync_dir(folder)?;
        (self.marks, self.is_broken) = (marks, false);
        Ok(())
    }
}

impl fmt::Debug for HighWater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HighWater of {} logs", self.marks.len())
    }
}

/// What a node may do with a log when it starts, when its database is another one than before, and
/// when another replica has moved the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Head and file agree: sign.
    Good,
    /// The head extends the file's: advance the file, then sign.
    Advance,
    /// The database has lost leaves that were signed: sign nothing, rebuild from the peers.
    Recovering {
        /// Size in the file.
        file_size: u64,
        /// Size in the database.
        head_size: u64,
    },
    /// The database has other leaves than those that were signed: sign nothing, a person must look.
    RootDiffers,
    /// No file, or no line for this log: sign nothing before a peer says what it has seen.
    NoFile,
}

/// The start rule. `root_at_mark` is the root recomputed from the database's leaves at the mark's
/// size; it is not looked at when the head lies below.
pub fn start_rule(mark: Option<(u64, Hash)>, head_size: u64, root_at_mark: Option<Hash>) -> Start {
    let Some((file_size, root)) = mark else { return Start::NoFile };
    if head_size < file_size {
        return Start::Recovering { file_size, head_size };
    }
    if root_at_mark != Some(root) {
        return Start::RootDiffers;
    }
    if head_size == file_size { Start::Good } else { Start::Advance }
}

fn text(marks: &BTreeMap<String, (u64, Hash)>) -> String {
    let line = |(origin, (size, root)): (&String, &(u64, Hash))| {
        format!("{origin} {size} {}\n", hex::encode(root))
    };
    marks.iter().map(line).collect()
}

/// Strict: exactly the bytes that [`text`] gives back.
fn parse(bytes: &[u8]) -> Option<BTreeMap<String, (u64, Hash)>> {
    if bytes.len() > FILE_BYTES_MAX {
        return None;
    }
    let whole = std::str::from_utf8(bytes).ok()?;
    let mut marks = BTreeMap::new();
    for line in whole.lines() {
        let mut words = line.split(' ');
        let (origin, size, root) = (words.next()?, words.next()?, words.next()?);
        check_origin(origin).ok()?;
        let size: u64 = size.parse().ok().filter(|size| *size <= SIZE_MAX)?;
        let root: Hash = hex::decode(root).ok()?.try_into().ok()?;
        marks.insert(origin.to_owned(), (size, root));
    }
    (!marks.is_empty() && text(&marks) == whole).then_some(marks)
}

fn check_origin(origin: &str) -> Result<(), HighWaterError> {
    let is_plain = !origin.is_empty() && origin.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain { Ok(()) } else { Err(HighWaterError::BadHead) }
}
