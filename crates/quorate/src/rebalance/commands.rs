//! The commands of a member, for each resource that it gets or loses.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use rebalancer::{Failure, Grant, Handler, ResourceId};
use runtime::{Clock, Pool, Runtime};
use tokio::process::Command;
use tokio::sync::{oneshot, watch};

use crate::started::Started;

/// Runs a command for each resource, all of one hand-over at once. A command that is given up, because it takes too long or because
/// the member has no time for it any more, is stopped with all that it started; one that has ended leaves behind what it started.
#[derive(Clone)]
pub(super) struct Commands {
    on_start: String,
    on_stop: String,
    /// From SIGTERM to SIGKILL.
    grace: Duration,
    runtime: Runtime,
    starts: Running,
    stops: Running,
}

/// Commands under way: whatever runs one subscribes.
#[derive(Clone)]
struct Running(Arc<watch::Sender<()>>);

impl Running {
    fn none() -> Self {
        Self(Arc::new(watch::Sender::new(())))
    }

    async fn gone(&self) {
        self.0.closed().await;
    }
}

impl Commands {
    pub(super) fn new(runtime: &Runtime, on_start: &str, on_stop: &str, grace: Duration) -> Self {
        let (on_start, on_stop) = (on_start.to_owned(), on_stop.to_owned());
        Self {
            on_start,
            on_stop,
            grace,
            runtime: runtime.clone(),
            starts: Running::none(),
            stops: Running::none(),
        }
    }

    /// Completes when no command runs any more, also of those that were given up.
    pub(super) async fn gone(&self) {
        self.starts.gone().await;
        self.stops.gone().await;
    }

    /// Runs `command` to its end, or stops it when the future is dropped.
    async fn run(&self, running: &Running, command: Command, resource: &ResourceId) -> Result<(), Failure> {
        let (tell, told) = oneshot::channel();
        let (started, clock, grace) = (Started::in_group(command)?, self.runtime.clock.clone(), self.grace);
        let is_running = running.0.subscribe();
        let watched = async move {
            tell_or_stop(started, tell, &clock, grace).await;
            drop(is_running);
        };
        self.runtime.spawn(Pool::Clients, watched).detach();
        let status = told.await??;
        if status.success() {
            return Ok(());
        }
        Err(format!("the command for {resource} ended with {status}").into())
    }
}

/// Tells how it ended, or stops it when nobody wants to know any more.
async fn tell_or_stop(
    mut started: Started,
    mut tell: oneshot::Sender<io::Result<ExitStatus>>,
    clock: &Clock,
    grace: Duration,
) {
    tokio::select! {
        biased;
        status = started.ended() => {
            // Whoever wanted to know may have gone just now.
            let _ = tell.send(status);
        }
        () = tell.closed() => started.stop(clock, grace).await,
    }
}

impl Handler for Commands {
    async fn on_start(&self, grants: Vec<Grant>) -> Result<(), Failure> {
        let runs = grants.iter().map(|Grant { resource, token }| {
            eprintln!("start {resource}, token {token}");
            let mut command = shell(&self.on_start, resource);
            command.env("QUORATE_TOKEN", token.to_string());
            self.run(&self.starts, command, resource)
        });
        try_join_all(runs).await.map(drop)
    }

    async fn on_stop(&self, resources: Vec<ResourceId>) -> Result<(), Failure> {
        // A member stops nothing while it starts something, so what is left of those was given up. A start that ended
        // after the stop would leave the resource in use.
        self.starts.gone().await;
        let runs = resources.iter().map(|resource| {
            eprintln!("stop {resource}");
            self.run(&self.stops, shell(&self.on_stop, resource), resource)
        });
        try_join_all(runs).await.map(drop)
    }
}

fn shell(line: &str, resource: &ResourceId) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(line).env("QUORATE_RESOURCE", resource.as_str()).stdin(Stdio::null());
    command
}
