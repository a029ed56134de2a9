//! What an operator asks of a running process.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use consensus::{Group, MemberChange, MembershipError};
use tokio::sync::Notify;

/// Something to ask.
enum Request {
    Change(MemberChange, Ticket),
    Snapshot,
}

/// Tells what came of a change, once that is known. It never is if the process ends first.
#[derive(Clone, Default)]
pub struct Ticket(Rc<RefCell<Option<Result<(), MembershipError>>>>);

impl Ticket {
    /// What came of it.
    pub fn outcome(&self) -> Option<Result<(), MembershipError>> {
        self.0.borrow().clone()
    }
}

/// What is asked of one process after another on a machine.
#[derive(Default)]
pub struct Requests {
    queue: RefCell<VecDeque<Request>>,
    arrived: Notify,
}

impl Requests {
    /// Asks for a change of who belongs to the cluster.
    pub fn change_members(&self, change: MemberChange) -> Ticket {
        let ticket = Ticket::default();
        self.push(Request::Change(change, ticket.clone()));
        ticket
    }

    /// Asks for a snapshot.
    pub fn take_snapshot(&self) {
        self.push(Request::Snapshot);
    }

    fn push(&self, request: Request) {
        self.queue.borrow_mut().push_back(request);
        self.arrived.notify_one();
    }

    /// Forgets what nobody will answer.
    pub(super) fn clear(&self) {
        self.queue.borrow_mut().clear();
    }

    /// Serves requests as long as the process lives.
    pub(super) async fn serve(self: Rc<Self>, group: Group) {
        loop {
            let next = self.queue.borrow_mut().pop_front();
            match next {
                Some(Request::Change(change, ticket)) => {
                    let outcome = group.change_members(change.clone()).await;
                    tracing::info!(?change, ?outcome, "asked for a change of members");
                    ticket.0.replace(Some(outcome));
                }
                // One that can't be taken now is not taken.
                Some(Request::Snapshot) => drop(group.snapshot().await),
                None => self.arrived.notified().await,
            }
        }
    }
}
