//! Certificates of the right key that still are not the one form taken here.

use crate::harness::*;
use jieli_node::tls::*;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, date_time_ymd,
};
use rustls::CertificateError::*;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::{CertificateError, Error};
use std::sync::Arc;
use std::time::Duration;

fn pair(number: u8) -> KeyPair {
    let prefix = hex::decode("302e020100300506032b657004220420").unwrap();
    let pkcs8 = [&prefix[..], &seed(number)].concat();
    KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(pkcs8), &PKCS_ED25519).unwrap()
}

fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(2024, 12, 1);
    params.not_after = date_time_ymd(2025, 2, 1);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn made(change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
    let mut params = params();
    change(&mut params);
    params.self_signed(&pair(B)).unwrap().der().clone()
}

/// What the two sides say of a certificate chain: as a caller's and as a called city's.
fn verdicts(chain: &[CertificateDer<'static>]) -> (Option<Error>, Option<Error>) {
    let pins: Arc<dyn Pins> = TestPins::of(&[B, C]);
    let now = UnixTime::since_unix_epoch(Duration::from_millis(NOW));
    let called = PinnedVerifier::any_peer(pins.clone());
    let as_client = called.verify_client_cert(&chain[0], &chain[1..], now).err();
    let name = ServerName::try_from("x.invalid").unwrap();
    let caller = PinnedVerifier::only(pins, &city(B));
    let as_server = caller.verify_server_cert(&chain[0], &chain[1..], &name, &[], now).err();
    (as_client, as_server)
}

fn assert_both(chain: &[CertificateDer<'static>], expected: Option<CertificateError>) {
    let expected = expected.map(Error::from);
    assert_eq!(verdicts(chain), (expected.clone(), expected));
}

#[test]
fn the_usual_form_is_taken() {
    assert_both(&[identity(B).certificate().clone()], None);
    assert_both(&[made(|_| {})], None);
}

#[test]
fn usage() {
    assert_both(&[made(|params| params.key_usages.clear())], Some(InvalidPurpose));
    let other = |params: &mut CertificateParams| {
        params.key_usages = vec![KeyUsagePurpose::KeyAgreement];
    };
    assert_both(&[made(other)], Some(InvalidPurpose));
    assert_both(&[made(|params| params.extended_key_usages.clear())], Some(InvalidPurpose));
    let ca = |params: &mut CertificateParams| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    };
    assert_both(&[made(ca)], Some(InvalidPurpose));
    let one = |usage| {
        let only = move |params: &mut CertificateParams| params.extended_key_usages = vec![usage];
        verdicts(&[made(only)])
    };
    let refused = Some(Error::from(InvalidPurpose));
    assert_eq!(one(ExtendedKeyUsagePurpose::ServerAuth), (refused.clone(), None));
    assert_eq!(one(ExtendedKeyUsagePurpose::ClientAuth), (None, refused));
}

#[test]
fn an_unknown_critical_extension() {
    let with = |is_critical| {
        made(|params: &mut CertificateParams| {
            let mut extension =
                CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999], vec![5, 0]);
            extension.set_criticality(is_critical);
            params.custom_extensions.push(extension);
        })
    };
    assert_both(&[with(true)], Some(UnhandledCriticalExtension));
    assert_both(&[with(false)], None);
}

#[test]
fn signed_by_another_key() {
    // The pinned key in a certificate that another pinned key has signed.
    let issuer = Issuer::new(params(), pair(C));
    let certificate = params().signed_by(&pair(B), &issuer).unwrap().der().clone();
    assert_both(&[certificate], Some(BadSignature));
}

#[test]
fn another_form() {
    let good = identity(B).certificate().clone();
    assert_both(&[good.clone(), identity(C).certificate().clone()], Some(BadEncoding));
    assert_both(&[CertificateDer::from(good[..good.len() - 1].to_vec())], Some(BadEncoding));
    let longer = [good.as_ref(), &[0]].concat();
    assert_both(&[CertificateDer::from(longer)], Some(BadEncoding));
    assert_both(&[CertificateDer::from(Vec::new())], Some(BadEncoding));
    let p256 = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let p256 = params().self_signed(&p256).unwrap().der().clone();
    assert_both(&[p256], Some(BadEncoding));
    // Any bit: refused, never a panic.
    for bit in 0..good.len() * 8 {
        let mut spoiled = good.to_vec();
        spoiled[bit / 8] ^= 1 << (bit % 8);
        let (as_client, as_server) = verdicts(&[CertificateDer::from(spoiled)]);
        assert!(as_client.is_some() && as_server.is_some(), "bit {bit}");
    }
}

#[test]
fn another_city() {
    let (as_client, as_server) = verdicts(&[identity(C).certificate().clone()]);
    assert_eq!(as_client, None);
    assert_eq!(as_server, Some(ApplicationVerificationFailure.into()));
    assert_both(&[identity(7).certificate().clone()], Some(ApplicationVerificationFailure));
}
