//! Clients over TLS: whom they trust, as whom they come, and what they say when it does not work.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[path = "../../tls/tests/support/mod.rs"]
mod certificates;
mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use certificates::{Authority, own_files, write};
use client::{Acl, AnyVersion, Client, CreateMode, Error, ErrorKind, Options, OwnFiles, TlsFiles};
use embedded::{Ensemble, run};
use rcgen::{CertificateParams, DnType};
use runtime::Security;
use support::{connect_with, pause};
use tls::{ClientCertificates, ClientTls, ServerFiles};
use zookeeper::Terms;

/// Nodes with a certificate of an authority, and the files of clients that trust it.
struct Site {
    world: Ensemble,
    folder: tempfile::TempDir,
    authority: Authority,
}

impl Site {
    /// One node, whose certificate is made out to `n1`.
    async fn start() -> Self {
        let site = Self::without_tls();
        site.equip("server", &site.authority, &["n1"], |_| {});
        write(&site.file("authorities.pem"), &site.authority.pem);
        site.serve(ClientCertificates::Wanted).await;
        site
    }

    fn without_tls() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { world: Ensemble::start(2), folder, authority: Authority::new("site") }
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn equip(
        &self,
        name: &str,
        issuer: &Authority,
        hosts: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> OwnFiles {
        let files = own_files(self.folder.path(), name);
        let (certificate, key) = issuer.issue_with(&[(DnType::CommonName, name)], hosts, change);
        write(&files.certificate, &certificate);
        write(&files.key, &key.pem());
        files
    }

    /// Takes clients over TLS from now on, with the files of `server`.
    async fn serve(&self, clients: impl FnOnce(std::path::PathBuf) -> ClientCertificates) {
        let own = own_files(self.folder.path(), "server");
        let files = ServerFiles { own, clients: clients(self.file("authorities.pem")) };
        let security: Arc<dyn Security> =
            Arc::new(ClientTls::open(self.world.runtime(), files).await.unwrap());
        self.world.set_terms(&Terms { security: Some(security), ..Terms::default() });
    }

    fn trusting(&self, authorities: &str, own: Option<OwnFiles>) -> Options {
        Options { tls: Some(TlsFiles { authorities: self.file(authorities), own }), ..Options::default() }
    }

    async fn client(&self, own: Option<OwnFiles>) -> Client {
        connect_with(&self.world, "n1", self.trusting("authorities.pem", own)).await
    }

    async fn refused(&self, target: &str, options: Options) -> Error {
        Client::connect(self.world.runtime(), target, options).await.unwrap_err()
    }
}

fn says(error: &Error, what: &str) {
    assert!(error.to_string().contains(what), "{error}");
}

#[test]
fn a_certificate_is_an_identity_and_outlives_connections() {
    run(async {
        let site = Site::start().await;
        let alice = site.client(Some(site.equip("alice", &site.authority, &[], |_| {}))).await;
        let hers: Vec<Acl> = vec!["x509:CN=alice:cdrwa".parse().unwrap()];
        alice.create("/hers", Some(b"1"), &hers, CreateMode::Persistent).await.unwrap();
        alice.create("/e", None, &Acl::open(), CreateMode::Ephemeral).await.unwrap();
        let nobody = site.client(None).await;
        assert_eq!(nobody.get("/hers").await.unwrap_err().kind, ErrorKind::NoAuth);
        for round in 2..5_u8 {
            site.world.cut();
            alice.set("/hers", Some(&[round]), AnyVersion).await.unwrap();
            assert_eq!(alice.get("/hers").await.unwrap().data.unwrap()[..], [round]);
            assert!(nobody.exists("/e").await.unwrap().is_some(), "the session lives");
        }
        assert_eq!(nobody.get("/hers").await.unwrap_err().kind, ErrorKind::NoAuth);
    });
}

#[test]
fn much_goes_through() {
    run(async {
        let site = Site::start().await;
        let client = site.client(None).await;
        let data = vec![7; 900_000];
        client.create("/large", Some(&data), &Acl::open(), CreateMode::Persistent).await.unwrap();
        let reads = (0..20).map(|_| client.get("/large"));
        for node in futures::future::join_all(reads).await {
            assert_eq!(node.unwrap().data.unwrap(), data);
        }
    });
}

#[test]
fn a_server_of_another_authority_is_refused_at_once() {
    run(async {
        let site = Site::start().await;
        write(&site.file("others.pem"), &Authority::new("another").pem);
        let began = site.world.runtime().clock.now();
        let error = site.refused("n1", site.trusting("others.pem", None)).await;
        assert!(matches!(error.kind, ErrorKind::Insecure { .. }), "{error}");
        says(&error, "n1:2181: the certificate shown is refused: it comes from none of the authorities");
        let took = site.world.runtime().clock.now().saturating_since(began);
        assert!(took < Duration::from_secs(1), "{took:?}");
    });
}

#[test]
fn a_server_whose_certificate_is_made_out_to_another_host_is_passed_over() {
    run(async {
        let site = Site::start().await;
        let error = site.refused("n2", site.trusting("authorities.pem", None)).await;
        assert!(matches!(error.kind, ErrorKind::Insecure { .. }), "{error}");
        says(&error, "made out to DnsName(\"n1\"), not to n2");
        // One of two is enough.
        let client = connect_with(&site.world, "n2,n1", site.trusting("authorities.pem", None)).await;
        for _ in 0..5 {
            site.world.cut();
            assert!(client.exists("/").await.unwrap().is_some());
        }
    });
}

#[test]
fn an_expired_certificate_is_refused() {
    run(async {
        let site = Site::without_tls();
        write(&site.file("authorities.pem"), &site.authority.pem);
        site.equip("server", &site.authority, &["n1"], |params| {
            params.not_before = rcgen::date_time_ymd(2001, 1, 1);
            params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        });
        site.serve(|_| ClientCertificates::Ignored).await;
        let error = site.refused("n1", site.trusting("authorities.pem", None)).await;
        assert!(matches!(error.kind, ErrorKind::Insecure { .. }), "{error}");
        says(&error, "it has expired");
    });
}

#[test]
fn a_server_says_what_it_has_against_the_client() {
    run(async {
        let site = Site::start().await;
        site.serve(ClientCertificates::Needed).await;
        let error = site.refused("n1", site.trusting("authorities.pem", None)).await;
        assert!(matches!(error.kind, ErrorKind::Insecure { .. }), "{error}");
        says(&error, "needs a certificate of ours");
        let stranger = site.equip("stranger", &Authority::new("another"), &[], |_| {});
        let error = site.refused("n1", site.trusting("authorities.pem", Some(stranger))).await;
        assert!(matches!(error.kind, ErrorKind::Insecure { .. }), "{error}");
        says(&error, "refuses our certificate");
    });
}

#[test]
fn where_only_one_side_uses_tls_both_say_so() {
    run(async {
        let site = Site::start().await;
        let impatient = |options: Options| Options { patience: Duration::from_secs(1), ..options };
        let error = site.refused("n1", impatient(Options::default())).await;
        says(&error, "it speaks TLS on this port");
        site.world.set_terms(&Terms::default());
        let error = site.refused("n1", impatient(site.trusting("authorities.pem", None))).await;
        says(&error, "does the server speak TLS on this port?");
    });
}

#[test]
fn files_that_make_no_sense_are_named() {
    run(async {
        let site = Site::start().await;
        let error = site.refused("n1", site.trusting("missing.pem", None)).await;
        assert!(matches!(error.kind, ErrorKind::TlsFiles { .. }), "{error}");
        says(&error, "missing.pem");
        let own = OwnFiles { certificate: site.file("authorities.pem"), key: site.file("server.key") };
        let error = site.refused("n1", site.trusting("authorities.pem", Some(own))).await;
        assert!(matches!(error.kind, ErrorKind::TlsFiles { .. }), "{error}");
        says(&error, "give a certificate and its own key");
        assert!(Path::new(&site.file("server.key")).exists());
    });
}

#[test]
fn new_authorities_are_taken_up_by_a_client_that_lives() {
    run(async {
        let site = Site::start().await;
        let client = site.client(None).await;
        client.create("/e", None, &Acl::open(), CreateMode::Ephemeral).await.unwrap();
        let successor = Authority::new("successor");
        site.equip("server", &successor, &["n1"], |_| {});
        write(&site.file("authorities.pem"), &successor.pem);
        for _ in 0..4 {
            // The files are read in real time, whatever the clock says.
            pause(&site.world, 3).await;
            client.exists("/e").await.unwrap();
        }
        site.world.cut();
        assert!(client.exists("/e").await.unwrap().is_some());
        assert!(site.world.connects() >= 2);
    });
}
