//! From committed entries to the replica, the watchers and those who wait for an answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use measure::Seen;
use thiserror::Error;
use tree::{
    Command, EnsembleMember, Operation, Outcome, Permissions, Reply, SessionId, Text, Tree, Trigger,
    WatcherId,
};

use crate::control::Control;
use crate::delivery::{CloseReason, Delivery};
use crate::entry::{AppliedCommand, AppliedEntry};
use crate::outbox::{Binding, Outbox};
use crate::pending::Waiting;
use crate::replica::Replica;
use crate::turn::{Deferred, View};

/// So many commands are applied under one hold of the replica's lock; readers get in between.
const COMMANDS_PER_LOCK: usize = 256;

/// An entry can not be applied. The replica is as it was before the command; the node must stop, because to go on without
/// the command would fork the replica.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// The command's bytes make no sense to this version.
    #[error(
        "command {position} of a committed entry can not be decoded; upgrade this node or restore its data"
    )]
    Decode {
        /// Its place in the entry, from 0.
        position: usize,
        /// What is wrong with it.
        #[source]
        source: tree::DecodeError,
    },
}

/// A command on its way through the replica.
struct Decoded {
    own: Option<u64>,
    /// `None`: it needs a higher level than the cluster has, and is refused unread.
    command: Option<Command>,
}

impl Control {
    /// Applies a committed entry. To be called in the order of the log, from one thread at a time.
    ///
    /// # Errors
    /// When a command can not be decoded; nothing must be applied after that.
    pub fn apply<C>(&self, entry: AppliedEntry<C>) -> Result<(), ApplyError>
    where
        C: IntoIterator<Item = AppliedCommand>,
    {
        if entry.new_epoch {
            let mut replica = self.replica.write();
            replica.tree.begin_epoch();
            self.set_applied(replica.tree.zxid());
        }
        if let Some(members) = entry.members {
            self.set_members(&members);
        }
        let mut commands = entry.commands.into_iter().enumerate();
        let mut batch = Vec::new();
        let mut wake = Vec::new();
        let mut sizes = Seen::default();
        loop {
            for (position, AppliedCommand { own, bytes }) in commands.by_ref().take(COMMANDS_PER_LOCK) {
                sizes.see(bytes.len());
                let command =
                    decode(bytes, entry.level).map_err(|source| ApplyError::Decode { position, source })?;
                batch.push(Decoded { own, command });
            }
            if batch.is_empty() {
                self.note_entry(entry.time_ms, sizes);
                return Ok(());
            }
            self.apply_batch(&mut batch, entry.time_ms, &mut wake);
            for outbox in wake.drain(..) {
                Outbox::wake(&outbox);
            }
        }
    }

    /// Notes an entry whose commands, of these sizes, are applied.
    fn note_entry(&self, time_ms: i64, sizes: Seen) {
        if sizes == Seen::default() {
            return;
        }
        self.metrics.command_sizes.add(sizes);
        if time_ms >= self.started_ms {
            let took_ms = self.runtime.clock.wall_ms().saturating_sub(time_ms);
            self.metrics.propagation_ms.record(u64::try_from(took_ms).unwrap_or(0));
        }
    }

    fn set_members(&self, members: &[EnsembleMember]) {
        let mut wake = Vec::new();
        {
            let mut replica = self.replica.write();
            let outcome = replica.tree.set_members(members);
            self.fire(&mut replica, &outcome, &mut wake);
            self.set_applied(outcome.zxid);
        }
        wake.iter().for_each(|outbox| outbox.wake());
    }

    /// The log will not bring this node's commands up to `sequence` any more, and nobody knows whether they took effect:
    /// ends the connections that wait for them.
    pub fn lost_through(&self, sequence: u64) {
        let lost = self.pending.lock().take_through(sequence);
        let mut wake = Vec::new();
        self.give_up(lost, &mut wake);
        for outbox in wake {
            outbox.wake();
        }
    }

    fn apply_batch(&self, batch: &mut Vec<Decoded>, time_ms: i64, wake: &mut Vec<Arc<Outbox>>) {
        let mut replica = self.replica.write();
        self.metrics.commits.fetch_add(batch.len() as u64, Ordering::Relaxed);
        if self.metrics.elections.leads() {
            self.metrics.commits_leading.fetch_add(batch.len() as u64, Ordering::Relaxed);
        }
        for Decoded { own, command } in batch.drain(..) {
            let outcome = match &command {
                Some(command) => replica.tree.apply(command, time_ms),
                None => replica.tree.refuse(time_ms),
            };
            let waiting = own.and_then(|sequence| self.take_waiting(sequence, wake));
            self.tell(&mut replica, command.as_ref(), outcome, waiting, wake);
        }
        self.set_applied(replica.tree.zxid());
    }

    fn take_waiting(&self, sequence: u64, wake: &mut Vec<Arc<Outbox>>) -> Option<Waiting> {
        let mut lost = Vec::new();
        let waiting = self.pending.lock().take(sequence, &mut lost);
        if !lost.is_empty() {
            self.give_up(lost, wake);
        }
        waiting
    }

    fn give_up(&self, lost: Vec<Waiting>, wake: &mut Vec<Arc<Outbox>>) {
        for waiting in lost {
            self.budget.give_back(waiting.bytes);
            self.room.settle(waiting.reserved);
            if let Some(outbox) = waiting.outbox
                && outbox.close(CloseReason::Unknown)
            {
                wake.push(outbox);
            }
        }
    }

    /// Tells everybody on this node what a command did: first the watchers, then the one who asked, then those whose
    /// session it took away.
    fn tell(
        &self,
        replica: &mut Replica,
        command: Option<&Command>,
        outcome: Outcome,
        waiting: Option<Waiting>,
        wake: &mut Vec<Arc<Outbox>>,
    ) {
        self.fire(replica, &outcome, wake);
        if let Some(command) = command
            && outcome.is_over_quota
            && waiting.is_some()
        {
            self.note_quota(&command.operation);
        }
        self.follow_session(&outcome, waiting.as_ref().and_then(|waiting| waiting.outbox.as_ref()));
        let taken_from = command.and_then(|command| self.previous_connection(command, &outcome));
        let ended = outcome.ended_session;
        if let Some(Waiting { sequence, bytes, reserved, outbox }) = waiting {
            self.budget.give_back(bytes);
            self.room.settle(reserved);
            if let Some(outbox) = outbox {
                self.answer(replica, &outbox, sequence, outcome, wake);
            }
        }
        if let Some(outbox) = taken_from
            && outbox.close(CloseReason::SessionMoved)
        {
            wake.push(outbox);
        }
        if let Some(session) = ended {
            self.end_session(session, wake);
        }
    }

    fn fire(&self, replica: &mut Replica, outcome: &Outcome, wake: &mut Vec<Arc<Outbox>>) {
        let watches = replica.watches.get_mut();
        if outcome.triggers.is_empty() || watches.counts().watches == 0 {
            return;
        }
        let connections = self.connections.lock();
        for trigger in &outcome.triggers {
            let mut fired = 0;
            // The trigger's path is a slice of the log entry; a copy does not keep all of that alive for a slow client.
            let mut path = None;
            watches.fire(trigger, |WatcherId(id), trigger| {
                let Some(outbox) = connections.get(id).filter(|outbox| may_know(outbox, trigger)) else {
                    return;
                };
                fired += 1;
                let path = path.get_or_insert_with(|| Text::from(trigger.path.as_str())).clone();
                if outbox.push(Delivery::Event { zxid: outcome.zxid, kind: trigger.kind, path }) {
                    wake.push(Arc::clone(outbox));
                }
            });
            if fired > 0 {
                self.metrics.fired.of(trigger.kind).record(fired);
            }
        }
    }

    /// Keeps the leader's clocks and this node's table of sessions in step with a change to a session.
    fn follow_session(&self, outcome: &Outcome, asker: Option<&Arc<Outbox>>) {
        let (session, generation, timeout_ms) = match outcome.result {
            Ok(Reply::SessionCreated { session, timeout_ms }) => (session, 0, timeout_ms),
            Ok(Reply::SessionAttached { session, generation, timeout_ms, .. }) => {
                (session, generation, timeout_ms)
            }
            _ => return,
        };
        let now = self.runtime.clock.now();
        if let Some(leading) = self.leading.lock().as_mut() {
            leading.tracker.track(session, generation, timeout_ms, now);
        }
        if let Some(outbox) = asker {
            outbox.bind(session, Binding { since: now, timeout_ms });
            self.connections.lock().bind(session, outbox);
        }
    }

    /// The connection on this node that a session was taken from.
    fn previous_connection(&self, command: &Command, outcome: &Outcome) -> Option<Arc<Outbox>> {
        let Ok(Reply::SessionAttached { previous, .. }) = outcome.result else {
            return None;
        };
        let here = previous.node == self.config.node && previous != command.origin;
        if here { self.connections.lock().get(previous.connection).cloned() } else { None }
    }

    /// Gives the answer, then does the reads that were waiting for it.
    fn answer(
        &self,
        replica: &Replica,
        outbox: &Arc<Outbox>,
        ticket: u64,
        outcome: Outcome,
        wake: &mut Vec<Arc<Outbox>>,
    ) {
        let mut ready: Vec<Deferred> = Vec::new();
        let done = Delivery::Done { ticket, zxid: outcome.zxid, result: outcome.result };
        if outbox.push_done(done, ticket, &mut ready) {
            wake.push(Arc::clone(outbox));
        }
        let view = View { tree: &replica.tree, watches: &replica.watches, room: &self.room, outbox };
        for read in ready {
            if outbox.push(Delivery::Deferred(read(&view))) {
                wake.push(Arc::clone(outbox));
            }
        }
    }

    /// Said for the 1st, 2nd, 4th, 8th ... time, so that a client that does not give up can not fill the log.
    fn note_quota(&self, operation: &Operation) {
        let count = self.metrics.quota_exceeded.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_power_of_two() {
            let path = match operation {
                Operation::Create(create) => create.path.as_str(),
                Operation::SetData(set) => set.path.as_str(),
                Operation::Ensure(ensure) => ensure.path.as_str(),
                _ => "a multi",
            };
            tracing::warn!(
                path,
                count,
                "a write goes beyond its quota; see zookeeper_limits below /zookeeper/quota"
            );
        }
    }

    fn end_session(&self, session: SessionId, wake: &mut Vec<Arc<Outbox>>) {
        if let Some(leading) = self.leading.lock().as_mut() {
            leading.tracker.forget(session);
        }
        let outbox = self.connections.lock().of_session(session).cloned();
        if let Some(outbox) = outbox
            && outbox.close(CloseReason::SessionEnded)
        {
            wake.push(outbox);
        }
    }

    /// Looks at the replica's tree. Nothing is applied meanwhile.
    pub fn read<R>(&self, look: impl FnOnce(&Tree) -> R) -> R {
        look(&self.replica.read().tree)
    }
}

/// A command, if the cluster is at its level: whether it is refused must not depend on what a version can read.
fn decode(bytes: Bytes, level: u32) -> Result<Option<Command>, tree::DecodeError> {
    let needed = Command::level_of(&bytes)?;
    if needed > level { Ok(None) } else { Command::decode(bytes).map(Some) }
}

/// An event is withheld from those who might not have read the node at that moment.
fn may_know(outbox: &Outbox, trigger: &Trigger) -> bool {
    trigger.acl.permits(Permissions::READ, &outbox.identities())
}
