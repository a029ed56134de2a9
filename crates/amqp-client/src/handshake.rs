//! From a stream to an open connection.

use std::io;

use amqp091::{ChannelId, Frame, FrameMax, Method, PROTOCOL_HEADER, Secret, ShortStr, TableBuf, connection};
use bytes::BytesMut;
use runtime::BoxStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::error::ErrorKind;
use crate::options::Options;
use crate::shared::Tuned;

/// What the server has none of when it proposes 0.
const CHANNEL_MAX: u16 = 2047;

/// Proves who the client is and opens its virtual host. What was read beyond that is left in `input`.
pub(crate) async fn open(
    stream: &mut BoxStream,
    input: &mut BytesMut,
    options: &Options,
) -> Result<Tuned, ErrorKind> {
    let mut opening = Opening { stream, input };
    opening.write(&PROTOCOL_HEADER).await?;
    opening.start(options).await?;
    let tuned = opening.tune(options).await?;
    let virtual_host = ShortStr::try_from(options.vhost.as_str())?;
    opening.send(connection::Open { virtual_host, ..connection::Open::default() }).await?;
    let frame = opening.receive().await?;
    match frame.decode()? {
        Method::ConnectionOpenOk(_) => Ok(tuned),
        other => Err(unexpected(&other)),
    }
}

struct Opening<'a> {
    stream: &'a mut BoxStream,
    input: &'a mut BytesMut,
}

impl Opening<'_> {
    async fn start(&mut self, options: &Options) -> Result<(), ErrorKind> {
        let frame = self.receive().await?;
        let Method::ConnectionStart(_) = frame.decode()? else {
            return Err(unexpected(&frame.decode()?));
        };
        let capabilities = TableBuf::new()
            .with("publisher_confirms", true)
            .with("basic.nack", true)
            .with("consumer_cancel_notify", true)
            .with("connection.blocked", true)
            .with("authentication_failure_close", true);
        let mut properties =
            TableBuf::new().with("product", "quorate").with("capabilities", capabilities.as_table());
        if !options.name.is_empty() {
            properties = properties.with("connection_name", options.name.as_str());
        }
        let response = ["\0", &options.user, "\0", &options.password].concat();
        self.send(connection::StartOk {
            client_properties: properties.as_table(),
            mechanism: ShortStr::from_static("PLAIN"),
            response: Secret(response.as_bytes()),
            locale: ShortStr::from_static("en_US"),
        })
        .await
    }

    async fn tune(&mut self, options: &Options) -> Result<Tuned, ErrorKind> {
        let frame = self.receive().await?;
        let Method::ConnectionTune(proposed) = frame.decode()? else {
            return Err(unexpected(&frame.decode()?));
        };
        let heartbeat_s = u16::try_from(options.heartbeat.as_secs()).unwrap_or(u16::MAX);
        let tuned = Tuned {
            channel_max: least(CHANNEL_MAX.into(), proposed.channel_max.into()) as u16,
            frame_max: FrameMax(least(options.frame_max.0, proposed.frame_max)),
            heartbeat_s: match heartbeat_s {
                0 => 0,
                own => least(own.into(), proposed.heartbeat.into()) as u16,
            },
        };
        self.send(connection::TuneOk {
            channel_max: tuned.channel_max,
            frame_max: tuned.frame_max.0,
            heartbeat: tuned.heartbeat_s,
        })
        .await?;
        Ok(tuned)
    }

    async fn send<'a>(&mut self, method: impl Into<Method<'a>>) -> Result<(), ErrorKind> {
        let mut wire = BytesMut::new();
        method.into().put_frame(ChannelId::CONNECTION, &mut wire);
        self.write(&wire).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), ErrorKind> {
        self.stream.write_all(bytes).await.map_err(ErrorKind::lost)?;
        self.stream.flush().await.map_err(ErrorKind::lost)
    }

    /// The server's next method, if it is no refusal.
    async fn receive(&mut self) -> Result<amqp091::MethodFrame, ErrorKind> {
        loop {
            if self.input.starts_with(&PROTOCOL_HEADER[..4]) {
                return Err(ErrorKind::garbage("it does not speak AMQP 0-9-1"));
            }
            while let Some(frame) = Frame::take(self.input, FrameMax::UNLIMITED)? {
                let Some(method) = frame.into_connection_method()? else { continue };
                if let Method::ConnectionClose(close) = method.decode()? {
                    return Err(closed(&close));
                }
                return Ok(method);
            }
            let read = self.stream.read_buf(self.input).await.map_err(ErrorKind::lost)?;
            if read == 0 {
                return Err(ErrorKind::lost(io::Error::from(io::ErrorKind::UnexpectedEof)));
            }
        }
    }
}

/// The lower of two limits, of which 0 is none.
fn least(own: u32, proposed: u32) -> u32 {
    if own == 0 || proposed == 0 { own.max(proposed) } else { own.min(proposed) }
}

pub(crate) fn closed(close: &connection::Close<'_>) -> ErrorKind {
    ErrorKind::ConnectionClosed { code: close.reply_code, text: close.reply_text.as_str().into() }
}

pub(crate) fn unexpected(method: &Method<'_>) -> ErrorKind {
    ErrorKind::garbage(format_args!("{} where it does not belong", method.id()))
}
