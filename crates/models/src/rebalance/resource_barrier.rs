//! The resource barrier protocol: a barrier for each resource, held by its owner, awaited by the next.

use super::{Left, Link, MANY, Registry, Set, Write, are_disjoint, granted, is_even, members};
use crate::checker::{Fair, Property, Spec, Steps};
use crate::model::{Model, guards};

guards! {
    StopBeforeRelease = "a client stops before it takes its barriers away",
    WaitForBarrier = "a client waits until the barrier of another is gone",
    BarrierOutlivesResource = "removing a resource leaves its barrier",
    BarrierEndsWithSession = "the end of a session takes its barriers away",
    StopAlone = "a client that hears nothing for a session's time stops before its session ends",
    FencedWrites = "a map is written only in the epoch of its coordinator",
    LookAgain = "the coordinator looks again when clients or resources change",
    ReadAgain = "a client reads the map again when it changes",
    SpreadEvenly = "resources are shared out in turn",
    SkipNeedless = "a map that is still fine is left alone",
}

/// The model, by its numbers.
pub struct ResourceBarrier {
    clients: usize,
    resources: usize,
    left: Left,
    dropped: Option<Guard>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Client {
    link: Link,
    /// The map has changed since it read it.
    notified: bool,
    granted: Set,
    running: Set,
}

/// Everything.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    registry: Registry,
    /// By whom each resource is held.
    barriers: [Option<u8>; MANY],
    clients: [Client; MANY],
    left: Left,
}

/// A step; the first number is the client.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// It becomes coordinator.
    Elect(usize),
    /// It reads clients and resources, and sends a map, if need be.
    Plan(usize),
    /// Its map arrives.
    Land(usize),
    /// It stops using its resources.
    Stop(usize),
    /// It reads the map and takes its barriers away.
    Read(usize),
    /// It puts up the barrier of a resource.
    Place(usize, usize),
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
    /// A resource is removed.
    Remove(usize),
    /// A resource is added.
    Add(usize),
}

impl ResourceBarrier {
    fn has(&self, guard: Guard) -> bool {
        self.dropped != Some(guard)
    }

    fn push_coordinator(&self, state: &State, me: usize, steps: &mut Steps<Self>) {
        let Client { link, .. } = state.clients[me];
        if link.is_up() && state.registry.clients.first() == Some(&(me as u8)) && link.coordinates == 0 {
            let mut next = state.clone();
            next.registry.epoch += 1;
            next.registry.dirty = true;
            next.clients[me].link.coordinates = next.registry.epoch;
            steps.push((Action::Elect(me), next));
        }
        if link.is_up() && link.coordinates != 0 && link.write.is_none() && state.registry.dirty {
            let mut next = state.clone();
            next.registry.dirty = false;
            if !(self.has(Guard::SkipNeedless) && state.registry.is_fine()) {
                let map = state.registry.plan(self.has(Guard::SpreadEvenly));
                let clients = state.registry.clients.iter().fold(0, |set, client| set | 1 << client);
                next.clients[me].link.write = Some(Write { epoch: link.coordinates, map, clients });
            }
            steps.push((Action::Plan(me), next));
        }
        if let Some(write) = link.write {
            let mut next = state.clone();
            next.clients[me].link.write = None;
            if write.epoch == state.registry.epoch || !self.has(Guard::FencedWrites) {
                next.registry.map = write.map;
                next.clients.iter_mut().for_each(|client| client.notified = !client.link.crashed);
            } else {
                next.clients[me].link.coordinates = 0;
            }
            steps.push((Action::Land(me), next));
        }
    }

    fn push_follower(&self, state: &State, me: usize, steps: &mut Steps<Self>) {
        let client = state.clients[me];
        if !client.link.is_up() || !state.registry.is_member(me) {
            return;
        }
        if client.notified && client.running != 0 {
            let mut next = state.clone();
            next.clients[me].running = 0;
            steps.push((Action::Stop(me), next));
        }
        let may_read = client.running == 0 || !self.has(Guard::StopBeforeRelease);
        let reads_now = self.has(Guard::ReadAgain) || client.granted == 0;
        if client.notified && may_read && reads_now {
            let mut next = state.clone();
            next.clients[me].notified = false;
            next.clients[me].granted = state.registry.granted_to(me);
            next.barriers.iter_mut().for_each(|holder| *holder = holder.filter(|holder| *holder != me as u8));
            steps.push((Action::Read(me), next));
        }
        if client.notified || client.granted == client.running {
            return;
        }
        let holds = |resource: usize| state.barriers[resource] == Some(me as u8);
        for resource in members(client.granted).filter(|resource| !holds(*resource)) {
            if state.barriers[resource].is_none() || !self.has(Guard::WaitForBarrier) {
                let mut next = state.clone();
                next.barriers[resource] = Some(me as u8);
                steps.push((Action::Place(me, resource), next));
            }
        }
        if members(client.granted).all(holds) {
            let mut next = state.clone();
            next.clients[me].running = client.granted;
            steps.push((Action::Start(me), next));
        }
    }

    fn push_link(&self, state: &State, me: usize, steps: &mut Steps<Self>) {
        let Client { link, running, .. } = state.clients[me];
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
        if link.cut_off && running != 0 {
            let mut next = state.clone();
            next.clients[me].running = 0;
            steps.push((Action::StopAlone(me), next));
        }
        let is_member = state.registry.is_member(me);
        if !link.is_up() && is_member && (running == 0 || !self.has(Guard::StopAlone)) {
            let mut next = state.clone();
            next.registry.clients.retain(|client| *client != me as u8);
            next.registry.dirty |= self.has(Guard::LookAgain);
            if self.has(Guard::BarrierEndsWithSession) {
                next.barriers
                    .iter_mut()
                    .for_each(|holder| *holder = holder.filter(|holder| *holder != me as u8));
            }
            steps.push((Action::Expire(me), next));
        }
        // With its session lost it begins anew, as the last; otherwise it goes on and reads the map.
        if link.cut_off && (running == 0 || is_member) {
            let mut next = state.clone();
            next.clients[me].link.cut_off = false;
            next.clients[me].notified = true;
            if !is_member {
                next.clients[me] = Client { link: link.anew(), notified: true, ..Client::default() };
                next.registry.clients.push(me as u8);
                next.registry.dirty |= self.has(Guard::LookAgain);
            }
            steps.push((Action::Heal(me), next));
        }
    }

    fn push_resources(&self, state: &State, steps: &mut Steps<Self>) {
        if state.left.resource_changes == 0 {
            return;
        }
        for resource in 0..self.resources {
            let mut next = state.clone();
            next.left.resource_changes -= 1;
            next.registry.resources ^= 1 << resource;
            next.registry.dirty |= self.has(Guard::LookAgain);
            let is_removed = next.registry.resources & 1 << resource == 0;
            if is_removed && !self.has(Guard::BarrierOutlivesResource) {
                next.barriers[resource] = None;
            }
            let action = if is_removed { Action::Remove(resource) } else { Action::Add(resource) };
            steps.push((action, next));
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

    fn maps_are_even(&self, before: &State, action: &Action, _: &State) -> bool {
        let Action::Land(me) = *action else { return true };
        before.clients[me].link.write.is_none_or(|write| {
            let clients: Vec<_> = members(write.clients).map(|client| client as u8).collect();
            is_even(&write.map, &clients)
        })
    }

    fn nothing_moves_for_nothing(&self, before: &State, action: &Action, after: &State) -> bool {
        let Action::Plan(me) = *action else { return true };
        !before.registry.is_fine() || after.clients[me].link.write.is_none()
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

    fn hands_over(&self, state: &State) -> bool {
        let moves = |resource: &usize| {
            let owner = state.registry.map[*resource];
            state.barriers[*resource].is_some() && owner.is_some() && owner != state.barriers[*resource]
        };
        (0..self.resources).any(|resource| moves(&resource))
    }

    fn an_old_write_is_under_way(&self, state: &State) -> bool {
        let writes = state.clients.iter().filter_map(|client| client.link.write);
        writes.into_iter().any(|write| write.epoch < state.registry.epoch)
    }
}

impl Spec for ResourceBarrier {
    type State = State;
    type Action = Action;

    fn initial(&self) -> Vec<State> {
        vec![State {
            registry: Registry::new(self.clients, self.resources),
            barriers: [None; MANY],
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

    /// Clients go on, sessions that are silent end, who is cut off comes back. A barrier may be free for a moment only:
    /// placing it needs strong fairness.
    fn fair(&self, action: &Action) -> Option<Fair> {
        match *action {
            Action::Elect(me) => Fair::weak("elect", me),
            Action::Plan(me) => Fair::weak("plan", me),
            Action::Land(me) => Fair::weak("land", me),
            Action::Stop(me) => Fair::weak("stop", me),
            Action::Read(me) => Fair::weak("read", me),
            Action::Place(me, _) => Fair::strong("place", me),
            Action::Start(me) => Fair::weak("start", me),
            Action::StopAlone(me) => Fair::weak("stop alone", me),
            Action::Expire(me) => Fair::weak("expire", me),
            Action::Heal(me) => Fair::weak("heal", me),
            Action::Crash(_) | Action::Isolate(_) | Action::Remove(_) | Action::Add(_) => None,
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::invariant("no resource is used by two clients", Self::nothing_used_twice),
            Property::step("old coordinators write nothing", Self::old_epochs_write_nothing),
            Property::step("maps are even", Self::maps_are_even),
            Property::step("nothing moves for nothing", Self::nothing_moves_for_nothing),
            Property::eventually_always("it settles once changes end", Self::is_settled),
            Property::sometimes("all clients run", Self::all_are_running),
            Property::sometimes("a resource is handed over", Self::hands_over),
            Property::sometimes(
                "a write of an old coordinator is under way",
                Self::an_old_write_is_under_way,
            ),
        ]
    }
}

impl Model for ResourceBarrier {
    const NAME: &'static str = "resource-barrier";
    type Guard = Guard;

    fn small(dropped: Option<Guard>) -> Self {
        let left = Left { crashes: 1, isolations: 1, resource_changes: 2 };
        Self { clients: 2, resources: 2, left, dropped }
    }

    fn large() -> Self {
        let left = Left { crashes: 1, isolations: 1, resource_changes: 2 };
        Self { clients: 3, resources: 3, left, dropped: None }
    }
}
