//! The global barrier protocol: all stop, then all get their share.

use std::collections::BTreeSet;

use rebalancer::core::global::{
    Command, Coordinator, CoordinatorCommand, CoordinatorInput, Input, Member, Status,
};
use rebalancer::core::{Allocation, MemberId, Policy, Round, Token};

use super::{Left, Link, Registry, Set, are_disjoint, granted, member, names, set};
use crate::checker::{Fair, Property, Spec, Steps};
use crate::model::{Model, guards};

guards! {
    StopBeforeAnnouncing = "a client stops before it says so",
    WaitForAll = "nothing is granted before every client has stopped",
    NameTheRound = "a client that has stopped says for which round",
    StopAlone = "a client that hears nothing for a session's time stops before its session ends",
    FencedWrites = "the store takes no write of an old coordinator",
    LookAgain = "the coordinator looks again when clients or resources change",
    ReadAgain = "a client reads the status again when it changes",
}

/// The model, by its numbers.
pub struct GlobalBarrier {
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
    /// The status has changed since it read it.
    notified: bool,
    has_read: bool,
    running: Set,
    /// What it uses although it has said that it does not: only without [`Guard::StopBeforeAnnouncing`].
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
    status: Status,
    allocation: Option<Allocation>,
}

/// Everything.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    registry: Registry,
    status: Status,
    /// Which membership has stopped for which round.
    stopped: BTreeSet<(u8, Round)>,
    /// That has changed since the coordinator looked.
    stopped_changed: bool,
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
    /// As coordinator it sees who has stopped.
    SeeStopped(usize),
    /// As coordinator it has paused.
    Rest(usize),
    /// Its write arrives.
    Land(usize, usize),
    /// It reads the status.
    ReadStatus(usize),
    /// It says that it has stopped.
    Announce(usize, usize),
    /// It reads the allocation.
    Read(usize, usize),
    /// It says that it goes on.
    Withdraw(usize, usize),
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
    /// A resource is removed or added.
    Change(usize),
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
    fn set_stopped(&mut self, change: impl FnOnce(&mut BTreeSet<(u8, Round)>)) {
        let before = self.stopped.clone();
        change(&mut self.stopped);
        self.stopped_changed |= self.stopped != before;
    }

    fn holds_office(&self, me: usize) -> bool {
        let client = &self.clients[me];
        client.link.is_up() && client.office.is_some() && self.registry.members.contains(&client.number)
    }
}

impl GlobalBarrier {
    fn has(&self, guard: Guard) -> bool {
        self.dropped != Some(guard)
    }

    fn coordinates(&self, state: &mut State, me: usize, input: CoordinatorInput) {
        let client = &mut state.clients[me];
        let Some(office) = &mut client.office else { return };
        for command in office.coordinator.step(input) {
            let write = |status, allocation| Write { epoch: office.epoch, status, allocation };
            match command {
                CoordinatorCommand::Rest => office.rests = true,
                CoordinatorCommand::Call(round) => client.writes.push(write(Status::Stop(round), None)),
                CoordinatorCommand::Grant(allocation) => {
                    client.writes.push(write(Status::Granted(allocation.round), Some(allocation)));
                }
            }
        }
    }

    /// Who has stopped, as the coordinator takes it.
    fn seen_stopped(&self, state: &State) -> CoordinatorInput {
        let current = state.status.round();
        let named = |(number, round): &(u8, Round)| {
            (member(*number), if self.has(Guard::NameTheRound) { *round } else { current })
        };
        let all = || state.registry.members.iter().map(|number| (member(*number), current));
        let seen: BTreeSet<(MemberId, Round)> = match self.has(Guard::WaitForAll) {
            true => state.stopped.iter().map(named).collect(),
            false => all().collect(),
        };
        CoordinatorInput::Stopped(seen)
    }

    fn push_coordinator(&self, state: &State, me: usize, steps: &mut Steps<Self>) {
        let client = &state.clients[me];
        let is_first = state.registry.members.iter().min() == Some(&client.number);
        if client.link.is_up() && is_first && client.office.is_none() {
            let mut next = state.clone();
            next.registry.epoch += 1;
            (next.registry.members_changed, next.registry.resources_changed) = (true, true);
            next.stopped_changed = true;
            let allocation = state.registry.allocation.clone();
            let coordinator = Coordinator::new(Policy::Sticky, allocation, state.status);
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
            if state.stopped_changed {
                let mut next = state.clone();
                next.stopped_changed = false;
                self.coordinates(&mut next, me, self.seen_stopped(state));
                steps.push((Action::SeeStopped(me), next));
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
                next.status = write.status;
                if let Some(allocation) = &write.allocation {
                    next.registry.allocation = allocation.clone();
                }
                next.clients.iter_mut().for_each(|client| client.notified = !client.link.crashed);
            }
            let is_own = |office: &Office| office.epoch == write.epoch;
            match client.office.as_ref().is_some_and(is_own) {
                true if is_taken => {
                    let is_call = write.allocation.is_none();
                    let done = if is_call { CoordinatorInput::Called } else { CoordinatorInput::Granted };
                    self.coordinates(&mut next, me, done);
                    if is_call && !(self.has(Guard::NameTheRound) && self.has(Guard::WaitForAll)) {
                        let seen = self.seen_stopped(&next);
                        self.coordinates(&mut next, me, seen);
                    }
                }
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
            next.clients[me].has_read = state.status != Status::default();
            next.clients[me].takes(Input::Status(state.status));
            steps.push((Action::ReadStatus(me), next));
        }
        for (at, command) in client.todo.iter().enumerate() {
            let mut next = state.clone();
            next.clients[me].todo.remove(at);
            let own = client.number;
            let action = match command {
                Command::Announce(round) if is_heard => {
                    next.set_stopped(|stopped| {
                        stopped.retain(|(number, _)| *number != own);
                        stopped.insert((own, *round));
                    });
                    next.clients[me].takes(Input::Announced(*round));
                    Action::Announce(me, at)
                }
                Command::Withdraw(round) if is_heard => {
                    next.set_stopped(|stopped| stopped.retain(|(number, _)| *number != own));
                    next.clients[me].takes(Input::Withdrawn(*round));
                    Action::Withdraw(me, at)
                }
                Command::Read if is_heard => {
                    let (round, resources) = (state.registry.allocation.round, state.registry.share(own));
                    next.clients[me].takes(Input::Share { round, token: Token(0), resources });
                    Action::Read(me, at)
                }
                Command::Start(grants) => {
                    next.clients[me].running |= granted(grants);
                    next.clients[me].takes(Input::Started);
                    Action::Start(me, at)
                }
                Command::Stop(stopped) => {
                    let client = &mut next.clients[me];
                    if !self.has(Guard::StopBeforeAnnouncing) && !client.link.gave_up {
                        client.lingering |= client.running & set(stopped);
                    }
                    client.running &= !set(stopped);
                    client.takes(Input::Stopped(stopped.clone()));
                    Action::Stop(me, at)
                }
                Command::Announce(_) | Command::Withdraw(_) | Command::Read | Command::Leave => continue,
            };
            steps.push((action, next));
        }
        if client.lingering != 0 {
            let mut next = state.clone();
            next.clients[me].lingering = 0;
            steps.push((Action::Linger(me), next));
        }
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
            next.set_stopped(|stopped| stopped.retain(|(member, _)| *member != number));
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
            steps.push((Action::Change(number), next));
        }
    }

    fn nothing_used_twice(&self, state: &State) -> bool {
        are_disjoint(state.clients.iter().map(Client::uses))
    }

    fn old_epochs_write_nothing(&self, before: &State, action: &Action, after: &State) -> bool {
        let of = |state: &State| (state.registry.allocation.clone(), state.status);
        let Action::Land(me, number) = *action else { return of(before) == of(after) };
        of(before) == of(after) || before.clients[me].writes[number].epoch == before.registry.epoch
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

    fn a_round_overtakes_another(&self, state: &State) -> bool {
        let Status::Stop(round) = state.status else { return false };
        state.stopped.iter().any(|(_, stopped)| *stopped < round)
    }

    fn an_old_write_is_under_way(&self, state: &State) -> bool {
        let mut writes = state.clients.iter().flat_map(|client| &client.writes);
        writes.any(|write| write.epoch < state.registry.epoch)
    }
}

impl Spec for GlobalBarrier {
    type State = State;
    type Action = Action;

    fn initial(&self) -> Vec<State> {
        let client = |number| Client { number, notified: true, ..Client::default() };
        vec![State {
            registry: Registry::new(self.clients, self.resources),
            status: Status::default(),
            stopped: BTreeSet::new(),
            stopped_changed: false,
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
            Action::SeeStopped(me) => Fair::weak("see stopped", me),
            Action::ReadStatus(me) => Fair::weak("read status", me),
            Action::Announce(me, _) => Fair::weak("announce", me),
            Action::Read(me, _) => Fair::weak("read", me),
            Action::Withdraw(me, _) => Fair::weak("withdraw", me),
            Action::Start(me, _) => Fair::weak("start", me),
            Action::Stop(me, _) => Fair::weak("stop", me),
            Action::Linger(me) => Fair::weak("linger", me),
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
            Property::sometimes(
                "a write of an old coordinator is under way",
                Self::an_old_write_is_under_way,
            ),
        ]
    }
}

impl Model for GlobalBarrier {
    const NAME: &'static str = "global-barrier";
    type Guard = Guard;

    fn small(dropped: Option<Guard>) -> Self {
        // As little as shows what the loss of a rule does.
        let left = match dropped {
            None => Left { crashes: 1, isolations: 1, resource_changes: 1 },
            Some(Guard::FencedWrites | Guard::LookAgain | Guard::ReadAgain) => {
                Left { crashes: 1, isolations: 0, resource_changes: 1 }
            }
            Some(_) => Left { crashes: 0, isolations: 1, resource_changes: 1 },
        };
        Self { clients: 2, resources: 2, left, dropped }
    }

    fn large() -> Self {
        let left = Left { crashes: 1, isolations: 1, resource_changes: 2 };
        Self { clients: 3, resources: 3, left, dropped: None }
    }
}
