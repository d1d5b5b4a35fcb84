//! Makes a new city: its directory, keys, first key manifest, tokens, public file and
//! configuration. Never overwrites one.
//!
//! ```text
//! <dir>/keys/*.key            0700 / 0600   see keys
//! <dir>/tokens/*.token        0700 / 0600   see tokens
//! <dir>/manifest.dsse.json    0644          version 1, signed by the root
//! <dir>/public.json           0644          for other cities
//! <dir>/high-water            0600          both logs at size 0; see highwater
//! <dir>/jieli.toml            0600          written last: a directory without it is no city
//! ```

use crate::config::{self, Config, ConfigError, Database, DeskToken, Listen, Start};
use crate::disk::{self, DiskError};
use crate::highwater::{self, Disk, HighWater, HighWaterError};
use crate::keys::{KeyRing, KeysError, Protection, Signer};
use crate::public::{self, PublicBundle};
use crate::tokens::{self, TokenError};
use crate::world::{Clock, Entropy};
use jieli_proto::envelope;
use jieli_proto::id::{CityId, Digest};
use jieli_proto::kinds::SUITE;
use jieli_proto::manifest::{Manifest, ManifestError};
use jieli_proto::wire::{KeyManifest, KeyRecord, Role};
use std::io;
use std::path::{Path, PathBuf};

/// Why a city was not made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Something of a city is there already.
    #[error(
        "{path} exists: a city is never overwritten. Choose another directory; if an earlier init \
         broke off here, remove what it left",
        path = .0.display()
    )]
    Exists(PathBuf),
    /// A choice cannot stand in the configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file could not be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The keys could not be made.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The tokens could not be made.
    #[error(transparent)]
    Tokens(#[from] TokenError),
    /// The high-water file could not be made.
    #[error(transparent)]
    HighWater(#[from] HighWaterError),
    /// The first manifest could not be made.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// What may be chosen for a new city.
#[derive(Debug)]
pub struct InitOptions {
    /// Where data is kept.
    pub database: Database,
    /// Where the keys of sections lie: a URL where the database is PostgreSQL.
    pub keyring: Option<String>,
    /// Addresses to listen on.
    pub listen: Listen,
    /// Where peers reach it, `host:port`.
    pub end_points: Vec<String>,
    /// How the key files are kept.
    pub protection: Protection,
    /// Where the node will find the passphrase, if not in a credential or the environment. The
    /// file is not written here.
    pub passphrase_file: Option<PathBuf>,
    /// Minutes that an act of a desk waits and can be undone; [`config::UNDO_MINUTES`].
    pub undo_minutes: u64,
    /// Who may call the desk service; see [`DeskToken::for_office`].
    pub tokens: Vec<DeskToken>,
}

/// A new city.
#[derive(Debug)]
pub struct NewCity {
    /// Its configuration, as a start of the node will read it.
    pub config: Config,
    /// Its keys.
    pub keys: KeyRing,
    /// What other cities get.
    pub public: PublicBundle,
    /// Files of the desk tokens, in the order of the configuration.
    pub tokens: Vec<PathBuf>,
}

/// Makes a city in a directory, which is made with mode 0700 where it does not exist.
pub fn init(
    dir: &Path,
    city: &CityId,
    name: &str,
    options: InitOptions,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<NewCity, InitError> {
    let start = Start {
        city: city.clone(),
        name: name.to_owned(),
        database: options.database,
        keyring: options.keyring,
        listen: options.listen,
        end_points: options.end_points,
        passphrase_file: options.passphrase_file,
        undo_minutes: options.undo_minutes,
        tokens: options.tokens,
    };
    let text = config::render(&start);
    let config = Config::parse(&text, dir)?;
    prepare(dir, &config)?;
    let keys = KeyRing::create(dir, city, &options.protection, entropy)?;
    let manifest = first_manifest(&keys, city, clock.now_unix_ms())?;
    keys.check(&manifest)?;
    let tokens = config
        .desk
        .tokens
        .iter()
        .map(|token| tokens::make(dir, token.name(), entropy))
        .collect::<Result<_, _>>()?;
    let sealed = envelope::to_json(&manifest.envelope) + "\n";
    let public = PublicBundle {
        name: config.city.name.clone(),
        end_points: config.end_points.clone(),
        manifest,
    };
    disk::write_new(&dir.join(public::MANIFEST_FILE), sealed.as_bytes(), disk::PUBLIC)?;
    disk::write_new(&dir.join(public::PUBLIC_FILE), public.to_json().as_bytes(), disk::PUBLIC)?;
    let origins = [city.exchange_origin(1), city.local_origin(1)];
    let origins = origins.each_ref().map(String::as_str);
    HighWater::init(&dir.join(highwater::FILE), Box::new(Disk), &origins)?;
    disk::write_new(&dir.join(config::FILE), text.as_bytes(), disk::PRIVATE)?;
    disk::sync_dir(dir)?;
    Ok(NewCity { config, keys, public, tokens })
}

/// Makes the directory, or finds it without anything of a city.
fn prepare(dir: &Path, config: &Config) -> Result<(), InitError> {
    match dir.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => disk::make_private_dir(dir)?,
        _ => {}
    }
    let parts = [config::FILE, "keys", "tokens", public::MANIFEST_FILE, public::PUBLIC_FILE];
    let parts = parts.into_iter().chain([highwater::FILE]).map(|part| dir.join(part));
    match parts.chain([config.sqlite_file()]).find(|path| exists(path)) {
        Some(path) => Err(InitError::Exists(path)),
        None => Ok(()),
    }
}

/// Unless the system says it is not there, it is.
fn exists(path: &Path) -> bool {
    !matches!(path.symlink_metadata(), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// Version 1 of a city's key manifest: message, log, cosigner, TLS, one key each.
fn first_manifest(keys: &KeyRing, city: &CityId, now_unix_ms: u64) -> Result<Manifest, InitError> {
    let root = keys.root().ok_or(KeysError::BadSeed)?;
    let record = |signer: &dyn Signer, role: Role| KeyRecord {
        spki: signer.public().to_spki().to_vec(),
        suite: u32::from(SUITE),
        roles: vec![role.into()],
        not_before: now_unix_ms,
    };
    let payload = KeyManifest {
        city_id: city.as_str().to_owned(),
        version: 1,
        prev_digest: Digest::ZERO.to_vec(),
        keys: vec![
            record(&*keys.message(), Role::Message),
            record(&*keys.log(), Role::Log),
            record(&*keys.cosigner(), Role::Cosigner),
            record(&*keys.tls(), Role::Tls),
        ],
        revocations: Vec::new(),
    };
    let sealed = envelope::seal(&payload, root.fingerprint(), |bytes| root.sign_now(bytes));
    Ok(Manifest::open(&sealed, &root.public(), None)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::{CHEAP, Counter};
    use crate::keys::{KeyName, Passphrase};
    use crate::tokens::Tokens;
    use jieli_proto::number::CreditCode;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    struct Noon;

    impl Clock for Noon {
        fn now_unix_ms(&self) -> u64 {
            1_780_000_000_000
        }
    }

    fn options() -> InitOptions {
        let office = CreditCode::parse("91530100MA00000020").unwrap();
        InitOptions {
            database: Database::Sqlite,
            keyring: None,
            listen: Listen::default(),
            end_points: vec!["jieli.example.cn:7400".to_owned()],
            protection: Protection::Unprotected,
            passphrase_file: None,
            undo_minutes: config::UNDO_MINUTES,
            tokens: DeskToken::for_office(&office),
        }
    }

    fn run(dir: &Path, options: InitOptions) -> Result<NewCity, InitError> {
        let city = CityId::parse("km.yn").unwrap();
        init(dir, &city, "昆明", options, &Noon, &Counter::new(3))
    }

    #[test]
    fn a_new_city_starts() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("km");
        let passphrase = || Passphrase::new(b"correct horse battery".to_vec()).unwrap();
        let protection = Protection::Passphrase { passphrase: passphrase(), cost: CHEAP };
        let made = run(&dir, InitOptions { protection, ..options() }).unwrap();

        let config = Config::load(&dir).unwrap();
        let keys = KeyRing::load(&dir, &config.city.id, Some(&passphrase())).unwrap();
        let manifest = public::own_manifest(&dir, &config.city.id).unwrap();
        keys.check(&manifest).unwrap();
        assert_eq!((manifest.version, manifest.keys.len()), (1, 4));
        assert_eq!(manifest.keys[0].not_before_unix_ms, Noon.now_unix_ms());
        let text = fs::read_to_string(dir.join(public::PUBLIC_FILE)).unwrap();
        let seen = PublicBundle::parse(&text, &made.public.root_fpr()).unwrap();
        assert_eq!(seen.manifest.env_digest, manifest.env_digest);
        let tokens = Tokens::load(&config).unwrap();
        assert_eq!(made.tokens.len(), 5);
        let shown = fs::read_to_string(dir.join("tokens/approver.token")).unwrap();
        assert_eq!(tokens.holder(shown.trim()).unwrap().role, config::DeskRole::Approver);

        let mode = |name: &str| fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(""), mode("keys"), mode("tokens")), (0o700, 0o700, 0o700));
        assert_eq!((mode(config::FILE), mode("tokens/clerk.token")), (0o600, 0o600));
    }

    #[test]
    fn a_city_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        run(dir.path(), options()).unwrap();
        let all = || -> Vec<Vec<u8>> {
            let keys = KeyName::ALL.map(|name| name.path(dir.path()));
            let rest = [config::FILE, public::PUBLIC_FILE, public::MANIFEST_FILE];
            let rest = rest.map(|name| dir.path().join(name));
            keys.iter().chain(&rest).map(|path| fs::read(path).unwrap()).collect()
        };
        let before = all();
        assert!(matches!(run(dir.path(), options()), Err(InitError::Exists(_))));
        assert_eq!(all(), before);
        // What an init that broke off leaves is not taken for nothing either.
        fs::remove_file(dir.path().join(config::FILE)).unwrap();
        assert!(matches!(run(dir.path(), options()), Err(InitError::Exists(_))));
        let other = tempfile::tempdir().unwrap();
        fs::write(other.path().join("jieli.db"), "").unwrap();
        assert!(matches!(run(other.path(), options()), Err(InitError::Exists(_))));
    }

    #[test]
    fn what_cannot_stand_leaves_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("km");
        let wrong = InitOptions { end_points: vec!["https://x".to_owned()], ..options() };
        assert!(matches!(run(&dir, wrong), Err(InitError::Config(_))));
        assert!(!dir.exists());
    }

    #[test]
    fn one_seed_gives_one_city() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (one, two) = (run(one.path(), options()), run(two.path(), options()));
        assert_eq!(one.unwrap().public.to_json(), two.unwrap().public.to_json());
    }

    #[test]
    fn keys_of_another_city_are_noticed() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let one = run(one.path(), options()).unwrap();
        let city = CityId::parse("km.yn").unwrap();
        let two = init(two.path(), &city, "昆明", options(), &Noon, &Counter::new(4)).unwrap();
        let refused = one.keys.check(&two.public.manifest);
        assert!(matches!(refused, Err(KeysError::NotInManifest(KeyName::Root))));
    }
}
