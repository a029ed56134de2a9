//! Connections that other nodes open to this one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use openraft::raft::{AppendEntriesRequest, TransferLeaderRequest, VoteRequest};
use runtime::{BoxStream, Complaints, Listener, Pool, Runtime, Task};
use tokio::io::ReadHalf;
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::Lane;
use super::frame::{self, FrameReader};
use super::link::write_frames;
use super::network::append_answer;
use super::registry::Greeter;
use crate::group::{GroupCore, Groups};
use crate::identity::NodeId;
use crate::notes::Inbox;
use crate::raft::{
    Malformed, Types, entry_from_wire, log_id_from_wire, log_id_to_wire, required_vote, vote_to_wire,
};
use crate::wire::{self, frame::Body};

const GREETING_TIMEOUT: Duration = Duration::from_secs(2);
/// A peer asks twice a second whether this node is there; one that was silent for so long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// Answers waiting for the connection's writer.
const ANSWERS_MAX: usize = 1024;
/// Appends of one stream waiting for openraft; beyond that the connection is not read.
const APPENDS_MAX: usize = 64;
/// Connections from peers at a time; far beyond what the largest cluster opens.
const CONNECTIONS_MAX: usize = 1024;

/// Accepts peers for ever.
pub(crate) async fn run_listener(
    runtime: Runtime,
    mut listener: Box<dyn Listener>,
    greeter: Arc<Greeter>,
    groups: Arc<Groups>,
    inbox: Arc<Inbox>,
) {
    let mut connections: Vec<Task> = Vec::new();
    // A node that is refused knocks again and again, on every lane.
    let complaints = Arc::new(Complaints::default());
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                connections.retain(|task| !task.is_finished());
                if connections.len() >= CONNECTIONS_MAX {
                    warn!(%address, "too many peer connections; closing the newest");
                    continue;
                }
                let (runtime, greeter) = (runtime.clone(), greeter.clone());
                let (groups, inbox) = (groups.clone(), inbox.clone());
                let (spawner, complaints) = (runtime.clone(), Arc::clone(&complaints));
                connections.push(spawner.spawn(Pool::Consensus, async move {
                    let clock = runtime.clock.clone();
                    if let Err(why) = serve(runtime, stream, greeter, groups, inbox).await {
                        if complaints.is_due(why.to_string(), clock.now()) {
                            warn!(%address, %why, "peer connection ended");
                        } else {
                            debug!(%address, %why, "peer connection ended");
                        }
                    }
                }));
            }
            Err(error) => {
                warn!(%error, "can't accept peer connections; trying again");
                runtime.clock.sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

async fn serve(
    runtime: Runtime,
    stream: BoxStream,
    greeter: Arc<Greeter>,
    groups: Arc<Groups>,
    inbox: Arc<Inbox>,
) -> Result<(), AnyError> {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut reader = FrameReader::new(reader);
    let hello = runtime.clock.timeout(GREETING_TIMEOUT, reader.next::<wire::Hello>()).await??;
    let hello = hello.ok_or("closed before the greeting")?;
    let (welcome, verdict) = greeter.welcome(&hello);
    frame::write(&mut writer, &welcome).await?;
    let Some(lane) = verdict? else { return Ok(()) };
    let (answers, queue) = mpsc::channel(ANSWERS_MAX);
    let connection = Connection {
        runtime: runtime.clone(),
        peer: NodeId(hello.node),
        lane,
        greeter,
        groups,
        inbox,
        answers,
        streams: BTreeMap::new(),
        begun: BegunStreams::default(),
    };
    tokio::select! {
        biased;
        result = connection.read(&mut reader) => result,
        error = write_frames(writer, queue) => Err(error.into()),
    }
}

/// One connection's requests.
struct Connection {
    runtime: Runtime,
    peer: NodeId,
    lane: Lane,
    greeter: Arc<Greeter>,
    groups: Arc<Groups>,
    inbox: Arc<Inbox>,
    answers: mpsc::Sender<wire::Frame>,
    /// Append streams that are open.
    streams: BTreeMap<u64, AppendStream>,
    begun: BegunStreams,
}

/// The latest append stream that each group has begun on a connection.
///
/// A leader numbers a stream when it opens it, and says nothing until it has something to append. So the streams of one group begin
/// in the order of their numbers, and those of different groups, which share the connection, in any order.
#[derive(Default)]
struct BegunStreams(BTreeMap<u32, u64>);

impl BegunStreams {
    /// Whether an append is the first of its stream. It is not if its stream has begun, or a later one of its group.
    fn begins(&mut self, group: u32, call: u64) -> bool {
        let latest = self.0.entry(group).or_default();
        let is_first = call > *latest;
        *latest = call.max(*latest);
        is_first
    }
}

struct AppendStream {
    requests: mpsc::Sender<AppendEntriesRequest<Types>>,
    _task: Task,
}

impl Connection {
    async fn read(mut self, reader: &mut FrameReader<ReadHalf<BoxStream>>) -> Result<(), AnyError> {
        let clock = self.runtime.clock.clone();
        while let Some(frame) = clock.timeout(SILENCE_MAX, reader.next::<wire::Frame>()).await?? {
            match frame.body {
                Some(Body::Starts(starts)) => self.greeter.learn(&starts),
                Some(Body::Note(note)) => {
                    let answer = self.inbox.handle(self.peer, note.body);
                    self.answer(frame.group, frame.call, answer).await;
                }
                Some(body) => self.handle(frame.group, frame.call, body).await?,
                // A probe. With a full queue there is enough on its way that shows that this node is there.
                None => drop(self.answers.try_send(frame)),
            }
        }
        debug!(peer = %self.peer, lane = ?self.lane, "peer closed its connection");
        Ok(())
    }

    async fn handle(&mut self, group: u32, call: u64, body: Body) -> Result<(), AnyError> {
        let Some(core) = self.groups.find(group) else {
            self.answer(group, call, Err(format!("group {group} is not on this node"))).await;
            return Ok(());
        };
        match body {
            Body::Append(request) => self.append(core, call, request).await?,
            Body::StreamEnd(_) => drop(self.streams.remove(&call)),
            Body::Resend(_) => core.outbox.send_again(),
            Body::Forward(forward) => {
                if let Some(proposal) = forward.proposal {
                    core.sequencer.submit(proposal).await;
                }
            }
            // In order, and slowly if need be: the sender waits for the answers.
            Body::SnapshotOffer(offer) => {
                let answer = core.receiver.offer(&core.raft, offer).await;
                self.answer(group, call, answer).await;
            }
            Body::SnapshotChunk(chunk) => {
                let answer = core.receiver.chunk(&core.raft, chunk).await;
                self.answer(group, call, answer).await;
            }
            request => self.respond_beside(core, group, call, request),
        }
        Ok(())
    }

    async fn answer(&self, group: u32, call: u64, answer: Result<Body, String>) {
        send_answer(&self.answers, group, call, answer).await;
    }

    /// Requests whose order does not matter: one does not wait for another.
    fn respond_beside(&self, core: Arc<GroupCore>, group: u32, call: u64, request: Body) {
        let (answers, peer) = (self.answers.clone(), self.peer);
        let work = async move {
            let answer = respond(&core, peer, request).await;
            send_answer(&answers, group, call, answer).await;
        };
        self.runtime.spawn(Pool::Consensus, work).detach();
    }

    async fn append(
        &mut self,
        core: Arc<GroupCore>,
        call: u64,
        request: wire::AppendRequest,
    ) -> Result<(), AnyError> {
        let request = append_from_wire(request)?;
        if self.begun.begins(core.group, call) {
            // A leader has few streams at a time; those that have ended on our side go now.
            self.streams.retain(|_, stream| !stream.requests.is_closed());
            let (requests, queue) = mpsc::channel(APPENDS_MAX);
            let work = run_append_stream(core, call, queue, self.answers.clone());
            let task = self.runtime.spawn(Pool::Consensus, work);
            self.streams.insert(call, AppendStream { requests, _task: task });
        }
        // A stream that has ended (conflict, higher vote) said so; what was under way behind it counts for nothing.
        if let Some(stream) = self.streams.get(&call)
            && stream.requests.send(request).await.is_err()
        {
            self.streams.remove(&call);
        }
        Ok(())
    }
}

async fn send_answer(
    answers: &mpsc::Sender<wire::Frame>,
    group: u32,
    call: u64,
    answer: Result<Body, String>,
) {
    let body = answer.unwrap_or_else(|reason| Body::Failure(wire::Failure { reason }));
    // The connection may have ended: then nobody waits for the answer.
    let _ = answers.send(wire::Frame { group, call, body: Some(body) }).await;
}

async fn run_append_stream(
    core: Arc<GroupCore>,
    call: u64,
    requests: mpsc::Receiver<AppendEntriesRequest<Types>>,
    answers: mpsc::Sender<wire::Frame>,
) {
    let requests =
        stream::unfold(requests, |mut requests| async move { Some((requests.recv().await?, requests)) });
    let results = core.raft.stream_append(Box::pin(requests));
    let mut results = std::pin::pin!(results);
    while let Some(result) = results.next().await {
        let (body, over) = match result {
            Ok(result) => {
                let over = result.is_err();
                (Ok(Body::AppendResponse(append_answer(result))), over)
            }
            Err(fatal) => (Err(fatal.to_string()), true),
        };
        send_answer(&answers, core.group, call, body).await;
        if over {
            return;
        }
    }
}

pub(super) fn append_from_wire(
    request: wire::AppendRequest,
) -> Result<AppendEntriesRequest<Types>, Malformed> {
    Ok(AppendEntriesRequest {
        vote: required_vote(request.vote)?,
        prev_log_id: request.previous.map(log_id_from_wire),
        leader_commit: request.leader_commit.map(log_id_from_wire),
        entries: request.entries.into_iter().map(entry_from_wire).collect::<Result<_, _>>()?,
    })
}

pub(super) fn vote_from_request(request: wire::VoteRequest) -> Result<VoteRequest<Types>, String> {
    let vote = required_vote(request.vote).map_err(|error| error.to_string())?;
    let mut asked = VoteRequest::new(vote, request.last.map(log_id_from_wire));
    asked.leadership_transfer = request.leadership_transfer;
    Ok(asked)
}

fn vote_answer(response: openraft::raft::VoteResponse<Types>) -> Body {
    Body::VoteResponse(wire::VoteResponse {
        vote: Some(vote_to_wire(&response.vote)),
        last: response.last_log_id.as_ref().map(log_id_to_wire),
        granted: response.vote_granted,
    })
}

async fn respond(core: &GroupCore, peer: NodeId, request: Body) -> Result<Body, String> {
    match request {
        Body::Vote(request) => {
            let response = core.raft.vote(vote_from_request(request)?).await;
            response.map(vote_answer).map_err(|error| error.to_string())
        }
        Body::PreVote(request) => {
            let response = core.raft.pre_vote(vote_from_request(request)?).await;
            response.map(vote_answer).map_err(|error| error.to_string())
        }
        Body::Transfer(request) => {
            let from = required_vote(request.from).map_err(|error| error.to_string())?;
            let request = TransferLeaderRequest::new(from, request.to, request.last.map(log_id_from_wire));
            let taken = core.raft.handle_transfer_leader(request).await.map_err(|error| error.to_string())?;
            let refusal = taken.err().map(|error| error.to_string()).unwrap_or_default();
            Ok(Body::TransferResponse(wire::TransferResponse { refusal }))
        }
        Body::Barrier(_) => {
            core.check_member(peer)?;
            let index = core.read_index().await.map_err(|error| error.to_string())?;
            Ok(Body::BarrierResponse(wire::BarrierResponse { index }))
        }
        Body::HandOver(wire::HandOver { heir }) => {
            core.check_member(peer)?;
            let refusal = core.hand_over_to(NodeId(heir)).await;
            Ok(Body::HandedOver(wire::HandedOver { refusal }))
        }
        Body::MemberChange(change) => Ok(Body::MemberChanged(core.change_members(change).await)),
        Body::Application(call) => {
            let body = core.handle_call(peer, call).await?;
            Ok(Body::ApplicationResponse(wire::CallResponse { body }))
        }
        _ => Err("this is no request".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_groups_that_share_a_connection_begin_in_any_order() {
        let mut begun = BegunStreams::default();
        // Group 2 has something to append before group 1 has, whose stream was opened first.
        assert!(begun.begins(2, 6));
        assert!(begun.begins(1, 5));
        assert!(!begun.begins(1, 5), "it goes on");
        assert!(!begun.begins(2, 6), "it goes on");
        assert!(begun.begins(1, 7));
        assert!(!begun.begins(1, 5), "what was under way behind the end of a stream begins none");
    }
}
