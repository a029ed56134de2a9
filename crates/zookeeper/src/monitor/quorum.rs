//! This node's part in its cluster.

use std::sync::atomic::Ordering;

use control::{LogStatus, Role};

use super::{Detail, Metrics};
use crate::serve::Server;

pub(super) fn put_state(metrics: &mut Metrics, status: &LogStatus) {
    metrics.text(
        "server_state",
        status.role.word(),
        "The node's part: leader, follower, observer, standalone.",
    );
    let peer_state = match status.role {
        Role::Leader => "leading - broadcast",
        Role::Follower => "following - broadcast",
        Role::Observer => "observing - broadcast",
        Role::Standalone | Role::Looking => return,
    };
    metrics.text("peer_state", peer_state, "The node's part in words of ZooKeeper's protocol.");
}

/// What this node has counted, whoever leads.
pub(super) fn put_counts(metrics: &mut Metrics, server: &Server) {
    let counted = server.control.metrics();
    let commits = counted.commits.load(Ordering::Relaxed);
    let leading = counted.commits_leading.load(Ordering::Relaxed);
    metrics.counter("commit_count", commits, "Transactions applied.");
    metrics.counter("proposal_count", leading, "Transactions applied while this node led.");
    let following = commits.saturating_sub(leading);
    metrics.counter(
        "learner_commit_received_count",
        following,
        "Transactions applied while this node did not lead.",
    );
    let elections = &counted.elections;
    metrics.counter(
        "looking_count",
        elections.begun(),
        "Times that a leader had to be found, the start included.",
    );
    metrics.times(
        "election_time",
        elections.took_us.summary(),
        Detail::Basic,
        "Time without a known leader until one was known, ms.",
    );
}

/// What there is while somebody leads.
pub(super) fn put(metrics: &mut Metrics, server: &Server, status: &LogStatus) {
    if status.role != Role::Standalone {
        metrics.gauge("quorum_size", status.voters, "Nodes that vote.");
    }
    if status.role == Role::Leader {
        put_leader(metrics, server, status);
    }
}

fn put_leader(metrics: &mut Metrics, server: &Server, status: &LogStatus) {
    let counted = server.control.metrics();
    let learners = status.followers + status.observers;
    metrics.gauge("learners", learners, "On the leader: the other nodes, observers included.");
    metrics.gauge("synced_followers", status.synced_followers, "On the leader: voters whose log is in step.");
    metrics.gauge("synced_non_voting_followers", 0, "Always 0: who does not vote is an observer.");
    metrics.gauge(
        "synced_observers",
        status.synced_observers,
        "On the leader: observers whose log is in step.",
    );
    let syncs = counted.syncs_pending.load(Ordering::Relaxed);
    metrics.gauge(
        "pending_syncs",
        syncs,
        "Rounds to the quorum that syncs and linearizable reads of this node's clients wait for.",
    );
    let uptime = counted.elections.leading_for(server.runtime.clock.now()).unwrap_or_default();
    metrics.gauge("leader_uptime", uptime.as_millis(), "Milliseconds since this node became the leader.");
    let sizes = counted.command_sizes.seen();
    metrics.gauge("last_proposal_size", sizes.last, "Bytes of the last transaction; -1 before any.");
    metrics.gauge("max_proposal_size", sizes.max, "Bytes of the largest transaction; -1 before any.");
    metrics.gauge("min_proposal_size", sizes.min, "Bytes of the smallest transaction; -1 before any.");
}
