//! The high-water file, stopped between any two of its steps.

use jieli_node::highwater::{Disk, FileOps, HighWater, HighWaterError, Start, start_rule};
use jieli_proto::tree::empty_root;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use tempfile::TempDir;

const LOG: &str = "jieli.city-a/log/1";
const LOCAL: &str = "jieli.city-a/local/1";

/// The disk of a machine that loses power after some steps. A write stops half-way.
#[derive(Clone)]
struct Mortal {
    steps_left: Arc<AtomicU64>,
}

impl Mortal {
    fn new(steps: u64) -> Mortal {
        Mortal { steps_left: Arc::new(AtomicU64::new(steps)) }
    }

    fn step(&self) -> io::Result<()> {
        let left = self.steps_left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| io::Error::other("no power"))
    }
}

impl FileOps for Mortal {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        Disk.read(path)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.step().inspect_err(|_| {
            let _ = Disk.write(path, &bytes[..bytes.len() / 2]);
        })?;
        Disk.write(path, bytes)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        Disk.sync_file(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        Disk.rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        Disk.sync_dir(path)
    }
}

#[test]
fn a_crash_leaves_the_old_mark_or_the_new_one() {
    for steps in 0..=4 {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("high-water");
        let mut file = HighWater::init(&path, Box::new(Disk), &[LOG, LOCAL]).unwrap();
        file.advance(LOG, 7, &[1; 32]).unwrap();
        let mut file = HighWater::open(&path, Box::new(Mortal::new(steps))).unwrap().unwrap();
        let result = file.advance(LOG, 9, &[2; 32]);
        assert_eq!(result.is_ok(), steps == 4);
        if steps < 4 {
            assert!(matches!(result, Err(HighWaterError::Io(_))));
            let again = file.advance(LOG, 9, &[2; 32]);
            assert!(matches!(again, Err(HighWaterError::Broken)));
        }
        let file = HighWater::open(&path, Box::new(Disk)).unwrap().unwrap();
        let expected = if steps < 3 { (7, [1; 32]) } else { (9, [2; 32]) };
        assert_eq!(file.mark(LOG), Some(expected), "after {steps} steps");
        assert_eq!(file.mark(LOCAL), Some((0, empty_root())));
    }
}

#[test]
fn the_mark_never_goes_back() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("high-water");
    assert!(HighWater::open(&path, Box::new(Disk)).unwrap().is_none());
    let mut file = HighWater::init(&path, Box::new(Disk), &[LOG]).unwrap();
    let again = HighWater::init(&path, Box::new(Disk), &[LOG]);
    assert!(matches!(again, Err(HighWaterError::Exists)));
    file.advance(LOG, 5, &[5; 32]).unwrap();
    file.advance(LOG, 5, &[5; 32]).unwrap();
    let refused = |result, what: &str| {
        let error: HighWaterError = Result::unwrap_err(result);
        assert!(format!("{error:?}").contains(what), "{error:?}");
    };
    refused(file.advance(LOG, 4, &[4; 32]), "Back");
    refused(file.advance(LOG, 5, &[4; 32]), "OtherRoot");
    refused(file.advance(LOG, u64::MAX, &[4; 32]), "BadHead");
    refused(file.advance(LOCAL, 1, &[4; 32]), "UnknownOrigin");
    refused(file.add(LOG), "KnownOrigin");
    refused(file.add("two words"), "BadHead");
    file.add(LOCAL).unwrap();
    // All of several, or none.
    refused(file.advance_all(&[(LOG, 6, [6; 32]), (LOCAL, 0, [6; 32])]), "OtherRoot");
    assert_eq!(file.mark(LOG), Some((5, [5; 32])));
    file.advance_all(&[(LOG, 6, [6; 32]), (LOCAL, 2, [2; 32])]).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let (six, two) = ("06".repeat(32), "02".repeat(32));
    assert_eq!(text, format!("{LOCAL} 2 {two}\n{LOG} 6 {six}\n"));
}

#[test]
fn the_file_is_read_strictly() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("high-water");
    let (root, other) = ("0a".repeat(32), "0A".repeat(32));
    std::fs::write(&path, format!("{LOG} 3 {root}\n")).unwrap();
    assert!(HighWater::open(&path, Box::new(Disk)).unwrap().is_some());
    for bad in [
        String::new(),
        "\n".to_owned(),
        format!("{LOG} 3 {root}"),
        format!("{LOG} 3 {root}\r\n"),
        format!("{LOG} 3 {root}\n\n"),
        format!("{LOG} 03 {root}\n"),
        format!("{LOG} +3 {root}\n"),
        format!("{LOG} -3 {root}\n"),
        format!("{LOG} 9223372036854775807 {root}\n"),
        format!("{LOG}  3 {root}\n"),
        format!("{LOG} 3 {root} \n"),
        format!("{LOG} 3 {other}\n"),
        format!("{LOG} 3 {}\n", &root[2..]),
        format!("{LOG} 3 {root}\n{LOG} 3 {root}\n"),
        format!("{LOG} 3 {root}\n{LOCAL} 3 {root}\n"),
    ] {
        std::fs::write(&path, &bad).unwrap();
        let opened = HighWater::open(&path, Box::new(Disk));
        assert!(matches!(opened, Err(HighWaterError::Malformed)), "{bad:?}");
    }
}

#[test]
fn the_start_rule() {
    let mark = Some((5, [5; 32]));
    assert_eq!(start_rule(None, 5, Some([5; 32])), Start::NoFile);
    assert_eq!(start_rule(mark, 5, Some([5; 32])), Start::Good);
    assert_eq!(start_rule(mark, 6, Some([5; 32])), Start::Advance);
    assert_eq!(start_rule(mark, 4, None), Start::Recovering { file_size: 5, head_size: 4 });
    assert_eq!(start_rule(mark, 5, Some([6; 32])), Start::RootDiffers);
    assert_eq!(start_rule(mark, 6, Some([6; 32])), Start::RootDiffers);
    assert_eq!(start_rule(mark, 6, None), Start::RootDiffers);
}
