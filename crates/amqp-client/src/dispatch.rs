//! What each frame from the server means.

use std::sync::Arc;

use amqp091::{Assembled, ChannelId, Command, Frame, Method, MethodId, Payload, basic, channel, connection};
use bytes::BytesMut;

use crate::answers;
use crate::delivery::Delivery;
use crate::error::{ErrorKind, is_decision};
use crate::handshake::{closed, unexpected};
use crate::outcome::{Outcome, Returned};
use crate::shared::{Shared, State};

/// Whether there is more to come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flow {
    Open,
    /// The server says no more.
    Over,
}

/// Takes a frame. An error ends the connection.
pub(crate) fn dispatch(shared: &Shared, state: &mut State, frame: Frame) -> Result<Flow, ErrorKind> {
    if frame.channel == ChannelId::CONNECTION {
        return connection_frame(shared, state, frame);
    }
    if state.ending.is_some() {
        return Ok(Flow::Open);
    }
    channel_frame(shared, state, frame.channel.0, frame.payload)?;
    Ok(Flow::Open)
}

fn connection_frame(shared: &Shared, state: &mut State, frame: Frame) -> Result<Flow, ErrorKind> {
    let Some(method) = frame.into_connection_method()? else { return Ok(Flow::Open) };
    match method.decode()? {
        Method::ConnectionClose(close) => {
            Method::from(connection::CloseOk {}).put_frame(ChannelId::CONNECTION, &mut state.output);
            state.end(&closed(&close));
            return Ok(Flow::Over);
        }
        Method::ConnectionCloseOk(_) => return Ok(Flow::Over),
        Method::ConnectionBlocked(blocked) => state.blocked = Some(blocked.reason.as_str().into()),
        Method::ConnectionUnblocked(_) => {
            state.blocked = None;
            shared.room.notify_waiters();
        }
        other => return Err(unexpected(&other)),
    }
    Ok(Flow::Open)
}

fn channel_frame(shared: &Shared, state: &mut State, number: u16, payload: Payload) -> Result<(), ErrorKind> {
    let State { channels, output, .. } = state;
    let Some(channel) = channels.get_mut(&number) else {
        return Err(ErrorKind::garbage(format_args!("a frame for channel {number}, which is not open")));
    };
    let Assembled::Command(Command { method, content }) = channel.assembler.push(payload)? else {
        return Ok(());
    };
    if channel.closing {
        return closing_frame(state, number, Command { method, content });
    }
    match method.id {
        answers::DELIVER => {
            let delivery = content.and_then(|content| Delivery::new(method.clone(), content));
            let delivery = delivery.ok_or_else(|| ErrorKind::garbage("a delivery without a message"))?;
            let Method::BasicDeliver(deliver) = method.decode()? else {
                return Err(unexpected(&method.decode()?));
            };
            // A consumer that was dropped: the delivery stays with the channel.
            if let Some(consumer) = channel.consumers.get(deliver.consumer_tag.as_str()) {
                let bytes = delivery.body.len();
                shared.on_delivered(bytes);
                if consumer.send(delivery).is_err() {
                    shared.on_taken(bytes);
                }
            }
            return Ok(());
        }
        answers::RETURN => {
            method.decode()?;
            let content = content.ok_or_else(|| ErrorKind::garbage("a return without a message"))?;
            if let Some(outcomes) = &channel.outcomes {
                let _ = outcomes.send(Outcome::Returned(Box::new(Returned::new(method, content))));
            }
            return Ok(());
        }
        _ => {}
    }
    match method.decode()? {
        Method::BasicAck(basic::Ack { delivery_tag: tag, multiple }) => {
            channel.tell(Outcome::Acked { tag, multiple });
        }
        Method::BasicNack(basic::Nack { delivery_tag: tag, multiple, .. }) => {
            channel.tell(Outcome::Nacked { tag, multiple });
        }
        Method::BasicCancel(cancel) => {
            channel.consumers.remove(cancel.consumer_tag.as_str());
        }
        Method::ChannelFlow(channel::Flow { active }) => {
            channel.paused = !active;
            Method::from(channel::FlowOk { active }).put_frame(ChannelId(number), output);
            shared.room.notify_waiters();
        }
        Method::ChannelClose(close) => {
            Method::from(channel::CloseOk {}).put_frame(ChannelId(number), output);
            let cause = MethodId { class: close.class_id, method: close.method_id };
            let cause = (cause != MethodId { class: 0, method: 0 }).then_some(cause);
            let why = ErrorKind::ChannelClosed {
                code: close.reply_code,
                text: Arc::from(close.reply_text.as_str()),
                method: cause,
            };
            channel.end(&why, cause.filter(|_| is_decision(close.reply_code)));
            channels.remove(&number);
            shared.room.notify_waiters();
        }
        _ => answer(channel, Command { method, content })?,
    }
    Ok(())
}

/// A channel that this side has closed waits for the answer alone.
fn closing_frame(state: &mut State, number: u16, command: Command) -> Result<(), ErrorKind> {
    if command.method.id == answers::CHANNEL_CLOSE {
        Method::from(channel::CloseOk {}).put_frame(ChannelId(number), &mut state.output);
    } else if answers::CLOSE_OK.contains(&command.method.id)
        && let Some(mut channel) = state.channels.remove(&number)
        && !channel.calls.is_empty()
    {
        return answer(&mut channel, command);
    }
    Ok(())
}

/// An answer to the oldest request.
fn answer(channel: &mut crate::shared::ChannelState, command: Command) -> Result<(), ErrorKind> {
    let id = command.method.id;
    match channel.calls.pop_front() {
        Some(call) if call.answers.contains(&id) => {
            if answers::CANCEL_OK.contains(&id)
                && let Method::BasicCancelOk(cancelled) = command.method.decode()?
            {
                channel.consumers.remove(cancelled.consumer_tag.as_str());
            }
            // Whoever asked may have gone.
            let _ = call.answer.send(Ok(command));
            Ok(())
        }
        Some(call) => Err(ErrorKind::garbage(format_args!("{id} in answer to {}", call.method))),
        None => Err(ErrorKind::garbage(format_args!("{id} in answer to nothing"))),
    }
}

impl crate::shared::ChannelState {
    fn tell(&self, outcome: Outcome) {
        if let Some(outcomes) = &self.outcomes {
            // The application may not want to know.
            let _ = outcomes.send(outcome);
        }
    }
}

/// Takes all whole frames out of `input`.
pub(crate) fn dispatch_all(shared: &Shared, input: &mut BytesMut) -> Result<Flow, ErrorKind> {
    let mut state = shared.state.lock();
    let max = state.tuned.frame_max;
    while let Some(frame) = Frame::take(input, max)? {
        if dispatch(shared, &mut state, frame)? == Flow::Over {
            return Ok(Flow::Over);
        }
    }
    Ok(Flow::Open)
}
