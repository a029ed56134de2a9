//! What came of operations.

use amqp091::{MethodId, ShortStr, basic};
use shards::Event as Told;
use streams::Outcome;

use super::Session;
use super::consume::TRIES_MAX;
use super::consumers::{Role, State};
use super::outbound::{Answer, Append, Origin};
use crate::channel::ChannelRef;
use crate::fault::Fault;
use crate::output::Output;

const CONSUME: MethodId = MethodId { class: 60, method: 20 };
const GET: MethodId = MethodId { class: 60, method: 70 };

impl Session {
    pub(super) fn handle_told(&mut self, event: Told, out: &mut Output) {
        match event {
            Told::Outcomes { ticket, outcomes } => {
                for (origin, outcome) in self.outbound.answered(ticket).into_iter().zip(outcomes) {
                    self.handle_outcome(origin, Some(outcome), out);
                }
            }
            Told::Lost { ticket } => {
                for origin in self.outbound.answered(ticket) {
                    self.handle_outcome(origin, None, out);
                }
            }
            Told::Deliver { consumer, delivery, frame } => {
                self.handle_delivery(consumer.number, delivery, frame, out);
            }
            Told::Cancelled { consumer, .. } => self.handle_cancelled(consumer.number, out),
            // Deliveries carry the epoch; clients have no other way to be told.
            Told::Activated { .. } => {}
            Told::Over => {
                let text =
                    "this node was cut off from its cluster, and its consumers were given up; connect again";
                let fault = Fault::new(amqp091::ReplyCode::ConnectionForced, text);
                let event = self.connection.close(fault, out);
                self.handle(event, out);
            }
        }
    }

    /// `None`: what came of it is not known.
    fn handle_outcome(&mut self, origin: Origin, outcome: Option<Outcome>, out: &mut Output) {
        match origin {
            Origin::Nothing => {}
            Origin::Append(append) => self.handle_appended(append, outcome, out),
            Origin::Attach(number) => self.handle_attached(number, outcome, out),
            Origin::Detach(number) => self.handle_detached(number, out),
            Origin::Take(number) => self.handle_taken(number, outcome, out),
            Origin::Release(ending) => self.end_step(ending, out),
            Origin::AutoDelete { queue, then } => self.handle_auto_deleted(queue, then, outcome, out),
            Origin::Call(answer) => {
                if let Some(outcome) = outcome {
                    // Nobody waits if the job was dropped with its connection.
                    let _ = answer.send(outcome);
                }
            }
        }
    }

    fn handle_appended(&mut self, mut append: Append, outcome: Option<Outcome>, out: &mut Output) {
        let is_safe = match outcome {
            Some(Outcome::NoPartition) => {
                append.tries += 1;
                let again = append.tries <= TRIES_MAX;
                if again && self.make_partitions(&append.queue) {
                    self.outbound.append(append);
                    return;
                }
                // A message whose queue was deleted is as gone as the rest of it.
                again
            }
            Some(Outcome::Appended(_) | Outcome::Duplicate(_)) => true,
            _ => false,
        };
        match append.answer {
            Answer::Nobody => {}
            Answer::Confirm(sequence) => {
                if let Some(confirms) = self.confirms(append.at) {
                    confirms.answer(sequence, is_safe);
                }
            }
            Answer::Commit => self.handle_committed(append.at, is_safe, out),
        }
    }

    fn handle_attached(&mut self, number: u64, outcome: Option<Outcome>, out: &mut Output) {
        let Some(subscriber) = self.subscribers.get_mut(&number) else { return };
        let (at, queue) = (subscriber.at, std::sync::Arc::clone(&subscriber.queue));
        let Role::Consumer { tag, state, .. } = &mut subscriber.role else { return };
        let State::Starting { nowait, tries } = state else { return };
        let nowait = *nowait;
        match outcome {
            Some(Outcome::Attached { .. } | Outcome::Done) => {
                *state = State::Live;
                let tag = tag.clone();
                if !nowait {
                    self.answer(at, basic::ConsumeOk { consumer_tag: ShortStr::cut(&tag) }, out);
                }
                self.resume(at, out);
            }
            Some(Outcome::NoPartition | Outcome::NoGroup) if *tries < TRIES_MAX => {
                *tries += 1;
                if self.make_partitions(&queue) {
                    if let Some(subscriber) = self.subscribers.remove(&number) {
                        self.attach(&subscriber);
                        self.subscribers.insert(number, subscriber);
                    }
                } else {
                    self.refuse_consumer(number, at, self.no_queue(&queue), out);
                }
            }
            Some(Outcome::ExclusiveUse) => {
                let resource = catalog::Resource::queue(queue.vhost.clone(), queue.name.clone());
                let fault = Fault::access_refused(format!("{resource} in exclusive use"));
                self.refuse_consumer(number, at, fault, out);
            }
            _ => self.refuse_consumer(number, at, unknown_fate(), out),
        }
    }

    fn refuse_consumer(&mut self, number: u64, at: ChannelRef, fault: Fault, out: &mut Output) {
        if let Some(subscriber) = self.subscribers.remove(&number) {
            // It may be attached all the same, if nobody knows what came of it.
            self.outbound.push(subscriber.queue.shard, subscriber.release(), Origin::Nothing);
            self.released.push(subscriber.id);
        }
        if let Some(channel) = self.channel(at) {
            channel.owned.remove(&number);
            channel.consumers.retain(|_, known| *known != number);
            self.fail(at.id, fault.of(CONSUME), out);
        }
    }

    fn no_queue(&self, queue: &catalog::Queue) -> Fault {
        let resource = catalog::Resource::queue(queue.vhost.clone(), queue.name.clone());
        catalog::CatalogError::NotFound(resource).into()
    }

    fn handle_detached(&mut self, number: u64, out: &mut Output) {
        // A queue that goes with its last consumer is gone before that consumer hears of its own end.
        if self.subscribers.get(&number).is_some_and(|subscriber| !subscriber.queue.auto_delete) {
            self.finish_cancel(number, out);
        }
    }

    pub(super) fn finish_cancel(&mut self, number: u64, out: &mut Output) {
        let Some(subscriber) = self.subscribers.get_mut(&number) else { return };
        let at = subscriber.at;
        let Role::Consumer { tag, state, .. } = &mut subscriber.role else { return };
        let nowait = matches!(state, State::Cancelling { nowait: true });
        *state = State::Over;
        let tag = tag.clone();
        if subscriber.held == 0 && subscriber.done.is_empty() {
            self.forgotten.push(number);
        }
        if !nowait {
            self.answer(at, basic::CancelOk { consumer_tag: ShortStr::cut(&tag) }, out);
        }
        self.resume(at, out);
    }

    fn handle_taken(&mut self, number: u64, outcome: Option<Outcome>, out: &mut Output) {
        let Some(subscriber) = self.subscribers.get_mut(&number) else { return };
        let (at, queue) = (subscriber.at, std::sync::Arc::clone(&subscriber.queue));
        match outcome {
            // Its bytes come right behind.
            Some(Outcome::Taken(Some(_), left)) => {
                subscriber.role = Role::Getter { left };
                self.getting.push(number);
            }
            Some(Outcome::Taken(None, _)) => {
                self.metrics.got_nothing.add(1);
                self.answer(at, basic::GetEmpty { cluster_id: ShortStr::default() }, out);
                self.resume(at, out);
            }
            Some(Outcome::NoPartition) => {
                if self.make_partitions(&queue) {
                    self.take(number);
                } else {
                    let fault = self.no_queue(&queue);
                    self.fail(at.id, fault.of(GET), out);
                }
            }
            Some(Outcome::SingleActive) => {
                let resource = catalog::Resource::queue(queue.vhost.clone(), queue.name.clone());
                let kind = match queue.partitions {
                    Some(_) => "queues with partitions",
                    None => "quorum queues with single active consumer",
                };
                let text = format!(
                    "cannot obtain access to locked {resource}. basic.get operations are not supported by {kind}"
                );
                self.fail(at.id, Fault::resource_locked(text).of(GET), out);
            }
            _ => self.fail(at.id, unknown_fate().of(GET), out),
        }
    }
}

fn unknown_fate() -> Fault {
    Fault::internal_error("the shard did not answer; whether it was done is not known")
}
