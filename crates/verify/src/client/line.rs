//! A connection's bytes: frames in and out, and the handshake.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use runtime::BoxStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zookeeper::codec::{
    Auth, ConnectRequest, ConnectResponse, ErrorCode, FRAME_PREFIX_BYTES, Reader, Record, ReplyHeader,
    Request, Xid, first_frame, put_frame,
};

const FRAME_BYTES_MAX: usize = 8 << 20;

/// A session, as its client shows it to a server.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    pub(super) session: i64,
    pub(super) password: Vec<u8>,
    pub(super) timeout_ms: i32,
}

/// A connected stream of frames.
pub(super) struct Line {
    stream: BoxStream,
    input: BytesMut,
    output: BytesMut,
}

impl Line {
    pub(super) fn new(stream: BoxStream) -> Self {
        Self { stream, input: BytesMut::new(), output: BytesMut::new() }
    }

    /// Asks for `wanted`, or for a new session. `None` if the session is over.
    pub(super) async fn shake_hands(
        &mut self,
        wanted: Option<&Credentials>,
        timeout_ms: i32,
        last_zxid_seen: i64,
    ) -> io::Result<Option<Credentials>> {
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen,
            timeout_ms,
            session_id: wanted.map_or(0, |wanted| wanted.session),
            password: Some(wanted.map_or(&[0; 16], |wanted| &wanted.password)),
            read_only: Some(false),
        };
        put_frame(&mut self.output, |out| request.encode(out));
        self.flush().await?;
        let frame = self.next_frame().await?;
        let response = ConnectResponse::decode(&mut Reader::new(&frame)).map_err(io::Error::other)?;
        Ok((response.timeout_ms > 0).then(|| Credentials {
            session: response.session_id,
            password: response.password.unwrap_or_default().to_vec(),
            timeout_ms: response.timeout_ms,
        }))
    }

    /// Asks that what is read on this connection be all that was written anywhere before. To be asked before anything else.
    pub(super) async fn ask_for_linearizable_reads(&mut self) -> io::Result<()> {
        let auth = Auth { kind: 0, scheme: "reads", auth: Some(b"linearizable") };
        self.put(Xid::AUTH, &Request::Auth(auth));
        self.flush().await?;
        let frame = self.next_frame().await?;
        let header: ReplyHeader = Reader::new(&frame).record().map_err(io::Error::other)?;
        let is_granted = (header.xid, header.error) == (Xid::AUTH, ErrorCode::OK);
        is_granted.then_some(()).ok_or_else(|| io::Error::other("linearizable reads are not to be had"))
    }

    /// Queues a request.
    pub(super) fn put(&mut self, xid: Xid, request: &Request<'_>) {
        request.put_frame(xid, &mut self.output);
    }

    /// Sends what is queued.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        if !self.output.is_empty() {
            self.stream.write_all(&self.output).await?;
            self.output.clear();
        }
        Ok(())
    }

    /// The payload of the next frame. Nothing is lost if the future is dropped.
    pub(super) async fn next_frame(&mut self) -> io::Result<Bytes> {
        loop {
            if let Some(payload) = first_frame(&self.input, FRAME_BYTES_MAX).map_err(io::Error::other)? {
                let length = payload.len();
                self.input.advance(FRAME_PREFIX_BYTES);
                return Ok(self.input.split_to(length).freeze());
            }
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
