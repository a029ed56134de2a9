//! Nodes over TLS: certificates on both ends, of the same authority.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{DnType, SerialNumber};
use runtime::{BoxStream, Listener, Network, Pool, Runtime, SystemNetwork};
use tls::{PeerFiles, PeerNetwork};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use support::{Authority, own_files, peer_files, runtime, write};

async fn open(runtime: &Runtime, files: &PeerFiles) -> Arc<PeerNetwork> {
    Arc::new(PeerNetwork::open(runtime, files.clone()).await.unwrap())
}

async fn listen(network: &dyn Network) -> (Box<dyn Listener>, String) {
    let listener = network.listen("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// Answers every byte with the next one.
async fn answer(mut listener: Box<dyn Listener>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        if let Ok(byte) = stream.read_u8().await {
            stream.write_u8(byte + 1).await.unwrap();
            stream.flush().await.unwrap();
        }
    }
}

async fn ask(stream: &mut BoxStream) -> io::Result<u8> {
    stream.write_u8(1).await?;
    stream.flush().await?;
    stream.read_u8().await
}

async fn call(network: &dyn Network, address: &str) -> io::Result<u8> {
    ask(&mut network.connect(address).await?).await
}

#[tokio::test]
async fn nodes_of_one_authority_talk() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    let cluster = Authority::new("cluster");
    let one = open(&runtime, &peer_files(folder.path(), "one", &cluster, &[&cluster])).await;
    let two = open(&runtime, &peer_files(folder.path(), "two", &cluster, &[&cluster])).await;
    let (listener, address) = listen(&*one).await;
    let answering = runtime.spawn(Pool::Clients, answer(listener));
    assert_eq!(call(&*two, &address).await.unwrap(), 2);
    let by_name = address.replace("127.0.0.1", "localhost");
    assert_eq!(call(&*two, &by_name).await.unwrap(), 2);
    answering.abort();
}

#[tokio::test]
async fn strangers_are_refused_and_the_listener_goes_on() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    let (cluster, other) = (Authority::new("cluster"), Authority::new("other"));
    let one = open(&runtime, &peer_files(folder.path(), "one", &cluster, &[&cluster])).await;
    let (listener, address) = listen(&*one).await;
    let answering = runtime.spawn(Pool::Clients, answer(listener));

    // It trusts the cluster, but its own certificate is of another authority.
    let intruder = open(&runtime, &peer_files(folder.path(), "intruder", &other, &[&cluster, &other])).await;
    assert!(call(&*intruder, &address).await.is_err());
    // It does not trust the cluster.
    let deceived = open(&runtime, &peer_files(folder.path(), "deceived", &cluster, &[&other])).await;
    let refused = call(&*deceived, &address).await.unwrap_err().to_string();
    assert!(refused.starts_with("the certificate shown is refused"), "{refused}");
    // It has never heard of TLS.
    assert!(!matches!(call(&SystemNetwork, &address).await, Ok(2)));
    // It says nothing at all, and others need not wait for it.
    let silent = SystemNetwork.connect(&address).await.unwrap();

    let two = open(&runtime, &peer_files(folder.path(), "two", &cluster, &[&cluster])).await;
    assert_eq!(call(&*two, &address).await.unwrap(), 2);
    drop(silent);
    answering.abort();
}

/// A machine was stolen: its certificate lets it neither call nor be called.
#[tokio::test]
async fn a_node_whose_certificate_was_revoked_is_refused_whoever_calls() {
    const STOLEN: u64 = 7_000_002;
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    let cluster = Authority::new("cluster");
    let files = peer_files(folder.path(), "one", &cluster, &[&cluster]);
    write(&files.authorities, &format!("{}{}", cluster.pem, cluster.revoke(&[STOLEN])));
    let one = open(&runtime, &files).await;
    let files = peer_files(folder.path(), "stolen", &cluster, &[&cluster]);
    let (certificate, key) =
        cluster.issue_with(&[(DnType::CommonName, "stolen")], &["127.0.0.1"], |params| {
            params.serial_number = Some(SerialNumber::from(STOLEN));
        });
    write(&files.own.certificate, &certificate);
    write(&files.own.key, &key.pem());
    let stolen = open(&runtime, &files).await;

    let (listener, address) = listen(&*one).await;
    let answering = runtime.spawn(Pool::Clients, answer(listener));
    assert!(call(&*stolen, &address).await.is_err());
    answering.abort();
    let (listener, address) = listen(&*stolen).await;
    let answering = runtime.spawn(Pool::Clients, answer(listener));
    let refused = call(&*one, &address).await.unwrap_err().to_string();
    assert!(refused.contains("Revoked"), "{refused}");
    answering.abort();
}

#[tokio::test]
async fn a_node_must_be_the_host_that_was_called() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    let cluster = Authority::new("cluster");
    let files = peer_files(folder.path(), "elsewhere", &cluster, &[&cluster]);
    let (certificate, key) = cluster.issue(&[(DnType::CommonName, "elsewhere")], &["elsewhere.example"]);
    let own = own_files(folder.path(), "elsewhere");
    write(&own.certificate, &certificate);
    write(&own.key, &key.pem());
    let elsewhere = open(&runtime, &files).await;
    let (listener, address) = listen(&*elsewhere).await;
    let answering = runtime.spawn(Pool::Clients, answer(listener));
    let refused = call(&*elsewhere, &address).await.unwrap_err().to_string();
    assert!(refused.contains("is made out to DnsName(\"elsewhere.example\"), not to 127.0.0.1"), "{refused}");
    answering.abort();
}

/// A follower stands for election when the leader's machine refuses its connections: it must be told.
#[tokio::test]
async fn a_refused_connection_is_told_as_such() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    let cluster = Authority::new("cluster");
    let one = open(&runtime, &peer_files(folder.path(), "one", &cluster, &[&cluster])).await;
    let (listener, address) = listen(&*one).await;
    drop(listener);
    assert_eq!(call(&*one, &address).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
}

/// Old and new authority side by side, then the new one alone: nodes change one after another, without a restart.
#[tokio::test]
async fn an_authority_can_be_replaced_while_nodes_run() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let (first, second) =
        (peer_files(folder.path(), "one", &old, &[&old]), peer_files(folder.path(), "two", &old, &[&old]));
    let (one, two) = (open(&runtime, &first).await, open(&runtime, &second).await);
    let (listener, address) = listen(&*one).await;
    let answering = runtime.spawn(Pool::Clients, answer(listener));

    let mut lasting = two.connect(&address).await.unwrap();
    for files in [&first, &second] {
        write(&files.authorities, &format!("{}{}", old.pem, new.pem));
    }
    runtime.clock.sleep(Duration::from_secs(5)).await;
    new.equip(&first.own, "one");
    runtime.clock.sleep(Duration::from_secs(5)).await;
    // The connection from before goes on, and a new one trusts both.
    assert_eq!(ask(&mut lasting).await.unwrap(), 2);
    assert_eq!(call(&*two, &address).await.unwrap(), 2);
    write(&first.authorities, &new.pem);
    runtime.clock.sleep(Duration::from_secs(5)).await;
    assert!(call(&*two, &address).await.is_err(), "its certificate is of the old authority");
    new.equip(&second.own, "two");
    runtime.clock.sleep(Duration::from_secs(5)).await;
    assert_eq!(call(&*two, &address).await.unwrap(), 2);
    answering.abort();
}
