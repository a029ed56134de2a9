//! The steps around sessions, and what must be true.

use super::shipped::{Shipped, View};
use super::{Client, Entry, Guard, Leading, Left, Node, State, Watched};
use crate::checker::{Fair, Property, Spec, Steps};
use crate::model::Model;

/// The model, by its numbers.
pub struct Sessions {
    nodes: u8,
    /// Of the session, in half ticks.
    timeout: u8,
    left: Left,
    dropped: Option<Guard>,
    shipped: Shipped,
}

/// A step; numbers are nodes.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// Half a tick goes by, everywhere.
    Tick,
    /// A node tells the leader which sessions were active.
    Report(u8),
    /// A node becomes leader.
    Elect(u8),
    /// A node is cut off.
    Cut(u8),
    /// It is cut off no longer.
    Mend,
    /// The client attaches its session to a node.
    Attach(u8),
    /// The client is paused, and loses its connection.
    Pause,
    /// The client dies.
    Die,
    /// A proposed attach, or an expiry, is committed.
    Commit(&'static str),
    /// An expiry is lost.
    Lose,
    /// A replica applies the next entry.
    Apply(u8),
}

impl Node {
    /// Starts the clocks of a node that leads, if they are not those of this term and epoch.
    fn follow(&mut self, model: &Sessions, term: u8, view: View) {
        let is_new = |leading: Leading| {
            (leading.term, leading.epoch) != (term, view.epoch) && model.has(Guard::ClocksRestart)
        };
        if self.leading.is_none_or(is_new) {
            let late = !model.has(Guard::FullTimeoutAfterElection);
            let silent = if late { model.timeout - 1 } else { 0 };
            let watched = view.generation.map(|generation| Watched { generation, silent, is_done: false });
            self.leading = Some(Leading { term, epoch: view.epoch, watched });
        }
    }
}

impl Sessions {
    fn has(&self, guard: Guard) -> bool {
        self.dropped != Some(guard)
    }

    /// Beyond this age of its last report a node closes its connections.
    fn patience(&self) -> u8 {
        self.timeout * 2 / 3
    }

    fn view(&self, state: &State, applied: u8) -> View {
        self.shipped.view(&state.log[..usize::from(applied)], self.dropped)
    }

    fn newest(&self, state: &State) -> View {
        self.view(state, state.log.len() as u8)
    }

    /// Whether time waits for something.
    fn is_due(&self, state: &State) -> bool {
        let Some(leader) = state.leader else { return false };
        let reports = (0u8..).zip(&state.nodes).any(|(node, at)| state.cut_off != Some(node) && !at.reported);
        let attaches = state.proposed.iter().any(|entry| matches!(entry, Entry::Attach { .. }));
        let applies = usize::from(state.nodes[usize::from(leader)].applied) < state.log.len();
        reports
            || attaches
            || applies
            || (state.client == Client::Seeking && self.newest(state).generation.is_some())
    }

    fn tick(&self, state: &State) -> State {
        let mut next = state.clone();
        for node in 0..self.nodes {
            let leads = state.leader == Some(node);
            let view = self.view(state, state.nodes[usize::from(node)].applied);
            let at = &mut next.nodes[usize::from(node)];
            if leads {
                at.doubts = false;
                at.follow(self, state.term, view);
            } else if at.leading.is_some() {
                if at.doubts {
                    at.leading = None;
                }
                at.doubts = at.leading.is_some();
            }
            let expired = at.leading.as_mut().and_then(|leading| self.step(leading));
            at.age = (at.age + 1).min(self.patience() + 1);
            at.is_active |= state.client == Client::At(node);
            at.reported = false;
            let isolated = at.age > self.patience() && self.has(Guard::CloseIsolated);
            if isolated && next.client == Client::At(node) {
                next.client = Client::Seeking;
            }
            if let Some(expired) = expired
                && !next.proposed.contains(&expired)
            {
                next.proposed.push(expired);
                next.proposed.sort_unstable();
            }
        }
        next
    }

    /// A leader steps its clocks, as the shipped tracker does.
    fn step(&self, leading: &mut Leading) -> Option<Entry> {
        let epoch = leading.epoch;
        let watched = leading.watched.as_mut().filter(|watched| !watched.is_done)?;
        if !self.shipped.expires(self.timeout, watched.silent) {
            watched.silent += 1;
            return None;
        }
        watched.silent = 0;
        watched.is_done = !self.has(Guard::AskAgain);
        Some(Entry::Expire { generation: watched.generation, epoch })
    }

    /// A node reports to the leader that it can reach, or to itself.
    fn report(&self, state: &State, node: u8) -> Option<State> {
        let at = state.nodes[usize::from(node)];
        let is_cut_off = state.cut_off == Some(node);
        // Nobody confirms to a node that is cut off that it leads.
        let own = (at.leading.is_some() && !self.has(Guard::ConfirmReports)).then_some(node);
        let taker = if is_cut_off { own } else { state.leader };
        let mut next = state.clone();
        match taker {
            Some(taker) => {
                if state.leader == Some(taker) {
                    let view = self.view(state, state.nodes[usize::from(taker)].applied);
                    next.nodes[usize::from(taker)].follow(self, state.term, view);
                }
                let leading = &mut next.nodes[usize::from(taker)].leading;
                if let Some(watched) = leading.as_mut().and_then(|leading| leading.watched.as_mut())
                    && at.is_active
                {
                    watched.silent = 0;
                }
            }
            // Whoever is asked does not lead, but takes it.
            None if !self.has(Guard::OnlyLeadersTakeReports) => {}
            None => return None,
        }
        let at = &mut next.nodes[usize::from(node)];
        (at.age, at.is_active, at.reported) = (0, false, true);
        Some(next)
    }

    fn apply(&self, state: &State, node: u8) -> State {
        let mut next = state.clone();
        let at = &mut next.nodes[usize::from(node)];
        let entry = state.log[usize::from(at.applied)];
        at.applied += 1;
        let generation = self.view(state, at.applied).generation;
        if let Some(leading) = &mut at.leading {
            match (entry, generation) {
                (_, None) => leading.watched = None,
                (Entry::Attach { .. }, Some(generation)) if self.has(Guard::TrackAttached) => {
                    leading.watched = Some(Watched { generation, silent: 0, is_done: false });
                }
                _ => {}
            }
        }
        next
    }

    fn push_elections(&self, state: &State, steps: &mut Steps<Self>) {
        let free = state.leader.is_none();
        for node in (0..self.nodes).filter(|node| state.cut_off != Some(*node) && state.leader != Some(*node))
        {
            if free || state.left.troubles > 0 {
                let mut next = state.clone();
                next.left.troubles -= u8::from(!free);
                // The former leader, if it can be reached, follows at once.
                if let Some(former) = state.leader {
                    next.nodes[usize::from(former)].leading = None;
                }
                next.leader = Some(node);
                next.term += 1;
                next.log.push(Entry::Epoch);
                steps.push((Action::Elect(node), next));
            }
        }
    }

    fn push_client(&self, state: &State, steps: &mut Steps<Self>) {
        let is_attaching = state.proposed.iter().any(|entry| matches!(entry, Entry::Attach { .. }));
        if state.client != Client::Gone {
            steps.push((Action::Die, State { client: Client::Gone, ..state.clone() }));
        }
        if matches!(state.client, Client::At(_)) && state.left.troubles > 0 {
            let mut next = State { client: Client::Away, ..state.clone() };
            next.left.troubles -= 1;
            steps.push((Action::Pause, next));
        }
        for node in (0..self.nodes).filter(|node| state.cut_off != Some(*node)) {
            let forced = matches!(state.client, Client::Seeking | Client::Away);
            let moves = matches!(state.client, Client::At(at) if at != node) && state.left.troubles > 0;
            if state.leader.is_some() && !is_attaching && (forced || moves) {
                let mut next = state.clone();
                next.left.troubles -= u8::from(moves);
                if moves {
                    next.client = Client::Seeking;
                }
                next.proposed.push(Entry::Attach { node });
                next.proposed.sort_unstable();
                steps.push((Action::Attach(node), next));
            }
        }
    }

    /// What has no effect is not kept: the log shall end.
    fn push_commits(&self, state: &State, steps: &mut Steps<Self>) {
        for place in (0..state.proposed.len()).filter(|_| state.leader.is_some()) {
            let mut next = state.clone();
            let entry = next.proposed.remove(place);
            if state.left.troubles > 0 && matches!(entry, Entry::Expire { .. }) {
                let mut lost = next.clone();
                lost.left.troubles -= 1;
                steps.push((Action::Lose, lost));
            }
            next.log.push(entry);
            if self.newest(&next) == self.newest(state) {
                next.log.pop();
            }
            if let Entry::Attach { node } = entry
                && matches!(state.client, Client::Seeking | Client::Away)
            {
                let lives = self.newest(state).generation.is_some();
                next.client = if lives { Client::At(node) } else { Client::Gone };
            }
            let name = if matches!(entry, Entry::Attach { .. }) { "attach" } else { "expire" };
            steps.push((Action::Commit(name), next));
        }
    }

    fn only_the_gone_expire(&self, before: &State, _: &Action, after: &State) -> bool {
        let ends = self.newest(before).generation.is_some() && self.newest(after).generation.is_none();
        !ends || matches!(before.client, Client::Gone | Client::Away)
    }

    fn stale_expiries_do_nothing(&self, before: &State, _: &Action, after: &State) -> bool {
        let (view, added) = (self.newest(before), after.log.len() > before.log.len());
        match after.log.last() {
            Some(Entry::Expire { generation, epoch }) if added => {
                (Some(*generation), *epoch) == (view.generation, view.epoch)
            }
            _ => true,
        }
    }

    fn ephemerals_live_as_long(&self, state: &State) -> bool {
        state.nodes.iter().all(|node| {
            let view = self.view(state, node.applied);
            view.ephemeral == view.generation.is_some()
        })
    }

    fn client_is_gone(&self, state: &State) -> bool {
        state.client == Client::Gone
    }

    fn session_is_gone_everywhere(&self, state: &State) -> bool {
        state.nodes.iter().all(|node| !self.view(state, node.applied).ephemeral)
    }

    fn a_stale_expiry_is_under_way(&self, state: &State) -> bool {
        let view = self.newest(state);
        let stale = |generation, epoch| (Some(generation), epoch) != (view.generation, view.epoch);
        let proposed = |entry: &Entry| match *entry {
            Entry::Expire { generation, epoch } => stale(generation, epoch) && state.client != Client::Gone,
            Entry::Epoch | Entry::Attach { .. } => false,
        };
        state.proposed.iter().any(proposed)
    }

    fn a_cut_off_node_closed(&self, state: &State) -> bool {
        state.client == Client::Seeking && state.cut_off.is_some() && state.leader.is_some()
    }
}

impl Spec for Sessions {
    type State = State;
    type Action = Action;

    fn initial(&self) -> Vec<State> {
        vec![State {
            log: Vec::new(),
            nodes: vec![Node::default(); usize::from(self.nodes)],
            leader: Some(0),
            term: 1,
            cut_off: None,
            client: Client::At(0),
            proposed: Vec::new(),
            left: self.left,
        }]
    }

    fn steps(&self, state: &State, steps: &mut Steps<Self>) {
        if !self.is_due(state) {
            steps.push((Action::Tick, self.tick(state)));
        }
        for node in 0..self.nodes {
            let at = state.nodes[usize::from(node)];
            if !at.reported {
                steps.extend(self.report(state, node).map(|next| (Action::Report(node), next)));
            }
            if usize::from(at.applied) < state.log.len() && state.cut_off != Some(node) {
                steps.push((Action::Apply(node), self.apply(state, node)));
            }
            if state.cut_off.is_none() && state.left.troubles > 0 {
                let mut next = State { cut_off: Some(node), ..state.clone() };
                next.left.troubles -= 1;
                next.leader = state.leader.filter(|leader| *leader != node);
                steps.push((Action::Cut(node), next));
            }
        }
        if state.cut_off.is_some() {
            steps.push((Action::Mend, State { cut_off: None, ..state.clone() }));
        }
        self.push_elections(state, steps);
        self.push_client(state, steps);
        self.push_commits(state, steps);
    }

    fn show(&self, state: &State) -> String {
        let node = |(number, node): (u8, &Node)| {
            let leads = node.leading.map(|leading| {
                let watched = leading.watched.map(|one| format!("g{} silent {}", one.generation, one.silent));
                format!(" leads epoch {} {}", leading.epoch, watched.unwrap_or_default())
            });
            let cut_off = if state.cut_off == Some(number) { " cut off" } else { "" };
            let Node { applied, age, .. } = node;
            format!("{number}{cut_off} at {applied} reported {age} ago{}", leads.unwrap_or_default())
        };
        let nodes = (0..).zip(&state.nodes).map(node).collect::<Vec<_>>().join("  ");
        let State { log, leader, client, proposed, .. } = state;
        format!("{nodes} | leader {leader:?} client {client:?} proposed {proposed:?} log {log:?}")
    }

    /// Time goes on, and with it all it waits for; partitions end, leaders are elected. A client dies or not.
    fn fair(&self, action: &Action) -> Option<Fair> {
        match *action {
            Action::Tick => Fair::strong("tick", 0),
            Action::Report(node) => Fair::strong("report", node.into()),
            Action::Elect(_) => Fair::weak("elect", 0),
            Action::Mend => Fair::weak("mend", 0),
            Action::Commit(name) => Fair::strong(name, 0),
            Action::Apply(node) => Fair::weak("apply", node.into()),
            Action::Attach(_) => Fair::weak("attach", 1),
            Action::Cut(_) | Action::Pause | Action::Die | Action::Lose => None,
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::step("no session expires that its client keeps alive", Self::only_the_gone_expire),
            Property::step(
                "no expiry older than an attach or a leader has an effect",
                Self::stale_expiries_do_nothing,
            ),
            Property::invariant(
                "ephemerals live exactly as long as their session",
                Self::ephemerals_live_as_long,
            ),
            Property::leads_to(
                "the session of a client that is gone expires, everywhere",
                Self::client_is_gone,
                Self::session_is_gone_everywhere,
            ),
            Property::sometimes("a stale expiry is under way", Self::a_stale_expiry_is_under_way),
            Property::sometimes("a node that is cut off closes a connection", Self::a_cut_off_node_closed),
        ]
    }
}

impl Model for Sessions {
    const NAME: &'static str = "sessions";
    type Guard = Guard;

    fn small(dropped: Option<Guard>) -> Self {
        let left = Left { troubles: 2 };
        Self { nodes: 2, timeout: 6, left, dropped, shipped: Shipped::default() }
    }

    fn large() -> Self {
        let left = Left { troubles: 3 };
        Self { nodes: 2, timeout: 9, left, dropped: None, shipped: Shipped::default() }
    }
}
