//! Clients over TLS: who is let in, and under which name.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, DnType, SerialNumber};
use runtime::{Runtime, Security};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tls::{ClientCertificates, ClientTls, ServerFiles, TlsError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use support::{Authority, Key, own_files, runtime, write};

const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

/// A server's files in a folder, and the authority behind them.
struct Site {
    folder: tempfile::TempDir,
    authority: Authority,
}

impl Site {
    fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap(), authority: Authority::new("site") };
        site.authority.equip(&own_files(site.path(), "server"), "server");
        write(&site.path().join("clients.pem"), &site.authority.pem);
        site
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn files(&self, clients: impl FnOnce(std::path::PathBuf) -> ClientCertificates) -> ServerFiles {
        ServerFiles {
            own: own_files(self.path(), "server"),
            clients: clients(self.path().join("clients.pem")),
        }
    }

    async fn open(&self, clients: impl FnOnce(std::path::PathBuf) -> ClientCertificates) -> ClientTls {
        ClientTls::open(&runtime(), self.files(clients)).await.unwrap()
    }
}

fn client(
    trusts: &Authority,
    shows: Option<&(String, Key)>,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusts.pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls_graviola::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let builder = builder.with_root_certificates(roots);
    match shows {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(key.pem().as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    }
}

async fn connect(config: ClientConfig, stream: DuplexStream) -> std::io::Result<TlsStream<DuplexStream>> {
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// What the server says of a client: its subject in Java's words, once a byte has gone each way, or why there is none.
async fn meet(server: &ClientTls, config: ClientConfig) -> Result<Option<String>, String> {
    let (near, far) = tokio::io::duplex(1 << 16);
    let served = async {
        let mut secured = server.secure(Box::new(far)).await.map_err(|error| error.to_string())?;
        let mut byte = [0];
        secured.stream.read_exact(&mut byte).await.map_err(|error| error.to_string())?;
        secured.stream.write_all(&byte).await.unwrap();
        secured.stream.flush().await.unwrap();
        Ok(secured.subject.map(|subject| subject.x500))
    };
    let asked = async {
        let mut stream = connect(config, near).await?;
        stream.write_all(b"x").await?;
        stream.read_u8().await
    };
    let (served, asked) = tokio::join!(served, asked);
    assert_eq!(served.is_ok(), asked.is_ok_and(|byte| byte == b'x'));
    served
}

#[tokio::test]
async fn a_client_is_known_by_the_subject_of_its_certificate() {
    let site = Site::new();
    let server = site.open(ClientCertificates::Needed).await;
    let subject =
        [(DnType::CountryName, "DE"), (DnType::OrganizationName, "A, B"), (DnType::CommonName, "alice")];
    let alice = site.authority.issue(&subject, &[]);
    for version in BOTH {
        let subject = meet(&server, client(&site.authority, Some(&alice), &[version])).await;
        assert_eq!(subject, Ok(Some(r"CN=alice,O=A\, B,C=DE".to_owned())));
    }
}

#[tokio::test]
async fn a_client_without_a_certificate_is_turned_away_where_one_is_needed() {
    let site = Site::new();
    let nobody = || client(&site.authority, None, BOTH);
    let needs = site.open(ClientCertificates::Needed).await;
    assert_eq!(meet(&needs, nobody()).await, Err("no certificate was shown, and one is needed".to_owned()));
    let wants = site.open(ClientCertificates::Wanted).await;
    assert_eq!(meet(&wants, nobody()).await, Ok(None));
    let ignores = site.open(|_| ClientCertificates::Ignored).await;
    assert_eq!(meet(&ignores, nobody()).await, Ok(None));
}

#[tokio::test]
async fn a_certificate_of_a_stranger_is_refused_even_where_none_is_needed() {
    let site = Site::new();
    let stranger = Authority::new("stranger").issue(&[(DnType::CommonName, "alice")], &[]);
    for clients in [ClientCertificates::Needed, ClientCertificates::Wanted] {
        let server = site.open(clients).await;
        let refused = meet(&server, client(&site.authority, Some(&stranger), BOTH)).await.unwrap_err();
        assert!(refused.starts_with("the certificate shown is refused"), "{refused}");
    }
}

#[tokio::test]
async fn a_certificate_out_of_its_time_is_refused() {
    let site = Site::new();
    let server = site.open(ClientCertificates::Needed).await;
    let old = site.authority.issue_with(&[(DnType::CommonName, "alice")], &[], |params| {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    });
    let refused = meet(&server, client(&site.authority, Some(&old), BOTH)).await.unwrap_err();
    assert!(refused.contains("expired"), "{refused}");
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_and_others_of_its_authority_are_not() {
    const REVOKED: u64 = 7_000_001;
    let site = Site::new();
    let other = Authority::new("an authority without a list");
    let list = site.authority.revoke(&[REVOKED]);
    write(&site.path().join("clients.pem"), &format!("{}{}{list}", site.authority.pem, other.pem));
    let issue = |serial: u64| {
        let change = |params: &mut CertificateParams| params.serial_number = Some(SerialNumber::from(serial));
        site.authority.issue_with(&[(DnType::CommonName, "alice")], &[], change)
    };
    for clients in [ClientCertificates::Needed, ClientCertificates::Wanted] {
        let server = site.open(clients).await;
        let refused = meet(&server, client(&site.authority, Some(&issue(REVOKED)), BOTH)).await.unwrap_err();
        assert!(refused.contains("Revoked"), "{refused}");
        let alice = Ok(Some("CN=alice".to_owned()));
        assert_eq!(meet(&server, client(&site.authority, Some(&issue(REVOKED + 1)), BOTH)).await, alice);
        let theirs = other.issue(&[(DnType::CommonName, "alice")], &[]);
        assert_eq!(meet(&server, client(&site.authority, Some(&theirs), BOTH)).await, alice);
    }
}

#[tokio::test]
async fn what_is_not_tls_is_refused_in_plain_words() {
    let site = Site::new();
    let server = site.open(|_| ClientCertificates::Ignored).await;
    for bytes in [&b"ruok"[..], &[0, 0, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0]] {
        let (mut near, far) = tokio::io::duplex(1 << 16);
        near.write_all(bytes).await.unwrap();
        near.shutdown().await.unwrap();
        let error = server.secure(Box::new(far)).await.err().unwrap().to_string();
        assert!(error.contains("not TLS") || error.contains("closed during"), "{error}");
    }
}

async fn is_served(server: &ClientTls, trusts: &Authority) -> bool {
    let (near, far) = tokio::io::duplex(1 << 16);
    let (served, connected) =
        tokio::join!(server.secure(Box::new(far)), connect(client(trusts, None, BOTH), near));
    served.is_ok() && connected.is_ok()
}

/// Waits, a little longer than it may take, until the server shows a certificate of this authority.
async fn becomes(runtime: &Runtime, server: &ClientTls, authority: &Authority) -> bool {
    for _ in 0..100 {
        if is_served(server, authority).await {
            return true;
        }
        runtime.clock.sleep(Duration::from_millis(100)).await;
    }
    false
}

#[tokio::test]
async fn new_certificates_are_taken_up_and_broken_ones_are_not() {
    let site = Site::new();
    let runtime = runtime();
    let server = ClientTls::open(&runtime, site.files(|_| ClientCertificates::Ignored)).await.unwrap();
    assert!(is_served(&server, &site.authority).await);

    // Neither half a change, nor nonsense, nor nothing at all.
    let files = own_files(site.path(), "server");
    let key = std::fs::read_to_string(&files.key).unwrap();
    for broken in [Key::generate().pem(), "nonsense".to_owned(), String::new()] {
        write(&files.key, &broken);
        runtime.clock.sleep(Duration::from_secs(5)).await;
        assert!(is_served(&server, &site.authority).await);
    }
    std::fs::remove_file(&files.key).unwrap();
    runtime.clock.sleep(Duration::from_secs(5)).await;
    assert!(is_served(&server, &site.authority).await);
    write(&files.key, &key);

    let successor = Authority::new("successor");
    successor.equip(&files, "server");
    assert!(becomes(&runtime, &server, &successor).await);
    assert!(!is_served(&server, &site.authority).await);
}

#[tokio::test]
async fn a_server_does_not_start_with_files_that_make_no_sense() {
    let site = Site::new();
    let files = own_files(site.path(), "server");
    let certificate = std::fs::read_to_string(&files.certificate).unwrap();
    let open = async || ClientTls::open(&runtime(), site.files(|_| ClientCertificates::Ignored)).await.err();

    let key = std::fs::read_to_string(&files.key).unwrap();
    write(&files.key, &Key::generate().pem());
    assert!(matches!(open().await, Some(TlsError::Pair { .. })));
    write(&files.key, &certificate);
    assert!(matches!(open().await, Some(TlsError::Content { path, .. }) if path == files.key));
    write(&files.key, &key);
    write(&files.certificate, &key);
    assert!(matches!(open().await, Some(TlsError::Content { path, .. }) if path == files.certificate));
    std::fs::remove_file(&files.certificate).unwrap();
    let text = open().await.unwrap().to_string();
    assert!(text.contains("server.pem") && !text.contains("PRIVATE"), "{text}");
}
