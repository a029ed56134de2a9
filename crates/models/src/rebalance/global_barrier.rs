//! The global barrier protocol: all stop, then all get their share.

use super::{Left, Link, MANY, Registry, Set, Write, are_disjoint, granted, members};
use crate::checker::{Fair, Property, Spec, Steps};
use crate::model::{Model, guards};

guards! {
    StopBeforeAnnouncing = "a client stops before it says so",
    WaitForAll = "nothing is granted before every client has stopped",
    NameTheRound = "a client that has stopped says for which round",
    StopAlone = "a client that hears nothing for a session's time stops before its session ends",
    FencedWrites = "the store takes no write of an old coordinator, nor of an old round",
    LookAgain = "the coordinator begins a round when clients or resources change",
}

/// The model, by its numbers.
pub struct GlobalBarrier {
    clients: usize,
    resources: usize,
    left: Left,
    dropped: Option<Guard>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Client {
    link: Link,
    /// The round in which it has last stopped.
    round: u8,
    /// What it has read that it gets, and does not use yet.
    granted: Option<Set>,
    running: Set,
    /// It takes its session for lost.
    gave_up: bool,
}

/// Everything.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    registry: Registry,
    /// Counts the calls to stop.
    round: u8,
    /// Whether the map is that of this round.
    is_granted: bool,
    /// Who has stopped, and for which round.
    stopped: [Option<u8>; MANY],
    /// Who was there when the round began.
    scope: Set,
    clients: [Client; MANY],
    left: Left,
}

/// A step; the number is the client.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// It becomes coordinator.
    Elect(usize),
    /// As coordinator it tells all to stop.
    CallToStop(usize),
    /// As coordinator it has seen all stop, and sends a map.
    Plan(usize),
    /// Its map arrives.
    Land(usize),
    /// It stops using its resources.
    Stop(usize),
    /// It says that it has stopped.
    Announce(usize),
    /// It reads the map.
    Read(usize),
    /// It uses its resources.
    Start(usize),
    /// It crashes.
    Crash(usize),
    /// It is cut off.
    Isolate(usize),
    /// It has been cut off for so long that it stops.
    StopAlone(usize),
    /// Its session ends.
    Expire(usize),
    /// It can be reached again.
    Heal(usize),
    /// A resource is removed or added.
    Change(usize),
}

impl GlobalBarrier {
    fn has(&self, guard: Guard) -> bool {
        self.dropped != Some(guard)
    }

    fn push_coordinator(&self, state: &State, me: usize, steps: &mut Steps<Self>) {
        let Client { link, .. } = state.clients[me];
        let registry = &state.registry;
        if link.is_up() && registry.clients.first() == Some(&(me as u8)) && link.coordinates == 0 {
            let mut next = state.clone();
            next.registry.epoch += 1;
            next.registry.dirty = true;
            next.clients[me].link.coordinates = next.registry.epoch;
            steps.push((Action::Elect(me), next));
        }
        let coordinates = link.is_up() && link.coordinates == registry.epoch && link.coordinates != 0;
        if coordinates && registry.dirty {
            let mut next = state.clone();
            next.registry.dirty = false;
            next.round += 1;
            next.is_granted = false;
            next.scope = registry.clients.iter().fold(0, |set, client| set | 1 << client);
            steps.push((Action::CallToStop(me), next));
        }
        if coordinates
            && !registry.dirty
            && !state.is_granted
            && link.write.is_none()
            && self.all_stopped(state)
        {
            let mut next = state.clone();
            // The round takes the place of who was there: it is what the write is conditional on.
            let write = Write { epoch: link.coordinates, map: registry.plan(true), clients: state.round };
            next.clients[me].link.write = Some(write);
            steps.push((Action::Plan(me), next));
        }
        if let Some(write) = link.write {
            let mut next = state.clone();
            next.clients[me].link.write = None;
            let is_current = (write.epoch, write.clients) == (registry.epoch, state.round);
            if is_current || !self.has(Guard::FencedWrites) {
                next.registry.map = write.map;
                next.is_granted = true;
            }
            steps.push((Action::Land(me), next));
        }
    }

    fn all_stopped(&self, state: &State) -> bool {
        members(state.scope).all(|client| match state.stopped[client] {
            _ if !self.has(Guard::WaitForAll) => true,
            Some(round) => round == state.round || !self.has(Guard::NameTheRound),
            None => false,
        })
    }

    fn push_follower(&self, state: &State, me: usize, steps: &mut Steps<Self>) {
        let client = state.clients[me];
        if !client.link.is_up() || !state.registry.is_member(me) {
            return;
        }
        let is_called = state.round > client.round;
        if is_called && client.running != 0 {
            let mut next = state.clone();
            next.clients[me].running = 0;
            steps.push((Action::Stop(me), next));
        }
        if is_called && (client.running == 0 || !self.has(Guard::StopBeforeAnnouncing)) {
            let mut next = state.clone();
            next.clients[me].round = state.round;
            next.clients[me].granted = None;
            next.stopped[me] = Some(state.round);
            steps.push((Action::Announce(me), next));
        }
        if state.is_granted && state.stopped[me].is_some() && client.granted.is_none() {
            let mut next = state.clone();
            next.clients[me].granted = Some(state.registry.granted_to(me));
            steps.push((Action::Read(me), next));
        }
        if let Some(granted) = client.granted {
            let mut next = state.clone();
            next.clients[me].running = granted;
            next.clients[me].granted = None;
            next.stopped[me] = None;
            steps.push((Action::Start(me), next));
        }
    }

    fn push_link(&self, state: &State, me: usize, steps: &mut Steps<Self>) {
        let Client { link, gave_up, .. } = state.clients[me];
        if link.is_up() && state.left.crashes > 0 {
            let mut next = state.clone();
            next.left.crashes -= 1;
            next.clients[me] = Client { link: link.crashed(), ..Client::default() };
            steps.push((Action::Crash(me), next));
        }
        if link.is_up() && state.left.isolations > 0 {
            let mut next = state.clone();
            next.left.isolations -= 1;
            next.clients[me].link.cut_off = true;
            steps.push((Action::Isolate(me), next));
        }
        if link.cut_off && !gave_up {
            let mut next = state.clone();
            next.clients[me].running = 0;
            next.clients[me].gave_up = true;
            steps.push((Action::StopAlone(me), next));
        }
        let is_member = state.registry.is_member(me);
        if !link.is_up() && is_member && (link.crashed || gave_up || !self.has(Guard::StopAlone)) {
            let mut next = state.clone();
            next.registry.clients.retain(|client| *client != me as u8);
            next.registry.dirty |= self.has(Guard::LookAgain);
            next.stopped[me] = None;
            steps.push((Action::Expire(me), next));
        }
        if link.cut_off && is_member && !gave_up {
            let mut next = state.clone();
            next.clients[me].link.cut_off = false;
            steps.push((Action::Heal(me), next));
        }
        // Whoever has lost its session begins anew, as the last.
        if link.cut_off && gave_up && !is_member {
            let mut next = state.clone();
            next.clients[me] = Client { link: link.anew(), ..Client::default() };
            next.registry.clients.push(me as u8);
            next.registry.dirty |= self.has(Guard::LookAgain);
            steps.push((Action::Heal(me), next));
        }
    }

    fn push_resources(&self, state: &State, steps: &mut Steps<Self>) {
        for resource in (0..self.resources).filter(|_| state.left.resource_changes > 0) {
            let mut next = state.clone();
            next.left.resource_changes -= 1;
            next.registry.resources ^= 1 << resource;
            next.registry.dirty |= self.has(Guard::LookAgain);
            steps.push((Action::Change(resource), next));
        }
    }

    fn nothing_used_twice(&self, state: &State) -> bool {
        are_disjoint(state.clients.iter().map(|client| client.running))
    }

    fn old_epochs_write_nothing(&self, before: &State, action: &Action, after: &State) -> bool {
        let Action::Land(me) = *action else { return before.registry.map == after.registry.map };
        before.registry.map == after.registry.map
            || before.clients[me].link.write.is_some_and(|write| write.epoch == before.registry.epoch)
    }

    fn is_settled(&self, state: &State) -> bool {
        let up = |client: usize| !state.clients[client].link.crashed;
        let all_run = (0..self.clients)
            .filter(|client| up(*client))
            .all(|client| state.clients[client].running == granted(&state.registry.map, client));
        state.registry.is_complete() && all_run
    }

    fn all_are_running(&self, state: &State) -> bool {
        (0..self.clients).all(|client| state.clients[client].running != 0)
    }

    fn a_round_overtakes_another(&self, state: &State) -> bool {
        (0..self.clients).any(|client| {
            state.clients[client].granted.is_some_and(|set| set != 0)
                && state.round > state.clients[client].round
        })
    }
}

impl Spec for GlobalBarrier {
    type State = State;
    type Action = Action;

    fn initial(&self) -> Vec<State> {
        vec![State {
            registry: Registry::new(self.clients, self.resources),
            round: 0,
            is_granted: false,
            stopped: [None; MANY],
            scope: 0,
            clients: [Client::default(); MANY],
            left: self.left,
        }]
    }

    fn steps(&self, state: &State, steps: &mut Steps<Self>) {
        for me in 0..self.clients {
            self.push_coordinator(state, me, steps);
            self.push_follower(state, me, steps);
            self.push_link(state, me, steps);
        }
        self.push_resources(state, steps);
    }

    /// Clients go on, sessions that are silent end, who is cut off comes back.
    fn fair(&self, action: &Action) -> Option<Fair> {
        match *action {
            Action::Elect(me) => Fair::weak("elect", me),
            Action::CallToStop(me) => Fair::weak("call", me),
            Action::Plan(me) => Fair::weak("plan", me),
            Action::Land(me) => Fair::weak("land", me),
            Action::Stop(me) => Fair::weak("stop", me),
            Action::Announce(me) => Fair::weak("announce", me),
            Action::Read(me) => Fair::weak("read", me),
            Action::Start(me) => Fair::weak("start", me),
            Action::StopAlone(me) => Fair::weak("stop alone", me),
            Action::Expire(me) => Fair::weak("expire", me),
            Action::Heal(me) => Fair::weak("heal", me),
            Action::Crash(_) | Action::Isolate(_) | Action::Change(_) => None,
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::invariant("no resource is used by two clients", Self::nothing_used_twice),
            Property::step("old coordinators write nothing", Self::old_epochs_write_nothing),
            Property::eventually_always("it settles once changes end", Self::is_settled),
            Property::sometimes("all clients run", Self::all_are_running),
            Property::sometimes("a round overtakes another", Self::a_round_overtakes_another),
        ]
    }
}

impl Model for GlobalBarrier {
    const NAME: &'static str = "global-barrier";
    type Guard = Guard;

    fn small(dropped: Option<Guard>) -> Self {
        let left = Left { crashes: 1, isolations: 1, resource_changes: 1 };
        Self { clients: 2, resources: 2, left, dropped }
    }

    fn large() -> Self {
        let left = Left { crashes: 1, isolations: 1, resource_changes: 2 };
        Self { clients: 3, resources: 3, left, dropped: None }
    }
}
