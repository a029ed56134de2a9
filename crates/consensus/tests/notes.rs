//! What nodes say to each other beside all groups.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[expect(dead_code, reason = "other tests use the rest")]
mod harness;

// Under coverage every program of this package is linked with libFuzzer.
use bolero as _;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use consensus::{NOTE_BYTES_MAX, NodeId, Notes};
use harness::{Cluster, in_time};
use parking_lot::Mutex;

const SOON: Duration = Duration::from_secs(10);

/// Has a node answer with who asked and what, and gives what it hears.
fn listen(notes: &Notes) -> Arc<Mutex<Vec<(u64, Bytes)>>> {
    let heard = Arc::<Mutex<Vec<_>>>::default();
    let hears = Arc::clone(&heard);
    notes.on_note(Arc::new(move |from: NodeId, note: Bytes| {
        hears.lock().push((from.0, note.clone()));
        Bytes::from(format!("{from} said {}", String::from_utf8_lossy(&note)))
    }));
    heard
}

async fn connected(cluster: &Cluster) {
    cluster.propose(1, 0..1);
    cluster.propose(2, 0..1);
    cluster.propose(3, 0..1);
    cluster.converged(3).await;
}

#[tokio::test]
async fn notes_arrive_in_order_and_are_answered() {
    let cluster = Cluster::start(3).await;
    connected(&cluster).await;
    let heard = listen(cluster.node(2).notes());
    let notes = cluster.node(1).notes();
    let sent: Vec<Bytes> = (0..1000).map(|number| Bytes::from(number.to_string())).collect();
    sent.iter().for_each(|note| notes.tell(NodeId(2), note.clone()));
    let answer = in_time(SOON, notes.ask(NodeId(2), Bytes::from_static(b"done"))).await.unwrap();
    assert_eq!(answer, "1 said done");
    let heard: Vec<_> = heard.lock().iter().map(|(from, note)| (*from, note.clone())).collect();
    assert_eq!(heard.len(), 1001);
    assert!(heard.iter().zip(&sent).all(|(heard, sent)| *heard == (1, sent.clone())));
}

#[tokio::test]
async fn a_note_that_can_not_go_is_refused_at_once() {
    let mut cluster = Cluster::start(3).await;
    connected(&cluster).await;
    let _heard = listen(cluster.node(2).notes());
    let ask = async |node, note| {
        let asked = cluster.node(1).notes().ask(NodeId(node), note);
        in_time(Duration::from_secs(1), asked).await.map_err(|why| why.to_string())
    };
    assert!(ask(2, Bytes::from(vec![0; NOTE_BYTES_MAX])).await.is_ok());
    assert!(ask(2, Bytes::from(vec![0; NOTE_BYTES_MAX + 1])).await.unwrap_err().contains("too much"));
    assert!(ask(9, Bytes::new()).await.unwrap_err().contains("not connected"));
    assert!(ask(3, Bytes::new()).await.unwrap_err().contains("takes no notes"));
    cluster.kill(2).await;
    let notes = cluster.node(1).notes();
    for _ in 0..10 {
        // Nothing waits for the node to come back.
        notes.tell(NodeId(2), Bytes::from_static(b"lost"));
    }
    cluster.restart(2).await;
    let heard = listen(cluster.node(2).notes());
    connected_again(&cluster).await;
    assert!(heard.lock().iter().all(|(_, note)| note == "back"));
}

/// Until the connection is there again, notes are refused.
async fn connected_again(cluster: &Cluster) {
    for _ in 0..200 {
        if cluster.node(1).notes().ask(NodeId(2), Bytes::from_static(b"back")).await.is_ok() {
            return;
        }
        harness::pause(Duration::from_millis(25)).await;
    }
    panic!("the node does not come back");
}
