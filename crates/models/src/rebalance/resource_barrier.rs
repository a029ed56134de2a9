//! The resource barrier protocol: a barrier for each resource, held by its owner, awaited by the next.

use rebalancer::core::resource::{Command, Coordinator, CoordinatorCommand, CoordinatorInput, Input, Member};
use rebalancer::core::{Allocation, Grant, Members, Policy, Token};

use super::{
    Left, Link, MANY, Registry, Set, all_to_the_first, are_disjoint, granted, is_even, names, numbers,
    resource, set,
};
use crate::checker::{Fair, Property, Spec, Steps};
use crate::model::{Model, guards};

guards! {
    StopBeforeRelease = "a client stops before it takes its barriers away",
    WaitForBarrier = "a client waits until the barrier of another is gone",
    BarrierOutlivesResource = "removing a resource leaves its barrier",
    BarrierEndsWithSession = "the end of a session takes its barriers away",
    StopAlone = "a client that hears nothing for a session's time stops before its session ends",
    FencedWrites = "an allocation is written only in the epoch of its coordinator",
    LookAgain = "the coordinator looks again when clients or resources change",
    ReadAgain = "a client reads the allocation again when it changes",
    WatchBarriers = "a client is told when a barrier that it waits for is gone",
    SpreadEvenly = "resources are shared out in turn",
    SkipNeedless = "an allocation that is still fine is left alone",
}

/// The model, by its numbers.
pub struct ResourceBarrier {
    clients: usize,
    resources: usize,
    left: Left,
    dropped: Option<Guard>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Client {
    link: Link,
    /// Its membership.
    number: u8,
    member: Member,
    /// What it has to do, in order of value.
    todo: Vec<Command>,
    /// The allocation has changed since it read it.
    notified: bool,
    has_read: bool,
    /// Barriers that it waits for, and those of them that have changed.
    watching: Set,
    freed: Set,
    running: Set,
    /// What it uses although it has said that it does not: only without [`Guard::StopBeforeRelease`].
    lingering: Set,
    office: Option<Office>,
    /// Its writes that are under way.
    writes: Vec<Write>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Office {
    epoch: u8,
    coordinator: Coordinator,
    rests: bool,
}

/// A coordinator's write, until it arrives.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Write {
    epoch: u8,
    allocation: Allocation,
    /// Who was there when it was planned.
    members: Members,
}

/// Everything.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    registry: Registry,
    /// By whose membership each resource is held.
    barriers: [Option<u8>; MANY],
    clients: Vec<Client>,
    left: Left,
}

/// A step; the first number is the client.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// It becomes coordinator.
    Elect(usize),
    /// As coordinator it sees who is there.
    SeeMembers(usize),
    /// As coordinator it sees which resources there are.
    SeeResources(usize),
    /// As coordinator it has paused.
    Rest(usize),
    /// Its allocation arrives.
    Land(usize, usize),
    /// It reads the allocation.
    Read(usize),
    /// It puts up barriers.
    Place(usize, usize),
    /// It is told that a barrier is gone.
    Freed(usize, usize),
    /// It takes barriers away.
    Release(usize, usize),
    /// It uses resources.
    Start(usize, usize),
    /// It stops using resources.
    Stop(usize, usize),
    /// It really stops, having said so before.
    Linger(usize),
    /// It crashes.
    Crash(usize),
    /// It is cut off.
    Isolate(usize),
    /// It has been cut off for so long that it is to stop.
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

impl Client {
    fn takes(&mut self, input: Input) {
        for command in self.member.step(input) {
            if let Command::Stop(_) = command {
                self.todo.retain(|command| !matches!(command, Command::Start(_)));
            }
            self.todo.push(command);
        }
        self.todo.sort();
    }

    fn uses(&self) -> Set {
        self.running | self.lingering
    }
}

impl State {
    fn take_away(&mut self, is_meant: impl Fn(usize, u8) -> bool) {
        for number in 0..MANY {
            if self.barriers[number].is_some_and(|holder| is_meant(number, holder)) {
                self.barriers[number] = None;
                for client in &mut self.clients {
                    client.freed |= client.watching & 1 << number;
                    client.watching &= !(1 << number);
                }
            }
        }
    }

    fn holds_office(&self, me: usize) -> bool {
        let client = &self.clients[me];
        client.link.is_up() && client.office.is_some() && self.registry.members.contains(&client.number)
    }
}

impl ResourceBarrier {
    fn has(&self, guard: Guard) -> bool {
        self.dropped != Some(guard)
    }

    fn coordinates(&self, state: &mut State, me: usize, input: CoordinatorInput) {
        let fresh = || Coordinator::new(Policy::Sticky, Allocation::default());
        let registry = state.registry.clone();
        let client = &mut state.clients[me];
        let Some(office) = &mut client.office else { return };
        if !self.has(Guard::SkipNeedless) && matches!(input, CoordinatorInput::Members(_)) {
            // It forgets what it has written, so nothing is ever fine.
            office.coordinator = fresh();
            office.coordinator.step(CoordinatorInput::Resources(names(registry.resources)));
        }
        for command in office.coordinator.step(input) {
            match command {
                CoordinatorCommand::Rest => office.rests = true,
                CoordinatorCommand::Write(mut allocation) => {
                    let members = office.coordinator.members().cloned().unwrap_or_default();
                    if !self.has(Guard::SpreadEvenly) {
                        all_to_the_first(&mut allocation, &members);
                    }
                    client.writes.push(Write { epoch: office.epoch, allocation, members });
                }
            }
        }
    }

    fn push_coordinator(&self, state: &State, me: usize, steps: &mut Steps<Self>) {
        let client = &state.clients[me];
        let is_first = state.registry.members.iter().min() == Some(&client.number);
        if client.link.is_up() && is_first && client.office.is_none() {
            let mut next = state.clone();
            next.registry.epoch += 1;
            (next.registry.members_changed, next.registry.resources_changed) = (true, true);
            let coordinator = Coordinator::new(Policy::Sticky, state.registry.allocation.clone());
            next.clients[me].office = Some(Office { epoch: next.registry.epoch, coordinator, rests: false });
            steps.push((Action::Elect(me), next));
        }
        if state.holds_office(me) {
            if state.registry.members_changed {
                let mut next = state.clone();
                next.registry.members_changed = false;
                self.coordinates(&mut next, me, CoordinatorInput::Members(state.registry.names()));
                steps.push((Action::SeeMembers(me), next));
            }
            if state.registry.resources_changed {
                let mut next = state.clone();
                next.registry.resources_changed = false;
                let seen = CoordinatorInput::Resources(names(state.registry.resources));
                self.coordinates(&mut next, me, seen);
                steps.push((Action::SeeResources(me), next));
            }
            if client.office.as_ref().is_some_and(|office| office.rests) {
                let mut next = state.clone();
                if let Some(office) = &mut next.clients[me].office {
                    office.rests = false;
                }
                self.coordinates(&mut next, me, CoordinatorInput::Rested);
                steps.push((Action::Rest(me), next));
            }
        }
        for (number, write) in client.writes.iter().enumerate() {
            let mut next = state.clone();
            next.clients[me].writes.remove(number);
            let is_taken = write.epoch == state.registry.epoch || !self.has(Guard::FencedWrites);
            if is_taken {
                next.registry.allocation = write.allocation.clone();
                next.clients.iter_mut().for_each(|client| client.notified = !client.link.crashed);
            }
            let is_own = |office: &Office| office.epoch == write.epoch;
            match client.office.as_ref().is_some_and(is_own) {
                true if is_taken => self.coordinates(&mut next, me, CoordinatorInput::Written),
                true => next.clients[me].office = None,
                false => {}
            }
            steps.push((Action::Land(me, number), next));
        }
    }

    fn push_follower(&self, state: &State, me: usize, steps: &mut Steps<Self>) {
        let client = &state.clients[me];
        if client.link.crashed {
            return;
        }
        let is_heard = client.link.is_up() && state.registry.members.contains(&client.number);
        if is_heard && client.notified && (self.has(Guard::ReadAgain) || !client.has_read) {
            let mut next = state.clone();
            next.clients[me].notified = false;
            next.clients[me].has_read = true;
            next.clients[me].takes(Input::Share(state.registry.share(client.number)));
            steps.push((Action::Read(me), next));
        }
        for number in numbers(client.freed).filter(|_| is_heard && self.has(Guard::WatchBarriers)) {
            let mut next = state.clone();
            next.clients[me].freed &= !(1 << number);
            next.clients[me].takes(Input::Freed([resource(number)].into()));
            steps.push((Action::Freed(me, number), next));
        }
        for (at, command) in client.todo.iter().enumerate() {
            let mut next = state.clone();
            next.clients[me].todo.remove(at);
            let action = match command {
                Command::Place(wanted) if is_heard => {
                    self.place(&mut next, me, set(wanted));
                    Action::Place(me, at)
                }
                Command::Release(own) if is_heard => {
                    let (own_set, own_number) = (set(own), client.number);
                    next.take_away(|number, holder| own_set & 1 << number != 0 && holder == own_number);
                    next.clients[me].takes(Input::Released(own.clone()));
                    Action::Release(me, at)
                }
                Command::Start(grants) => {
                    next.clients[me].running |= granted(grants);
                    next.clients[me].takes(Input::Started);
                    Action::Start(me, at)
                }
                Command::Stop(stopped) => {
                    let client = &mut next.clients[me];
                    if !self.has(Guard::StopBeforeRelease) && !client.link.gave_up {
                        client.lingering |= client.running & set(stopped);
                    }
                    client.running &= !set(stopped);
                    client.takes(Input::Stopped(stopped.clone()));
                    Action::Stop(me, at)
                }
                Command::Place(_) | Command::Release(_) | Command::Leave => continue,
            };
            steps.push((action, next));
        }
        if client.lingering != 0 {
            let mut next = state.clone();
            next.clients[me].lingering = 0;
            steps.push((Action::Linger(me), next));
        }
    }

    fn place(&self, state: &mut State, me: usize, wanted: Set) {
        let own = state.clients[me].number;
        let (mut held, mut taken) = (Vec::new(), Set::default());
        for number in numbers(wanted) {
            if state.barriers[number].is_none_or(|holder| holder == own) || !self.has(Guard::WaitForBarrier) {
                state.barriers[number] = Some(own);
                held.push(Grant { resource: resource(number), token: Token(0) });
            } else {
                taken |= 1 << number;
            }
        }
        state.clients[me].watching |= taken;
        state.clients[me].takes(Input::Placed { held, taken: names(taken) });
    }

    fn push_link(&self, state: &State, me: usize, steps: &mut Steps<Self>) {
        let client = &state.clients[me];
        let (link, is_member) = (client.link, state.registry.members.contains(&client.number));
        if link.is_up() && state.left.crashes > 0 {
            let mut next = state.clone();
            next.left.crashes -= 1;
            next.clients[me] = Client {
                link: Link { crashed: true, ..Link::default() },
                number: client.number,
                writes: client.writes.clone(),
                ..Client::default()
            };
            steps.push((Action::Crash(me), next));
        }
        if link.is_up() && state.left.isolations > 0 {
            let mut next = state.clone();
            next.left.isolations -= 1;
            next.clients[me].link.cut_off = true;
            steps.push((Action::Isolate(me), next));
        }
        if link.cut_off && !link.gave_up {
            let mut next = state.clone();
            next.clients[me].link.gave_up = true;
            next.clients[me].takes(Input::CutOff);
            steps.push((Action::StopAlone(me), next));
        }
        let has_stopped = link.gave_up && client.uses() == 0 && client.member.in_use().next().is_none();
        if !link.is_up() && is_member && (link.crashed || has_stopped || !self.has(Guard::StopAlone)) {
            let mut next = state.clone();
            let number = client.number;
            next.registry.members.retain(|member| *member != number);
            next.registry.members_changed |= self.has(Guard::LookAgain);
            if self.has(Guard::BarrierEndsWithSession) {
                next.take_away(|_, holder| holder == number);
            }
            steps.push((Action::Expire(me), next));
        }
        if link.cut_off && (is_member || has_stopped) {
            let mut next = state.clone();
            if is_member {
                next.clients[me].link = Link::default();
                if link.gave_up {
                    next.clients[me].takes(Input::Back);
                }
            } else {
                // With its session lost it begins anew, as the last. What its former self sent is still under way.
                let number = next.registry.join();
                next.registry.members_changed |= self.has(Guard::LookAgain);
                let writes = client.writes.clone();
                next.clients[me] = Client { number, writes, notified: true, ..Client::default() };
            }
            steps.push((Action::Heal(me), next));
        }
    }

    fn push_resources(&self, state: &State, steps: &mut Steps<Self>) {
        if state.left.resource_changes == 0 {
            return;
        }
        for number in 0..self.resources {
            let mut next = state.clone();
            next.left.resource_changes -= 1;
            next.registry.resources ^= 1 << number;
            next.registry.resources_changed |= self.has(Guard::LookAgain);
            let is_removed = next.registry.resources & 1 << number == 0;
            if is_removed && !self.has(Guard::BarrierOutlivesResource) {
                next.take_away(|removed, _| removed == number);
            }
            let action = if is_removed { Action::Remove(number) } else { Action::Add(number) };
            steps.push((action, next));
        }
    }

    fn nothing_used_twice(&self, state: &State) -> bool {
        are_disjoint(state.clients.iter().map(Client::uses))
    }

    fn old_epochs_write_nothing(&self, before: &State, action: &Action, after: &State) -> bool {
        let is_same = before.registry.allocation == after.registry.allocation;
        let Action::Land(me, number) = *action else { return is_same };
        is_same || before.clients[me].writes[number].epoch == before.registry.epoch
    }

    fn allocations_are_even(&self, before: &State, action: &Action, _: &State) -> bool {
        let Action::Land(me, number) = *action else { return true };
        let write = &before.clients[me].writes[number];
        is_even(&write.allocation, &write.members)
    }

    fn nothing_moves_for_nothing(&self, before: &State, action: &Action, after: &State) -> bool {
        let (Action::SeeMembers(me) | Action::SeeResources(me) | Action::Rest(me)) = *action else {
            return true;
        };
        let has_seen_all = !after.registry.members_changed && !after.registry.resources_changed;
        let writes = after.clients[me].writes.len() > before.clients[me].writes.len();
        !(writes && has_seen_all && before.registry.is_fine())
    }

    fn is_settled(&self, state: &State) -> bool {
        let runs = |client: &Client| {
            client.member.is_settled() && client.uses() == set(&state.registry.share(client.number))
        };
        state.registry.is_fine() && state.clients.iter().filter(|client| !client.link.crashed).all(runs)
    }

    fn all_are_running(&self, state: &State) -> bool {
        state.clients.iter().all(|client| client.running != 0)
    }

    fn hands_over(&self, state: &State) -> bool {
        state.clients.iter().any(|client| client.watching != 0 && client.running != 0)
    }

    fn an_old_write_is_under_way(&self, state: &State) -> bool {
        let mut writes = state.clients.iter().flat_map(|client| &client.writes);
        writes.any(|write| write.epoch < state.registry.epoch)
    }
}

impl Spec for ResourceBarrier {
    type State = State;
    type Action = Action;

    fn initial(&self) -> Vec<State> {
        let client = |number| Client { number, notified: true, ..Client::default() };
        vec![State {
            registry: Registry::new(self.clients, self.resources),
            barriers: [None; MANY],
            clients: (0..self.clients as u8).map(client).collect(),
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

    /// Clients go on, sessions that are silent end, who is cut off comes back, watches tell at last.
    fn fair(&self, action: &Action) -> Option<Fair> {
        match *action {
            Action::Elect(me) => Fair::weak("elect", me),
            Action::SeeMembers(me) => Fair::weak("see members", me),
            Action::SeeResources(me) => Fair::weak("see resources", me),
            Action::Rest(me) => Fair::weak("rest", me),
            Action::Land(me, _) => Fair::weak("land", me),
            Action::Read(me) => Fair::weak("read", me),
            Action::Place(me, _) => Fair::weak("place", me),
            Action::Freed(me, _) => Fair::weak("freed", me),
            Action::Release(me, _) => Fair::weak("release", me),
            Action::Start(me, _) => Fair::weak("start", me),
            Action::Stop(me, _) => Fair::weak("stop", me),
            Action::Linger(me) => Fair::weak("linger", me),
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
            Property::step("allocations are even", Self::allocations_are_even),
            Property::step("nothing moves for nothing", Self::nothing_moves_for_nothing),
            Property::eventually_always("it settles once changes end", Self::is_settled),
            Property::sometimes("all clients run", Self::all_are_running),
            Property::sometimes("a client waits for another while it runs", Self::hands_over),
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
        // As little as shows what the loss of a rule does.
        let left = match dropped {
            None => Left { crashes: 1, isolations: 1, resource_changes: 2 },
            Some(Guard::BarrierOutlivesResource) => Left { crashes: 0, isolations: 1, resource_changes: 2 },
            Some(
                Guard::StopBeforeRelease | Guard::WaitForBarrier | Guard::WatchBarriers | Guard::StopAlone,
            ) => Left { crashes: 0, isolations: 1, resource_changes: 1 },
            Some(_) => Left { crashes: 1, isolations: 0, resource_changes: 1 },
        };
        Self { clients: 2, resources: 2, left, dropped }
    }

    fn large() -> Self {
        let left = Left { crashes: 1, isolations: 1, resource_changes: 2 };
        Self { clients: 3, resources: 3, left, dropped: None }
    }
}
