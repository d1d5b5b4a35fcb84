//! The erasure ledger: what was destroyed, named without a personal value. It lies outside the
//! database and every backup of it, is only added to, and is read before a node serves.
//!
//! One line an erasure: `<unix ms> <leg id> <scope> <key names, comma between, or ->`, hex.

use super::{KeyId, line_id};
use jieli_proto::id::LegId;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Name of the file in the node's directory.
pub const FILE: &str = "erasures";

/// Why the ledger was not written or not believed.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Not what this program writes.
    #[error(
        "the erasure ledger (file `{FILE}`, or the ring's table) is malformed: put the newest one \
         back; without it nobody knows what must not come back"
    )]
    Malformed,
    /// The disk did not do it.
    #[error("the erasure ledger: {0}")]
    Io(#[from] io::Error),
    /// An earlier write failed: what the file holds is not known.
    #[error("an earlier write of the erasure ledger failed")]
    Broken,
}

/// How much of a leg goes. The letter stands in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything, the way to the person too.
    All,
    /// Everything but the way to the person.
    ButContact,
    /// What was disclosed: neither draft nor contact.
    Disclosed,
    /// What a leg says and the way to the person, but not that this person was asked.
    Content,
    /// Single values.
    Slot,
}

impl Scope {
    const ALL: [Scope; 5] =
        [Scope::All, Scope::ButContact, Scope::Disclosed, Scope::Content, Scope::Slot];

    /// Its letter.
    pub fn letter(self) -> &'static str {
        match self {
            Scope::All => "a",
            Scope::ButContact => "b",
            Scope::Disclosed => "d",
            Scope::Content => "c",
            Scope::Slot => "s",
        }
    }

    /// The scope of a letter.
    pub fn from_letter(letter: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.letter() == letter)
    }

    /// The lowest and highest slot.
    pub fn slots(self) -> (u8, u8) {
        match self {
            Scope::All | Scope::Content => (0, 255),
            Scope::ButContact => (0, 254),
            Scope::Disclosed => (1, 254),
            // Single values are named by their keys.
            Scope::Slot => (1, 0),
        }
    }

    /// Tables whose rows of a leg go with it.
    pub fn tables(self) -> &'static [&'static str] {
        match self {
            Scope::All | Scope::ButContact => &["blind_index", "held_outcome", "phone_index"],
            Scope::Disclosed => &["blind_index", "held_outcome"],
            Scope::Content => &["phone_index"],
            Scope::Slot => &[],
        }
    }
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When, Unix milliseconds.
    pub at_ms: u64,
    /// Whose leg.
    pub leg: LegId,
    /// How much of it.
    pub scope: Scope,
    /// The keys destroyed.
    pub keys: Vec<KeyId>,
}

impl Line {
    pub(super) fn text(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(hex::encode).collect();
        let keys = if keys.is_empty() { "-".to_owned() } else { keys.join(",") };
        format!("{} {} {} {keys}", self.at_ms, self.leg.hex(), self.scope.letter())
    }

    pub(super) fn parse(text: &str) -> Option<Line> {
        let mut words = text.split(' ');
        let mut next = || words.next();
        let (at_ms, leg) = (next()?.parse().ok()?, LegId::from_hex(next()?)?);
        let (scope, keys) = (Scope::from_letter(next()?)?, next()?);
        let mut line = Line { at_ms, leg, scope, keys: Vec::new() };
        if keys != "-" {
            for key in keys.split(',') {
                line.keys.push(hex::decode(key).ok()?.try_into().ok()?);
            }
        }
        (line.text() == text).then_some(line)
    }

    pub(super) fn id(&self) -> Vec<u8> {
        line_id(&self.text())
    }

    /// Whether something that may be in a backup is named.
    pub(super) fn is_about_stored(&self) -> bool {
        !self.keys.is_empty() || self.scope != Scope::Slot
    }
}

/// The file.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    is_broken: bool,
}

impl Ledger {
    /// Opens the ledger, or makes an empty one.
    pub fn open(path: &Path) -> Result<Ledger, LedgerError> {
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).mode(crate::disk::PRIVATE).open(path)?;
        file.sync_all()?;
        sync_folder(path)?;
        let ledger = Ledger { path: path.to_owned(), is_broken: false };
        ledger.mend()?;
        ledger.read()?;
        Ok(ledger)
    }

    /// A crash may have torn the last line: its erasure had not begun.
    fn mend(&self) -> Result<(), LedgerError> {
        let bytes = self.bytes()?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if whole < bytes.len() {
            let file = OpenOptions::new().write(true).open(&self.path)?;
            file.set_len(whole as u64)?;
            file.sync_all()?;
        }
        Ok(())
    }

    fn bytes(&self) -> Result<Vec<u8>, LedgerError> {
        let mut bytes = Vec::new();
        match File::open(&self.path) {
            Ok(mut file) => drop(file.read_to_end(&mut bytes)?),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        Ok(bytes)
    }

    /// All lines.
    pub fn read(&self) -> Result<Vec<Line>, LedgerError> {
        let text = String::from_utf8(self.bytes()?).map_err(|_| LedgerError::Malformed)?;
        text.lines().map(|line| Line::parse(line).ok_or(LedgerError::Malformed)).collect()
    }

    /// Adds lines and returns once they are durable.
    pub fn append(&mut self, lines: &[&Line]) -> Result<(), LedgerError> {
        if self.is_broken {
            return Err(LedgerError::Broken);
        }
        self.is_broken = true;
        let text: String = lines.iter().map(|line| line.text() + "\n").collect();
        let mut file = OpenOptions::new().append(true).open(&self.path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        self.is_broken = false;
        Ok(())
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(scope: Scope, keys: Vec<KeyId>) -> Line {
        Line { at_ms: 1_795_000_000_000, leg: LegId([7; 16]), scope, keys }
    }

    #[test]
    fn lines_are_read_back_in_one_spelling() {
        for scope in Scope::ALL {
            for keys in [vec![], vec![[1; 12], [2; 12]]] {
                let line = line(scope, keys);
                assert_eq!(Line::parse(&line.text()), Some(line.clone()));
                assert_eq!(Line::parse(&format!("{} ", line.text())), None);
                assert_eq!(Line::parse(&format!("0{}", line.text())), None);
            }
        }
    }

    #[test]
    fn a_torn_last_line_is_cut_off_and_any_other_fault_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let first = line(Scope::All, vec![[3; 12]]);
        Ledger::open(&path).unwrap().append(&[&first]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [whole.as_slice(), b"17950000 07"].concat()).unwrap();
        let mut again = Ledger::open(&path).unwrap();
        assert_eq!(again.read().unwrap(), std::slice::from_ref(&first));
        again.append(&[&first]).unwrap();
        assert_eq!(again.read().unwrap().len(), 2);
        std::fs::write(&path, [b"nonsense\n".as_slice(), &whole].concat()).unwrap();
        assert!(matches!(Ledger::open(&path), Err(LedgerError::Malformed)));
    }
}
