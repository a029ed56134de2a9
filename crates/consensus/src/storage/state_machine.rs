//! openraft's state machine: unpacks entries, skips what was applied before, drives the group's [`StateMachine`].

use std::io;
use std::sync::Arc;

use futures::{Stream, TryStreamExt};
use openraft::storage::EntryResponder;
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder};
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::watch;

use super::snapshot_file::SNAPSHOT_FORMAT;
use super::{AppliedCommands, Fate, SnapshotFile, SnapshotReader, SnapshotStore};
use crate::identity::Identity;
use crate::level::{Gate, Level};
use crate::proposer::{Outbox, Sequencer};
use crate::raft::{
    Entry, LogId, Snapshot, SnapshotMeta, StoredMembership, Types, log_id_to_wire, members_of,
    membership_to_wire, snapshot_meta_from_wire,
};
use crate::state_machine::{CommittedCommand, CommittedEntry, SnapshotSource, StateMachine};
use crate::wire;

/// How far a replica has applied its log, for those who wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// All entries below this index are applied.
    pub(crate) next_index: u64,
    /// Bytes of entries applied since the last snapshot began.
    pub(crate) bytes_since_snapshot: u64,
    /// The group's level.
    pub(crate) level: u32,
}

/// Whose replica it is, and of what.
pub(crate) struct Replica {
    pub(crate) group: u32,
    pub(crate) identity: Identity,
    pub(crate) gate: Arc<Gate>,
}

/// The replicated state of one group on this node.
pub(crate) struct StateMachineAdapter {
    group: u32,
    identity: Identity,
    gate: Arc<Gate>,
    machine: Arc<dyn StateMachine>,
    outbox: Arc<Outbox>,
    sequencer: Arc<Sequencer>,
    snapshots: SnapshotStore,
    progress: watch::Sender<Progress>,
    last: Option<LogId>,
    membership: StoredMembership,
    applied: AppliedCommands,
    level: Level,
}

impl StateMachineAdapter {
    /// Opens the state: that of the newest snapshot, or none.
    pub(crate) async fn open(
        Replica { group, identity, gate }: Replica,
        machine: Arc<dyn StateMachine>,
        outbox: Arc<Outbox>,
        sequencer: Arc<Sequencer>,
        snapshots: SnapshotStore,
        progress: watch::Sender<Progress>,
    ) -> io::Result<Self> {
        let mut adapter = Self {
            group,
            identity,
            gate,
            machine,
            outbox,
            sequencer,
            snapshots,
            progress,
            last: None,
            membership: StoredMembership::default(),
            applied: AppliedCommands::default(),
            level: Level::default(),
        };
        adapter.publish(0);
        match adapter.snapshots.read_newest().await? {
            Some(reader) => adapter.restore(reader).await?,
            None => adapter.machine.begin_empty().await.map_err(io::Error::other)?,
        }
        Ok(adapter)
    }

    /// Replaces the state by that of a finished snapshot.
    async fn restore(&mut self, mut reader: SnapshotReader) -> io::Result<()> {
        let meta = snapshot_meta_from_wire(reader.header()).map_err(io::Error::other)?;
        let applied = AppliedCommands::from_wire(&reader.header().applied);
        let level = Level::from_wire(reader.header().level.clone());
        self.gate.raise(&level).map_err(io::Error::other)?;
        let mut sink = self.machine.begin_restore();
        while let Some(chunk) = reader.next().await? {
            sink.push(chunk).map_err(io::Error::other)?;
            tokio::task::yield_now().await;
        }
        self.snapshots.set_current(reader.finish()?);
        sink.finish().await.map_err(io::Error::other)?;
        self.last = meta.last_log_id;
        self.membership = meta.last_membership;
        self.applied = applied;
        self.level = level;
        let own_through = self.applied.last_of(self.identity.node.0, self.identity.incarnation);
        self.machine.restored(own_through);
        self.outbox.applied_through(own_through);
        self.publish(0);
        Ok(())
    }

    fn publish(&self, bytes: u64) {
        let next_index = self.last.map_or(0, |id| id.index + 1);
        self.progress.send_modify(|progress| {
            progress.next_index = next_index;
            progress.bytes_since_snapshot += bytes;
            progress.level = self.level.number;
        });
    }

    fn apply_entry(&mut self, entry: Entry) -> io::Result<u64> {
        let new_leader = term_of(Some(&entry.log_id)) != term_of(self.last.as_ref());
        let index = entry.log_id.index;
        self.last = Some(entry.log_id);
        let mut committed = CommittedEntry {
            index,
            new_leader,
            time_ms: 0,
            level: self.level.number,
            commands: Vec::new(),
            members: None,
        };
        let mut size = 0;
        match entry.payload {
            EntryPayload::Blank => {}
            EntryPayload::Membership(membership) => {
                let is_settled = membership.get_joint_config().len() == 1;
                committed.members = is_settled.then(|| members_of(&membership));
                self.membership = StoredMembership::new(Some(entry.log_id), membership);
            }
            EntryPayload::Normal(batch) => {
                size = batch.0.len() as u64;
                let batch = wire::Batch::decode(batch.0)
                    .map_err(|error| io::Error::other(format!("entry {index} can't be read: {error}")))?;
                committed.time_ms = batch.time_ms;
                if let Some(level) = batch.level {
                    committed.level = self.raise(Level::from_wire(Some(level)))?;
                }
                for proposal in batch.proposals {
                    self.admit(proposal, &mut committed.commands);
                }
            }
        }
        self.machine.apply(committed).map_err(io::Error::other)?;
        Ok(size)
    }

    /// The leader says that all members can apply commands up to this level.
    fn raise(&mut self, level: Level) -> io::Result<u32> {
        self.gate.raise(&level).map_err(io::Error::other)?;
        if level.number > self.level.number {
            tracing::info!(level = level.number, "the cluster can apply more commands");
            self.level = level;
        }
        Ok(self.level.number)
    }

    fn admit(&mut self, proposal: wire::Proposal, commands: &mut Vec<CommittedCommand>) {
        let own = proposal.node == self.identity.node.0 && proposal.incarnation == self.identity.incarnation;
        let first = proposal.first_sequence;
        let fate = self.applied.admit(proposal.node, proposal.incarnation, first, proposal.commands.len());
        match fate {
            Fate::ApplyAfter(known) => {
                let numbered = proposal.commands.into_iter().zip(first..).skip(known);
                commands.extend(numbered.map(|(bytes, sequence)| CommittedCommand {
                    own_sequence: own.then_some(sequence),
                    bytes,
                }));
                if own {
                    self.outbox.applied_through(self.applied.last_of(proposal.node, proposal.incarnation));
                }
            }
            Fate::Gap => {
                self.sequencer.note_gap();
                if own {
                    self.outbox.send_again();
                }
            }
            Fate::Skip => {}
        }
    }

    fn header(&self) -> wire::SnapshotHeader {
        wire::SnapshotHeader {
            format: SNAPSHOT_FORMAT,
            group: self.group,
            last: self.last.as_ref().map(log_id_to_wire),
            membership_id: self.membership.log_id().as_ref().map(log_id_to_wire),
            membership: Some(membership_to_wire(self.membership.membership())),
            applied: self.applied.to_wire(),
            level: Some(self.level.to_wire()),
            attached: Vec::new(),
        }
    }
}

impl openraft::storage::RaftStateMachine<Types> for StateMachineAdapter {
    type SnapshotData = SnapshotFile;
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.last, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + OptionalSend,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            let size = self.apply_entry(entry)?;
            self.publish(size);
            if let Some(responder) = responder {
                responder.send(());
            }
            // Between entries others get their turn: heartbeats share this thread.
            tokio::task::consume_budget().await;
        }
        Ok(())
    }

    async fn try_create_snapshot_builder(&mut self, _force: bool) -> Option<SnapshotBuilder> {
        self.progress.send_modify(|progress| progress.bytes_since_snapshot = 0);
        Some(SnapshotBuilder {
            store: self.snapshots.clone(),
            header: self.header(),
            source: Mutex::new(Some(self.machine.begin_snapshot())),
        })
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        self.try_create_snapshot_builder(true).await.expect("a snapshot can always be begun")
    }

    async fn install_snapshot(&mut self, _meta: &SnapshotMeta, file: SnapshotFile) -> io::Result<()> {
        let reader = self.snapshots.reader(&file).await?;
        self.restore(reader).await
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        self.snapshots.current().map(snapshot_of).transpose()
    }
}

/// The founding entry, written by no leader, is of term 0, and so is what was before it.
fn term_of(id: Option<&LogId>) -> u64 {
    id.map_or(0, |id| log_id_to_wire(id).term)
}

fn snapshot_of(file: SnapshotFile) -> io::Result<Snapshot> {
    let meta = snapshot_meta_from_wire(&file.header).map_err(io::Error::other)?;
    Ok(Snapshot { meta, snapshot: file })
}

/// Writes the frozen view out, beside the state machine going on.
pub(crate) struct SnapshotBuilder {
    store: SnapshotStore,
    header: wire::SnapshotHeader,
    /// Until it is written; behind a lock only because openraft wants builders that can be shared.
    source: Mutex<Option<Box<dyn SnapshotSource>>>,
}

impl RaftSnapshotBuilder<Types> for SnapshotBuilder {
    type SnapshotData = SnapshotFile;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let mut source = self
            .source
            .get_mut()
            .take()
            .ok_or_else(|| io::Error::other("this snapshot was built already"))?;
        let mut header = self.header.clone();
        header.attached = source.attach().await?.into_iter().map(wire::AttachedFile::from).collect();
        let mut writer = self.store.create(header).await?;
        while let Some(chunk) = source.next_chunk() {
            writer.push(&chunk).await?;
            tokio::task::yield_now().await;
        }
        let file = writer.finish().await?;
        if self.store.is_current(&file) {
            source.kept().await;
        }
        snapshot_of(file)
    }
}
