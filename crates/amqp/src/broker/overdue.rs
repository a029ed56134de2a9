//! Deliveries that a client keeps for too long: RabbitMQ's `consumer_timeout`.

use std::time::Duration;

use amqp091::{ChannelId, Table};
use catalog::{Queue, Resource};
use runtime::{BoxFuture, Clock, Instant};

use super::Session;
use crate::fault::Fault;
use crate::output::Output;

const ARGUMENT: &str = "x-consumer-timeout";

/// When to look for such deliveries next: at the latest when the first of them is due. It may have been settled by then.
#[derive(Default)]
pub(super) struct Watch {
    next: Option<(Instant, BoxFuture<'static, ()>)>,
    /// Somebody has to look.
    passed: bool,
}

impl Watch {
    /// A delivery is due then.
    pub(super) fn note(&mut self, due: Instant, clock: &Clock) {
        if self.next.as_ref().is_none_or(|(next, _)| due < *next) {
            self.next = Some((due, clock.sleep_until(due)));
        }
    }

    /// Completes when it is time to look.
    pub(super) async fn passed(&mut self) {
        match &mut self.next {
            Some((_, sleep)) => sleep.await,
            None => std::future::pending().await,
        }
        self.next = None;
        self.passed = true;
    }
}

impl Session {
    /// How long a consumer of a queue may keep a message: as it says itself, or its queue, or the node. `None`: for ever.
    pub(super) fn patience(&self, queue: &Queue, arguments: Table<'_>) -> Result<Option<Duration>, Fault> {
        let own = own_timeout(arguments, &queue.resource())?;
        let timeout =
            own.or_else(|| self.vhost.settings(queue).consumer_timeout_ms.map(Duration::from_millis));
        let timeout = timeout.unwrap_or(self.desk.config.consumer_timeout);
        Ok(Some(timeout).filter(|timeout| !timeout.is_zero()))
    }

    /// Closes the channels of clients that have kept deliveries for too long; what they held goes back.
    pub(super) fn give_up_overdue(&mut self, out: &mut Output) {
        if !std::mem::take(&mut self.watch.passed) {
            return;
        }
        let now = self.desk.clock.now();
        let mut overdue: Vec<(ChannelId, Duration)> = Vec::new();
        for channel in self.channels.iter().flatten() {
            let held = || channel.unacked.iter().filter_map(|held| Some((held.due?, held.consumer)));
            if let Some((_, consumer)) = held().find(|(due, _)| *due <= now) {
                let patience = self.subscribers.get(&consumer).and_then(|subscriber| subscriber.patience);
                overdue.extend(patience.map(|patience| (channel.at.id, patience)));
            } else if let Some((due, _)) = held().min() {
                self.watch.note(due, &self.desk.clock);
            }
        }
        for (id, patience) in overdue {
            self.fail(id, too_late(id, patience), out);
        }
    }
}

fn own_timeout(arguments: Table<'_>, queue: &Resource) -> Result<Option<Duration>, Fault> {
    let Some(value) = arguments.get(ARGUMENT) else { return Ok(None) };
    let refused =
        |why: String| Fault::precondition_failed(format!("invalid arg '{ARGUMENT}' for {queue}: {why}"));
    let number =
        value.integer().ok_or_else(|| refused(format!("{{unacceptable_type,{}}}", value.type_name())))?;
    let ms = u64::try_from(number).map_err(|_| refused(format!("{{value_negative,{number}}}")))?;
    Ok(Some(Duration::from_millis(ms)))
}

/// In RabbitMQ's words.
fn too_late(id: ChannelId, patience: Duration) -> Fault {
    Fault::precondition_failed(format!(
        "delivery acknowledgement on channel {} timed out. Timeout value used: {} ms. This timeout value can be configured, see \
         consumers doc guide to learn more",
        id.0,
        patience.as_millis()
    ))
}
