//! A log in memory that one or several [`Control`]s share: real order, no network, nothing durable.
//!
//! For tests and examples. Each member applies on a task of its own and can be held back, so that a test decides what a
//! node has seen and when.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;
use runtime::{BoxFuture, Pool, Runtime};
use tokio::sync::watch;
use tree::{SessionId, Zxid};

use crate::control::Control;
use crate::entry::{AppliedCommand, AppliedEntry};
use crate::log::{LogStatus, ReplicatedLog, Role, Unavailable};

/// The log that the members share.
pub struct Loopback {
    runtime: Runtime,
    state: Mutex<State>,
    /// How many commands there are.
    length: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    commands: Vec<Proposed>,
    members: BTreeMap<u64, Member>,
    leader: Option<u64>,
    term: u64,
    /// Of the cluster, from here on.
    level: u32,
}

struct Proposed {
    node: u64,
    sequence: u64,
    time_ms: i64,
    /// Of the cluster, when it was proposed.
    level: u32,
    bytes: Bytes,
}

struct Member {
    control: Weak<Control>,
    proposed: u64,
    /// It applies no further than this.
    limit: watch::Sender<usize>,
    applied: watch::Sender<usize>,
    connected: bool,
    /// What it proposed while it was isolated; `None` while it is not.
    kept: Option<Vec<Proposed>>,
}

impl Loopback {
    /// An empty log.
    pub fn new(runtime: Runtime) -> Arc<Self> {
        let state = State { level: tree::LEVEL_MAX, ..State::default() };
        Arc::new(Self { runtime, state: Mutex::new(state), length: watch::Sender::new(0) })
    }

    /// Adds a node, from the log's beginning on, and starts it. The first one leads. It ends with the returned task.
    pub fn join(self: &Arc<Self>, control: &Arc<Control>) -> runtime::Task {
        let node = control.node();
        let member = Member {
            control: Arc::downgrade(control),
            proposed: 0,
            limit: watch::Sender::new(usize::MAX),
            applied: watch::Sender::new(0),
            connected: true,
            kept: None,
        };
        let applying = Arc::clone(self).apply(node, member.limit.subscribe(), member.applied.clone());
        let mut state = self.state.lock();
        state.leader.get_or_insert(node);
        state.members.insert(node, member);
        drop(state);
        let clock = control.start(Arc::new(Handle { log: Arc::clone(self), node }));
        self.runtime.spawn(Pool::Consensus, async move {
            applying.await;
            drop(clock);
        })
    }

    /// Lets `node` apply nothing more.
    pub fn hold(&self, node: u64) {
        self.with(node, |member| {
            let applied = *member.applied.borrow();
            member.limit.send_replace(applied);
        });
    }

    /// Lets a held node apply `count` more commands.
    pub fn step(&self, node: u64, count: usize) {
        self.with(node, |member| member.limit.send_modify(|limit| *limit = limit.saturating_add(count)));
    }

    /// Lets a held node go on.
    pub fn release(&self, node: u64) {
        self.with(node, |member| {
            member.limit.send_replace(usize::MAX);
        });
    }

    /// Makes `leader` lead a new term, or nobody.
    pub fn elect(&self, leader: Option<u64>) {
        let mut state = self.state.lock();
        state.leader = leader;
        state.term += 1;
    }

    /// Allows commands up to this level, instead of all that this version knows.
    pub fn set_level(&self, level: u32) {
        self.state.lock().level = level;
    }

    /// Ends a session as if its client had been silent for too long, and tells whether there was one.
    pub fn expire(&self, session: SessionId) -> bool {
        let state = self.state.lock();
        let leader = state.leader.and_then(|leader| state.members.get(&leader)?.control.upgrade());
        drop(state);
        leader.is_some_and(|leader| leader.expire(session))
    }

    /// Cuts `node` off from the leader, or lets it back. Its proposals still get through: only its reports do not.
    pub fn set_connected(&self, node: u64, connected: bool) {
        self.with(node, |member| member.connected = connected);
    }

    /// Cuts `node` off from all others: it applies nothing more, what it proposes waits, its reports do not arrive.
    pub fn isolate(&self, node: u64) {
        self.hold(node);
        self.set_connected(node, false);
        self.with(node, |member| {
            member.kept.get_or_insert_default();
        });
    }

    /// Ends [`Loopback::isolate`].
    pub fn rejoin(&self, node: u64) {
        let kept = self.with(node, |member| member.kept.take()).unwrap_or_default();
        let mut state = self.state.lock();
        // Its proposals happen now; entries do not go back in time.
        let time_ms = self.runtime.clock.wall_ms();
        state.commands.extend(kept.into_iter().map(|proposed| Proposed { time_ms, ..proposed }));
        let length = state.commands.len();
        drop(state);
        self.length.send_if_modified(|known| std::mem::replace(known, length.max(*known)) < length);
        self.set_connected(node, true);
        self.release(node);
    }

    /// How many commands were proposed by anyone.
    pub fn len(&self) -> usize {
        *self.length.borrow()
    }

    /// Whether nothing was proposed yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn with<R>(&self, node: u64, change: impl FnOnce(&mut Member) -> R) -> R {
        change(self.state.lock().members.get_mut(&node).expect("the node has joined"))
    }

    async fn apply(
        self: Arc<Self>,
        node: u64,
        mut limit: watch::Receiver<usize>,
        applied: watch::Sender<usize>,
    ) {
        let mut length = self.length.subscribe();
        let mut next = 0;
        loop {
            let end = (*length.borrow_and_update()).min(*limit.borrow_and_update());
            if end <= next {
                tokio::select! {
                    biased;
                    changed = length.changed() => if changed.is_err() { return },
                    changed = limit.changed() => if changed.is_err() { return },
                }
                continue;
            }
            let Some((control, at, commands)) = self.take(node, next, end) else { return };
            let count = commands.len();
            let Moment { time_ms, level } = at;
            let entry = AppliedEntry { time_ms, level, new_epoch: next == 0, members: None, commands };
            control.apply(entry).expect("what was encoded here can be decoded here");
            next += count;
            applied.send_replace(next);
        }
    }

    /// The next commands that were proposed at the same time: as an entry has one time, all nodes must cut alike.
    fn take(&self, node: u64, from: usize, to: usize) -> Option<(Arc<Control>, Moment, Vec<AppliedCommand>)> {
        let state = self.state.lock();
        let control = state.members.get(&node)?.control.upgrade()?;
        let at = state.commands.get(from)?.moment();
        let commands = state.commands[from..to].iter().take_while(|proposed| proposed.moment() == at);
        let own = |proposed: &Proposed| (proposed.node == node).then_some(proposed.sequence);
        let commands =
            commands.map(|proposed| AppliedCommand { own: own(proposed), bytes: proposed.bytes.clone() });
        Some((control, at, commands.collect()))
    }
}

/// What all commands of an entry have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Moment {
    time_ms: i64,
    level: u32,
}

impl Proposed {
    fn moment(&self) -> Moment {
        Moment { time_ms: self.time_ms, level: self.level }
    }
}

/// One node's access to the log.
struct Handle {
    log: Arc<Loopback>,
    node: u64,
}

impl ReplicatedLog for Handle {
    fn propose(&self, command: Bytes) -> u64 {
        let time_ms = self.log.runtime.clock.wall_ms();
        let mut state = self.log.state.lock();
        let member = state.members.get_mut(&self.node).expect("a node that proposes has joined");
        member.proposed += 1;
        let sequence = member.proposed;
        let level = state.level;
        let proposed = Proposed { node: self.node, sequence, time_ms, level, bytes: command };
        match state.members.get_mut(&self.node).and_then(|member| member.kept.as_mut()) {
            Some(kept) => kept.push(proposed),
            None => state.commands.push(proposed),
        }
        let length = state.commands.len();
        drop(state);
        self.log.length.send_if_modified(|known| std::mem::replace(known, length.max(*known)) < length);
        sequence
    }

    fn barrier(&self) -> BoxFuture<'static, Result<(), Unavailable>> {
        let target = self.log.state.lock().commands.len();
        let (connected, mut applied) =
            self.log.with(self.node, |member| (member.connected, member.applied.subscribe()));
        Box::pin(async move {
            if !connected {
                return Err(Unavailable);
            }
            let reached = applied.wait_for(|applied| *applied >= target).await;
            reached.map(|_| ()).map_err(|_| Unavailable)
        })
    }

    fn report_active(&self, sessions: Vec<SessionId>) -> BoxFuture<'static, Result<Zxid, Unavailable>> {
        let state = self.log.state.lock();
        let connected = state.members.get(&self.node).is_some_and(|member| member.connected);
        let leader = state.leader.and_then(|leader| state.members.get(&leader)?.control.upgrade());
        drop(state);
        Box::pin(async move {
            match leader {
                Some(leader) if connected => leader.on_report(&sessions),
                _ => Err(Unavailable),
            }
        })
    }

    fn level(&self) -> u32 {
        self.log.state.lock().level
    }

    fn status(&self) -> LogStatus {
        let state = self.log.state.lock();
        let followers = state.members.len() - 1;
        let role = match state.leader {
            Some(leader) if leader == self.node && followers == 0 => Role::Standalone,
            Some(leader) if leader == self.node => Role::Leader,
            Some(_) => Role::Follower,
            None => Role::Looking,
        };
        LogStatus {
            role,
            term: state.term,
            leader: state.leader,
            followers,
            synced_followers: followers,
            voters: state.members.len(),
            ..LogStatus::default()
        }
    }
}
