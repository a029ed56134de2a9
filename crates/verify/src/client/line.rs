//! A connection's bytes: frames in and out, and the handshake.

use std::io;

use bytes::Bytes;
use runtime::BoxStream;
use tokio::io::{ReadHalf, WriteHalf};
use zookeeper::codec::{
    Auth, ErrorCode, FrameReader, FrameWriter, Reader, ReplyHeader, Request, Xid, shake_hands,
};

pub(super) use zookeeper::codec::Credentials;

const FRAME_BYTES_MAX: usize = 8 << 20;

/// A connected stream of frames.
pub(super) struct Line {
    reader: FrameReader<ReadHalf<BoxStream>>,
    writer: FrameWriter<WriteHalf<BoxStream>>,
}

impl Line {
    pub(super) fn new(stream: BoxStream) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self { reader: FrameReader::new(reader, FRAME_BYTES_MAX), writer: FrameWriter::new(writer) }
    }

    /// Asks for `wanted`, or for a new session. `None` if the session is over.
    pub(super) async fn shake_hands(
        &mut self,
        wanted: Option<&Credentials>,
        timeout_ms: i32,
        last_zxid_seen: i64,
    ) -> io::Result<Option<Credentials>> {
        shake_hands(&mut self.reader, &mut self.writer, wanted, timeout_ms, last_zxid_seen).await
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
        self.writer.put(xid, request);
    }

    /// Sends what is queued.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        self.writer.flush().await
    }

    /// The payload of the next frame. Nothing is lost if the future is dropped.
    pub(super) async fn next_frame(&mut self) -> io::Result<Bytes> {
        self.reader.next_frame().await
    }
}
