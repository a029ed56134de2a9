//! A front end's side of a connection.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bytes::BytesMut;
use tree::{Owner, SessionId, WatcherId};

use crate::control::Control;
use crate::delivery::Delivery;
use crate::outbox::Outbox;
use crate::turn::{Turn, View};

/// One client's connection to the control plane. Dropping it takes its watches away; its session lives on until it
/// expires or is taken up elsewhere.
pub struct Connection {
    control: Arc<Control>,
    pub(crate) outbox: Arc<Outbox>,
    /// An empty queue that changes places with the outbox's.
    spare: VecDeque<Delivery>,
    /// Proposed and not yet told of.
    unfinished: usize,
    last_ticket: u64,
    scratch: BytesMut,
}

impl Connection {
    pub(crate) fn new(control: Arc<Control>, outbox: Arc<Outbox>) -> Self {
        Self {
            control,
            outbox,
            spare: VecDeque::new(),
            unfinished: 0,
            last_ticket: 0,
            scratch: BytesMut::new(),
        }
    }

    /// What commands of this connection name as their origin.
    pub fn owner(&self) -> Owner {
        Owner { node: self.control.node(), connection: self.outbox.id }
    }

    /// The session it speaks for.
    pub fn session(&self) -> Option<SessionId> {
        self.outbox.session()
    }

    /// Completes when there is something to be told in the next [`Connection::turn`].
    pub async fn notified(&self) {
        poll_fn(|context| {
            if self.outbox.is_filled() {
                return Poll::Ready(());
            }
            self.outbox.register(context.waker());
            if self.outbox.is_filled() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Does `work` on one state of the replica: nothing is applied meanwhile, so it must be short. Deliveries that `work`
    /// leaves are dropped: a connection leaves some only to end.
    pub fn turn<R>(&mut self, work: impl FnOnce(&mut Turn<'_>) -> R) -> R {
        let control = Arc::clone(&self.control);
        let replica = control.replica.read();
        let mut deliveries = std::mem::take(&mut self.spare);
        self.outbox.take(&mut deliveries);
        let mut turn = Turn {
            view: View {
                tree: &replica.tree,
                watches: &replica.watches,
                room: &control.room,
                outbox: &self.outbox,
            },
            control: &control,
            outbox: &self.outbox,
            deliveries,
            unfinished: &mut self.unfinished,
            last_ticket: &mut self.last_ticket,
            scratch: &mut self.scratch,
        };
        let result = work(&mut turn);
        let mut deliveries = turn.deliveries;
        drop(replica);
        deliveries.clear();
        self.spare = deliveries;
        result
    }

    /// The client has given a sign of life. Cheap: call it for every batch of requests.
    pub fn mark_active(&self) {
        self.outbox.mark_active();
    }

    /// The control plane it belongs to.
    pub fn control(&self) -> &Arc<Control> {
        &self.control
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.outbox.abandon();
        // In this order: a watch set after the removal would stay for ever, and only this connection sets its watches.
        self.control.connections.lock().remove(&self.outbox);
        let replica = self.control.replica.read();
        replica.watches.lock().remove_watcher(WatcherId(self.outbox.id));
    }
}
