//! Takes what comes, and acknowledges it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use amqp_client::{Channel, Connection, Deliveries, Delivery};
use anyhow::{Context, Result};
use tokio::sync::watch;

use super::stamp::Run;
use super::tally::Tally;

/// One consumer's part of the load.
pub(super) struct Consumer {
    /// Its channel's, which ends with it.
    pub(super) connection: Connection,
    pub(super) channel: Channel,
    pub(super) deliveries: Deliveries,
    pub(super) run: Run,
    pub(super) ack_every: u16,
    /// How many messages all consumers wait for.
    pub(super) count: u64,
    pub(super) tally: Rc<RefCell<Tally>>,
    /// True when it is enough, whoever took the last.
    pub(super) enough: Rc<watch::Sender<bool>>,
}

impl Consumer {
    /// Consumes until it is enough.
    pub(super) async fn run(mut self) -> Result<()> {
        let mut enough = self.enough.subscribe();
        // The last that was taken, and how many since the last acknowledgement.
        let (mut last, mut held) = (0, 0);
        while !*enough.borrow_and_update() {
            let first = tokio::select! {
                delivery = self.deliveries.next() => delivery?,
                _ = enough.changed() => break,
            };
            let now = Instant::now();
            let mut next = Some(first);
            while let Some(delivery) = next {
                last = delivery.tag;
                held += 1;
                if held == self.ack_every {
                    self.channel.ack(last, held > 1)?;
                    held = 0;
                }
                self.count(&delivery, now);
                next = self.deliveries.try_next()?;
            }
        }
        if held > 0 {
            self.channel.ack(last, true)?;
        }
        // Waits, so that the acknowledgements have arrived.
        self.channel.close().await.context("close a consumer's channel")?;
        self.connection.close().await.context("close a consumer's connection")
    }

    fn count(&self, delivery: &Delivery, now: Instant) {
        let mut tally = self.tally.borrow_mut();
        tally.received(self.run.age(&delivery.body, now), delivery.redelivered, now);
        if tally.received_ever >= self.count {
            self.enough.send_replace(true);
        }
    }
}
