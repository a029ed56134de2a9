//! A log in memory that the replicas of one shard share: real order, no network, nothing durable. For tests and examples.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use runtime::{BoxFuture, Pool, Runtime, Task};
use tokio::sync::watch;

use crate::log::{AppliedCommand, AppliedEntry, ReplicatedLog};
use crate::replica::Replica;

/// The log that the members share. Each applies on a task of its own.
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
    time_ms: i64,
    level: u32,
}

#[derive(Clone)]
struct Proposed {
    node: u64,
    sequence: u64,
    time_ms: i64,
    level: u32,
    bytes: Bytes,
}

struct Member {
    proposed: u64,
    /// It applies no further than this.
    limit: watch::Sender<usize>,
    leads: watch::Sender<bool>,
}

impl Loopback {
    /// An empty log.
    pub fn new(runtime: Runtime) -> Arc<Self> {
        let state = Mutex::new(State { level: streams::LEVEL_MAX, ..State::default() });
        Arc::new(Self { runtime, state, length: watch::Sender::new(0) })
    }

    /// Of this level are entries from now on.
    pub fn set_level(&self, level: u32) {
        self.state.lock().level = level;
    }

    /// Adds a node's replica, from the log's beginning on, and starts it. The first one leads. It ends with the returned task.
    pub fn join(self: &Arc<Self>, node: u64, replica: &Arc<Replica>) -> Task {
        let limit = watch::Sender::new(usize::MAX);
        let applying = Arc::clone(self).apply(node, Arc::clone(replica), limit.subscribe());
        let mut state = self.state.lock();
        let leads = watch::Sender::new(state.members.is_empty());
        state.members.insert(node, Member { proposed: 0, limit, leads });
        drop(state);
        replica.start(Arc::new(Handle { log: Arc::clone(self), node }));
        self.runtime.spawn(Pool::Consensus, applying)
    }

    /// Makes a node lead, and nobody else.
    pub fn elect(&self, leader: u64) {
        for (node, member) in &self.state.lock().members {
            member.leads.send_replace(*node == leader);
        }
    }

    /// Lets a node apply nothing more.
    pub fn hold(&self, node: u64) {
        let length = *self.length.borrow();
        self.with(node, |member| member.limit.send_replace(length));
    }

    /// Lets a held node go on.
    pub fn release(&self, node: u64) {
        self.with(node, |member| member.limit.send_replace(usize::MAX));
    }

    fn with<R>(&self, node: u64, act: impl FnOnce(&mut Member) -> R) -> R {
        act(self.state.lock().members.get_mut(&node).expect("the node has joined"))
    }

    async fn apply(self: Arc<Self>, node: u64, replica: Arc<Replica>, mut limit: watch::Receiver<usize>) {
        let mut length = self.length.subscribe();
        let mut applied = 0;
        loop {
            let end = (*length.borrow_and_update()).min(*limit.borrow_and_update());
            let entries: Vec<Proposed> = self.state.lock().commands[applied..end.max(applied)].to_vec();
            applied += entries.len();
            for entry in entries {
                let own = (entry.node == node).then_some(entry.sequence);
                let commands = std::iter::once(AppliedCommand { own, bytes: entry.bytes });
                let entry = AppliedEntry { time_ms: entry.time_ms, level: entry.level, commands };
                replica.apply(entry).expect("what was proposed here can be read");
            }
            tokio::select! {
                biased;
                changed = length.changed() => if changed.is_err() { return },
                changed = limit.changed() => if changed.is_err() { return },
            }
        }
    }
}

struct Handle {
    log: Arc<Loopback>,
    node: u64,
}

impl ReplicatedLog for Handle {
    fn propose(&self, command: Bytes) -> u64 {
        let mut state = self.log.state.lock();
        let time_ms = state.time_ms.max(self.log.runtime.clock.wall_ms());
        state.time_ms = time_ms;
        let member = state.members.get_mut(&self.node).expect("who proposes has joined");
        member.proposed += 1;
        let (sequence, level) = (member.proposed, state.level);
        state.commands.push(Proposed { node: self.node, sequence, time_ms, level, bytes: command });
        self.log.length.send_replace(state.commands.len());
        sequence
    }

    fn level(&self) -> u32 {
        self.log.state.lock().level
    }

    fn is_full(&self) -> bool {
        false
    }

    fn room(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn leads(&self) -> watch::Receiver<bool> {
        self.log.with(self.node, |member| member.leads.subscribe())
    }
}
