//! Frames of an open connection.

use amqp091::{Assembled, Assembler, ChannelId, Frame, Method, MethodFrame, MethodId, Payload, Secret};
use amqp091::{channel, connection};

use super::channels::Channel;
use super::{Connection, Credentials, Event, Over, Phase, unexpected};
use crate::fault::Fault;
use crate::output::Output;

const UPDATE_SECRET: MethodId = MethodId { class: 10, method: 70 };
const CHANNEL_OPEN: MethodId = MethodId { class: 20, method: 10 };
const CHANNEL_CLOSE: MethodId = MethodId { class: 20, method: 40 };
const CHANNEL_CLOSE_OK: MethodId = MethodId { class: 20, method: 41 };

impl Connection {
    pub(super) fn dispatch(&mut self, frame: Frame, out: &mut Output) -> Result<Option<Event>, Fault> {
        if frame.channel == ChannelId::CONNECTION {
            return match frame.into_connection_method()? {
                Some(method) => self.handle_connection_method(&method),
                None => Ok(None),
            };
        }
        let Frame { channel, payload } = frame;
        match self.channels.get_mut(channel) {
            Some(Channel::Open(_)) => match self.channels.push(channel, payload) {
                Some(assembled) => self.handle_assembled(channel, assembled.map_err(hard)?, out),
                None => Ok(None),
            },
            Some(Channel::Closed { .. }) => self.drop_frame(channel, &payload, out),
            Some(Channel::Ending) => Err(not_open(&payload)),
            None => self.open_channel(channel, &payload, out),
        }
    }

    fn handle_connection_method(&mut self, method: &MethodFrame) -> Result<Option<Event>, Fault> {
        match method.decode()? {
            Method::ConnectionClose(_) => {
                self.phase = Phase::Ending;
                Ok(Some(Event::Ending))
            }
            Method::ConnectionUpdateSecret(update) => {
                let Secret(password) = update.new_secret;
                let user = self.user.clone().unwrap_or_default();
                Ok(Some(Event::Renew(Credentials::Password { user, password: password.to_vec() })))
            }
            Method::ConnectionCloseOk(_) => {
                // Nobody asked; RabbitMQ takes it for the end, too.
                self.phase = Phase::Over;
                Ok(Some(Event::Over(Over::Closed)))
            }
            _ => Err(unexpected(self.phase, method.id)),
        }
    }

    /// The new credentials were accepted.
    pub(crate) fn renew(&mut self, out: &mut Output) {
        if self.phase == Phase::Running {
            out.put(ChannelId::CONNECTION, connection::UpdateSecretOk {});
        }
    }

    /// The new credentials were not accepted.
    pub(crate) fn refuse_renewal(&mut self, out: &mut Output) -> Event {
        let text = "New secret was refused by one of the backends";
        self.break_off(Fault::not_allowed(text).of(UPDATE_SECRET), out)
    }

    fn handle_assembled(
        &mut self,
        channel: ChannelId,
        assembled: Assembled,
        out: &mut Output,
    ) -> Result<Option<Event>, Fault> {
        let command = match assembled {
            Assembled::Incomplete => return Ok(None),
            Assembled::Command(command) => command,
            Assembled::TooLarge { method, body_bytes } => {
                let max = self.config.message_bytes_max;
                let text = format!("message size {body_bytes} is larger than configured max size {max}");
                let fault = Fault::precondition_failed(text).of(method.id);
                return Ok(self.fail(channel, fault, out));
            }
        };
        match command.method.id {
            CHANNEL_OPEN => Err(Fault::channel_error("second 'channel.open' seen").of(CHANNEL_OPEN)),
            CHANNEL_CLOSE => {
                command.method.decode()?;
                self.channels.set(channel, Channel::Ending);
                Ok(Some(Event::ChannelEnding(channel)))
            }
            _ => Ok(Some(Event::Command(channel, command))),
        }
    }

    fn open_channel(
        &mut self,
        channel: ChannelId,
        payload: &Payload,
        out: &mut Output,
    ) -> Result<Option<Event>, Fault> {
        self.channels.check_room(channel, self.tuning.channel_max).map_err(hard)?;
        let Payload::Method(method) = payload else {
            return Err(Fault::from(amqp091::WireError::ExpectedMethod));
        };
        if method.id != CHANNEL_OPEN {
            return Err(not_open(payload));
        }
        method.decode()?;
        if let Some(gate) = &self.channel_gate {
            gate(self.channels.count()).map_err(hard)?;
        }
        self.channels.set(channel, Channel::Open(Assembler::new(self.config.message_bytes_max)));
        out.put(channel, channel::OpenOk { channel_id: b"" });
        Ok(Some(Event::ChannelOpened(channel)))
    }

    /// A frame on a channel that the server has closed. A client that closed it at the same time may open it anew without another word.
    fn drop_frame(
        &mut self,
        channel: ChannelId,
        payload: &Payload,
        out: &mut Output,
    ) -> Result<Option<Event>, Fault> {
        let (Payload::Method(method), Some(Channel::Closed { crossed })) =
            (payload, self.channels.get_mut(channel))
        else {
            return Ok(None);
        };
        match method.id {
            CHANNEL_CLOSE => {
                *crossed = true;
                out.put(channel, channel::CloseOk {});
            }
            CHANNEL_CLOSE_OK => self.channels.remove(channel),
            CHANNEL_OPEN if *crossed => {
                self.channels.remove(channel);
                return self.open_channel(channel, payload, out);
            }
            _ => {}
        }
        Ok(None)
    }

    /// The server has closed the connection: only the end counts.
    pub(super) fn await_close_ok(&mut self, frame: Frame, out: &mut Output) -> Option<Event> {
        let Payload::Method(method) = frame.payload else { return None };
        match (frame.channel, method.decode()) {
            (ChannelId::CONNECTION, Ok(Method::ConnectionClose(_))) => {
                out.put(ChannelId::CONNECTION, connection::CloseOk {});
                None
            }
            (ChannelId::CONNECTION, Ok(Method::ConnectionCloseOk(_))) => {
                self.phase = Phase::Over;
                Some(Event::Over(Over::Closed))
            }
            _ => None,
        }
    }

    /// Whether a command of this channel may still be answered: also if the client has asked for its end behind it.
    pub(crate) fn is_answerable(&self, channel: ChannelId) -> bool {
        self.phase == Phase::Running && self.channels.is_answerable(channel)
    }
}

fn not_open(payload: &Payload) -> Fault {
    let fault = Fault::channel_error("expected 'channel.open'");
    match payload {
        Payload::Method(method) => fault.of(method.id),
        _ => fault,
    }
}

/// These end the connection, whatever channel they were seen on.
fn hard(fault: Fault) -> Fault {
    debug_assert!(!fault.is_soft(), "{fault}");
    fault
}
