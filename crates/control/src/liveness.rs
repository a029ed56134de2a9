//! Who is still there: this node tells the leader which of its sessions are active, and as the leader it ends those that
//! are not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::BytesMut;
use runtime::{BoxFuture, Instant};
use tree::{Command, Operation, Owner, SessionId, Zxid};

use crate::control::Control;
use crate::delivery::CloseReason;
use crate::log::{LogStatus, Role, Unavailable};
use crate::tracker::{Expiry, SessionTracker};

/// What a node has only while it leads.
pub(crate) struct Leading {
    /// The term in which it leads: in another one every clock starts anew.
    term: u64,
    /// The replica's epoch: when it changes, another leader may have come and gone, and every clock starts anew.
    epoch: u32,
    pub(crate) tracker: SessionTracker,
}

/// A report on its way to the leader.
struct Report {
    began: Instant,
    sessions: Vec<SessionId>,
    sent: BoxFuture<'static, Result<Zxid, Unavailable>>,
}

/// What this node owes the leader.
struct Reporter {
    unreported: BTreeSet<SessionId>,
    under_way: Option<Report>,
    /// When to try again, after a report that failed: much sooner than the next is due, so that an election does not
    /// count against the clients for longer than it lasts.
    retry: Option<Instant>,
}

impl Control {
    /// For how long this node has not been in step with a leader: below a tick while all is well.
    pub fn leader_unreached_for(&self) -> Duration {
        self.runtime.clock.now().saturating_since(self.leader_reached())
    }

    /// When the last report was begun that a leader took, and whose state then is applied here by now.
    fn leader_reached(&self) -> Instant {
        self.reach.lock().last(self.zxid())
    }

    /// When each session will have been silent for too long if nothing is heard of it, in milliseconds from now and rounded up
    /// to a tick, as the leader knows it; `None` on other nodes.
    pub fn session_deadlines(&self) -> Option<BTreeMap<u64, Vec<SessionId>>> {
        self.follow_leadership();
        Some(self.leading.lock().as_ref()?.tracker.deadlines())
    }

    /// Whether this node has lost contact with the leader, or was taken out: it tells what was. Reports to the leader go out
    /// every half tick; two that failed are no accident.
    pub fn is_cut_off(&self) -> bool {
        self.leader_unreached_for() > self.config.tick * 3 / 2
    }

    /// Where this node stands in its cluster, if it serves.
    pub fn serving_status(&self) -> Option<LogStatus> {
        self.status().filter(|status| status.role != Role::Looking && !self.is_cut_off())
    }

    /// Another node, or this one, has heard of these sessions. To be called on the leader. Returns the last transaction that
    /// is applied here: a node that has not applied it yet is behind.
    ///
    /// # Errors
    /// When this node does not lead: the report must go to the leader.
    pub fn on_report<'a>(
        &self,
        sessions: impl IntoIterator<Item = &'a SessionId>,
    ) -> Result<Zxid, Unavailable> {
        self.follow_leadership();
        let mut leading = self.leading.lock();
        let tracker = &mut leading.as_mut().ok_or(Unavailable)?.tracker;
        let now = self.runtime.clock.now();
        for session in sessions {
            tracker.touch(*session, now);
        }
        Ok(self.zxid())
    }

    /// Reports and expires every half tick, and isolates, for ever.
    pub(crate) async fn keep_sessions(self: Arc<Self>) {
        let clock = self.runtime.clock.clone();
        let interval = (self.config.tick / 2).max(Duration::from_millis(1));
        let mut reporter = Reporter { unreported: BTreeSet::new(), under_way: None, retry: None };
        let mut next = clock.now() + interval;
        loop {
            let wake = [reporter.retry, self.next_isolation(interval / 5)];
            let wake = wake.into_iter().flatten().fold(next, Instant::min);
            tokio::select! {
                biased;
                result = reporter.sent() => {
                    if let Some((began, zxid)) = reporter.on_sent(result, clock.now() + interval / 5) {
                        self.reach.lock().on_taken(began, zxid);
                    }
                }
                () = clock.sleep_until(wake) => {
                    let now = clock.now();
                    if now >= next {
                        next = now + interval;
                        self.collect_active(&mut reporter.unreported);
                        // A leader knows of its own connections, whatever becomes of its report to itself.
                        let _does_not_lead = self.on_report(reporter.unreported.iter());
                        self.expire_silent(now);
                    }
                    self.close_isolated(now);
                    reporter.begin(now, |sessions| self.log().report_active(sessions));
                }
            }
        }
    }

    /// Starts or stops the clocks of the sessions when this node has become the leader, or is it no longer.
    fn follow_leadership(&self) {
        let status = self.log().status();
        let replica = self.replica.read();
        let epoch = replica.tree.zxid().epoch();
        let mut leading = self.leading.lock();
        let is_new = |leading: &Leading| (leading.term, leading.epoch) != (status.term, epoch);
        if !status.role.leads() {
            *leading = None;
        } else if leading.as_ref().is_none_or(is_new) {
            let now = self.runtime.clock.now();
            let mut tracker = SessionTracker::new(self.config.tick, now);
            for session in replica.tree.sessions() {
                tracker.track(session.id, session.generation, session.timeout_ms, now);
            }
            *leading = Some(Leading { term: status.term, epoch, tracker });
        }
    }

    fn expire_silent(&self, now: Instant) {
        self.follow_leadership();
        let expired = self.leading.lock().as_mut().map(|leading| (leading.epoch, leading.tracker.step(now)));
        let Some((epoch, expired)) = expired else { return };
        for Expiry { session, generation } in expired {
            tracing::info!(%session, "session expired");
            self.metrics.sessions_expired.fetch_add(1, Ordering::Relaxed);
            self.propose_for_the_cluster(Operation::ExpireSession { session, generation, epoch });
        }
    }

    /// Ends a session before its time, for tests.
    #[cfg(feature = "loopback")]
    pub(crate) fn expire(&self, session: SessionId) -> bool {
        let replica = self.replica.read();
        let found = replica.tree.session(session).map(|info| (info.generation, replica.tree.zxid().epoch()));
        drop(replica);
        let Some((generation, epoch)) = found else { return false };
        self.propose_for_the_cluster(Operation::ExpireSession { session, generation, epoch });
        true
    }

    /// Proposes what no client has asked for. Nobody waits for the answer.
    pub(crate) fn propose_for_the_cluster(&self, operation: Operation) {
        let command = Command {
            session: SessionId::NONE,
            origin: Owner::default(),
            identities: Vec::new(),
            enforce_quotas: false,
            operation,
        };
        let mut encoded = BytesMut::new();
        command.encode(&mut encoded);
        self.propose(None, encoded.freeze(), 0);
    }

    fn collect_active(&self, active: &mut BTreeSet<SessionId>) {
        let connections = self.connections.lock();
        active.extend(
            connections.iter().filter_map(|outbox| outbox.session().filter(|_| outbox.take_active())),
        );
    }

    /// When to look again for connections to end: what is done late is taken from the time that their clients have left.
    /// Nobody's patience ends within the first tick.
    fn next_isolation(&self, step: Duration) -> Option<Instant> {
        (self.leader_unreached_for() + step > self.config.tick).then(|| self.runtime.clock.now() + step)
    }

    /// Ends the connections whose session the leader may give up soon without this node learning of it. The clients then
    /// have a third of their timeout left to find a better node. Those that wait for a session need not wait here.
    fn close_isolated(&self, now: Instant) {
        let reached = self.leader_reached();
        let connections = self.connections.lock();
        for outbox in connections.iter() {
            let (since, patience) = match outbox.binding() {
                Some(binding) => {
                    let timeout = Duration::from_millis(binding.timeout_ms.into());
                    (reached.max(binding.since), timeout * 2 / 3)
                }
                None => (reached, self.config.tick),
            };
            let isolated = now.saturating_since(since) > patience;
            if isolated && outbox.close(CloseReason::Isolated) {
                outbox.wake();
            }
        }
    }
}

impl Reporter {
    /// Completes when the report that is under way has arrived or failed; never, if there is none.
    async fn sent(&mut self) -> Result<Zxid, Unavailable> {
        match &mut self.under_way {
            Some(report) => report.sent.as_mut().await,
            None => std::future::pending().await,
        }
    }

    fn begin(
        &mut self,
        now: Instant,
        send: impl FnOnce(Vec<SessionId>) -> BoxFuture<'static, Result<Zxid, Unavailable>>,
    ) {
        self.retry = None;
        if self.under_way.is_none() {
            let sessions: Vec<_> = std::mem::take(&mut self.unreported).into_iter().collect();
            self.under_way = Some(Report { began: now, sent: send(sessions.clone()), sessions });
        }
    }

    /// When the report was begun and where the leader stood, if it has taken it.
    fn on_sent(&mut self, result: Result<Zxid, Unavailable>, retry: Instant) -> Option<(Instant, Zxid)> {
        let report = self.under_way.take()?;
        let Ok(zxid) = result else {
            self.unreported.extend(report.sessions);
            self.retry = Some(retry);
            return None;
        };
        Some((report.began, zxid))
    }
}
