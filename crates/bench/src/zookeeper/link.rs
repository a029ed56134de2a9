//! A socket with a session on it.

use std::io;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::{Buf, BytesMut};
use runtime::BoxStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use zookeeper::codec::{
    ConnectRequest, ConnectResponse, FRAME_PREFIX_BYTES, PASSWORD_BYTES, Reader, Record, first_frame,
    put_frame,
};

use super::dialer::Dialer;

const SESSION_TIMEOUT_MS: i32 = 30_000;
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const READ_BUFFER_BYTES: usize = 32 * 1024;

/// What takes a session up again elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) session_id: i64,
    password: [u8; PASSWORD_BYTES],
}

/// A connection with its buffers.
pub(crate) struct Link {
    stream: BoxStream,
    pub(crate) input: BytesMut,
    pub(crate) output: BytesMut,
}

impl Link {
    /// Connects to `server` and opens a session, or takes up the one that `identity` names. A server that refuses to
    /// take it up (it has expired) gives a new one on the next attempt: `identity` is then reset.
    pub(crate) async fn open(dialer: &Dialer, server: &str, identity: &mut Identity) -> Result<Self> {
        let opened = timeout(CONNECT_LIMIT, Self::shake_hands(dialer, server, identity)).await;
        opened.with_context(|| format!("{server} did not answer within {CONNECT_LIMIT:?}"))?
    }

    async fn shake_hands(dialer: &Dialer, server: &str, identity: &mut Identity) -> Result<Self> {
        let stream = dialer.dial(server).await?;
        let mut link =
            Self { stream, input: BytesMut::with_capacity(READ_BUFFER_BYTES), output: BytesMut::new() };
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: 0,
            timeout_ms: SESSION_TIMEOUT_MS,
            session_id: identity.session_id,
            password: Some(&identity.password),
            read_only: Some(false),
        };
        put_frame(&mut link.output, |out| request.encode(out));
        link.flush().await?;
        *identity = link.accepted().await.with_context(|| format!("open a session at {server}"))?;
        ensure!(identity.session_id != 0, "{server} refused the session");
        Ok(link)
    }

    async fn accepted(&mut self) -> Result<Identity> {
        loop {
            if let Some(payload) = first_frame(&self.input, usize::MAX)? {
                let length = FRAME_PREFIX_BYTES + payload.len();
                let response: ConnectResponse<'_> = Reader::new(payload).record()?;
                let password = response.password.and_then(|bytes| bytes.try_into().ok()).unwrap_or_default();
                let identity = Identity { session_id: response.session_id, password };
                self.input.advance(length);
                return Ok(identity);
            }
            self.fill().await?;
        }
    }

    /// The stream alone, once nothing is buffered.
    pub(crate) fn into_stream(self) -> BoxStream {
        debug_assert!(self.input.is_empty() && self.output.is_empty(), "what is buffered would be lost");
        self.stream
    }

    /// Writes all of `output`, in one system call if the socket takes it.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all_buf(&mut self.output).await?;
        self.stream.flush().await
    }

    /// Waits for bytes and appends them to `input`.
    pub(crate) async fn fill(&mut self) -> io::Result<()> {
        self.input.reserve(READ_BUFFER_BYTES);
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
