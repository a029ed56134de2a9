//! For how long a session lives for certain, whatever happens to its servers and its connections.
//!
//! A server answers reads and pings without its leader, so their answers prove nothing: the leader may have given the session
//! up already. What goes through the leader does. Servers tell their leader every half tick which sessions they heard of, and
//! while somebody wants to know, this client makes itself heard every sixth of the timeout. So when the answer to something
//! that was sent at some time has come by way of the leader, the leader heard of the session at most a sixth of the timeout
//! and half a tick before that time, and does not end it within five sixths of the timeout less half a tick after it. Half
//! the timeout, which is what is counted on here, is less for every timeout that servers grant (two ticks or more), and
//! leaves room for clocks that do not run at the same rate. (ZooKeeper's leader pings its followers every half tick, and their
//! answers carry the sessions that they heard of: `LearnerHandler` and `Learner.ping` in its source.)

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use jute::{OpCode, PathOnly, Request};
use runtime::{Clock, Instant};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::session::{Ask, State};

/// What is known of the session's life; shared by all who ask and by the session.
#[derive(Debug, Default)]
pub(crate) struct Life {
    session: AtomicI64,
    timeout_ms: AtomicU64,
    /// Nanoseconds since the origin of the client's clock.
    until: AtomicU64,
    waiting: AtomicUsize,
    is_wanted: Notify,
}

/// Somebody who waits for the end; while there is one, proofs are made.
pub(crate) struct Waiting(Arc<Life>);

/// A proof counts for the timeout divided by this.
const COUNTS_FOR: u32 = 2;
/// Proofs are asked for this often in a timeout.
const PROOFS: u32 = 6;

impl Life {
    /// A server took up the session, on request of `asked`.
    pub(crate) fn on_attached(&self, session: i64, timeout: Duration, asked: Instant) {
        self.session.store(session, Ordering::Relaxed);
        self.timeout_ms.store(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.on_proof(asked);
    }

    /// Something that was sent not before `sent` was answered by way of the leader.
    pub(crate) fn on_proof(&self, sent: Instant) {
        let until = (sent + self.timeout() / COUNTS_FOR).since_origin().as_nanos();
        self.until.fetch_max(u64::try_from(until).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn session(&self) -> i64 {
        self.session.load(Ordering::Relaxed)
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.load(Ordering::Relaxed))
    }

    pub(crate) fn until(&self) -> Instant {
        Instant::from_origin(Duration::from_nanos(self.until.load(Ordering::Relaxed)))
    }

    /// Between two proofs.
    pub(crate) fn interval(&self) -> Duration {
        self.timeout() / PROOFS
    }

    pub(crate) fn wait(self: &Arc<Self>) -> Waiting {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.is_wanted.notify_one();
        Waiting(Arc::clone(self))
    }

    /// Completes when somebody waits.
    pub(crate) async fn wanted(&self) {
        while self.waiting.load(Ordering::Relaxed) == 0 {
            self.is_wanted.notified().await;
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Asks for proofs while somebody waits, until the session is over.
pub(crate) async fn prove(
    life: Arc<Life>,
    clock: Clock,
    asks: mpsc::WeakSender<Ask>,
    mut state: watch::Receiver<State>,
) {
    let proofs = async {
        loop {
            life.wanted().await;
            let (sent, interval) = (clock.now(), life.interval());
            // A session that nobody can use any more closes itself.
            let Some(asks) = asks.upgrade() else { return };
            let answer = ask_leader(&asks);
            drop(asks);
            // What fails is asked anew when it is time: a proof that comes late is worth little.
            if let Some(answer) = answer
                && let Ok(Ok(Ok(_))) = clock.timeout(interval, answer).await
            {
                life.on_proof(sent);
            }
            clock.sleep_until(sent + interval).await;
        }
    };
    tokio::select! {
        biased;
        _ = state.wait_for(|state| matches!(state, State::Over(_))) => {}
        () = proofs => {}
    }
}

type Answering = oneshot::Receiver<Result<crate::session::Answer, crate::error::Failure>>;

/// Has the session send something whose answer comes by way of the leader; `None` if too much waits already.
fn ask_leader(asks: &mpsc::Sender<Ask>) -> Option<Answering> {
    let request = Request::Sync(PathOnly { path: "/" });
    let mut body = BytesMut::new();
    request.encode(&mut body);
    let (reply, answer) = oneshot::channel();
    let ask =
        Ask { op: request.op(), body: body.freeze(), registration: None, identity: None, reply, sent: 0 };
    asks.try_send(ask).is_ok().then_some(answer)
}

/// Whether an answer to this comes by way of the leader, when it is a success.
pub(crate) fn proves_life(op: OpCode) -> bool {
    use OpCode::{Create, Create2, CreateContainer, CreateTtl, Delete, Multi, SetAcl, SetData, Sync};
    matches!(op, Create | Create2 | CreateContainer | CreateTtl | Delete | Multi | SetAcl | SetData | Sync)
}
