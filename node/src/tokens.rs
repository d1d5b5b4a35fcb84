//! Desk tokens: `<dir>/tokens/<name>.token`, 32 random bytes as 64 hex digits, mode 0600. Whose
//! they are stands in `desk.tokens` of the configuration. In memory there is only their SHA-256.

use crate::config::{Config, DeskRole};
use crate::disk::{self, DiskError};
use crate::keys::Secret;
use crate::world::Entropy;
use jieli_proto::id::Digest;
use jieli_proto::number::CreditCode;
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const FILE_BYTES_MAX: u64 = 128;

/// Why tokens could not be made or read. No variant carries a token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// A file could not be read or written, or others may read it.
    #[error("{0}; each entry of desk.tokens needs its file")]
    Disk(#[from] DiskError),
    /// Not 64 hex digits.
    #[error("{path} does not hold 64 hex digits: remove it and make a new token", path = .0.display())]
    Form(PathBuf),
    /// Two names with one token: who called could not be told.
    #[error("{path} holds the same token as another file: make a new one", path = .0.display())]
    Twice(PathBuf),
}

/// Who a token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Name of the token.
    pub name: String,
    /// What it may do.
    pub role: DeskRole,
    /// The office it acts for.
    pub office: CreditCode,
}

/// The tokens of a running node.
#[derive(Debug)]
pub struct Tokens(Vec<(Digest, Holder)>);

impl Tokens {
    /// Reads the file of every entry of the configuration.
    pub fn load(config: &Config) -> Result<Tokens, TokenError> {
        let mut all: Vec<(Digest, Holder)> = Vec::new();
        for entry in &config.desk.tokens {
            let path = path(&config.dir, entry.name());
            let bytes = Zeroizing::new(disk::read_private(&path, FILE_BYTES_MAX)?);
            let digest = digest_of(bytes.trim_ascii()).ok_or(TokenError::Form(path.clone()))?;
            if all.iter().any(|(other, _)| *other == digest) {
                return Err(TokenError::Twice(path));
            }
            let (role, office) = (entry.role, entry.office.clone());
            all.push((digest, Holder { name: entry.name().to_owned(), role, office }));
        }
        Ok(Tokens(all))
    }

    /// Whose token a caller shows, or `None`. The time taken tells nothing.
    pub fn holder(&self, shown: &str) -> Option<&Holder> {
        let digest = digest_of(shown.as_bytes())?;
        let mut found = None;
        for (token, holder) in &self.0 {
            if bool::from(token.0.ct_eq(&digest.0)) {
                found = Some(holder);
            }
        }
        found
    }
}

/// The file of a token in a city's directory.
pub fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join("tokens").join(format!("{name}.token"))
}

/// Makes a token and its file, which must not exist.
pub fn make(dir: &Path, name: &str, entropy: &dyn Entropy) -> Result<PathBuf, TokenError> {
    disk::make_private_dir(&dir.join("tokens"))?;
    let path = path(dir, name);
    let secret: Secret<32> = Secret::random(entropy);
    let mut text = Zeroizing::new(hex::encode(secret.expose()));
    text.reserve_exact(1);
    text.push('\n');
    disk::write_new(&path, text.as_bytes(), disk::PRIVATE)?;
    disk::sync_dir(&dir.join("tokens"))?;
    Ok(path)
}

/// SHA-256 of the 32 bytes behind 64 lower-case hex digits.
fn digest_of(text: &[u8]) -> Option<Digest> {
    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 64 || !text.iter().all(is_hex) {
        return None;
    }
    let bytes = Zeroizing::new(hex::decode(text).ok()?);
    Some(Digest::of(&[&bytes]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::Counter;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn config(dir: &Path) -> Config {
        let text = "[city]\nid = \"km.yn\"\nname = \"昆明\"\n\
            [[desk.tokens]]\nrole = \"clerk\"\noffice = \"91530100MA00000020\"\n\
            [[desk.tokens]]\nname = \"clerk-2\"\nrole = \"clerk\"\noffice = \"91110108551385082Q\"\n";
        Config::parse(text, dir).unwrap()
    }

    #[test]
    fn a_token_names_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let entropy = Counter::new(1);
        let one = make(dir.path(), "clerk", &entropy).unwrap();
        let two = make(dir.path(), "clerk-2", &entropy).unwrap();
        assert_eq!(fs::metadata(&one).unwrap().permissions().mode() & 0o777, 0o600);
        let tokens = Tokens::load(&config(dir.path())).unwrap();
        let shown = fs::read_to_string(&two).unwrap();
        let holder = tokens.holder(shown.trim()).unwrap();
        assert_eq!((holder.name.as_str(), holder.role), ("clerk-2", DeskRole::Clerk));
        assert_eq!(holder.office.as_str(), "91110108551385082Q");
        for wrong in ["", "clerk", &"0".repeat(64), &shown.trim().to_uppercase(), &shown] {
            assert_eq!(tokens.holder(wrong), None);
        }
        assert!(!format!("{tokens:?}").contains(shown.trim()));
        assert!(make(dir.path(), "clerk", &entropy).is_err());
    }

    #[test]
    fn bad_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let load = || Tokens::load(&config(dir.path()));
        assert!(matches!(load(), Err(TokenError::Disk(_))));
        let one = make(dir.path(), "clerk", &Counter::new(1)).unwrap();
        let two = path(dir.path(), "clerk-2");
        disk::write_new(&two, &fs::read(&one).unwrap(), disk::PRIVATE).unwrap();
        assert!(matches!(load(), Err(TokenError::Twice(_))));
        fs::write(&two, "0123").unwrap();
        assert!(matches!(load(), Err(TokenError::Form(_))));
        fs::set_permissions(&one, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(load(), Err(TokenError::Disk(DiskError::Open { .. }))));
    }
}
