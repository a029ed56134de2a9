//! The coordinator's part: waiting to become it, then seeing and writing.

use std::collections::BTreeSet;
use std::convert::Infallible;

use client::{AnyVersion, ErrorKind, OneShot, Transaction};
use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;

use super::barriers::decode;
use super::context::{Context, Doing, Trouble, find, insist, recover};
use super::election::Epoch;
use super::{View, barriers, election, rounds};
use crate::core::global::Status;
use crate::core::{Allocation, MemberId, Members, Resources, Round, Weight, global, resource};
use crate::layout::{MemberData, stopped_of};
use crate::options::Mode;
use crate::planted::Bug;

/// Waits until this member coordinates, and does so until it can't any more. Being dropped ends it at any point: what may
/// still arrive of it is either right or refused.
pub(super) async fn run(context: Context, view: &watch::Sender<View>) -> Trouble {
    match hold_office(context, view).await {
        Err(trouble) => trouble,
        Ok(never) => match never {},
    }
}

async fn hold_office(context: Context, view: &watch::Sender<View>) -> Result<Infallible, Trouble> {
    election::win(&context).await?;
    let epoch = election::claim(&context).await?;
    tracing::info!(group = %context.layout.group, member = %context.me, epoch = epoch.0, "coordinates");
    view.send_modify(|view| view.coordinates = true);
    let mut office = Office::open(context, epoch).await?;
    loop {
        let seen = office.doing.next().await.unwrap_or(Err(Trouble::Deposed))?;
        office.take(seen);
    }
}

/// What has been seen, or done.
enum Seen {
    Members(Members, OneShot),
    Resources(Resources, OneShot),
    Stopped(BTreeSet<(MemberId, Round)>, OneShot),
    Wrote,
    Rested,
}

enum Machine {
    Resource(resource::Coordinator),
    Global(global::Coordinator),
}

struct Office {
    context: Context,
    epoch: Epoch,
    machine: Machine,
    doing: FuturesUnordered<Doing<Seen>>,
    members: Members,
    resources: Resources,
    /// The round that was called last.
    called: Round,
    is_granting: bool,
}

impl Office {
    async fn open(context: Context, epoch: Epoch) -> Result<Self, Trouble> {
        let Context { client, layout, options, .. } = &context;
        let node = insist(client, || client.get(&layout.resources)).await?;
        let allocation = decode(&layout.resources, node.data.as_deref().unwrap_or_default())?;
        let mut called = Round::default();
        let machine = match options.mode {
            Mode::Resource => Machine::Resource(resource::Coordinator::new(options.policy, allocation)),
            Mode::Global => {
                let node = insist(client, || client.get(&layout.status)).await?;
                let status = rounds::parse(&layout.status, node.data.as_deref().unwrap_or_default())?;
                called = status.round();
                Machine::Global(global::Coordinator::new(options.policy, allocation, status))
            }
        };
        let doing: FuturesUnordered<Doing<Seen>> = FuturesUnordered::new();
        doing.push(Box::pin(members(context.clone(), None, Members::new())));
        doing.push(Box::pin(resources(context.clone(), None)));
        if options.mode == Mode::Global {
            doing.push(Box::pin(stopped(context.clone(), None)));
        }
        if !options.has(Bug::EpochNotChecked) {
            doing.push(Box::pin(deposed(context.clone(), epoch)));
        }
        let (members, resources) = (Members::new(), Resources::new());
        Ok(Self { context, epoch, machine, doing, members, resources, called, is_granting: false })
    }

    fn take(&mut self, seen: Seen) {
        let context = self.context.clone();
        match seen {
            Seen::Members(seen, watch) => {
                self.members = seen.clone();
                self.doing.push(Box::pin(members(context, Some(watch), seen.clone())));
                let seen = self.as_planted(seen);
                match &mut self.machine {
                    Machine::Resource(it) => {
                        let commands = it.step(resource::CoordinatorInput::Members(seen));
                        self.resource(commands);
                    }
                    Machine::Global(it) => {
                        let commands = it.step(global::CoordinatorInput::Members(seen));
                        self.global(commands);
                    }
                }
                if self.context.options.has(Bug::StoppedIgnored) {
                    self.on_stopped(BTreeSet::new());
                }
            }
            Seen::Resources(seen, watch) => {
                self.doing.push(Box::pin(resources(context.clone(), Some(watch))));
                if context.options.has(Bug::BarrierRemovedWithResource) {
                    let gone: Resources = self.resources.difference(&seen).cloned().collect();
                    let remove = async move {
                        barriers::remove_with_resources(&context.client, &context.layout, &gone).await;
                    };
                    self.context.client.runtime().spawn(runtime::Pool::Clients, remove).detach();
                }
                self.resources = seen.clone();
                match &mut self.machine {
                    Machine::Resource(it) => {
                        let commands = it.step(resource::CoordinatorInput::Resources(seen));
                        self.resource(commands);
                    }
                    Machine::Global(it) => {
                        let commands = it.step(global::CoordinatorInput::Resources(seen));
                        self.global(commands);
                    }
                }
            }
            Seen::Stopped(seen, watch) => {
                self.doing.push(Box::pin(stopped(context, Some(watch))));
                self.on_stopped(seen);
            }
            Seen::Wrote => match &mut self.machine {
                Machine::Resource(it) => {
                    let commands = it.step(resource::CoordinatorInput::Written);
                    self.resource(commands);
                }
                Machine::Global(it) => {
                    let input = match self.is_granting {
                        true => global::CoordinatorInput::Granted,
                        false => global::CoordinatorInput::Called,
                    };
                    let commands = it.step(input);
                    self.global(commands);
                    if self.context.options.has(Bug::StoppedIgnored) {
                        self.on_stopped(BTreeSet::new());
                    }
                }
            },
            Seen::Rested => match &mut self.machine {
                Machine::Resource(it) => {
                    let commands = it.step(resource::CoordinatorInput::Rested);
                    self.resource(commands);
                }
                Machine::Global(it) => {
                    let commands = it.step(global::CoordinatorInput::Rested);
                    self.global(commands);
                }
            },
        }
    }

    fn on_stopped(&mut self, mut seen: BTreeSet<(MemberId, Round)>) {
        let options = &self.context.options;
        if options.has(Bug::RoundNotNamed) {
            seen = seen.into_iter().map(|(member, _)| (member, self.called)).collect();
        }
        if options.has(Bug::StoppedIgnored) {
            seen = self.members.keys().map(|member| (member.clone(), self.called)).collect();
        }
        if let Machine::Global(it) = &mut self.machine {
            let commands = it.step(global::CoordinatorInput::Stopped(seen));
            self.global(commands);
        }
    }

    fn resource(&mut self, commands: Vec<resource::CoordinatorCommand>) {
        for command in commands {
            match command {
                resource::CoordinatorCommand::Write(allocation) => self.write(Some(allocation), None),
                resource::CoordinatorCommand::Rest => self.rest(),
            }
        }
    }

    fn global(&mut self, commands: Vec<global::CoordinatorCommand>) {
        for command in commands {
            match command {
                global::CoordinatorCommand::Call(round) => {
                    (self.called, self.is_granting) = (round, false);
                    self.write(None, Some(Status::Stop(round)));
                }
                global::CoordinatorCommand::Grant(allocation) => {
                    self.is_granting = true;
                    let status = Status::Granted(allocation.round);
                    self.write(Some(allocation), Some(status));
                }
                global::CoordinatorCommand::Rest => self.rest(),
            }
        }
    }

    fn rest(&mut self) {
        let (clock, pause) = (self.context.client.runtime().clock.clone(), self.context.options.interval_min);
        self.doing.push(Box::pin(async move {
            clock.sleep(pause).await;
            Ok(Seen::Rested)
        }));
    }

    fn write(&mut self, allocation: Option<Allocation>, status: Option<Status>) {
        let mut words = Words { epoch: self.epoch, allocation: None, status: None };
        words.allocation = allocation.map(|mut allocation| {
            if self.context.options.has(Bug::NotSharedOut)
                && let Some(first) = self.members.keys().next()
            {
                allocation.owners.values_mut().for_each(|owner| owner.clone_from(first));
            }
            tracing::info!(
                group = %self.context.layout.group, epoch = self.epoch.0,
                resources = allocation.owners.len(), members = self.members.len(), "allocates"
            );
            allocation.encode(self.epoch.0)
        });
        words.status = status.map(Status::encode);
        self.doing.push(Box::pin(write(self.context.clone(), words)));
    }

    fn as_planted(&mut self, seen: Members) -> Members {
        let is_first = self.doing.len() <= 3;
        match &self.machine {
            _ if !self.context.options.has(Bug::MembersNotSeen) || is_first => seen,
            _ => Members::new(),
        }
    }
}

/// What a coordinator writes in one step.
struct Words {
    epoch: Epoch,
    allocation: Option<Vec<u8>>,
    status: Option<String>,
}

/// Writes, provided that the epoch is this coordinator's. When the answer is lost, it is found out whether it was done.
async fn write(context: Context, words: Words) -> Result<Seen, Trouble> {
    let Context { client, layout, options, .. } = &context;
    let mut transaction = Transaction::new();
    if !options.has(Bug::EpochNotChecked) {
        transaction.check(&layout.epoch, words.epoch.0);
    }
    if let Some(allocation) = &words.allocation {
        transaction.set(&layout.resources, Some(allocation), AnyVersion);
    }
    if let Some(status) = &words.status {
        transaction.set(&layout.status, Some(status.as_bytes()), AnyVersion);
    }
    loop {
        match client.multi(&transaction).await {
            Ok(_) => return Ok(Seen::Wrote),
            Err(error) if error.kind == ErrorKind::BadVersion => return Err(Trouble::Deposed),
            Err(error) if error.is_passing() => recover(client, &error).await,
            Err(error) => return Err(error.into()),
        }
        // Only a coordinator of this epoch writes these, and it writes one thing after the other.
        let is_written = match (&words.status, &words.allocation) {
            (Some(status), _) => has(&context, &layout.status, status.as_bytes()).await?,
            (None, Some(allocation)) => has(&context, &layout.resources, allocation).await?,
            (None, None) => true,
        };
        if is_written {
            return Ok(Seen::Wrote);
        }
    }
}

async fn has(context: &Context, path: &str, data: &[u8]) -> Result<bool, Trouble> {
    let node = find(&context.client, path).await?;
    Ok(node.is_some_and(|node| node.data.unwrap_or_default() == data))
}

/// Fails once the epoch is another's.
async fn deposed(context: Context, epoch: Epoch) -> Result<Seen, Trouble> {
    let Context { client, layout, .. } = context;
    loop {
        let (node, watch) = insist(&client, || client.get_and_watch(&layout.epoch)).await?;
        if node.stat.version != epoch.0 {
            return Err(Trouble::Deposed);
        }
        watch.fired().await.ok_or(Trouble::SessionOver)?;
    }
}

/// Who is there, once that has changed. The weights of those in `known` are not read again.
async fn members(context: Context, former: Option<OneShot>, known: Members) -> Result<Seen, Trouble> {
    if let Some(former) = former {
        former.fired().await.ok_or(Trouble::SessionOver)?;
    }
    let Context { client, layout, .. } = &context;
    let ((names, _), watch) = insist(client, || client.children_and_watch(&layout.clients)).await?;
    let weights = names.into_iter().map(|name| {
        let (member, known) = (MemberId::from(name.as_str()), &known);
        async move {
            if let Some(weight) = known.get(&member) {
                return Ok(Some((member, *weight)));
            }
            let node = find(client, &layout.client(&member)).await?;
            Ok::<_, Trouble>(node.map(|node| (member, weight_of(node.data.as_deref()))))
        }
    });
    let members = join_all(weights).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(Seen::Members(members.into_iter().flatten().collect(), watch))
}

/// What another client has written there counts as the usual weight.
fn weight_of(data: Option<&[u8]>) -> Weight {
    let data = serde_json::from_slice::<MemberData>(data.unwrap_or_default());
    data.ok().and_then(|data| Weight::new(data.weight)).unwrap_or_default()
}

/// What there is to share out, once that has changed.
async fn resources(context: Context, former: Option<OneShot>) -> Result<Seen, Trouble> {
    if let Some(former) = former {
        former.fired().await.ok_or(Trouble::SessionOver)?;
    }
    let Context { client, layout, .. } = &context;
    let ((names, _), watch) = insist(client, || client.children_and_watch(&layout.resources)).await?;
    Ok(Seen::Resources(names.iter().map(|name| name.as_str().into()).collect(), watch))
}

/// Who has stopped, once that has changed.
async fn stopped(context: Context, former: Option<OneShot>) -> Result<Seen, Trouble> {
    if let Some(former) = former {
        former.fired().await.ok_or(Trouble::SessionOver)?;
    }
    let Context { client, layout, .. } = &context;
    let ((names, _), watch) = insist(client, || client.children_and_watch(&layout.stopped)).await?;
    Ok(Seen::Stopped(names.iter().filter_map(|name| stopped_of(name)).collect(), watch))
}
