//! This node's replica of one shard.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use bytes::BytesMut;
use parking_lot::Mutex;
use segments::Frames;
use streams::{Command, ConsumerId, Op, Outcome, Owner, PartitionId, Shard, Stats};
use tokio::sync::watch;

use crate::applying::Applying;
use crate::crowd::Crowd;
use crate::event::{Event, Waiting};
use crate::log::{AppliedCommand, AppliedEntry, CannotApply, ReplicatedLog};
use crate::mailbox::Mailbox;
use crate::pending::{Pending, Waiter};
use crate::plane::Locals;
use crate::store::FrameStore;

/// The replicated state of one shard on this node, with the frames it refers to.
pub struct Replica {
    shard: u32,
    pub(crate) store: FrameStore,
    /// Held by whoever makes or opens files in the folder of the frames.
    pub(crate) writing: tokio::sync::Mutex<()>,
    /// Locked before `pending`.
    pub(crate) state: Mutex<State>,
    pending: Mutex<Pending>,
    /// Set where frames come and go.
    crowd: Crowd,
    log: OnceLock<Arc<dyn ReplicatedLog>>,
    locals: OnceLock<Arc<Locals>>,
    /// Counts entries that were applied.
    applied: watch::Sender<u64>,
    /// Counts entries after which partitions have to be looked after.
    care: watch::Sender<u64>,
    /// Counts entries with which partitions were made.
    made: watch::Sender<u64>,
}

pub(crate) struct State {
    pub(crate) machine: Shard,
    /// There from the beginning on: nothing is applied before that.
    pub(crate) frames: Option<Frames>,
    /// How often the state was replaced.
    pub(crate) generation: u64,
    /// Scratch space, empty between entries.
    told: Vec<(ConsumerId, Waiting)>,
    woken: Vec<Arc<Mailbox>>,
}

pub(crate) const BEGUN: &str = "a replica has begun before anything is applied to it or asked of it";

impl Replica {
    /// A replica that keeps its frames in `store`. It begins with [`Replica::begin_empty`] or with a snapshot, and may propose
    /// once it is started.
    pub fn new(shard: u32, store: FrameStore) -> Arc<Self> {
        let state =
            State { machine: Shard::new(), frames: None, generation: 0, told: Vec::new(), woken: Vec::new() };
        Arc::new(Self {
            shard,
            store,
            writing: tokio::sync::Mutex::default(),
            state: Mutex::new(state),
            pending: Mutex::default(),
            crowd: Crowd::new(),
            log: OnceLock::new(),
            locals: OnceLock::new(),
            applied: watch::Sender::new(0),
            care: watch::Sender::new(0),
            made: watch::Sender::new(0),
        })
    }

    /// Begins without a snapshot: frames that lie in the store are nobody's, and go.
    ///
    /// # Errors
    /// When the folder can't be used.
    pub async fn begin_empty(&self) -> Result<(), segments::OpenError> {
        let _only = self.writing.lock().await;
        let frames = self.store.open(None).await?;
        self.state.lock().frames = Some(frames);
        Ok(())
    }

    /// Gives it the log to propose to.
    ///
    /// # Panics
    /// When called twice: there is one log.
    pub fn start(&self, log: Arc<dyn ReplicatedLog>) {
        assert!(self.log.set(log).is_ok(), "a replica is started once");
    }

    pub(crate) fn serve(&self, locals: Arc<Locals>) {
        assert!(self.locals.set(locals).is_ok(), "a replica serves one data plane");
    }

    /// The shard's number, from 1.
    pub fn shard(&self) -> u32 {
        self.shard
    }

    /// Applies the next committed entry, and tells those who are connected here what came of it.
    ///
    /// # Errors
    /// When a command can't be read: the node must stop.
    pub fn apply(
        &self,
        entry: AppliedEntry<impl Iterator<Item = AppliedCommand>>,
    ) -> Result<(), CannotApply> {
        let mut caused = Caused::default();
        let mut state = self.state.lock();
        for command in entry.commands {
            self.apply_command(&mut state, entry.time_ms, command, &mut caused)?;
        }
        let woken = std::mem::take(&mut state.woken);
        let behind = state.frames.as_ref().expect(BEGUN).behind_bytes();
        drop(state);
        self.crowd.set(behind);
        woken.iter().for_each(|mailbox| mailbox.wake());
        self.applied.send_modify(|count| *count += 1);
        if caused.needs_care {
            self.care.send_modify(|count| *count += 1);
        }
        if caused.made {
            self.made.send_modify(|count| *count += 1);
        }
        Ok(())
    }

    fn apply_command(
        &self,
        state: &mut State,
        time_ms: i64,
        command: AppliedCommand,
        caused: &mut Caused,
    ) -> Result<(), CannotApply> {
        let decoded = Command::decode(command.bytes);
        let ops = decoded.map_err(|why| CannotApply { shard: self.shard, why })?.ops;
        let State { machine, frames, told, woken, .. } = state;
        let frames = frames.as_ref().expect(BEGUN);
        let here = self.locals.get().and_then(|locals| locals.owner());
        let mut effects =
            Applying { shard: self.shard, frames, here, told, needs_care: &mut caused.needs_care };
        let mut outcomes = Vec::with_capacity(if command.own.is_some() { ops.len() } else { 0 });
        for op in ops {
            let outcome = machine.apply(time_ms, op, &mut effects);
            caused.made |= outcome == Outcome::Created;
            if command.own.is_some() {
                outcomes.push(outcome);
            }
        }
        if let Some(sequence) = command.own {
            self.answer(sequence, outcomes, woken);
        }
        if let Some(locals) = self.locals.get() {
            locals.tell(told, woken);
        }
        Ok(())
    }

    /// Tells whoever waits for a command of this node what came of it: before what it caused.
    fn answer(&self, sequence: u64, outcomes: Vec<Outcome>, woken: &mut Vec<Arc<Mailbox>>) {
        let mut lost = Vec::new();
        let waiter = self.pending.lock().take(sequence, &mut lost);
        tell_lost(lost);
        if let Some(Waiter { to: Some((mailbox, ticket)), .. }) = waiter
            && mailbox.push([Waiting::Ready(Event::Outcomes { ticket, outcomes })])
        {
            woken.push(mailbox);
        }
    }

    /// Nobody knows what came of this node's own commands up to this number that were not applied here; and what happened to
    /// the consumers of this node meanwhile was not seen.
    pub fn lost_through(&self, sequence: u64) {
        tell_lost(self.pending.lock().take_through(sequence));
        if let Some(locals) = self.locals.get() {
            locals.end(|_, shard| shard == self.shard);
        }
    }

    /// Proposes a command whose outcomes go to `to`, under its number there.
    pub(crate) fn propose(&self, command: &Command, to: Option<(Arc<Mailbox>, u64)>) {
        let mut bytes = BytesMut::with_capacity(command.ops.iter().map(encoded_bytes).sum());
        command.encode(&mut bytes);
        let command = bytes.freeze();
        // The lock makes numbering and queueing one step, so that the outcome finds who waits for it.
        let mut pending = self.pending.lock();
        let sequence = self.log().propose(command);
        pending.push(Waiter { sequence, to });
    }

    pub(crate) fn is_full(&self) -> bool {
        self.log().is_full()
    }

    /// Whether those who publish should wait until the disk has caught up.
    pub(crate) fn is_crowded(&self) -> bool {
        self.crowd.is_there()
    }

    pub(crate) async fn room(&self) {
        self.crowd.gone().await;
        self.log().room().await;
    }

    /// A checkpoint has been written, or given up.
    pub(crate) fn look_at_crowd(&self) {
        self.crowd.set(self.frames().behind_bytes());
    }

    pub(crate) fn log(&self) -> &dyn ReplicatedLog {
        self.log.get().expect("a replica is started before it serves").as_ref()
    }

    /// Whether this node leads the shard and a quorum agrees.
    pub fn leads(&self) -> watch::Receiver<bool> {
        self.log().leads()
    }

    /// The store of its frames.
    pub fn frames(&self) -> Frames {
        self.state.lock().frames.clone().expect(BEGUN)
    }

    /// What a partition holds.
    pub fn stats(&self, partition: PartitionId) -> Option<Stats> {
        self.state.lock().machine.stats(partition)
    }

    /// Looks at the state. Holds up applying meanwhile.
    pub fn read<R>(&self, look: impl FnOnce(&Shard) -> R) -> R {
        look(&self.state.lock().machine)
    }

    /// To whom consumers or what they hold belong.
    pub(crate) fn owners(&self) -> Vec<Owner> {
        let owners: BTreeSet<Owner> = self.read(|shard| {
            let consumers = shard.partitions().flat_map(|partition| shard.consumers(partition));
            consumers.map(|consumer| consumer.id.owner).collect()
        });
        owners.into_iter().collect()
    }

    /// Counts entries that were applied.
    pub(crate) fn applied(&self) -> watch::Receiver<u64> {
        self.applied.subscribe()
    }

    /// Changes when frames have died or partitions have expired: whoever leads the shard has to look after them.
    pub fn care(&self) -> watch::Receiver<u64> {
        self.care.subscribe()
    }

    /// Changes when partitions were made: whoever leads the shard has to see whether they are wanted.
    pub fn made(&self) -> watch::Receiver<u64> {
        self.made.subscribe()
    }
}

/// What an entry caused that somebody has to look after.
#[derive(Default)]
struct Caused {
    /// Frames have died, or partitions have expired.
    needs_care: bool,
    /// Partitions were made.
    made: bool,
}

/// About how many bytes an operation takes: no buffer that a frame is put into has to grow.
fn encoded_bytes(op: &Op) -> usize {
    const AROUND: usize = 64;
    match op {
        Op::Append { frame, .. } => frame.len() + AROUND,
        _ => AROUND,
    }
}

fn tell_lost(lost: Vec<Waiter>) {
    for (mailbox, ticket) in lost.into_iter().filter_map(|waiter| waiter.to) {
        if mailbox.push([Waiting::Ready(Event::Lost { ticket })]) {
            mailbox.wake();
        }
    }
}
