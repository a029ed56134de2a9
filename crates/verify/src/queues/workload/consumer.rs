//! A client that takes messages, notes them, and acknowledges them or gives them back.

use std::rc::Rc;
use std::time::Duration;

use amqp_client::{Channel, Connection, ConsumeOptions, Delivery as Given, Error, Table, Value};
use rand::Rng;

use super::super::history::{Copy, Death, Delivery, Kind, SessionId};
use super::line::Line;
use super::turn::Turn;
use super::{Manner, Place, QueueMode, World};

/// How a consumer behaves.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Habits {
    /// How many deliveries it wants in its hands.
    pub prefetch: u16,
    /// How likely it gives a delivery back.
    pub returns: f64,
    /// How likely it rejects one.
    pub rejects: f64,
    /// How likely it pauses after one.
    pub pauses: f64,
    /// How likely its connection breaks after one.
    pub breaks: f64,
    /// How likely it ends its channel, in good order, after one.
    pub leaves: f64,
}

/// Takes messages of one queue.
pub struct Consumer {
    line: Line,
    queue: usize,
    habits: Habits,
}

/// Why a consumer's attachment ends, when nothing is wrong.
enum Leaving {
    /// Without a word.
    Breaking,
    /// As it should.
    Closing,
}

const LONGEST_PAUSE: Duration = Duration::from_secs(3);
const CONSUMER_TAG: &str = "c";

impl Consumer {
    /// A consumer of this queue.
    pub fn new(world: World, manner: Manner, queue: usize, habits: Habits) -> Self {
        Self { line: Line::new(world, manner), queue, habits }
    }

    /// Consumes until all is to be drained.
    pub async fn run(mut self) {
        let orders = Rc::clone(&self.line.world.orders);
        let _at_work = orders.consumer();
        while !self.is_over() {
            let Some((node, connection)) = self.line.connect().await else { continue };
            match self.work(node, &connection).await {
                // Dropped, as by a process that dies.
                Ok(Leaving::Breaking) => drop(connection),
                Ok(Leaving::Closing) => {
                    if let Err(error) = connection.close().await {
                        self.line.on_lost(&error).await;
                    }
                }
                Err(error) => self.line.on_lost(&error).await,
            }
        }
    }

    fn is_over(&self) -> bool {
        self.line.world.orders.mode() >= QueueMode::Drain
    }

    async fn work(&mut self, node: u64, connection: &Connection) -> Result<Leaving, Error> {
        let channel = connection.channel().await?;
        channel.qos(self.habits.prefetch).await?;
        let world = self.line.world.clone();
        let name = format!("{}.{}", self.line.manner.name, self.line.count);
        let session = world.history.borrow_mut().begin_session(name, self.queue, node, self.habits.prefetch);
        let queue = world.layout.name(self.queue);
        let mut deliveries = channel.consume(queue, CONSUMER_TAG, &ConsumeOptions::default()).await?;
        let in_order = world.layout.place(self.queue) == Place::Single;
        let mut turn = Turn::new(in_order, self.habits.prefetch);
        let clock = world.runtime.clock.clone();
        while !self.is_over() {
            let Ok(next) = clock.timeout(Duration::from_millis(50), deliveries.next()).await else {
                turn.acknowledge(&world.history, session, &channel)?;
                continue;
            };
            let given = next?;
            let Some(delivery) = read(&given) else {
                let what = format!("{queue}: a body that nobody has sent");
                world.history.borrow_mut().note_nonsense(what);
                channel.ack(given.tag, false)?;
                continue;
            };
            let delivery = Rc::new(delivery);
            world.history.borrow_mut().note_event(session, Kind::Delivered, &delivery);
            turn.take(given.tag, delivery);
            self.decide(&mut turn, session, &channel)?;
            if let Some(leaving) = self.whim(&mut turn, session, &channel).await? {
                return Ok(leaving);
            }
        }
        turn.acknowledge(&world.history, session, &channel)?;
        Ok(Leaving::Closing)
    }

    /// Works on what may be worked on.
    fn decide(&mut self, turn: &mut Turn, session: SessionId, channel: &Channel) -> Result<(), Error> {
        let history = &self.line.world.history;
        let rng = &mut self.line.rng;
        while let Some(place) = turn.next() {
            let chance: f64 = rng.random();
            if chance < self.habits.returns {
                turn.give_back(place, Kind::Returned, history, session, channel)?;
            } else if chance < self.habits.returns + self.habits.rejects {
                turn.give_back(place, Kind::Rejected, history, session, channel)?;
            } else {
                if turn.is_in_order() && !history.borrow_mut().work(turn.delivery(place)) {
                    // It is not the active one any more, and does not know it yet.
                    return Err(Error {
                        kind: amqp_client::ErrorKind::Cancelled,
                        effect: amqp_client::Effect::None,
                    });
                }
                turn.done(place);
                if turn.done_count() >= rng.random_range(1..=usize::from(self.habits.prefetch)) {
                    turn.acknowledge(history, session, channel)?;
                }
            }
        }
        if turn.is_waiting() && rng.random_bool(0.5) {
            turn.give_back_last(history, session, channel)?;
        }
        Ok(())
    }

    /// What consumers do beside their work.
    async fn whim(
        &mut self,
        turn: &mut Turn,
        session: SessionId,
        channel: &Channel,
    ) -> Result<Option<Leaving>, Error> {
        // What is left in the end is to come to an end.
        if self.line.world.orders.mode() >= QueueMode::Finish {
            return Ok(None);
        }
        let rng = &mut self.line.rng;
        if rng.random_bool(self.habits.breaks) {
            return Ok(Some(Leaving::Breaking));
        }
        if rng.random_bool(self.habits.leaves) {
            turn.acknowledge(&self.line.world.history, session, channel)?;
            return Ok(Some(Leaving::Closing));
        }
        if rng.random_bool(self.habits.pauses) {
            let pause = LONGEST_PAUSE.mul_f64(rng.random_range(0.0_f64..1.0).powi(2));
            self.line.world.runtime.clock.sleep(pause).await;
        }
        Ok(None)
    }
}

/// What a delivery says.
pub(super) fn read(given: &Given) -> Option<Delivery> {
    let headers = given.headers();
    let number = |name| headers.get(name).and_then(integer).unwrap_or(0);
    Some(Delivery {
        copy: Copy::decode(&given.body)?,
        redelivered: given.redelivered,
        acquired: number("x-acquired-count"),
        epoch: number("x-consumer-epoch"),
        failures: number("x-delivery-count"),
        death: newest_death(headers),
    })
}

fn newest_death(headers: Table<'_>) -> Option<Death> {
    let Some(Value::Array(deaths)) = headers.get("x-death") else { return None };
    let Some(Value::Table(newest)) = deaths.iter().next() else { return None };
    let text = |name| match newest.get(name) {
        Some(Value::LongString(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    };
    let count = newest.get("count").and_then(integer).unwrap_or(0);
    Some(Death { queue: text("queue"), reason: text("reason"), count })
}

fn integer(value: Value<'_>) -> Option<i64> {
    match value {
        Value::I64(number) => Some(number),
        Value::I32(number) => Some(number.into()),
        Value::U32(number) => Some(number.into()),
        Value::I16(number) => Some(number.into()),
        Value::U16(number) => Some(number.into()),
        Value::I8(number) => Some(number.into()),
        Value::U8(number) => Some(number.into()),
        _ => None,
    }
}
