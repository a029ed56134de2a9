//! Watches, as the application holds them.

use std::sync::Arc;

use jute::EventType;
use tokio::sync::{mpsc, oneshot};

/// What a watch tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// What happened.
    pub kind: EventType,
    /// Where, below the client's chroot.
    pub path: Arc<str>,
    /// The transaction that did it; at most 0 where the server does not say.
    pub zxid: i64,
}

/// A watch that tells of the next change, once. It survives a change of servers: what happened meanwhile is told.
#[derive(Debug)]
pub struct OneShot(pub(crate) oneshot::Receiver<Event>);

impl OneShot {
    /// The event; `None` when the session ended before there was one.
    pub async fn fired(self) -> Option<Event> {
        self.0.await.ok()
    }
}

/// What a persistent watch covers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum WatchMode {
    /// The znode itself: its data, its coming and going, its list of children.
    Node,
    /// The znode and all below it: data, coming and going.
    Recursive,
}

/// What a persistent watch tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WatchEvent {
    /// Something changed.
    Changed(Event),
    /// The client is on another connection: changes in between were not told. Look again.
    Resumed,
    /// The application was too slow, and changes are left out from here on. This is the last; look again and watch again.
    Overflowed,
}

/// A watch that goes on until it is dropped or the session ends. Dropping it stops the events here; the server goes on
/// sending them until the session ends.
#[derive(Debug)]
pub struct Watcher(pub(crate) mpsc::Receiver<WatchEvent>);

impl Watcher {
    /// The next event; `None` after [`WatchEvent::Overflowed`], and when the session is over. Nothing is lost if the
    /// future is dropped.
    pub async fn next(&mut self) -> Option<WatchEvent> {
        self.0.recv().await
    }
}
