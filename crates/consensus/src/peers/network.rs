//! openraft's view of the peers: one client per group and target, over the shared links.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, Stream};
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::{
    Backoff, NetBackoff, NetSnapshot, NetStreamAppend, NetTransferLeader, NetVote, RPCOption,
};
use openraft::raft::{
    AppendEntriesRequest, SnapshotResponse, StreamAppendError, StreamAppendResult, TransferLeaderError,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{BasicNode, OptionalSend, RPCTypes, RaftNetworkFactory};
use runtime::{Clock, Instant};
use tokio::sync::mpsc;

use super::link::{Link, OpenCall};
use super::snapshot_sender::send_snapshot;
use super::{CallError, Lane, Peers};
use crate::identity::NodeId;
use crate::quorum::Silence;
use crate::raft::{
    LogId, Snapshot, Types, Vote, entry_bytes, entry_to_wire, log_id_from_wire, log_id_to_wire,
    required_vote, vote_from_wire, vote_to_wire,
};
use crate::storage::{SnapshotFile, SnapshotStore};
use crate::wire::{self, frame::Body};

type RpcError = RPCError<Types>;

/// Append requests on their way to one follower at a time; each is about 1 MiB at most, unless an entry is larger.
const APPENDS_OPEN_MAX: usize = 32;
/// A follower that takes longer for an append is taken for lost, and the stream is begun anew.
const APPEND_TIMEOUT: Duration = Duration::from_secs(5);
/// A large entry may take longer: as if it went over the network and onto the disk at so many bytes a second.
const APPEND_BYTES_PER_SECOND: u64 = 4 << 20;

/// Makes the clients of one group.
#[derive(Clone)]
pub(crate) struct GroupNetworks {
    pub(crate) group: u32,
    pub(crate) node: NodeId,
    pub(crate) clock: Clock,
    pub(crate) peers: Arc<Peers>,
    pub(crate) snapshots: SnapshotStore,
    /// While it is kept, nothing by which followers hear of their leader goes out.
    pub(crate) silence: Silence,
}

impl GroupNetworks {
    fn client(&self, target: u64, node: &BasicNode, lane: Lane) -> GroupNetwork {
        let link = |lane| self.peers.link(NodeId(target), &node.addr, lane);
        // Known from the start, so that proposals can go to this node once it leads.
        link(Lane::Proposals);
        GroupNetwork { base: self.clone(), target, control: link(Lane::Control), data: link(lane) }
    }
}

impl RaftNetworkFactory<Types> for GroupNetworks {
    type Network = GroupNetwork;

    async fn new_client(&mut self, target: u64, node: &BasicNode) -> GroupNetwork {
        self.client(target, node, Lane::Log)
    }

    async fn new_heartbeat_client(&mut self, target: u64, node: &BasicNode) -> GroupNetwork {
        self.client(target, node, Lane::Control)
    }

    async fn new_snapshot_client(&mut self, target: u64, node: &BasicNode) -> GroupNetwork {
        self.client(target, node, Lane::Snapshots)
    }
}

/// One group's way to one node.
pub(crate) struct GroupNetwork {
    base: GroupNetworks,
    target: u64,
    control: Arc<Link>,
    /// The lane for what this client was made for.
    data: Arc<Link>,
}

impl GroupNetwork {
    async fn call(&self, body: Body, kind: RPCTypes, limit: Duration) -> Result<Body, RpcError> {
        match self.base.clock.timeout(limit, self.control.call(self.base.group, body)).await {
            Ok(answer) => answer.map_err(rpc_error),
            Err(_) => Err(self.timed_out(kind, limit)),
        }
    }

    /// Of appends.
    fn open_call(&self) -> Result<(OpenCall, mpsc::UnboundedReceiver<Body>), CallError> {
        self.speak()?;
        self.data.open_call(self.base.group)
    }

    /// Refuses to send what a leader says to its followers, if it has to be silent.
    fn speak(&self) -> Result<(), CallError> {
        if self.base.silence.is_kept() { Err(CallError::NotConnected) } else { Ok(()) }
    }

    fn timed_out(&self, action: RPCTypes, timeout: Duration) -> RpcError {
        Timeout { action, id: self.base.node.0, target: self.target, timeout }.into()
    }

    async fn ask_for_vote(
        &self,
        request: VoteRequest<Types>,
        pre: bool,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RpcError> {
        let request = wire::VoteRequest {
            vote: Some(vote_to_wire(&request.vote)),
            last: request.last_log_id.as_ref().map(log_id_to_wire),
            leadership_transfer: request.leadership_transfer,
        };
        let body = if pre { Body::PreVote(request) } else { Body::Vote(request) };
        match self.call(body, RPCTypes::Vote, option.hard_ttl()).await? {
            Body::VoteResponse(answer) => {
                let vote = required_vote(answer.vote).map_err(|error| network_error(&error))?;
                Ok(VoteResponse::new(vote, answer.last.map(log_id_from_wire), answer.granted))
            }
            _ => Err(unexpected()),
        }
    }
}

fn rpc_error(error: CallError) -> RpcError {
    match error {
        CallError::NotConnected => Unreachable::new(&error).into(),
        CallError::Busy | CallError::Lost | CallError::TimedOut | CallError::Failed(_) => {
            NetworkError::new(&error).into()
        }
    }
}

fn network_error(error: &(impl std::error::Error + 'static)) -> RpcError {
    NetworkError::new(error).into()
}

fn unexpected() -> RpcError {
    NetworkError::from_string("the peer answered something else than was asked").into()
}

impl NetBackoff<Types> for GroupNetwork {
    fn backoff(&self) -> Option<Backoff> {
        // The link itself backs off; asking it costs nothing.
        Some(Backoff::new(std::iter::repeat(Duration::from_millis(20))))
    }
}

impl NetVote<Types> for GroupNetwork {
    async fn vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RpcError> {
        self.ask_for_vote(request, false, option).await
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RpcError> {
        self.ask_for_vote(request, true, option).await
    }
}

impl NetTransferLeader<Types> for GroupNetwork {
    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RpcError> {
        let body = Body::Transfer(wire::TransferRequest {
            from: Some(vote_to_wire(request.from_leader())),
            to: *request.to_node_id(),
            last: request.last_log_id().map(log_id_to_wire),
        });
        match self.call(body, RPCTypes::TransferLeader, option.hard_ttl()).await? {
            Body::TransferResponse(answer) if answer.refusal.is_empty() => Ok(Ok(())),
            Body::TransferResponse(_) => Ok(Err(TransferLeaderError::LogNotFlushed {
                expected: request.last_log_id().copied(),
                actual: None,
            })),
            _ => Err(unexpected()),
        }
    }
}

impl NetSnapshot<Types> for GroupNetwork {
    type SnapshotData = SnapshotFile;

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let transfer = send_snapshot(&self.base, &self.data, &vote, &snapshot.snapshot);
        tokio::select! {
            biased;
            closed = cancel => Err(closed.into()),
            installed = transfer => match installed {
                Ok(vote) => Ok(SnapshotResponse::new(vote)),
                Err(error) => Err(StreamingError::Network(NetworkError::new(&error))),
            },
        }
    }
}

impl NetStreamAppend<Types> for GroupNetwork {
    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        _option: RPCOption,
    ) -> BoxFuture<'s, Result<BoxStream<'s, Result<StreamAppendResult<Types>, RpcError>>, RpcError>>
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + OptionalSend + Unpin + 'static,
    {
        Box::pin(async move {
            let mut input = input;
            let (call, answers) = match self.open_call() {
                Ok(opened) => opened,
                Err(error) => {
                    // openraft backs off where it makes a request: refused before that, it would ask again at once.
                    let _unsent = input.next().await;
                    return Err(rpc_error(error));
                }
            };
            let appends = Appends {
                network: self,
                call,
                answers,
                input: Some(input),
                open: VecDeque::with_capacity(APPENDS_OPEN_MAX),
            };
            let answers = futures::stream::unfold(Some(appends), |state| async move {
                let mut appends = state?;
                let result = appends.next().await?;
                // Whatever is not plain success ends the stream: what was sent behind it was built on it.
                let goes_on = matches!(&result, Ok(Ok(_)));
                Some((result, goes_on.then_some(appends)))
            });
            Ok(answers.boxed())
        })
    }
}

/// A pipelined stream of appends: requests go out as they come, answers come back in the same order.
struct Appends<'s, S> {
    network: &'s GroupNetwork,
    call: OpenCall,
    answers: mpsc::UnboundedReceiver<Body>,
    /// Until it ends.
    input: Option<S>,
    /// Sent and not answered: until when each is waited for.
    open: VecDeque<Instant>,
}

impl<S> Appends<'_, S>
where
    S: Stream<Item = AppendEntriesRequest<Types>> + Unpin,
{
    /// The next answer; sends requests while it waits. `None` when all are answered and no more come.
    async fn next(&mut self) -> Option<Result<StreamAppendResult<Types>, RpcError>> {
        loop {
            let more = self.input.is_some() && self.open.len() < APPENDS_OPEN_MAX;
            if self.input.is_none() && self.open.is_empty() {
                self.call.end();
                return None;
            }
            let deadline = self.open.front().copied();
            let clock = &self.network.base.clock;
            tokio::select! {
                biased;
                answer = self.answers.recv() => return Some(self.take_answer(answer)),
                request = next_request(&mut self.input), if more => match request {
                    Some(request) => {
                        self.open.push_back(clock.now() + append_timeout(&request));
                        let sent = match self.network.speak() {
                            Ok(()) => self.call.send(append_to_wire(&request)).await,
                            Err(silent) => Err(silent),
                        };
                        if let Err(error) = sent {
                            return Some(Err(rpc_error(error)));
                        }
                    }
                    None => self.input = None,
                },
                () = expiry(clock, deadline), if deadline.is_some() => {
                    // The least of what it was given.
                    return Some(Err(self.network.timed_out(RPCTypes::AppendEntries, APPEND_TIMEOUT)));
                }
            }
        }
    }

    fn take_answer(&mut self, answer: Option<Body>) -> Result<StreamAppendResult<Types>, RpcError> {
        self.open.pop_front();
        match answer {
            Some(Body::AppendResponse(answer)) => Ok(append_result(answer)),
            Some(Body::Failure(failure)) => Err(rpc_error(CallError::Failed(failure.reason))),
            Some(Body::StreamEnd(_)) | None => Err(rpc_error(CallError::Lost)),
            Some(_) => Err(unexpected()),
        }
    }
}

async fn next_request<S>(input: &mut Option<S>) -> Option<AppendEntriesRequest<Types>>
where
    S: Stream<Item = AppendEntriesRequest<Types>> + Unpin,
{
    match input {
        Some(input) => input.next().await,
        None => None,
    }
}

async fn expiry(clock: &Clock, deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => clock.sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn append_timeout(request: &AppendEntriesRequest<Types>) -> Duration {
    let bytes: usize = request.entries.iter().map(entry_bytes).sum();
    APPEND_TIMEOUT + Duration::from_millis(bytes as u64 * 1000 / APPEND_BYTES_PER_SECOND)
}

fn append_to_wire(request: &AppendEntriesRequest<Types>) -> Body {
    Body::Append(wire::AppendRequest {
        vote: Some(vote_to_wire(&request.vote)),
        previous: request.prev_log_id.as_ref().map(log_id_to_wire),
        leader_commit: request.leader_commit.as_ref().map(log_id_to_wire),
        entries: request.entries.iter().map(entry_to_wire).collect(),
    })
}

fn append_result(answer: wire::AppendResponse) -> StreamAppendResult<Types> {
    use wire::append_response::Result as Answer;
    match answer.result {
        None => Ok(None),
        Some(Answer::Matched(id)) => Ok(Some(log_id_from_wire(id))),
        Some(Answer::Conflict(id)) => Err(StreamAppendError::Conflict(log_id_from_wire(id))),
        Some(Answer::HigherVote(vote)) => Err(StreamAppendError::HigherVote(vote_from_wire(vote))),
    }
}

/// The answer's way back; the counterpart of `append_result`.
pub(super) fn append_answer(result: StreamAppendResult<Types>) -> wire::AppendResponse {
    use wire::append_response::Result as Answer;
    let matched = |id: LogId| Answer::Matched(log_id_to_wire(&id));
    let result = match result {
        Ok(id) => id.map(matched),
        Err(StreamAppendError::Conflict(id)) => Some(Answer::Conflict(log_id_to_wire(&id))),
        Err(StreamAppendError::HigherVote(vote)) => Some(Answer::HigherVote(vote_to_wire(&vote))),
    };
    wire::AppendResponse { result }
}
