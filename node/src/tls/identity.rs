//! A city's TLS key and its self-signed certificate (RFC 5280, RFC 8410).

use super::TlsError;
use jieli_proto::pubkey::PublicKey;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ED25519, SerialNumber, date_time_ymd,
};
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::ring::sign::any_eddsa_type;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use zeroize::Zeroizing;

/// DER of a PKCS #8 v1 Ed25519 private key up to the 32-byte seed (RFC 8410 section 7).
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// What a self-signed certificate says besides the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First instant, Unix milliseconds, cut to whole seconds.
    pub not_before_unix_ms: u64,
    /// Last instant, Unix milliseconds, cut to whole seconds.
    pub not_after_unix_ms: u64,
    /// 16 random bytes for the serial number.
    pub serial: [u8; 16],
}

/// The key and certificate a city shows. Cheap to clone; all clones show the same.
#[derive(Clone)]
pub struct Identity {
    key: Arc<CertifiedKey>,
    shown: Arc<Shown>,
    fingerprint: [u8; 32],
}

impl Identity {
    /// Writes a self-signed certificate for an Ed25519 seed: subject `jieli.<city id>`, usable for
    /// digital signatures as TLS server and client, not a CA. The same arguments give the same
    /// bytes.
    pub fn self_signed(
        seed: &[u8; 32],
        city: &str,
        validity: Validity,
    ) -> Result<Identity, TlsError> {
        let pkcs8 = pkcs8_of(seed);
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&borrowed(&pkcs8), &PKCS_ED25519)?;
        let params = params(city, validity)?;
        Identity::with_certificate(seed, params.self_signed(&pair)?.der().clone())
    }

    /// The identity for a seed and a certificate written before; they must belong together.
    pub fn with_certificate(
        seed: &[u8; 32],
        certificate: CertificateDer<'static>,
    ) -> Result<Identity, TlsError> {
        let pkcs8 = pkcs8_of(seed);
        let signing_key = any_eddsa_type(&borrowed(&pkcs8))?;
        let key = CertifiedKey::new(vec![certificate], signing_key);
        key.keys_match()?;
        let spki = key.key.public_key().map(|spki| spki.to_vec()).unwrap_or_default();
        let public_key = PublicKey::from_spki(&spki)
            .map_err(|refused| rustls::Error::General(refused.to_string()))?;
        let key = Arc::new(key);
        let faces = Faces { all: Arc::clone(&key), some: BTreeMap::new() };
        let shown = Arc::new(Shown(RwLock::new(faces)));
        Ok(Identity { key, shown, fingerprint: public_key.fingerprint() })
    }

    /// The certificate, DER.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.key.cert[0]
    }

    /// SHA-256 of the DER SubjectPublicKeyInfo: what the manifest lists and peers pin.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// From the next handshake on, this identity and all its clones show another certificate: to
    /// whoever calls, and in calls to all cities but those named, to which the one beside them is
    /// shown.
    pub fn turn(&self, all: &Identity, some: &[(String, Identity)]) {
        let some = some.iter().map(|(city, shown)| (city.clone(), Arc::clone(&shown.key)));
        let faces = Faces { all: Arc::clone(&all.key), some: some.collect() };
        *self.shown.0.write().unwrap_or_else(PoisonError::into_inner) = faces;
    }

    /// The resolver that shows this identity's newest certificate to whoever calls.
    pub(crate) fn resolver(&self) -> Arc<Shown> {
        Arc::clone(&self.shown)
    }

    /// The resolver for calls to one city.
    pub(crate) fn resolver_to(&self, city: &str) -> Arc<ShownTo> {
        Arc::new(ShownTo { shown: Arc::clone(&self.shown), city: city.to_owned() })
    }
}

/// The certificates that handshakes show now.
#[derive(Debug)]
pub(crate) struct Shown(RwLock<Faces>);

#[derive(Debug)]
struct Faces {
    all: Arc<CertifiedKey>,
    some: BTreeMap<String, Arc<CertifiedKey>>,
}

impl Shown {
    fn now(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).all)
    }

    fn now_to(&self, city: &str) -> Arc<CertifiedKey> {
        let faces = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(faces.some.get(city).unwrap_or(&faces.all))
    }
}

/// What calls to one city show.
#[derive(Debug)]
pub(crate) struct ShownTo {
    shown: Arc<Shown>,
    city: String,
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.now())
    }
}

impl ResolvesClientCert for ShownTo {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.shown.now_to(&self.city))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", hex::encode(self.fingerprint))
    }
}

fn params(city: &str, validity: Validity) -> Result<CertificateParams, TlsError> {
    let (from_s, to_s) = (validity.not_before_unix_ms / 1000, validity.not_after_unix_ms / 1000);
    // X.509 has four digits for the year.
    if to_s <= from_s || to_s > 253_402_300_799 {
        return Err(TlsError::BadValidity);
    }
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(1970, 1, 1) + Duration::from_secs(from_s);
    params.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(to_s);
    // Always 16 octets and positive, whatever was drawn.
    let mut serial = validity.serial;
    serial[0] = serial[0] & 0x3f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("jieli.{city}"));
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

fn pkcs8_of(seed: &[u8; 32]) -> Zeroizing<[u8; 48]> {
    let mut der = Zeroizing::new([0; 48]);
    der[..16].copy_from_slice(&PKCS8_PREFIX);
    der[16..].copy_from_slice(seed);
    der
}

fn borrowed(pkcs8: &[u8; 48]) -> PrivatePkcs8KeyDer<'_> {
    PrivatePkcs8KeyDer::from(pkcs8.as_slice())
}
