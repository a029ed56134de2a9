//! Authorities and certificates made for a test, and the world that it runs in.

#![allow(dead_code, unreachable_pub, reason = "every test file uses a part of it")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use graviola::hashing::Sha256;
use graviola::signing::ecdsa;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, PKCS_ECDSA_P256_SHA256, PublicKeyData,
    RevokedCertParams, SerialNumber, SignatureAlgorithm, SigningKey,
};
use runtime::{Runtime, SeededEntropy, SystemClock, SystemDisk, SystemNetwork, TokioPools};
use tls::{OwnFiles, PeerFiles};

pub fn runtime() -> Runtime {
    let handle = tokio::runtime::Handle::current();
    Runtime {
        network: Arc::new(SystemNetwork),
        disk: Arc::new(SystemDisk),
        clock: SystemClock::clock(),
        entropy: Arc::new(SeededEntropy::new(7)),
        pools: Arc::new(TokioPools::new(handle.clone(), handle)),
    }
}

/// A key on P-256.
pub struct Key {
    private: ecdsa::SigningKey<ecdsa::P256>,
    point: Vec<u8>,
}

impl Key {
    pub fn generate() -> Self {
        let private = ecdsa::SigningKey::<ecdsa::P256>::generate().unwrap();
        let mut buffer = [0; 256];
        let whole = private.to_spki_der(&mut buffer).unwrap();
        // An uncompressed point is the end of the structure.
        let point = whole[whole.len() - 65..].to_vec();
        Self { private, point }
    }

    pub fn pem(&self) -> String {
        let mut buffer = [0; 512];
        pem("PRIVATE KEY", self.private.to_pkcs8_der(&mut buffer).unwrap())
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let mut buffer = [0; 128];
        let signature = self.private.sign_asn1::<Sha256>(&[message], &mut buffer);
        signature.map(<[u8]>::to_vec).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = format!("-----BEGIN {label}-----\n");
    for chunk in der.chunks(3) {
        let mut group = [0; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(group);
        for position in 0..4 {
            let sextet = (bits >> (18 - 6 * position)) & 63;
            text.push(if position <= chunk.len() { char::from(ALPHABET[sextet as usize]) } else { '=' });
        }
    }
    format!("{text}\n-----END {label}-----\n")
}

fn next_serial() -> SerialNumber {
    static LAST: AtomicU64 = AtomicU64::new(1);
    SerialNumber::from(LAST.fetch_add(1, Ordering::Relaxed))
}

/// An authority that issues certificates.
pub struct Authority {
    issuer: Issuer<'static, Key>,
    pub pem: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.serial_number = Some(next_serial());
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = Key::generate();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for either end of a connection, and its key.
    pub fn issue(&self, subject: &[(DnType, &str)], hosts: &[&str]) -> (String, Key) {
        self.issue_with(subject, hosts, |_| {})
    }

    pub fn issue_with(
        &self,
        subject: &[(DnType, &str)],
        hosts: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> (String, Key) {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.serial_number = Some(next_serial());
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in subject {
            params.distinguished_name.push(kind.clone(), *value);
        }
        change(&mut params);
        let key = Key::generate();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key)
    }

    /// A list of what this authority has revoked: the certificates with these serial numbers.
    pub fn revoke(&self, serials: &[u64]) -> String {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: rcgen::date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2026, 1, 1),
            next_update: rcgen::date_time_ymd(2096, 1, 1),
            crl_number: next_serial(),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::PreSpecified(Vec::new()),
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }

    /// Issues a certificate for a node on this machine and writes it where `files` say.
    pub fn equip(&self, files: &OwnFiles, name: &str) {
        let (certificate, key) = self.issue(&[(DnType::CommonName, name)], &["127.0.0.1", "localhost"]);
        write(&files.certificate, &certificate);
        write(&files.key, &key.pem());
    }
}

pub fn write(path: &Path, content: &str) {
    std::fs::write(path, content).unwrap();
}

pub fn own_files(folder: &Path, name: &str) -> OwnFiles {
    OwnFiles { certificate: folder.join(format!("{name}.pem")), key: folder.join(format!("{name}.key")) }
}

/// Files of a node with a certificate of `issuer`, which trusts `authorities`.
pub fn peer_files(folder: &Path, name: &str, issuer: &Authority, authorities: &[&Authority]) -> PeerFiles {
    let own = own_files(folder, name);
    issuer.equip(&own, name);
    let path: PathBuf = folder.join(format!("{name}-authorities.pem"));
    write(&path, &authorities.iter().map(|authority| authority.pem.as_str()).collect::<String>());
    PeerFiles { own, authorities: path }
}
