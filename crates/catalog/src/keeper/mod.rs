//! Keeps this node's picture of the catalog, and its session.
//!
//! One connection of the control plane does both: it has the session, a watch of everything below `/quorate`, and proposes every change.
//! As events come before the answer of what caused them, a change is in the picture before its caller hears of it.

mod found;
mod load;
mod register;
mod session;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use control::{CloseReason, Connection, Delivery, Turn};
use runtime::{BoxFuture, Entropy};
use tokio::sync::{mpsc, oneshot};
use tree::{Command, ErrorCode, Identity, Operation, Password, Reply, SessionId, SubOperation, Tree};

use crate::catalog::Catalog;
use crate::place::{Place, ROOT};
use crate::topology::{Topology, Znode};

/// So many requests are proposed in one turn.
const REQUESTS_AT_ONCE: usize = 64;
/// After a connection that ended, before the next.
const PAUSE: Duration = Duration::from_millis(50);

/// A transaction that somebody wants. Without operations: only a look at everything up to now.
pub(crate) struct Request {
    pub(crate) operations: Vec<SubOperation>,
    /// The session that it relies on.
    pub(crate) session: Option<i64>,
    pub(crate) answer: oneshot::Sender<Result<(), Refusal>>,
}

/// Why a transaction was not made, or may not have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Something is no longer as it was when it was planned.
    Conflict,
    /// There is no session, or another one.
    NoSession,
    /// The tree takes nothing more.
    Full,
    /// Nobody knows what became of it.
    Lost,
    /// Nothing that planning anew would help.
    Tree(ErrorCode),
}

/// Who waits for a command.
enum Waiting {
    Somebody(oneshot::Sender<Result<(), Refusal>>),
    /// The keeper's own: what it was for is found out from the picture.
    Own,
}

/// A znode that has changed, as it is now.
type Change = (String, Option<Znode>);

pub(crate) struct Keeper {
    catalog: Arc<Catalog>,
    requests: mpsc::Receiver<Request>,
    /// The picture that is being worked on.
    topology: Topology,
    identities: Arc<[Identity]>,
    /// With what the session is taken up again after its connection has ended.
    password: Password,
    session: Option<SessionId>,
    incarnation: u64,
    /// Taken from the queue and not proposed yet.
    incoming: Vec<Request>,
    waiting: VecDeque<(u64, Waiting)>,
    /// A command of the keeper's own that is to be proposed.
    own: Option<Operation>,
    /// One is under way.
    is_busy: bool,
    /// The last one failed: not before the next heartbeat.
    rests: bool,
}

/// What a turn brought.
#[derive(Default)]
struct Heard {
    changes: Vec<Change>,
    done: Vec<(Waiting, Result<(), Refusal>)>,
    closed: Option<CloseReason>,
}

impl Keeper {
    pub(crate) fn new(catalog: Arc<Catalog>, requests: mpsc::Receiver<Request>) -> Self {
        let incarnation = catalog.runtime.entropy.next_u64();
        Self {
            requests,
            topology: Topology::default(),
            identities: Arc::new([Identity::super_user()]),
            password: new_password(&*catalog.runtime.entropy),
            session: None,
            incarnation,
            incoming: Vec::new(),
            waiting: VecDeque::new(),
            own: None,
            is_busy: false,
            rests: false,
            catalog,
        }
    }

    /// Goes on for ever, with one connection after the other.
    pub(crate) async fn run(mut self) {
        loop {
            let reason = self.live().await;
            (self.own, self.is_busy) = (None, false);
            for (_, waiting) in self.waiting.drain(..) {
                waiting.tell(Err(Refusal::Lost));
            }
            if reason == CloseReason::SessionEnded {
                self.lose_session();
            }
            tracing::info!(reason = reason.phrase(), "the catalog's connection ended; it is made anew");
            self.catalog.runtime.clock.sleep(PAUSE).await;
        }
    }

    /// One connection, from its first command to its end.
    async fn live(&mut self) -> CloseReason {
        let control = Arc::clone(&self.catalog.control);
        control.room().await;
        let mut link = control.connect(Arc::clone(&self.identities));
        if let Err(reason) = self.take_session(&mut link).await {
            return reason;
        }
        if let Err(reason) = self.load(&mut link).await {
            return reason;
        }
        let mut heartbeat = self.next_heartbeat();
        loop {
            if let Err(reason) = self.turn(&mut link) {
                return reason;
            }
            self.keep_in_order();
            if self.own.is_some() {
                continue;
            }
            // First what must not wait because there is always something else.
            tokio::select! {
                biased;
                () = &mut heartbeat => {
                    link.mark_active();
                    self.rests = false;
                    heartbeat = self.next_heartbeat();
                }
                () = link.notified() => self.take_requests(),
                () = next_requests(&mut self.requests, &mut self.incoming, &control) => {}
            }
        }
    }

    fn next_heartbeat(&self) -> BoxFuture<'static, ()> {
        self.catalog.runtime.clock.sleep(self.catalog.config.session_timeout / 4)
    }

    /// Those that wait, also when there is always something to hear.
    fn take_requests(&mut self) {
        while self.incoming.len() < REQUESTS_AT_ONCE && self.catalog.control.has_room() {
            let Ok(request) = self.requests.try_recv() else { return };
            self.incoming.push(request);
        }
    }

    /// Hears what happened, takes it into the picture, proposes what is wanted, and answers.
    fn turn(&mut self, link: &mut Connection) -> Result<(), CloseReason> {
        let mut incoming = std::mem::take(&mut self.incoming);
        let looks = incoming.extract_if(.., |request| request.operations.is_empty()).collect::<Vec<_>>();
        let own = self.own.take().map(|operation| self.command(link, operation));
        let (waiting, session) = (&mut self.waiting, self.session);
        let heard = link.turn(|turn| {
            let mut heard = hear(turn, waiting);
            if heard.closed.is_none() {
                if let Some(own) = &own {
                    match turn.propose(own) {
                        Ok(ticket) => waiting.push_back((ticket, Waiting::Own)),
                        Err(_full) => heard.done.push((Waiting::Own, Err(Refusal::Full))),
                    }
                }
                for request in incoming.drain(..) {
                    propose(turn, waiting, session, request);
                }
            }
            heard
        });
        let Heard { changes, done, closed } = heard;
        self.take_over(changes);
        for (waiting, result) in done {
            if let Waiting::Own = waiting {
                self.on_own_done(result);
            }
            waiting.tell(result);
        }
        for request in incoming {
            request.tell(Err(Refusal::Lost));
        }
        for look in looks {
            look.tell(if closed.is_some() { Err(Refusal::Lost) } else { Ok(()) });
        }
        closed.map_or(Ok(()), Err)
    }

    /// Makes the next picture.
    fn take_over(&mut self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        for (path, znode) in &changes {
            set(&mut self.topology, path, znode.as_ref());
        }
        self.publish();
    }

    fn publish(&mut self) {
        let sessions: BTreeMap<i64, u64> =
            self.topology.nodes.iter().map(|(node, record)| (record.session, *node)).collect();
        self.catalog.topology.send_replace(Arc::new(self.topology.clone()));
        self.catalog.sessions.send_if_modified(|known| {
            let is_new = **known != sessions;
            if is_new {
                *known = Arc::new(sessions);
            }
            is_new
        });
    }

    fn on_own_done(&mut self, result: Result<(), Refusal>) {
        self.is_busy = false;
        match result {
            Ok(()) => {}
            Err(Refusal::Conflict) if self.topology.shards() > 0 => {}
            Err(Refusal::Conflict) => {
                self.rests = true;
                tracing::error!(
                    "{ROOT} is there and is not the catalog; move it away with the super user's rights"
                );
            }
            Err(refusal) => {
                self.rests = true;
                tracing::warn!(?refusal, "the catalog could not be kept in order; it is tried again");
            }
        }
    }
}

/// Reads one znode for the picture.
fn set(topology: &mut Topology, path: &str, znode: Option<&Znode>) {
    let Some(place) = Place::of(path) else {
        tracing::warn!(path, "this is nothing of the catalog's and is ignored; delete it");
        return;
    };
    if let Err(error) = topology.set(&place, znode) {
        tracing::error!(path, %error, "a record of the catalog can not be read and counts as absent");
    }
}

/// A znode as it is in the tree.
fn look_up(tree: &Tree, path: &str, identities: &[Identity]) -> Option<Znode> {
    let found = tree.data(path, identities).ok()?;
    Some(Znode { data: found.data.cloned(), version: found.stat.version })
}

/// What happened up to now. Of what changed, only how it is now matters; what is above comes before what is below.
fn hear(turn: &mut Turn<'_>, waiting: &mut VecDeque<(u64, Waiting)>) -> Heard {
    let mut heard = Heard::default();
    let mut paths = BTreeSet::new();
    while let Some(delivery) = turn.next_delivery() {
        match delivery {
            Delivery::Event { path, .. } => {
                paths.insert(path);
            }
            Delivery::Done { ticket, result, .. } => {
                if let Some((_, waiting)) = waiting.pop_front_if(|(expected, _)| *expected == ticket) {
                    heard.done.push((waiting, result_of(result)));
                }
            }
            Delivery::Deferred(_) => {}
            Delivery::Closed(reason) => heard.closed = Some(reason),
        }
    }
    if heard.closed.is_none() {
        let tree = turn.view().tree();
        let super_user = [Identity::super_user()];
        heard.changes =
            paths.iter().map(|path| (path.to_string(), look_up(tree, path, &super_user))).collect();
    }
    heard
}

fn propose(
    turn: &mut Turn<'_>,
    waiting: &mut VecDeque<(u64, Waiting)>,
    session: Option<SessionId>,
    request: Request,
) {
    let Request { operations, session: relied_on, answer } = request;
    let Some(session) = session.filter(|session| relied_on.is_none_or(|relied_on| relied_on == session.0))
    else {
        Waiting::Somebody(answer).tell(Err(Refusal::NoSession));
        return;
    };
    let command = Command {
        session,
        origin: turn.owner(),
        identities: vec![Identity::super_user()],
        enforce_quotas: false,
        operation: Operation::Multi(operations),
    };
    match turn.propose(&command) {
        Ok(ticket) => waiting.push_back((ticket, Waiting::Somebody(answer))),
        Err(_full) => Waiting::Somebody(answer).tell(Err(Refusal::Full)),
    }
}

/// What an answer means to whoever planned the command.
fn result_of(result: Result<Reply, ErrorCode>) -> Result<(), Refusal> {
    let error = match result {
        Ok(Reply::Multi(Err(failure))) => failure.error,
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    Err(match error {
        ErrorCode::NodeExists | ErrorCode::NoNode | ErrorCode::BadVersion | ErrorCode::NotEmpty => {
            Refusal::Conflict
        }
        ErrorCode::SessionExpired | ErrorCode::SessionMoved => Refusal::Lost,
        other => Refusal::Tree(other),
    })
}

/// Completes when there are requests, or a place for one.
async fn next_requests(
    requests: &mut mpsc::Receiver<Request>,
    incoming: &mut Vec<Request>,
    control: &control::Control,
) {
    control.room().await;
    if requests.recv_many(incoming, REQUESTS_AT_ONCE).await == 0 {
        // Nobody can ask any more, and yet the picture is kept.
        std::future::pending::<()>().await;
    }
}

fn new_password(entropy: &dyn Entropy) -> Password {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    Password(bytes)
}

impl Request {
    fn tell(self, result: Result<(), Refusal>) {
        Waiting::Somebody(self.answer).tell(result);
    }
}

impl Waiting {
    fn tell(self, result: Result<(), Refusal>) {
        if let Waiting::Somebody(answer) = self {
            // Whoever asked may have given up.
            let _nobody_waits = answer.send(result);
        }
    }
}
