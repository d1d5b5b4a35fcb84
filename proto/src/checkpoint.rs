//! C2SP tlog-checkpoint: a log's head as the text of a signed note, and the names of Jieli's logs.

use crate::note::{decode_base64, encode_base64, parse_decimal};
use crate::tree::{Hash, SIZE_MAX};
use std::fmt;

/// The longest origin in bytes. Ours are at most 63 bytes of city id and some 30 of the rest.
pub const ORIGIN_BYTES_MAX: usize = 255;

/// Why a text is not a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Empty, too long, or with a control character.
    #[error("bad origin line")]
    BadOrigin,
    /// Not a plain decimal, or larger than the largest tree.
    #[error("bad size line")]
    BadSize,
    /// Not the base64 of 32 bytes.
    #[error("bad root line")]
    BadRoot,
    /// An empty extension line, or one with a control character.
    #[error("bad extension line")]
    BadExtension,
    /// Fewer than three lines, or the last has no newline.
    #[error("truncated checkpoint")]
    Truncated,
}

/// A log's head: the text that the log signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// A head without extension lines: the only kind a city signs.
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Checkpoint, CheckpointError> {
        if !is_line(origin) || origin.len() > ORIGIN_BYTES_MAX {
            return Err(CheckpointError::BadOrigin);
        }
        if size > SIZE_MAX {
            return Err(CheckpointError::BadSize);
        }
        Ok(Checkpoint { origin: origin.to_owned(), size, root, extensions: Vec::new() })
    }

    /// Reads a note text strictly: exactly the bytes that [`Checkpoint::text`] gives back.
    pub fn parse(text: &str) -> Result<Checkpoint, CheckpointError> {
        let lines = text.strip_suffix('\n').ok_or(CheckpointError::Truncated)?;
        let mut lines = lines.split('\n');
        let mut next = || lines.next().ok_or(CheckpointError::Truncated);
        let (origin, size, root) = (next()?, next()?, next()?);
        let size = parse_decimal(size).ok_or(CheckpointError::BadSize)?;
        let root = decode_base64(root).ok_or(CheckpointError::BadRoot)?;
        let root = root.try_into().map_err(|_| CheckpointError::BadRoot)?;
        let mut checkpoint = Checkpoint::new(origin, size, root)?;
        for line in lines {
            if !is_line(line) {
                return Err(CheckpointError::BadExtension);
            }
            checkpoint.extensions.push(line.to_owned());
        }
        Ok(checkpoint)
    }

    /// The note text: three lines and the extension lines, each ended by a newline.
    pub fn text(&self) -> String {
        let root = encode_base64(&self.root);
        let mut text = format!("{}\n{}\n{root}\n", self.origin, self.size);
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// The log's identity, which is also the name of its signing key.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// RFC 6962 root at this size.
    pub fn root(&self) -> &Hash {
        &self.root
    }

    /// Extension lines of another implementation: covered by its signature, without meaning here.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }
}

/// The name of a key of one city's logs. Its text form is the origin line of the log's checkpoints
/// and the key name in signature lines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogName {
    /// `jieli.<city id>/log/<epoch>`: the exchange log.
    Exchange {
        /// City id.
        city: String,
        /// Epoch, from 1.
        epoch: u64,
    },
    /// `jieli.<city id>/local/<epoch>`: the local log.
    Local {
        /// City id.
        city: String,
        /// Epoch, from 1.
        epoch: u64,
    },
    /// `jieli.<city id>/cosigner/<n>`: the key with which the city cosigns others' heads.
    Cosigner {
        /// City id.
        city: String,
        /// Number of the cosigner, from 1.
        number: u64,
    },
}

impl LogName {
    /// Reads a name strictly; `None` for anything that [`fmt::Display`] would not write.
    pub fn parse(name: &str) -> Option<LogName> {
        let (city, rest) = name.strip_prefix("jieli.")?.split_once('/')?;
        let (what, number) = rest.split_once('/')?;
        let number = parse_decimal(number).filter(|number| *number > 0)?;
        let is_city = (3..=63).contains(&city.len())
            && city.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'));
        if !is_city {
            return None;
        }
        let city = city.to_owned();
        match what {
            "log" => Some(LogName::Exchange { city, epoch: number }),
            "local" => Some(LogName::Local { city, epoch: number }),
            "cosigner" => Some(LogName::Cosigner { city, number }),
            _ => None,
        }
    }

    /// The id of the city that owns the key.
    pub fn city(&self) -> &str {
        match self {
            LogName::Exchange { city, .. }
            | LogName::Local { city, .. }
            | LogName::Cosigner { city, .. } => city,
        }
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogName::Exchange { city, epoch } => write!(f, "jieli.{city}/log/{epoch}"),
            LogName::Local { city, epoch } => write!(f, "jieli.{city}/local/{epoch}"),
            LogName::Cosigner { city, number } => write!(f, "jieli.{city}/cosigner/{number}"),
        }
    }
}

/// The message of a C2SP Ed25519 cosignature/v1 over a checkpoint's note text, at a time in POSIX
/// seconds.
pub fn cosignature_message(unix_s: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {unix_s}\n{text}").into_bytes()
}

fn is_line(line: &str) -> bool {
    !line.is_empty() && !line.bytes().any(|byte| byte < 0x20)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    #[test]
    fn the_example_of_the_standard() {
        let checkpoint = Checkpoint::parse(EXAMPLE).unwrap();
        assert_eq!(checkpoint.origin(), "example.com/behind-the-sofa");
        assert_eq!(checkpoint.size(), 20_852_163);
        assert_eq!(checkpoint.text(), EXAMPLE);
        let extended = format!("{EXAMPLE}some extension\n");
        let checkpoint = Checkpoint::parse(&extended).unwrap();
        assert_eq!(checkpoint.extensions(), ["some extension"]);
        assert_eq!(checkpoint.text(), extended);
    }

    #[test]
    fn names() {
        for name in ["jieli.city-b/log/1", "jieli.a.example/local/18", "jieli.abc/cosigner/2"] {
            assert_eq!(LogName::parse(name).unwrap().to_string(), name);
        }
        for name in [
            "jieli.city-b/log/0",
            "jieli.city-b/log/01",
            "jieli.city-b/log/",
            "jieli.city-b/log/1/",
            "jieli.city-b/log/+1",
            "jieli.City/log/1",
            "jieli.ab/log/1",
            "jieli.abc/logs/1",
            "abc/log/1",
        ] {
            assert_eq!(LogName::parse(name), None, "{name}");
        }
    }
}
