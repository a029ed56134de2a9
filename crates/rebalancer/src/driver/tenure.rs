//! One membership: from having joined to having left, or to the end of the session.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;

use super::certainty::{self, Certainty};
use super::context::{Context, Doing, Trouble};
use super::machine::{Done, Learnt, Machine, Task};
use super::work::{Starting, Stopping};
use super::{View, asked_to_leave, barriers, coordinate, election, membership, rounds, work};
use crate::core::{Grant, ResourceId, Resources, Round, Token, global, resource};
use crate::error::Error;
use crate::handler::Handler;
use crate::options::Mode;
use crate::planted::Bug;

/// How a membership ended that did not fail. Nothing is in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    /// It was to leave.
    Left,
    /// It is to join again, in this session.
    Again,
    /// It is to join again, in the next session.
    SessionOver,
}

enum Event {
    Certainty(Certainty),
    Started(Result<Vec<Grant>, Error>),
    Stopped(Result<Resources, Error>),
    LeaveAsked,
    Trouble(Trouble),
    Done(Result<Done, Trouble>),
}

pub(super) struct Tenure<'a, H> {
    context: Context,
    handler: Arc<H>,
    view: &'a watch::Sender<View>,
    machine: Machine,
    start: Option<Starting>,
    stops: FuturesUnordered<Stopping>,
    doing: FuturesUnordered<Doing<Done>>,
    owned: BTreeMap<ResourceId, Token>,
    /// Whose barriers are this member's.
    placed: Resources,
    /// The round for which it says that it has stopped.
    announced: Option<Round>,
    /// How the membership ends, once it has left.
    leaving: Option<Result<Ending, Error>>,
    /// How it ends, once nothing is in use.
    over: Option<Result<Ending, Trouble>>,
}

impl<'a, H: Handler> Tenure<'a, H> {
    pub(super) fn new(context: Context, handler: Arc<H>, view: &'a watch::Sender<View>) -> Self {
        let machine = Machine::new(context.options.mode);
        Self {
            context,
            handler,
            view,
            machine,
            start: None,
            stops: FuturesUnordered::new(),
            doing: FuturesUnordered::new(),
            owned: BTreeMap::new(),
            placed: Resources::new(),
            announced: None,
            leaving: None,
            over: None,
        }
    }

    pub(super) async fn run(mut self, mut leave: watch::Receiver<bool>) -> Result<Ending, Trouble> {
        let context = self.context.clone();
        tracing::info!(group = %context.layout.group, member = %context.me, "joined");
        let mut coordinating = pin!(coordinate::run(context.clone(), self.view));
        let mut removed = pin!(election::removed(context.clone()));
        let mut certainty = certainty::lost(&context);
        self.listen();
        self.show();
        loop {
            if self.over.is_some() && self.start.is_none() && self.stops.is_empty() {
                return self.end().await;
            }
            let (serves, stays) = (self.over.is_none(), self.over.is_none() && self.leaving.is_none());
            let event = tokio::select! {
                biased;
                change = &mut certainty, if serves => Event::Certainty(change),
                Some(stopped) = self.stops.next() => Event::Stopped(stopped),
                started = if_any(&mut self.start) => Event::Started(started),
                () = asked_to_leave(&mut leave), if stays => Event::LeaveAsked,
                trouble = &mut coordinating, if stays => Event::Trouble(trouble),
                gone = &mut removed, if stays => Event::Trouble(match gone { Ok(never) => match never {}, Err(trouble) => trouble }),
                Some(done) = self.doing.next(), if serves => Event::Done(done),
            };
            if let Event::Done(Ok(Done::Left)) = event {
                return match self.leaving.take() {
                    Some(Err(error)) => Err(error.into()),
                    Some(Ok(ending)) => Ok(ending),
                    None => Ok(Ending::Again),
                };
            }
            if let Event::Certainty(change) = &event {
                certainty = match change {
                    Certainty::CutOff => certainty::regained(&context),
                    Certainty::Back => certainty::lost(&context),
                    Certainty::SessionOver => Box::pin(std::future::pending()),
                };
            }
            self.take(event);
            self.show();
        }
    }

    /// What it wants to hear of from the beginning.
    fn listen(&mut self) {
        let context = self.context.clone();
        self.doing.push(match context.options.mode {
            Mode::Resource => Box::pin(async move {
                let (share, watch) = barriers::share(context, None).await?;
                Ok(Done::Share(share, watch))
            }),
            Mode::Global => Box::pin(async move {
                let (status, watch) = rounds::status(context, None).await?;
                Ok(Done::Status(status, watch))
            }),
        });
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Certainty(Certainty::CutOff) => self.step(Learnt::CutOff),
            Event::Certainty(Certainty::Back) => self.step(Learnt::Back),
            Event::Certainty(Certainty::SessionOver) => self.give_up(Ok(Ending::SessionOver)),
            Event::LeaveAsked => self.leave(Ok(Ending::Left)),
            Event::Trouble(trouble) => self.on_trouble(trouble),
            Event::Started(Ok(grants)) => {
                self.start = None;
                self.owned.extend(grants.into_iter().map(|grant| (grant.resource, grant.token)));
                self.step(Learnt::Started);
            }
            Event::Started(Err(error)) => {
                self.start = None;
                self.leave(Err(error));
                // What could not be started is stopped like the rest.
                self.step(Learnt::Started);
            }
            Event::Stopped(Ok(stopped)) => {
                self.owned.retain(|resource, _| !stopped.contains(resource));
                self.step(Learnt::Stopped(stopped));
            }
            Event::Stopped(Err(error)) => self.give_up(Err(Trouble::Failed(error))),
            Event::Done(Err(trouble)) => self.on_trouble(trouble),
            Event::Done(Ok(done)) => self.on_done(done),
        }
    }

    fn on_done(&mut self, done: Done) {
        let context = self.context.clone();
        match done {
            Done::Share(share, watch) => {
                self.doing.push(Box::pin(async move {
                    let (share, watch) = barriers::share(context, Some(watch)).await?;
                    Ok(Done::Share(share, watch))
                }));
                self.step(Learnt::Resource(resource::Input::Share(share)));
            }
            Done::Status(status, watch) => {
                self.doing.push(Box::pin(async move {
                    let (status, watch) = rounds::status(context, Some(watch)).await?;
                    Ok(Done::Status(status, watch))
                }));
                self.step(Learnt::Global(global::Input::Status(status)));
            }
            Done::Placed(held, watches) => {
                self.placed.extend(held.iter().map(|grant| grant.resource.clone()));
                let taken = watches.iter().map(|(resource, _)| resource.clone()).collect();
                for (resource, watch) in watches {
                    self.doing.push(Box::pin(async move {
                        watch.fired().await.ok_or(Trouble::SessionOver)?;
                        Ok(Done::Freed(resource))
                    }));
                }
                self.step(Learnt::Resource(resource::Input::Placed { held, taken }));
            }
            Done::Freed(resource) => {
                self.step(Learnt::Resource(resource::Input::Freed([resource].into())));
            }
            Done::Released(released) => {
                self.placed.retain(|resource| !released.contains(resource));
                self.step(Learnt::Resource(resource::Input::Released(released)));
            }
            Done::Global(input) => {
                match input {
                    global::Input::Announced(round) => self.announced = Some(round),
                    global::Input::Withdrawn(_) => self.announced = None,
                    _ => {}
                }
                self.step(Learnt::Global(input));
            }
            // The loop ends with it.
            Done::Left => {}
        }
    }

    fn on_trouble(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::SessionOver => self.give_up(Ok(Ending::SessionOver)),
            Trouble::Deposed => self.leave(Ok(Ending::Again)),
            Trouble::Failed(_) => self.give_up(Err(trouble)),
        }
    }

    /// Stops, hands over and leaves, in order.
    fn leave(&mut self, outcome: Result<Ending, Error>) {
        if self.leaving.is_none() {
            self.leaving = Some(outcome);
            self.step(Learnt::Leave);
        }
    }

    /// Stops at once, and does nothing else any more.
    fn give_up(&mut self, outcome: Result<Ending, Trouble>) {
        let is_worse = matches!(outcome, Err(Trouble::Failed(Error::Stop { .. })));
        if self.over.is_none() || is_worse {
            self.over = Some(outcome);
        }
        self.step(Learnt::CutOff);
    }

    fn step(&mut self, learnt: Learnt) {
        for task in self.machine.step(learnt) {
            self.carry_out(task);
        }
    }

    fn carry_out(&mut self, task: Task) {
        let context = self.context.clone();
        let former = self.announced;
        self.doing.push(match task {
            Task::Start(grants) => {
                self.start = Some(work::start(&context, &self.handler, grants));
                return;
            }
            Task::Stop(resources) => return self.stop(resources),
            Task::Place(resources) => Box::pin(async move {
                let (held, taken) = barriers::place(context, resources).await?;
                Ok(Done::Placed(held, taken))
            }),
            Task::Release(resources) => {
                Box::pin(async move { Ok(Done::Released(barriers::release(context, resources).await?)) })
            }
            Task::Announce(round) => {
                Box::pin(async move { Ok(Done::Global(rounds::announce(context, former, round).await?)) })
            }
            Task::Read => Box::pin(async move { Ok(Done::Global(rounds::read(context).await?)) }),
            Task::Withdraw(round) => {
                Box::pin(async move { Ok(Done::Global(rounds::withdraw(context, round).await?)) })
            }
            Task::Leave => Box::pin(async move {
                if let Some(round) = former {
                    rounds::remove(&context, round).await?;
                }
                membership::leave(&context).await?;
                Ok(Done::Left)
            }),
        });
    }

    fn stop(&mut self, resources: Resources) {
        // A start that is under way is given up: it has no more time.
        self.start = None;
        let stop = work::stop(&self.context, &self.handler, resources.clone());
        if !self.context.options.has(Bug::StopNotAwaited) {
            return self.stops.push(stop);
        }
        let runtime = self.context.client.runtime();
        let late = async move {
            let _ = stop.await;
        };
        runtime.spawn(runtime::Pool::Clients, late).detach();
        self.stops.push(Box::pin(async move { Ok(resources) }));
    }

    async fn end(mut self) -> Result<Ending, Trouble> {
        let outcome = self.over.take().unwrap_or(Ok(Ending::SessionOver));
        match (&outcome, &self.leaving) {
            // It may still be in use: nobody gets it before the session ends.
            (Err(Trouble::Failed(Error::Stop { .. })), _) => outcome,
            (Err(_), _) => {
                // As far as it goes: the session may live on with others of the application.
                let _ = barriers::release(self.context.clone(), self.placed).await;
                let _ = membership::leave(&self.context).await;
                outcome
            }
            (Ok(Ending::SessionOver), Some(Ok(Ending::Left))) => Ok(Ending::Left),
            (Ok(Ending::SessionOver), Some(Err(_))) => match self.leaving.take() {
                Some(Err(error)) => Err(error.into()),
                _ => outcome,
            },
            _ => outcome,
        }
    }

    fn show(&self) {
        self.view.send_if_modified(|view| {
            let is_settled = self.machine.is_settled();
            let is_same = view.is_settled == is_settled
                && view.owned == self.owned
                && view.member.as_ref() == Some(&self.context.me);
            if !is_same {
                view.member = Some(self.context.me.clone());
                view.owned.clone_from(&self.owned);
                view.is_settled = is_settled;
            }
            !is_same
        });
    }
}

async fn if_any<F: Future + Unpin>(future: &mut Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
