//! What a city gives to others: `public.json`, and the root's fingerprint as people read it out.
//! Nothing in it is secret; all that makes it trustworthy is the fingerprint, which comes to the
//! other side on paper.

use crate::config::{Config, are_end_points, is_city_name};
use crate::disk::{self, DiskError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jieli_proto::envelope::{self, SealError};
use jieli_proto::id::{CityId, Digest};
pub use jieli_proto::invite::spoken;
use jieli_proto::manifest::{Manifest, ManifestError};
use jieli_proto::pubkey::PublicKey;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Name of the bundle in the node's directory.
pub const PUBLIC_FILE: &str = "public.json";

/// Name of the city's newest manifest there: an envelope in DSSE JSON.
pub const MANIFEST_FILE: &str = "manifest.dsse.json";

/// Largest bundle or manifest file in bytes.
pub const BYTES_MAX: u64 = 256 * 1024;

/// Why a bundle was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PublicError {
    /// A file could not be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A field is missing, unknown or has a wrong form.
    #[error("the public file's {0} has a wrong form: ask the other city for the file again")]
    Form(&'static str),
    /// The root key in it is not the one on paper.
    #[error(
        "the root key in the public file has the fingerprint {found}, not the one given: compare \
         it with the paper agreement, and trust neither until they agree"
    )]
    OtherRoot {
        /// Fingerprint of the key in the file.
        found: Digest,
    },
    /// The manifest is about another city.
    #[error("the key manifest is of {found}, the file of {stated}")]
    OtherCity {
        /// City of the manifest.
        found: CityId,
        /// City of the file.
        stated: CityId,
    },
    /// The manifest's envelope has a wrong form.
    #[error("the key manifest: {0}")]
    Seal(#[from] SealError),
    /// The manifest is not good.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// A city as it presents itself, verified by its root key.
#[derive(Clone, Debug)]
pub struct PublicBundle {
    /// Its name.
    pub name: String,
    /// Where it is reached, `host:port`; empty where it only dials out.
    pub end_points: Vec<String>,
    /// Its keys; names the city and the root.
    pub manifest: Manifest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublicJson {
    city_id: String,
    name: String,
    end_points: Vec<String>,
    root_spki: String,
    root_fpr: String,
    manifest: serde_json::Value,
}

impl PublicBundle {
    /// Reads a bundle and verifies it: the root key by the fingerprint on paper, the manifest by
    /// the root key.
    pub fn parse(text: &str, root_fpr: &Digest) -> Result<PublicBundle, PublicError> {
        let (json, root) = read(text)?;
        let found = Digest(root.fingerprint());
        if found != *root_fpr {
            return Err(PublicError::OtherRoot { found });
        }
        let form = PublicError::Form;
        let stated = CityId::parse(&json.city_id).ok_or(form("city_id"))?;
        if !is_city_name(&json.name) {
            return Err(form("name"));
        }
        if !are_end_points(&json.end_points) {
            return Err(form("end_points"));
        }
        let sealed = envelope::from_json(&json.manifest.to_string())?;
        let manifest = Manifest::open(&sealed, &root, None)?;
        if manifest.city != stated {
            return Err(PublicError::OtherCity { found: manifest.city, stated });
        }
        Ok(PublicBundle { name: json.name, end_points: json.end_points, manifest })
    }

    /// The bundle as JSON for people and programs.
    pub fn to_json(&self) -> String {
        let root = &self.manifest.root;
        let manifest = envelope::to_json(&self.manifest.envelope);
        let json = PublicJson {
            city_id: self.manifest.city.as_str().to_owned(),
            name: self.name.clone(),
            end_points: self.end_points.clone(),
            root_spki: STANDARD.encode(root.to_spki()),
            root_fpr: hex::encode(root.fingerprint()),
            manifest: serde_json::from_str(&manifest).unwrap_or_default(),
        };
        // Strings and lists of strings: serialising them cannot fail.
        serde_json::to_string_pretty(&json).unwrap_or_default() + "\n"
    }

    /// Fingerprint of the root key.
    pub fn root_fpr(&self) -> Digest {
        Digest(self.manifest.root.fingerprint())
    }
}

/// This city's own newest manifest, verified by the root key of its own public file.
pub fn own_manifest(dir: &Path, city: &CityId) -> Result<Manifest, PublicError> {
    let text = |name| -> Result<String, PublicError> {
        let bytes = disk::read(&dir.join(name), BYTES_MAX)?;
        String::from_utf8(bytes).map_err(|_| PublicError::Form("encoding"))
    };
    let (_, root) = read(&text(PUBLIC_FILE)?)?;
    let sealed = envelope::from_json(text(MANIFEST_FILE)?.trim_end())?;
    let manifest = Manifest::open(&sealed, &root, None)?;
    if manifest.city != *city {
        return Err(PublicError::OtherCity { found: manifest.city, stated: city.clone() });
    }
    Ok(manifest)
}

/// Writes the own manifest down, and the public file with it, in the place of the older ones.
pub fn write_own(config: &Config, manifest: &Manifest) -> Result<(), PublicError> {
    let bundle = PublicBundle {
        name: config.city.name.clone(),
        end_points: config.end_points.clone(),
        manifest: manifest.clone(),
    };
    let sealed = envelope::to_json(&manifest.envelope) + "\n";
    disk::replace(&config.dir.join(MANIFEST_FILE), sealed.as_bytes(), disk::PUBLIC)?;
    disk::replace(&config.dir.join(PUBLIC_FILE), bundle.to_json().as_bytes(), disk::PUBLIC)?;
    Ok(())
}

fn read(text: &str) -> Result<(PublicJson, PublicKey), PublicError> {
    let form = PublicError::Form;
    if text.len() as u64 > BYTES_MAX {
        return Err(form("size"));
    }
    let json: PublicJson = serde_json::from_str(text).map_err(|_| form("JSON"))?;
    let spki = STANDARD.decode(&json.root_spki).map_err(|_| form("root_spki"))?;
    let root = PublicKey::from_spki(&spki).map_err(|_| form("root_spki"))?;
    if json.root_fpr != hex::encode(root.fingerprint()) {
        return Err(form("root_fpr"));
    }
    Ok((json, root))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{FileSigner, Secret, Signer};
    use jieli_proto::wire::{KeyManifest, KeyRecord, Role};

    fn signer(byte: u8) -> FileSigner {
        FileSigner::from_seed(&Secret::take(&mut [byte; 32])).unwrap()
    }

    fn bundle(city: &str) -> PublicBundle {
        let root = signer(1);
        let key = KeyRecord {
            spki: signer(2).public().to_spki().to_vec(),
            suite: 1,
            roles: vec![Role::Message.into()],
            not_before: 1,
        };
        let payload = KeyManifest {
            city_id: city.to_owned(),
            version: 1,
            prev_digest: vec![0; 32],
            keys: vec![key],
            revocations: Vec::new(),
        };
        let sealed = envelope::seal(&payload, root.fingerprint(), |bytes| root.sign_now(bytes));
        PublicBundle {
            name: "昆明".to_owned(),
            end_points: vec!["jieli.example.cn:7400".to_owned()],
            manifest: Manifest::open(&sealed, &root.public(), None).unwrap(),
        }
    }

    fn refused(text: &str) -> String {
        PublicBundle::parse(text, &signer(1).fingerprint()).unwrap_err().to_string()
    }

    #[test]
    fn a_bundle_reads_back() {
        let bundle = bundle("km.yn");
        let text = bundle.to_json();
        let read = PublicBundle::parse(&text, &bundle.root_fpr()).unwrap();
        assert_eq!(read.to_json(), text);
        assert_eq!(read.manifest.env_digest, bundle.manifest.env_digest);
    }

    #[test]
    fn the_fingerprint_on_paper_decides() {
        let text = bundle("km.yn").to_json();
        let other = PublicBundle::parse(&text, &signer(9).fingerprint());
        assert!(matches!(other, Err(PublicError::OtherRoot { .. })));
        // Another root key with its own fingerprint: the manifest is not signed by it.
        let swapped = text
            .replace(
                &STANDARD.encode(signer(1).public().to_spki()),
                &STANDARD.encode(signer(9).public().to_spki()),
            )
            .replacen(&signer(1).fingerprint().hex(), &signer(9).fingerprint().hex(), 1);
        let other = PublicBundle::parse(&swapped, &signer(9).fingerprint());
        assert!(matches!(other, Err(PublicError::Manifest(_))));
        let half = text.replacen(&signer(1).fingerprint().hex(), &signer(9).fingerprint().hex(), 1);
        assert!(refused(&half).contains("root_fpr"));
    }

    #[test]
    fn changed_bundles_are_refused() {
        let text = bundle("km.yn").to_json();
        assert!(refused(&text.replace("\"km.yn\"", "\"km.yn2\"")).contains("km.yn2"));
        assert!(refused(&text.replace("\"name\"", "\"nick\": 1, \"name\"")).contains("JSON"));
        assert!(refused(&text.replace("昆明", "")).contains("name"));
        assert!(
            refused(&text.replace("jieli.example.cn:7400", "https://x")).contains("end_points")
        );
        assert!(refused(&text.replace("\"payload\"", "\"more\": 1, \"payload\"")).contains("JSON"));
        assert!(refused("").contains("JSON"));
        let manifest = STANDARD.encode(&bundle("km.yn").manifest.envelope.payload);
        let other = STANDARD.encode(&bundle("km.ym").manifest.envelope.payload);
        assert!(refused(&text.replace(&manifest, &other)).contains("does not verify"));
    }
}
