//! Who may be on the other end: the pinned key, in both directions.

use super::{Pins, provider};
use jieli_proto::pubkey::PublicKey;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible,
    SignatureScheme,
};
use std::fmt;
use std::sync::Arc;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer;

/// What the certificate must be allowed for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Usage {
    Server,
    Client,
}

/// Verifies a peer's certificate in either direction: one self-signed Ed25519 certificate whose key
/// is pinned, within its validity period, allowed for this use. That the peer *holds* the key is
/// the handshake signature, which the crypto provider verifies.
///
/// Refusals, as the TLS library names them: an unknown key, another peer's or a revoked one are
/// all `ApplicationVerificationFailure` (alert access_denied), so that the answer tells nothing;
/// then `Expired`, `NotValidYet`, `InvalidPurpose`, `BadEncoding`, `BadSignature`.
pub struct PinnedVerifier {
    pins: Arc<dyn Pins>,
    expected_city: Option<String>,
    provider: Arc<CryptoProvider>,
}

impl PinnedVerifier {
    /// Takes any accepted peer: the side that is called.
    pub fn any_peer(pins: Arc<dyn Pins>) -> PinnedVerifier {
        PinnedVerifier { pins, expected_city: None, provider: provider() }
    }

    /// Takes the keys of one peer only: the side that calls.
    pub fn only(pins: Arc<dyn Pins>, city: &str) -> PinnedVerifier {
        PinnedVerifier { pins, expected_city: Some(city.to_owned()), provider: provider() }
    }

    fn check(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        usage: Usage,
        now: UnixTime,
    ) -> Result<(), Error> {
        if !intermediates.is_empty() {
            return Err(CertificateError::BadEncoding.into());
        }
        let (certificate, key) = parse(certificate)?;
        let city = self.pins.city_of(&key.fingerprint());
        let is_expected = match (&city, &self.expected_city) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(city), Some(expected)) => city == expected,
        };
        if !is_expected {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        key.verify(certificate.tbs_certificate.as_ref(), &certificate.signature_value.data)
            .map_err(|_| CertificateError::BadSignature)?;
        let now_s = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now_s < certificate.validity().not_before.timestamp() {
            return Err(CertificateError::NotValidYet.into());
        }
        if now_s > certificate.validity().not_after.timestamp() {
            return Err(CertificateError::Expired.into());
        }
        if is_allowed(&certificate, usage)? {
            Ok(())
        } else {
            Err(CertificateError::InvalidPurpose.into())
        }
    }

    fn verify_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity, intermediates, Usage::Server, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::SupportedVersionsExtensionRequired.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for PinnedVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity, intermediates, Usage::Client, now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::SupportedVersionsExtensionRequired.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl fmt::Debug for PinnedVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinnedVerifier").field("only", &self.expected_city).finish_non_exhaustive()
    }
}

/// The fingerprint of the key in a certificate that the handshake has already verified.
pub(crate) fn fingerprint_of(certificate: &CertificateDer<'_>) -> Option<[u8; 32]> {
    parse(certificate).ok().map(|(_, key)| key.fingerprint())
}

fn parse<'a>(
    certificate: &'a CertificateDer<'_>,
) -> Result<(X509Certificate<'a>, PublicKey), Error> {
    let bad = |_| Error::from(CertificateError::BadEncoding);
    let (rest, parsed) = X509Certificate::from_der(certificate).map_err(|_| bad(()))?;
    let key = PublicKey::from_spki(parsed.public_key().raw).map_err(|_| bad(()))?;
    let is_exact = rest.is_empty() && certificate.as_ref() == wrapped(&parsed);
    if is_exact { Ok((parsed, key)) } else { Err(bad(())) }
}

/// The only DER that wraps this signed part and this signature (RFC 5280 section 4.1, RFC 8410), so
/// that nothing outside the signature can vary.
fn wrapped(parsed: &X509Certificate<'_>) -> Vec<u8> {
    const ED25519: [u8; 7] = [0x30, 5, 6, 3, 0x2b, 0x65, 0x70];
    const BITS_OF_64_BYTES: [u8; 3] = [3, 65, 0];
    let signed = parsed.tbs_certificate.as_ref();
    let body = [signed, &ED25519, &BITS_OF_64_BYTES, &parsed.signature_value.data].concat();
    let length = (body.len() as u64).to_be_bytes();
    let header: &[u8] = match body.len() {
        0..0x80 => &[0x30, length[7]],
        0x80..0x100 => &[0x30, 0x81, length[7]],
        _ => &[0x30, 0x82, length[6], length[7]],
    };
    [header, &body].concat()
}

/// Key usage, extended key usage, no CA, and nothing critical that is not understood.
fn is_allowed(certificate: &X509Certificate<'_>, usage: Usage) -> Result<bool, Error> {
    let unknown = |extension: &ParsedExtension<'_>| {
        let is_known = matches!(
            extension,
            ParsedExtension::KeyUsage(_)
                | ParsedExtension::ExtendedKeyUsage(_)
                | ParsedExtension::BasicConstraints(_)
        );
        !is_known
    };
    for extension in certificate.extensions() {
        if extension.critical && unknown(extension.parsed_extension()) {
            return Err(CertificateError::UnhandledCriticalExtension.into());
        }
    }
    let bad = |_| Error::from(CertificateError::BadEncoding);
    let key_usage = certificate.key_usage().map_err(bad)?;
    let extended = certificate.extended_key_usage().map_err(bad)?;
    let constraints = certificate.basic_constraints().map_err(bad)?;
    let may_sign = key_usage.is_some_and(|extension| extension.value.digital_signature());
    let has_role = extended.is_some_and(|extension| match usage {
        Usage::Server => extension.value.server_auth,
        Usage::Client => extension.value.client_auth,
    });
    let is_ca = constraints.is_some_and(|extension| extension.value.ca);
    Ok(may_sign && has_role && !is_ca)
}
