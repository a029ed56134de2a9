//! The steps of forwarding, and what must be true.

use super::{Command, Guard, Left, Logged, Node, Proposal, State};
use crate::checker::{Fair, Property, Spec, Steps};
use crate::model::Model;

/// The model, by its numbers.
pub struct Forwarding {
    nodes: u8,
    left: Left,
    /// Whether nodes send again as soon as they learn that something may be lost, and not only out of patience.
    shortcuts: bool,
    dropped: Option<Guard>,
}

/// A step; numbers are nodes.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// A command is numbered.
    Push(u8),
    /// Everything not sent goes to the leader.
    Send(u8),
    /// The same, and it vanishes.
    SendAndLose(u8),
    /// Nothing was applied for long: everything not applied counts as not sent.
    BePatient(u8),
    /// The same, too early.
    BeImpatient(u8),
    /// The leader puts what waits into an entry.
    Log,
    /// The same, but the entry is refused.
    LogRefused,
    /// The leader learns of a refusal.
    NoticeRefusal,
    /// One more entry is committed.
    Commit,
    /// A replica applies its next entry.
    Apply(u8),
    /// The first takes over a snapshot of the second.
    Install(u8, u8),
    /// A node becomes leader; so many entries that were not committed survive.
    Elect(u8, u8),
    /// A process ends, and another begins with what was replicated.
    Restart(u8),
}

impl Forwarding {
    /// The small configuration without what only saves time.
    #[must_use]
    pub fn without_shortcuts() -> Self {
        Self { shortcuts: false, ..Self::small(None) }
    }

    fn has(&self, guard: Guard) -> bool {
        self.dropped != Some(guard)
    }

    fn incarnation(&self, process: u8) -> u8 {
        if self.has(Guard::NewIncarnation) { process } else { 1 }
    }

    /// Everything not sent, as one proposal. To a new leader, that is everything not applied.
    fn take(&self, state: &mut State, node: u8) -> Option<Proposal> {
        let term = state.term;
        let sender = &mut state.nodes[usize::from(node)];
        if self.shortcuts && sender.sent_in != term {
            sender.send_again();
        }
        sender.sent_in = if self.shortcuts { term } else { 0 };
        let count = sender.pushed - sender.sent;
        let proposal = Proposal { first: sender.sent + 1, count, ..self.own(node, sender) };
        sender.sent = sender.pushed;
        (count > 0).then_some(proposal)
    }

    /// A proposal of a node, without commands.
    fn own(&self, node: u8, at: &Node) -> Proposal {
        Proposal { node, process: at.process, incarnation: self.incarnation(at.process), first: 1, count: 0 }
    }

    /// Whether anything that a node sent may still arrive.
    fn is_under_way(&self, state: &State, node: u8) -> bool {
        let of_it = |proposal: &Proposal| proposal.node == node;
        let unapplied = usize::from(state.nodes[usize::from(node)].index);
        state.queue.iter().any(of_it) || state.log[unapplied..].iter().flatten().any(of_it)
    }

    fn push_node_steps(&self, state: &State, node: u8, steps: &mut Steps<Self>) {
        let at = &state.nodes[usize::from(node)];
        if state.left.commands[usize::from(node)] > 0 {
            let mut next = state.clone();
            next.left.commands[usize::from(node)] -= 1;
            next.nodes[usize::from(node)].pushed += 1;
            steps.push((Action::Push(node), next));
        }
        if at.pushed > at.applied && state.leader.is_some() {
            let mut next = state.clone();
            let proposal = self.take(&mut next, node);
            if proposal.is_some() && next.left.losses > 0 {
                let mut lost = next.clone();
                lost.left.losses -= 1;
                steps.push((Action::SendAndLose(node), lost));
            }
            next.queue.extend(proposal);
            steps.push((Action::Send(node), next));
        }
        if at.sent > at.applied {
            let mut next = state.clone();
            next.nodes[usize::from(node)].send_again();
            if !self.is_under_way(state, node) {
                if self.has(Guard::PatienceEnds) {
                    steps.push((Action::BePatient(node), next));
                }
            } else if state.left.impatience > 0 {
                next.left.impatience -= 1;
                steps.push((Action::BeImpatient(node), next));
            }
        }
        if at.index < state.committed {
            steps.push((Action::Apply(node), self.apply(state, node)));
        }
        for (other, source) in (0..).zip(&state.nodes) {
            // A leader is sent no snapshots: what it logged in its term, it applies.
            if source.index > at.index && state.leader != Some(node) {
                let own = self.own(node, at);
                let mut next = state.clone();
                next.nodes[usize::from(node)].install(source, &own, self.dropped);
                steps.push((Action::Install(node, other), next));
            }
        }
        if state.left.restarts > 0 {
            let mut next = state.clone();
            next.left.restarts -= 1;
            let process = at.process + 1;
            next.nodes[usize::from(node)] =
                Node { process, pushed: 0, applied: 0, sent: 0, sent_in: 0, ..at.clone() };
            if next.leader == Some(node) {
                next.leader = None;
                next.queue.clear();
            }
            steps.push((Action::Restart(node), next));
        }
    }

    fn apply(&self, state: &State, node: u8) -> State {
        let mut next = state.clone();
        let at = &mut next.nodes[usize::from(node)];
        let entry = &state.log[usize::from(at.index)];
        let applied = at.apply(node, entry, self.dropped);
        if applied.gap && next.leader == Some(node) && self.has(Guard::GapsForget) {
            next.logged = Logged::default();
        }
        next
    }

    fn push_leader_steps(&self, state: &State, steps: &mut Steps<Self>) {
        if !state.queue.is_empty() {
            let mut next = state.clone();
            let taken = std::mem::take(&mut next.queue);
            let entry: Vec<_> = taken
                .into_iter()
                .filter_map(|proposal| next.logged.trim(usize::from(self.nodes), proposal))
                .collect();
            if !entry.is_empty() && next.left.refusals > 0 {
                let mut refused = next.clone();
                refused.left.refusals -= 1;
                refused.refused += 1;
                steps.push((Action::LogRefused, refused));
            }
            if !entry.is_empty() {
                next.log.push(entry);
            }
            steps.push((Action::Log, next));
        }
        if state.refused > 0 {
            let mut next = State { refused: 0, ..state.clone() };
            if self.has(Guard::RefusalsForget) {
                next.logged = Logged::default();
            }
            if self.shortcuts {
                next.nodes.iter_mut().for_each(Node::send_again);
            }
            steps.push((Action::NoticeRefusal, next));
        }
        if usize::from(state.committed) < state.log.len() && state.leader.is_some() {
            steps.push((Action::Commit, State { committed: state.committed + 1, ..state.clone() }));
        }
    }

    fn push_elections(&self, state: &State, steps: &mut Steps<Self>) {
        if state.leader.is_some() && state.left.elections == 0 {
            return;
        }
        for node in (0..self.nodes).filter(|node| state.leader != Some(*node)) {
            for survive in usize::from(state.committed)..=state.log.len() {
                let mut next = state.clone();
                next.left.elections -= u8::from(state.leader.is_some());
                next.log.truncate(survive);
                next.leader = Some(node);
                next.term += 1;
                next.queue.clear();
                next.logged = Logged::default();
                next.refused = 0;
                steps.push((Action::Elect(node, survive as u8 - state.committed), next));
            }
        }
    }

    fn once_and_in_order(&self, state: &State) -> bool {
        state.nodes.iter().all(|replica| {
            (0..self.nodes).all(|node| {
                let mut last = (0, 0);
                replica.effects.iter().filter(|command| command.node == node).all(|command| {
                    let continues = command.process == last.0 && command.sequence == last.1 + 1;
                    let begins = command.process > last.0 && command.sequence == 1;
                    last = (command.process, command.sequence);
                    continues || begins
                })
            })
        })
    }

    fn replicas_agree(&self, state: &State) -> bool {
        state.nodes.iter().all(|one| {
            state.nodes.iter().all(|other| {
                one.index != other.index || (&one.effects, &one.table) == (&other.effects, &other.table)
            })
        })
    }

    fn answered_is_applied(&self, state: &State) -> bool {
        (0..).zip(&state.nodes).all(|(node, at)| at.own_effects(node).count() >= usize::from(at.applied))
    }

    fn all_is_applied(&self, state: &State) -> bool {
        (0..).zip(&state.nodes).all(|(node, at)| {
            let everywhere = state
                .nodes
                .iter()
                .all(|replica| replica.effects_of(node, at.process) == usize::from(at.pushed));
            at.applied == at.pushed && everywhere
        })
    }

    fn was_sent_twice(&self, state: &State) -> bool {
        let proposals: Vec<_> = state.log[..usize::from(state.committed)].iter().flatten().collect();
        (1..proposals.len()).any(|place| proposals[..place].contains(&proposals[place]))
    }

    fn had_a_gap(&self, state: &State) -> bool {
        let applied = state.nodes.iter().find(|node| node.index == state.committed);
        let logged = state.log[..usize::from(state.committed)].iter().flatten();
        applied.is_some_and(|replica| {
            logged.map(|proposal| usize::from(proposal.first)).max()
                > replica.effects.iter().map(|c| usize::from(c.sequence)).max()
        })
    }

    fn a_second_process_acts(&self, state: &State) -> bool {
        state.nodes[0].effects.iter().any(|command| command.process == 2)
    }
}

impl Logged {
    /// Mirrors `Logged::trim` of the sequencer; that it forgets when its epoch changes is in the steps.
    fn trim(&mut self, nodes: usize, mut proposal: Proposal) -> Option<Proposal> {
        self.0.resize(nodes, (0, 0));
        let known = &mut self.0[usize::from(proposal.node)];
        let end = proposal.first + proposal.count;
        if known.0 < proposal.incarnation {
            *known = (proposal.incarnation, 0);
        }
        let next = known.1 + 1;
        let continues = known.1 == 0 || proposal.first <= next;
        if known.0 > proposal.incarnation || end <= next || !continues {
            return None;
        }
        if known.1 > 0 && proposal.first < next {
            proposal.count -= next - proposal.first;
            proposal.first = next;
        }
        known.1 = end - 1;
        Some(proposal)
    }
}

impl Node {
    fn own_effects(&self, node: u8) -> impl Iterator<Item = &Command> {
        self.effects.iter().filter(move |command| command.node == node && command.process == self.process)
    }

    fn effects_of(&self, node: u8, process: u8) -> usize {
        self.effects.iter().filter(|command| command.node == node && command.process == process).count()
    }
}

impl Spec for Forwarding {
    type State = State;
    type Action = Action;

    fn initial(&self) -> Vec<State> {
        let node = Node { process: 1, ..Node::default() };
        vec![State {
            nodes: vec![node; usize::from(self.nodes)],
            term: 1,
            leader: Some(0),
            queue: Vec::new(),
            logged: Logged::default(),
            refused: 0,
            log: Vec::new(),
            committed: 0,
            left: self.left,
        }]
    }

    fn steps(&self, state: &State, steps: &mut Steps<Self>) {
        for node in 0..self.nodes {
            self.push_node_steps(state, node, steps);
        }
        self.push_leader_steps(state, steps);
        self.push_elections(state, steps);
    }

    /// Everything goes on that can; nodes without a leader get one, no matter which.
    fn fair(&self, action: &Action) -> Option<Fair> {
        match *action {
            Action::Send(node) => Fair::weak("send", node.into()),
            Action::BePatient(node) => Fair::weak("be patient", node.into()),
            Action::Log => Fair::weak("log", 0),
            Action::NoticeRefusal => Fair::weak("notice", 0),
            Action::Commit => Fair::weak("commit", 0),
            Action::Apply(node) => Fair::weak("apply", node.into()),
            Action::Elect(..) => Fair::weak("elect", 0),
            Action::Push(_) | Action::SendAndLose(_) | Action::BeImpatient(_) => None,
            Action::LogRefused | Action::Install(..) | Action::Restart(_) => None,
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::invariant("commands take effect once and in order", Self::once_and_in_order),
            Property::invariant("replicas agree at equal index", Self::replicas_agree),
            Property::invariant("what is answered is applied here", Self::answered_is_applied),
            Property::eventually_always(
                "all that a living process proposed is applied",
                Self::all_is_applied,
            ),
            Property::sometimes("a proposal is committed twice", Self::was_sent_twice),
            Property::sometimes("a proposal is committed behind a gap", Self::had_a_gap),
            Property::sometimes("a second process has effects", Self::a_second_process_acts),
        ]
    }

    fn show(&self, state: &State) -> String {
        let node = |(number, node): (u8, &Node)| {
            let Node { process, pushed, applied, sent, index, .. } = node;
            let effects = node.effects.iter().map(|c| format!("{}.{}:{}", c.node, c.process, c.sequence));
            let effects = effects.collect::<Vec<_>>().join(" ");
            format!("{number}.{process}: {applied}/{sent}/{pushed} at {index} [{effects}]")
        };
        let show = |proposals: &[Proposal]| {
            let one =
                |p: &Proposal| format!("{}.{}:{}-{}", p.node, p.process, p.first, p.first + p.count - 1);
            proposals.iter().map(one).collect::<Vec<_>>().join(" ")
        };
        let nodes = (0..).zip(&state.nodes).map(node).collect::<Vec<_>>().join("  ");
        let log = state.log.iter().map(|entry| format!("[{}]", show(entry))).collect::<Vec<_>>().join(" ");
        let leader = state.leader.map_or("no leader".to_owned(), |leader| format!("leader {leader}"));
        let State { term, committed, refused, .. } = state;
        let queue = show(&state.queue);
        format!(
            "{nodes} | term {term} {leader} queue [{queue}] refused {refused} | log {log}, {committed} committed"
        )
    }
}

impl Model for Forwarding {
    const NAME: &'static str = "forwarding";
    type Guard = Guard;

    fn small(dropped: Option<Guard>) -> Self {
        let left =
            Left { commands: [2, 0, 0], losses: 1, refusals: 1, elections: 1, restarts: 1, impatience: 1 };
        Self { nodes: 2, left, shortcuts: true, dropped }
    }

    fn large() -> Self {
        let left =
            Left { commands: [3, 1, 0], losses: 1, refusals: 1, elections: 1, restarts: 1, impatience: 1 };
        Self { nodes: 2, left, shortcuts: true, dropped: None }
    }
}
