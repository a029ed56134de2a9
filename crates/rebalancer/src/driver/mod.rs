//! Carries out what the protocols say, over one session after another.

mod barriers;
mod certainty;
mod context;
mod coordinate;
mod election;
mod machine;
mod membership;
mod rounds;
mod setup;
mod tenure;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;

use client::{Client, Sessions};
use runtime::{Pool, Task};
use tokio::sync::{oneshot, watch};

use crate::core::{MemberId, ResourceId, Token};
use crate::error::Error;
use crate::handler::Handler;
use crate::layout::Layout;
use crate::options::Options;
use context::{Context, Trouble};
use tenure::{Ending, Tenure};

/// A member of a group, until it leaves or fails. It outlives sessions: when one is over, it joins again as the last.
///
/// Dropping it is leaving without waiting: resources are stopped and handed over in the background.
#[derive(Debug)]
pub struct Rebalancer {
    leave: watch::Sender<bool>,
    view: watch::Receiver<View>,
    ended: oneshot::Receiver<Result<(), Error>>,
}

/// What a member is and has at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct View {
    /// Its name in the group; none while it has no session.
    pub member: Option<MemberId>,
    /// Whether it coordinates.
    pub coordinates: bool,
    /// What it has started with.
    pub owned: BTreeMap<ResourceId, Token>,
    /// Whether that is what it was given, with nothing left to do.
    pub is_settled: bool,
}

impl Rebalancer {
    /// Joins the group at path `group`, which is made if it is not there. Returns at once; the first resources
    /// arrive at `handler`.
    ///
    /// # Errors
    /// When `group` is no path.
    pub fn join<H: Handler>(
        sessions: &Sessions,
        group: &str,
        handler: H,
        options: Options,
    ) -> Result<Self, Error> {
        let (leave, leaving) = watch::channel(false);
        let (view, seen) = watch::channel(View::default());
        let (end, ended) = oneshot::channel();
        let runner = Runner {
            sessions: sessions.clone(),
            layout: Arc::new(Layout::new(group)?),
            options: Arc::new(options),
            handler: Arc::new(handler),
            view,
            leaving,
        };
        let task: Task = sessions.runtime().spawn(Pool::Clients, async move {
            let outcome = runner.run().await;
            if let Err(error) = &outcome {
                tracing::error!(%error, "membership ended");
            }
            // Whoever wanted to know may have gone.
            let _ = end.send(outcome);
        });
        // It has to stop resources even when nobody waits for that.
        task.detach();
        Ok(Self { leave, view: seen, ended })
    }

    /// What it is and has now, and how that changes.
    pub fn view(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    /// Stops all resources, hands them over and leaves. Goes on if the future is dropped.
    ///
    /// # Errors
    /// When the membership had failed before, or stopping fails.
    pub async fn leave(self) -> Result<(), Error> {
        self.leave.send_replace(true);
        self.ended.await.unwrap_or(Ok(()))
    }

    /// Completes when the membership has failed. Nothing is lost if the future is dropped.
    ///
    /// # Errors
    /// Always, but for sessions that were closed, after which there is nothing to be a member with.
    pub async fn ended(&mut self) -> Result<(), Error> {
        // Told once only; a second time there is nothing new.
        (&mut self.ended).await.unwrap_or(Ok(()))
    }
}

/// Completes when the member is to leave, or nobody has it any more.
async fn asked_to_leave(leave: &mut watch::Receiver<bool>) {
    // Both mean the same.
    let _ = leave.wait_for(|leave| *leave).await;
}

/// What goes on from one session to the next.
struct Runner<H> {
    sessions: Sessions,
    layout: Arc<Layout>,
    options: Arc<Options>,
    handler: Arc<H>,
    view: watch::Sender<View>,
    leaving: watch::Receiver<bool>,
}

impl<H: Handler> Runner<H> {
    async fn run(mut self) -> Result<(), Error> {
        let mut leaving = self.leaving.clone();
        let mut former: Option<Client> = None;
        loop {
            let next = async {
                match &former {
                    None => self.sessions.client().await,
                    Some(former) => self.sessions.after(former).await,
                }
            };
            let client = tokio::select! {
                biased;
                client = next => match client {
                    Ok(client) => client,
                    // They were closed: with the last one, all was stopped.
                    Err(_) => return Ok(()),
                },
                () = asked_to_leave(&mut leaving) => return Ok(()),
            };
            loop {
                match self.serve(&client).await {
                    Ok(Ending::Left) => return Ok(()),
                    Ok(Ending::Again) | Err(Trouble::Deposed) => {}
                    Err(Trouble::Failed(error)) => return Err(error),
                    Ok(Ending::SessionOver) | Err(Trouble::SessionOver) => break,
                }
            }
            former = Some(client);
        }
    }

    /// One membership, from joining to its end.
    async fn serve(&mut self, client: &Client) -> Result<Ending, Trouble> {
        let nonce = membership::nonce(client);
        let prepared = async {
            setup::check_deadlines(client, &self.options)?;
            setup::make_group(client, &self.layout, &self.options).await?;
            membership::join(client, &self.layout, &self.options, &nonce).await
        };
        let mut leaving = self.leaving.clone();
        let me = tokio::select! {
            biased;
            me = prepared => me?,
            // What may have been created half-way would be a member that nobody is.
            () = asked_to_leave(&mut leaving) => {
                membership::forget(client, &self.layout, &nonce).await;
                return Ok(Ending::Left);
            }
        };
        let context = Context {
            client: client.clone(),
            layout: Arc::clone(&self.layout),
            options: Arc::clone(&self.options),
            me,
        };
        let ending = Tenure::new(context, Arc::clone(&self.handler), &self.view).run(leaving).await;
        self.view.send_replace(View::default());
        ending
    }
}
