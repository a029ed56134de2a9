//! What the node above says to other nodes beside all groups: small talk over the peer links, which may be lost.
//!
//! A note is on its way at once or not at all: there is no place where it would wait for a peer that is away. Notes to one node arrive
//! in the order in which they were sent, as long as the connection lasts. What they mean is not known here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use runtime::{BoxFuture, Pool, Runtime};

use crate::Unavailable;
use crate::identity::NodeId;
use crate::peers::{CallError, Lane, Peers};
use crate::wire::{self, frame::Body};

/// The longest note, in bytes.
pub const NOTE_BYTES_MAX: usize = 32 << 20;
const _: () = assert!(NOTE_BYTES_MAX + (1 << 10) <= crate::peers::FRAME_BYTES_MAX);

/// Bytes of notes to one node whose answers have not come, unless it is one alone ...
const OPEN_BYTES_MAX: usize = 16 << 20;
/// ... and how many there may be.
const OPEN_MAX: usize = 4096;

/// After that time the answer is not waited for any more.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Answers a note: who sent it, what it says. Must not wait: what the peer sends next waits for it.
pub type NoteHandler = Arc<dyn Fn(NodeId, Bytes) -> Bytes + Send + Sync>;

/// Notes that arrive.
#[derive(Default)]
pub(crate) struct Inbox(RwLock<Option<NoteHandler>>);

impl Inbox {
    pub(crate) fn handle(&self, from: NodeId, note: Bytes) -> Result<Body, String> {
        let handler = self.0.read().clone().ok_or("this node takes no notes")?;
        Ok(Body::NoteAnswer(wire::NoteAnswer { body: handler(from, note) }))
    }
}

/// A node's notes to others and from others. Cheap to clone.
#[derive(Clone)]
pub struct Notes {
    runtime: Runtime,
    peers: Arc<Peers>,
    inbox: Arc<Inbox>,
    under_way: Arc<UnderWay>,
}

impl Notes {
    pub(crate) fn new(runtime: Runtime, peers: Arc<Peers>, inbox: Arc<Inbox>) -> Self {
        Self { runtime, peers, inbox, under_way: Arc::default() }
    }

    /// Takes notes from other nodes.
    pub fn on_note(&self, handler: NoteHandler) {
        *self.inbox.0.write() = Some(handler);
    }

    /// Sends a note to another node of the cluster. It is lost if that node is not connected, if too much is on its way there, or
    /// if the connection breaks.
    pub fn tell(&self, to: NodeId, note: Bytes) {
        if let Ok(answer) = self.begin(to, note) {
            let heard = async move {
                // Until then the note counts as being under way.
                let _ = answer.await;
            };
            self.runtime.spawn(Pool::Consensus, heard).detach();
        }
    }

    /// Sends a note, and completes with its answer.
    pub async fn ask(&self, to: NodeId, note: Bytes) -> Result<Bytes, Unavailable> {
        let failed = |error: CallError| Unavailable(format!("node {to}: {error}"));
        match self.begin(to, note).map_err(failed)?.await.map_err(failed)? {
            Body::NoteAnswer(answer) => Ok(answer.body),
            _ => Err(Unavailable(format!("node {to} answered something else than was asked"))),
        }
    }

    fn begin(
        &self,
        to: NodeId,
        note: Bytes,
    ) -> Result<BoxFuture<'static, Result<Body, CallError>>, CallError> {
        let link = self.peers.known_link(to, Lane::Proposals).ok_or(CallError::NotConnected)?;
        let room = UnderWay::enter(&self.under_way, to, note.len()).ok_or(CallError::Busy)?;
        let answer = link.begin(0, Body::Note(wire::Note { body: note }))?;
        let clock = self.runtime.clock.clone();
        Ok(Box::pin(async move {
            let _room = room;
            clock.timeout(ANSWER_TIMEOUT, answer).await.unwrap_or(Err(CallError::TimedOut))
        }))
    }
}

/// Notes that have no answer yet, by the node that they went to.
#[derive(Default)]
struct UnderWay(Mutex<BTreeMap<NodeId, Load>>);

#[derive(Default)]
struct Load {
    count: usize,
    bytes: usize,
}

impl UnderWay {
    /// A place for a note of so many bytes, if there is one.
    fn enter(this: &Arc<Self>, to: NodeId, bytes: usize) -> Option<Room> {
        let mut all = this.0.lock();
        let load = all.entry(to).or_default();
        let fits = load.count == 0 || load.bytes + bytes <= OPEN_BYTES_MAX;
        if bytes > NOTE_BYTES_MAX || load.count >= OPEN_MAX || !fits {
            return None;
        }
        load.count += 1;
        load.bytes += bytes;
        Some(Room { under_way: Arc::clone(this), to, bytes })
    }
}

/// A note's place, until it is dropped.
struct Room {
    under_way: Arc<UnderWay>,
    to: NodeId,
    bytes: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut all = self.under_way.0.lock();
        let load = all.get_mut(&self.to).expect("whoever has a place was counted");
        load.count -= 1;
        load.bytes -= self.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_under_way_have_a_limit_for_each_node() {
        let all = Arc::<UnderWay>::default();
        let enter = |node, bytes| UnderWay::enter(&all, NodeId(node), bytes);
        assert!(enter(1, NOTE_BYTES_MAX + 1).is_none());
        // However long one is, it goes if it is alone.
        let long = enter(1, NOTE_BYTES_MAX).unwrap();
        assert!(enter(1, 1).is_none());
        let short: Vec<_> = (0..OPEN_MAX).map(|_| enter(2, 1).unwrap()).collect();
        assert!(enter(2, 1).is_none());
        drop((long, short));
        assert!(enter(1, 1).is_some() && enter(2, 1).is_some());
    }
}
