//! The application's part, with deadlines.

use std::sync::Arc;
use std::time::Duration;

use runtime::{BoxFuture, Clock};

use super::context::Context;
use crate::core::{Grant, ResourceId, Resources};
use crate::error::Error;
use crate::handler::{Failure, Handler};

pub(super) type Starting = BoxFuture<'static, Result<Vec<Grant>, Error>>;
pub(super) type Stopping = BoxFuture<'static, Result<Resources, Error>>;

/// Begins to use what was granted.
pub(super) fn start<H: Handler>(context: &Context, handler: &Arc<H>, grants: Vec<Grant>) -> Starting {
    let (clock, options) = (context.client.runtime().clock.clone(), Arc::clone(&context.options));
    let handler = Arc::clone(handler);
    Box::pin(async move {
        if !options.assignment_delay.is_zero() {
            clock.sleep(options.assignment_delay).await;
        }
        match in_time(&clock, options.start_deadline, handler.on_start(grants.clone())).await {
            Ok(()) => Ok(grants),
            Err(why) => {
                let resources = grants.into_iter().map(|grant| grant.resource).collect();
                Err(Error::Start { resources, why })
            }
        }
    })
}

/// Stops using these.
pub(super) fn stop<H: Handler>(context: &Context, handler: &Arc<H>, resources: Resources) -> Stopping {
    let (clock, options) = (context.client.runtime().clock.clone(), Arc::clone(&context.options));
    let handler = Arc::clone(handler);
    Box::pin(async move {
        let named: Vec<ResourceId> = resources.iter().cloned().collect();
        match in_time(&clock, options.stop_deadline, handler.on_stop(named)).await {
            Ok(()) => Ok(resources),
            Err(why) => Err(Error::Stop { resources: resources.into_iter().collect(), why }),
        }
    })
}

async fn in_time(
    clock: &Clock,
    deadline: Duration,
    work: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    match clock.timeout(deadline, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("it was not done within {deadline:?}").into()),
    }
}
