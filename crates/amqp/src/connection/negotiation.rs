//! From connection.start to connection.open-ok.

use amqp091::{ChannelId, Frame, Method, MethodId, Secret, ShortStr, connection};
use runtime::Instant;

use super::heartbeat::Heartbeat;
use super::login::Mechanism;
use super::{Client, Connection, Event, Login, Over, Phase, Tuning, properties, unexpected};
use crate::fault::Fault;
use crate::output::Output;

pub(super) const OPEN: MethodId = MethodId { class: 10, method: 40 };

impl Connection {
    pub(super) fn start(&mut self, out: &mut Output) {
        let server_properties = properties::of_server(&self.config);
        let mechanisms = Mechanism::names(self.has_certificate);
        let start = connection::Start {
            version_major: 0,
            version_minor: 9,
            server_properties: server_properties.as_table(),
            mechanisms: mechanisms.as_bytes(),
            locales: b"en_US",
        };
        out.put(ChannelId::CONNECTION, start);
        self.phase = Phase::Starting;
    }

    pub(super) fn negotiate(&mut self, frame: Frame, now: Instant) -> Result<Option<Event>, Fault> {
        if frame.channel != ChannelId::CONNECTION {
            // Only a client that takes the connection for open sends such.
            let text = format!(
                "unexpected frame on channel {} in connection state {}",
                frame.channel.0,
                self.phase.name()
            );
            return Err(Fault::channel_error(text));
        }
        let Some(method) = frame.into_connection_method()? else {
            return Ok(None);
        };
        match (self.phase, method.decode()?) {
            (Phase::Starting, Method::ConnectionStartOk(answer)) => self.log_in(&answer).map(Some),
            (Phase::Tuning, Method::ConnectionTuneOk(answer)) => {
                self.tuning = Tuning::agreed(&self.config, &answer)?;
                self.heartbeat = Heartbeat::new(self.tuning.heartbeat, now);
                self.phase = Phase::Choosing;
                Ok(None)
            }
            (Phase::Choosing, Method::ConnectionOpen(open)) => {
                self.phase = Phase::Opening;
                Ok(Some(Event::Open { vhost: open.virtual_host.as_str().to_owned() }))
            }
            (Phase::Tuning | Phase::Choosing, Method::ConnectionClose(_)) => {
                self.phase = Phase::Ending;
                Ok(Some(Event::Ending))
            }
            _ => Err(unexpected(self.phase, method.id)),
        }
    }

    fn log_in(&mut self, answer: &connection::StartOk<'_>) -> Result<Event, Fault> {
        self.client = Client::read(answer.client_properties);
        let name = answer.mechanism.as_str();
        let mechanism =
            Mechanism::offered(self.has_certificate).iter().find(|offered| offered.name() == name);
        let Some(mechanism) = mechanism else {
            return Err(Fault::command_invalid(format!("unknown authentication mechanism '{name}'")));
        };
        self.mechanism = mechanism.name();
        self.phase = Phase::LoggingIn;
        let Secret(response) = answer.response;
        Ok(Event::Login(Login { credentials: mechanism.read(response), mechanism: mechanism.name() }))
    }

    /// The client is this user.
    pub(crate) fn admit(&mut self, user: &str, out: &mut Output) {
        if self.phase == Phase::LoggingIn {
            self.user = Some(user.to_owned());
            out.put(ChannelId::CONNECTION, Tuning::proposed(&self.config));
            self.phase = Phase::Tuning;
        }
    }

    /// Nobody believes the client. It is told so if it can understand that.
    pub(crate) fn refuse(&mut self, out: &mut Output) -> Event {
        let text = format!(
            "Login was refused using authentication mechanism {}. For details see the broker logfile.",
            self.mechanism
        );
        let fault = Fault::access_refused(text);
        if self.client.knows_authentication_failure_close {
            self.put_close(&fault, out);
        }
        self.phase = Phase::Over;
        Event::Over(Over::Refused(fault.to_string()))
    }

    /// The virtual host is there, and the user may use it.
    pub(crate) fn open(&mut self, out: &mut Output) {
        if self.phase == Phase::Opening {
            out.put(ChannelId::CONNECTION, connection::OpenOk { known_hosts: ShortStr::default() });
            self.phase = Phase::Running;
        }
    }

    /// The user may not use the virtual host, or it is not there.
    pub(crate) fn refuse_open(&mut self, fault: Fault, out: &mut Output) -> Event {
        self.break_off(fault.of_default(OPEN), out)
    }
}
