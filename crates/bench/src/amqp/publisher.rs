//! Keeps one publisher busy.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use amqp_client::{Channel, Connection, Outcome, Outcomes, Properties, Publication, encode};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use tokio::time::{sleep_until, timeout_at};

use super::stamp::Run;
use super::tally::Tally;
use super::unconfirmed::Unconfirmed;

/// How long after the end of the window confirms may still come.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);
const PERSISTENT: u8 = 2;

/// One publisher's part of the load.
pub(super) struct Publisher {
    /// Its channel's, which ends with it.
    pub(super) connection: Connection,
    pub(super) channel: Channel,
    pub(super) outcomes: Outcomes,
    pub(super) queue: String,
    pub(super) run: Run,
    pub(super) size: usize,
    pub(super) in_flight: usize,
    /// From one message to the next; `None` for as fast as it goes.
    pub(super) interval: Option<Duration>,
    /// How many to send.
    pub(super) count: u64,
    pub(super) tally: Rc<RefCell<Tally>>,
}

impl Publisher {
    /// Publishes until the window ends or all is sent, then waits for what is unconfirmed.
    pub(super) async fn run(mut self) -> Result<()> {
        let until = self.tally.borrow().window.until;
        let mut unconfirmed = Unconfirmed::new();
        let began = Instant::now();
        let mut sent = 0;
        let properties = encode(&Properties { delivery_mode: Some(PERSISTENT), ..Properties::default() });
        loop {
            let now = Instant::now();
            let is_over = sent == self.count || until.is_some_and(|until| now >= until);
            if is_over {
                break;
            }
            let due = self.due(began, now).min(self.count);
            while sent < due && unconfirmed.len() < self.in_flight {
                if !self.try_publish(&properties, &mut unconfirmed)? {
                    break;
                }
                sent += 1;
            }
            let next_due = self.interval.filter(|_| sent >= due && sent < self.count);
            match next_due {
                Some(interval) => {
                    let next = began + interval.mul_f64((sent + 1) as f64);
                    tokio::select! {
                        outcome = self.outcomes.next() => self.settle(outcome?, &mut unconfirmed)?,
                        () = sleep_until(next.into()) => {}
                    }
                }
                // With nothing under way there was no room for a single message: the server takes none.
                None if unconfirmed.len() == 0 => tokio::time::sleep(Duration::from_millis(1)).await,
                None => {
                    let outcome = self.outcomes.next().await?;
                    self.settle(outcome, &mut unconfirmed)?;
                }
            }
        }
        self.wait_for_the_rest(until, &mut unconfirmed).await?;
        self.connection.close().await.context("close a publisher's connection")
    }

    /// How many messages should have been sent by now.
    fn due(&self, began: Instant, now: Instant) -> u64 {
        match self.interval {
            None => u64::MAX,
            Some(interval) => ((now - began).as_secs_f64() / interval.as_secs_f64()) as u64,
        }
    }

    /// False if there is no room for now.
    fn try_publish(&self, properties: &Bytes, unconfirmed: &mut Unconfirmed) -> Result<bool> {
        let now = Instant::now();
        let publication = Publication {
            properties: properties.clone(),
            ..Publication::to_queue(&self.queue, self.run.message(self.size, now))
        };
        let published = self.channel.try_publish(&publication)?.is_some();
        if published {
            unconfirmed.sent(now);
        }
        Ok(published)
    }

    /// Counts `first` and whatever else has come.
    fn settle(&mut self, first: Outcome, unconfirmed: &mut Unconfirmed) -> Result<()> {
        let now = Instant::now();
        let mut tally = self.tally.borrow_mut();
        let mut next = Some(first);
        while let Some(outcome) = next {
            match outcome {
                Outcome::Acked { tag, multiple } => {
                    unconfirmed.answered(tag, multiple, |sent| tally.confirmed(sent, now));
                }
                Outcome::Nacked { tag, multiple } => {
                    unconfirmed.answered(tag, multiple, |_| tally.refused());
                }
                Outcome::Returned(_) => bail!("a message that was not mandatory came back"),
            }
            next = self.outcomes.try_next()?;
        }
        Ok(())
    }

    async fn wait_for_the_rest(
        &mut self,
        until: Option<Instant>,
        unconfirmed: &mut Unconfirmed,
    ) -> Result<()> {
        while unconfirmed.len() > 0 {
            let next = self.outcomes.next();
            let outcome = match until {
                Some(until) => timeout_at((until + DRAIN_LIMIT).into(), next)
                    .await
                    .with_context(|| format!("wait for the last {} confirms", unconfirmed.len()))?,
                None => next.await,
            };
            self.settle(outcome?, unconfirmed)?;
        }
        Ok(())
    }
}
