//! A client that publishes numbers with confirms, many unconfirmed at a time.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use amqp_client::{Channel, Connection, Error, Outcome, Outcomes, Properties, Publication, encode};
use rand::Rng;

use super::super::history::Copy;
use super::line::Line;
use super::{Layout, Manner, Place, QueueMode, World};

/// Nothing new is published while so many of a publisher's messages wait: in the end all of them have to be settled, by consumers of which
/// some take one message a round trip.
const BACKLOG_MAX: usize = 100;

/// How much a publisher publishes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rate {
    /// At most so many at once.
    pub burst: u64,
    /// Between bursts, on average.
    pub pause: Duration,
    /// Unconfirmed at a time.
    pub window: usize,
    /// The longest body, in bytes; most are much shorter.
    pub body_bytes_max: usize,
}

/// Publishes 1, 2, 3 ... What was not confirmed when a connection ends is published again, in order, on the next one, before anything new; so the
/// first copy of each number comes after the first copy of the number before.
pub struct Publisher {
    line: Line,
    number: u32,
    place: Place,
    rate: Rate,
    /// Without a confirmed copy so far, ascending.
    open: Vec<u64>,
    last: u64,
}

/// What is on its way on one connection.
struct Flight<'a> {
    channel: &'a Channel,
    outcomes: Outcomes,
    /// By tag.
    sent: BTreeMap<u64, Copy>,
    again: VecDeque<u64>,
}

impl Publisher {
    /// The publisher `number`, of messages for `place`.
    pub fn new(world: World, manner: Manner, number: u32, place: Place, rate: Rate) -> Self {
        Self { line: Line::new(world, manner), number, place, rate, open: Vec::new(), last: 0 }
    }

    /// Publishes until it is told to finish, and all that it has published is confirmed.
    pub async fn run(mut self) {
        let orders = Rc::clone(&self.line.world.orders);
        let _at_work = orders.publisher();
        while !(self.is_finishing() && self.open.is_empty()) {
            let Some((_, connection)) = self.line.connect().await else { continue };
            if let Err(error) = self.work(&connection).await {
                self.line.on_lost(&error).await;
            }
        }
    }

    fn is_finishing(&self) -> bool {
        self.line.world.orders.mode() >= QueueMode::Finish
    }

    fn is_ahead(&self) -> bool {
        self.line.world.history.borrow().backlog(self.number) >= BACKLOG_MAX
    }

    async fn work(&mut self, connection: &Connection) -> Result<(), Error> {
        let channel = connection.channel().await?;
        let outcomes = channel.confirms().await?;
        let again = self.open.iter().copied().collect();
        let mut flight = Flight { channel: &channel, outcomes, sent: BTreeMap::new(), again };
        let clock = self.line.world.runtime.clock.clone();
        loop {
            self.publish(&mut flight).await?;
            if self.is_finishing() && flight.sent.is_empty() && flight.again.is_empty() {
                return Ok(());
            }
            let pause = self.line.rng.random_range(Duration::from_millis(1)..self.rate.pause * 2);
            let until = clock.now() + pause;
            while let Ok(outcome) =
                clock.timeout(until.saturating_since(clock.now()), flight.outcomes.next()).await
            {
                self.note(&mut flight, outcome?)?;
            }
        }
    }

    async fn publish(&mut self, flight: &mut Flight<'_>) -> Result<(), Error> {
        let burst = self.line.rng.random_range(1..=self.rate.burst);
        for _ in 0..burst {
            if flight.sent.len() >= self.rate.window {
                break;
            }
            let number = match flight.again.pop_front() {
                Some(number) => number,
                None if self.is_finishing() || self.is_ahead() => break,
                None => {
                    self.last += 1;
                    self.open.push(self.last);
                    self.last
                }
            };
            let copy = Copy { publisher: self.number, connection: self.line.count, number };
            let (exchange, key) = Layout::address(self.place, copy);
            // Squared twice: one in some is long.
            let share = self.line.rng.random_range(0.0_f64..1.0).powi(4);
            let padding = (share * self.rate.body_bytes_max as f64) as usize;
            let properties = Properties { delivery_mode: Some(2), ..Properties::default() };
            let publication = Publication {
                exchange,
                routing_key: &key,
                mandatory: true,
                properties: encode(&properties),
                body: copy.encode(padding).into(),
            };
            self.line.world.history.borrow_mut().note_sent(copy, self.place);
            let tag = flight.channel.publish(&publication).await?;
            flight.sent.insert(tag, copy);
        }
        Ok(())
    }

    fn note(&mut self, flight: &mut Flight<'_>, outcome: Outcome) -> Result<(), Error> {
        let (tag, multiple, is_ack) = match outcome {
            Outcome::Acked { tag, multiple } => (tag, multiple, true),
            Outcome::Nacked { tag, multiple } => (tag, multiple, false),
            Outcome::Returned(returned) => {
                let what = format!("{} had a message returned: {}", self.line.manner.name, returned.code());
                self.line.world.history.borrow_mut().note_nonsense(what);
                return Ok(());
            }
        };
        let mut history = self.line.world.history.borrow_mut();
        let first = if multiple { 0 } else { tag };
        let meant: Vec<u64> = flight.sent.range(first..=tag).map(|(tag, _)| *tag).collect();
        if meant.is_empty() {
            history.note_nonsense(format!("{}: tag {tag} is not open", self.line.manner.name));
        }
        for tag in meant {
            let Some(copy) = flight.sent.remove(&tag) else { continue };
            if is_ack {
                history.note_confirmed(copy);
                self.open.retain(|open| *open != copy.number);
            } else {
                history.note_refused(copy);
            }
        }
        if is_ack {
            return Ok(());
        }
        // Nobody knows what came of it, but what was sent behind it counts: it begins anew from there.
        Err(Error { kind: amqp_client::ErrorKind::Closed, effect: amqp_client::Effect::Unknown })
    }
}
