//! One connection's rules without its socket: frames in, frames and [`Event`]s out.
//!
//! This part knows how a connection is opened, tuned and closed and which channels are open, and sees to it that whoever works on channels
//! gets whole commands of open channels only. What the commands mean it does not know. Time is an argument, and nothing here waits.

mod channels;
mod dispatch;
mod heartbeat;
mod login;
mod negotiation;
mod properties;
mod tuning;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use amqp091::{
    ChannelId, Command, Frame, FrameMax, HEARTBEAT_FRAME, MethodId, Opening, PROTOCOL_HEADER, ShortStr,
};
use amqp091::{channel, connection};
use bytes::{Buf, BytesMut};
use runtime::Instant;

use self::channels::{Channel, Channels};
use self::heartbeat::Heartbeat;
pub use self::login::Credentials;
pub(crate) use self::properties::Client;
pub(crate) use self::tuning::Tuning;
use crate::config::Config;
use crate::fault::Fault;
use crate::output::Output;

pub(crate) use self::heartbeat::Due;

/// What the connection can not answer by itself.
#[derive(Debug, PartialEq)]
pub(crate) enum Event {
    /// The client shows who it is. Answer with [`Connection::admit`] or [`Connection::refuse`]; no frame is taken before.
    Login(Login),
    /// The client chooses a virtual host. Answer with [`Connection::open`] or [`Connection::fail`]; no frame is taken before.
    Open {
        /// Its name.
        vhost: String,
    },
    /// A channel was opened.
    ChannelOpened(ChannelId),
    /// A command on an open channel; never one that opens or closes it.
    Command(ChannelId, Command),
    /// The client is done with a channel. Answer with [`Connection::end_channel`] when all that it asked for before is answered.
    ChannelEnding(ChannelId),
    /// The client broke a rule on a channel, which was closed for it.
    ChannelFailed(ChannelId),
    /// New credentials for the connection's user. Answer with [`Connection::renew`] or [`Connection::fail`].
    Renew(Credentials),
    /// The client is done. Answer with [`Connection::end`] when nothing of it is left.
    Ending,
    /// The connection is to be closed for the client's fault, which it was told. Its answer is still waited for.
    Failed(Fault),
    /// Nothing more will come, and nothing but what is in the output is to be sent.
    Over(Over),
}

/// Credentials, and how they were shown.
#[derive(Debug, PartialEq)]
pub(crate) struct Login {
    /// `None` if the client's response can not be read, which no user can match.
    pub(crate) credentials: Option<Credentials>,
    /// The mechanism's name.
    pub(crate) mechanism: &'static str,
}

/// Why a connection is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Over {
    /// Both sides have agreed on its end.
    Closed,
    /// The client speaks something else.
    Stranger(Opening),
    /// The client broke the rules before anybody knew who it is.
    Refused(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The client's protocol header has not come.
    Greeting,
    /// connection.start was sent.
    Starting,
    /// Somebody checks the client's credentials.
    LoggingIn,
    /// connection.tune was sent.
    Tuning,
    /// The limits stand; the client is to choose a virtual host.
    Choosing,
    /// Somebody looks for the virtual host.
    Opening,
    Running,
    /// connection.close was sent.
    Closing,
    /// The same, and the client's bytes can not be told apart any more.
    Broken,
    /// The client sent connection.close; nothing that follows counts.
    Ending,
    Over,
}

impl Phase {
    /// The state's name in error texts.
    fn name(self) -> &'static str {
        match self {
            Phase::Greeting => "pre_init",
            Phase::Starting => "starting",
            Phase::LoggingIn => "securing",
            Phase::Tuning => "tuning",
            Phase::Choosing | Phase::Opening => "opening",
            Phase::Running => "running",
            Phase::Closing | Phase::Broken | Phase::Ending => "closing",
            Phase::Over => "closed",
        }
    }
}

/// The state of one connection.
pub(crate) struct Connection {
    config: Arc<Config>,
    has_certificate: bool,
    phase: Phase,
    client: Client,
    user: Option<String>,
    mechanism: &'static str,
    tuning: Tuning,
    channels: Channels,
    heartbeat: Option<Heartbeat>,
    channel_gate: Option<ChannelGate>,
}

/// Whether one more channel may be opened beside so many.
pub(crate) type ChannelGate = Box<dyn Fn(usize) -> Result<(), Fault> + Send + Sync>;

impl Connection {
    /// A connection that was just made. `has_certificate` is whether the client has shown one.
    pub(crate) fn new(config: Arc<Config>, has_certificate: bool) -> Self {
        Self {
            config,
            has_certificate,
            phase: Phase::Greeting,
            client: Client::default(),
            user: None,
            mechanism: "",
            tuning: Tuning::initial(),
            channels: Channels::default(),
            heartbeat: None,
            channel_gate: None,
        }
    }

    /// Has somebody else be asked before a channel is opened.
    pub(crate) fn limit_channels(&mut self, gate: ChannelGate) {
        self.channel_gate = Some(gate);
    }

    /// Takes frames from `input`, answers those that it can, and returns the first event; `None` if more input, or the answer to an event, is
    /// needed first.
    pub(crate) fn take(&mut self, input: &mut BytesMut, now: Instant, out: &mut Output) -> Option<Event> {
        loop {
            let event = match self.phase {
                Phase::LoggingIn | Phase::Opening => return None,
                Phase::Broken | Phase::Ending | Phase::Over => {
                    input.clear();
                    return None;
                }
                Phase::Greeting => self.greet(input, out)?,
                _ => self.take_frame(input, now, out)?,
            };
            if event.is_some() {
                return event;
            }
        }
    }

    /// `None` if there is no whole frame; then none if the frame was no event.
    fn take_frame(&mut self, input: &mut BytesMut, now: Instant, out: &mut Output) -> Option<Option<Event>> {
        let frame = match Frame::take(input, self.frame_max()) {
            Ok(frame) => frame?,
            Err(error) => {
                let event = self.break_off(error.into(), out);
                if self.phase == Phase::Closing {
                    self.phase = Phase::Broken;
                }
                return Some(Some(event));
            }
        };
        let channel = frame.channel;
        let taken = match self.phase {
            Phase::Running => self.dispatch(frame, out),
            Phase::Closing => Ok(self.await_close_ok(frame, out)),
            _ => self.negotiate(frame, now),
        };
        Some(taken.unwrap_or_else(|fault| self.fail(channel, fault, out)))
    }

    fn greet(&mut self, input: &mut BytesMut, out: &mut Output) -> Option<Option<Event>> {
        match Opening::of(input) {
            Opening::Incomplete => None,
            Opening::Amqp => {
                input.advance(PROTOCOL_HEADER.len());
                self.start(out);
                Some(None)
            }
            stranger => {
                self.phase = Phase::Over;
                if matches!(stranger, Opening::OtherVersion(_) | Opening::Unknown) {
                    out.put_bytes(&PROTOCOL_HEADER);
                }
                Some(Some(Event::Over(Over::Stranger(stranger))))
            }
        }
    }

    /// Closes a channel or the connection for a fault. `None` if the channel is not there any more to be closed.
    pub(crate) fn fail(&mut self, channel: ChannelId, fault: Fault, out: &mut Output) -> Option<Event> {
        if channel == ChannelId::CONNECTION || !fault.is_soft() {
            return Some(self.break_off(fault, out));
        }
        if self.phase != Phase::Running || !self.channels.is_open(channel) {
            return None;
        }
        let (class_id, method_id) = fault.cause();
        let text = fault.reply_text();
        let (reply_code, reply_text) = (fault.code().number(), ShortStr::cut(&text));
        out.put(channel, channel::Close { reply_code, reply_text, class_id, method_id });
        self.channels.set(channel, Channel::Closed { crossed: false });
        Some(Event::ChannelFailed(channel))
    }

    /// Closes the connection for a fault.
    fn break_off(&mut self, fault: Fault, out: &mut Output) -> Event {
        match self.phase {
            // Nobody knows who it is: it gets no answer.
            Phase::Greeting | Phase::Starting | Phase::LoggingIn => {
                self.phase = Phase::Over;
                Event::Over(Over::Refused(fault.to_string()))
            }
            Phase::Closing | Phase::Broken | Phase::Ending | Phase::Over => Event::Failed(fault),
            _ => {
                self.put_close(&fault, out);
                self.phase = Phase::Closing;
                Event::Failed(fault)
            }
        }
    }

    /// Ends the connection from the server's side, as an operator or a shutdown does.
    pub(crate) fn close(&mut self, fault: Fault, out: &mut Output) -> Event {
        self.break_off(fault, out)
    }

    fn put_close(&self, fault: &Fault, out: &mut Output) {
        let (class_id, method_id) = fault.cause();
        let text = fault.reply_text();
        let (reply_code, reply_text) = (fault.code().number(), ShortStr::cut(&text));
        out.put(ChannelId::CONNECTION, connection::Close { reply_code, reply_text, class_id, method_id });
    }

    /// The client's channel is gone, as it asked.
    pub(crate) fn end_channel(&mut self, channel: ChannelId, out: &mut Output) {
        if let Some(Channel::Ending) = self.channels.get_mut(channel) {
            self.channels.remove(channel);
            if self.phase == Phase::Running {
                out.put(channel, channel::CloseOk {});
            }
        }
    }

    /// The client's connection is gone, as it asked.
    pub(crate) fn end(&mut self, out: &mut Output) {
        if self.phase == Phase::Ending {
            out.put(ChannelId::CONNECTION, connection::CloseOk {});
            self.phase = Phase::Over;
        }
    }

    /// Tells the client that no messages are taken for now, if it understands. Returns whether it was told.
    pub(crate) fn block(&mut self, reason: &str, out: &mut Output) -> bool {
        let tell = self.phase == Phase::Running && self.client.knows_blocked;
        if tell {
            out.put(ChannelId::CONNECTION, connection::Blocked { reason: ShortStr::cut(reason) });
        }
        tell
    }

    /// Tells the client that messages are taken again.
    pub(crate) fn unblock(&mut self, out: &mut Output) {
        if self.phase == Phase::Running {
            out.put(ChannelId::CONNECTION, connection::Unblocked {});
        }
    }

    /// Bytes came from the client.
    pub(crate) fn on_input(&mut self, now: Instant) {
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.on_input(now);
        }
    }

    /// Bytes went to the client.
    pub(crate) fn on_output(&mut self, now: Instant) {
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.on_output(now);
        }
    }

    /// Sends a heartbeat if one is due. Returns when to ask again, or `Err` if the client is gone; `Ok(None)` if there are no heartbeats.
    /// `listening` is whether the server reads what the client sends.
    pub(crate) fn beat(
        &mut self,
        now: Instant,
        listening: bool,
        out: &mut Output,
    ) -> Result<Option<Instant>, ClientSilent> {
        let Some(heartbeat) = &mut self.heartbeat else { return Ok(None) };
        loop {
            match heartbeat.due(now, listening) {
                Due::NotBefore(when) => return Ok(Some(when)),
                Due::Gone => return Err(ClientSilent),
                Due::Send => {
                    out.put_bytes(&HEARTBEAT_FRAME);
                    heartbeat.on_output(now);
                }
            }
        }
    }

    /// What the client said of itself.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The limits that hold.
    pub(crate) fn tuning(&self) -> Tuning {
        self.tuning
    }

    /// Whether commands are taken.
    #[cfg(test)]
    pub(crate) fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    /// Whether the server waits for the answer to its connection.close.
    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing | Phase::Broken)
    }

    /// Whether no answer can be read any more: the client only gets the time to read why.
    pub(crate) fn is_broken(&self) -> bool {
        self.phase == Phase::Broken
    }

    /// Whether nothing more will come of it.
    pub(crate) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    fn frame_max(&self) -> FrameMax {
        self.tuning.frame_max
    }
}

/// The client has been silent for two intervals of heartbeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientSilent;

fn unexpected(phase: Phase, method: MethodId) -> Fault {
    let text = format!("unexpected method in connection state {}", phase.name());
    Fault::channel_error(text).of(method)
}
