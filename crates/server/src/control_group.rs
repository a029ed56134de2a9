//! Joins the control plane to its group: `control` sees a log, `consensus` a state machine.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use consensus::{
    CallHandler, CannotApply, CommittedEntry, Group, Member, NodeId, SnapshotError, SnapshotSink,
    SnapshotSource, StateMachine,
};
use control::{
    AppliedCommand, AppliedEntry, Control, LogStatus, ReplicatedLog, Role, SnapshotTarget, Unavailable,
};
use parking_lot::Mutex;
use runtime::BoxFuture;
use tracing::warn;
use tree::{ChunkLimits, EnsembleMember, SessionId, Text, Zxid};

/// What a call to the leader is about: sessions that were active on the calling node, 8 bytes each.
const TOPIC_ACTIVE_SESSIONS: u32 = 1;

/// The control plane as consensus drives it.
pub(crate) struct ControlMachine {
    pub(crate) control: Arc<Control>,
}

impl StateMachine for ControlMachine {
    fn apply(&self, entry: CommittedEntry) -> Result<(), CannotApply> {
        let commands = entry.commands.into_iter();
        let entry = AppliedEntry {
            time_ms: entry.time_ms,
            level: entry.level,
            new_epoch: entry.new_leader,
            members: entry.members.map(|members| members.iter().map(ensemble_member).collect()),
            commands: commands
                .map(|command| AppliedCommand { own: command.own_sequence, bytes: command.bytes }),
        };
        self.control.apply(entry).map_err(|error| CannotApply(error.to_string()))
    }

    fn begin_snapshot(&self) -> Box<dyn SnapshotSource> {
        let source = self.control.begin_snapshot(ChunkLimits::default());
        Box::new(TreeSource(source.expect("consensus takes one snapshot at a time")))
    }

    fn begin_restore(&self) -> Box<dyn SnapshotSink> {
        Box::new(TreeSink(self.control.begin_restore()))
    }

    fn restored(&self, own_through: u64) {
        self.control.lost_through(own_through);
    }
}

fn ensemble_member(member: &Member) -> EnsembleMember {
    EnsembleMember {
        node: member.node.0,
        address: Text::from(member.address.as_str()),
        is_voter: member.voter,
    }
}

struct TreeSource(control::SnapshotSource);

impl SnapshotSource for TreeSource {
    fn next_chunk(&mut self) -> Option<Bytes> {
        self.0.next_chunk()
    }
}

struct TreeSink(SnapshotTarget);

impl SnapshotSink for TreeSink {
    fn push(&mut self, chunk: Bytes) -> Result<(), SnapshotError> {
        self.0.push(chunk).map_err(|error| SnapshotError(error.to_string()))
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<(), SnapshotError>> {
        Box::pin(async { self.0.finish().map_err(|error| SnapshotError(error.to_string())) })
    }
}

/// The group as the control plane sees it.
pub(crate) struct GroupLog {
    group: Group,
    /// Why the leader did not take the last report of sessions; empty if it did.
    report_failure: Arc<Mutex<String>>,
}

impl GroupLog {
    pub(crate) fn new(group: Group) -> Self {
        Self { group, report_failure: Arc::default() }
    }
}

impl ReplicatedLog for GroupLog {
    fn propose(&self, command: Bytes) -> u64 {
        self.group.propose(command)
    }

    fn barrier(&self) -> BoxFuture<'static, Result<(), Unavailable>> {
        let group = self.group.clone();
        Box::pin(async move { group.barrier().await.map_err(|_| Unavailable) })
    }

    fn report_active(&self, sessions: Vec<SessionId>) -> BoxFuture<'static, Result<Zxid, Unavailable>> {
        let group = self.group.clone();
        let mut body = BytesMut::with_capacity(sessions.len() * 8);
        sessions.iter().for_each(|session| body.put_i64(session.0));
        let known_failure = Arc::clone(&self.report_failure);
        Box::pin(async move {
            let taken = group.call_leader(TOPIC_ACTIVE_SESSIONS, body.freeze()).await;
            let failure = taken.as_ref().err().map(ToString::to_string).unwrap_or_default();
            let known = std::mem::replace(&mut *known_failure.lock(), failure.clone());
            if !failure.is_empty() && failure != known {
                warn!(why = %failure, "the leader was not told which sessions are active here");
            }
            let mut answer = taken.map_err(|_| Unavailable)?;
            // Nodes of before say only that they have taken it.
            Ok(Zxid(answer.try_get_i64().unwrap_or_default()))
        })
    }

    fn level(&self) -> u32 {
        self.group.level()
    }

    fn status(&self) -> LogStatus {
        let leadership = *self.group.leadership().borrow();
        let standing = self.group.standing();
        let is_cut_off = leadership.is_self && !self.group.leads_with_quorum();
        let leader = leadership.leader.filter(|_| !is_cut_off);
        let role = match leader {
            None => Role::Looking,
            Some(_) if leadership.is_self && standing.voters == 1 => Role::Standalone,
            Some(_) if leadership.is_self => Role::Leader,
            Some(_) if standing.is_voter => Role::Follower,
            Some(_) => Role::Observer,
        };
        LogStatus {
            role,
            term: leadership.term,
            leader: leader.map(|node| node.0),
            followers: standing.followers,
            synced_followers: standing.synced_followers,
            voters: standing.voters,
            observers: standing.observers,
            synced_observers: standing.synced_observers,
        }
    }
}

/// Takes what nodes say to the leader's control plane.
pub(crate) fn call_handler(control: &Arc<Control>) -> CallHandler {
    // The control plane holds the group, which holds this.
    let control = Arc::downgrade(control);
    Arc::new(move |_from: NodeId, topic: u32, body: Bytes| {
        let control = control.upgrade().ok_or_else(|| "this node is stopping".to_owned());
        let answer = control.and_then(|control| handle_call(&control, topic, body));
        Box::pin(async move { answer })
    })
}

fn handle_call(control: &Control, topic: u32, mut body: Bytes) -> Result<Bytes, String> {
    if topic != TOPIC_ACTIVE_SESSIONS {
        return Err(format!("unknown topic {topic}"));
    }
    let mut sessions = Vec::with_capacity(body.len() / 8);
    while body.len() >= 8 {
        sessions.push(SessionId(body.get_i64()));
    }
    let zxid = control.on_report(&sessions).map_err(|error| error.to_string())?;
    Ok(Bytes::copy_from_slice(&zxid.0.to_be_bytes()))
}
