//! Frames over a byte stream: the two directions apart, so that a client never stops reading while it writes.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{
    ConnectRequest, ConnectResponse, FRAME_PREFIX_BYTES, Reader, Record, Request, Xid, first_frame, put_frame,
};

/// What comes from the peer.
#[derive(Debug)]
pub struct FrameReader<R> {
    stream: R,
    input: BytesMut,
    bytes_max: usize,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads frames of at most `bytes_max` bytes of payload.
    pub fn new(stream: R, bytes_max: usize) -> Self {
        Self { stream, input: BytesMut::new(), bytes_max }
    }

    /// The payload of the next frame. Nothing is lost if the future is dropped.
    ///
    /// # Errors
    /// When the stream fails or ends, and when the peer claims a frame that is too long.
    pub async fn next_frame(&mut self) -> io::Result<Bytes> {
        loop {
            if let Some(payload) = first_frame(&self.input, self.bytes_max).map_err(io::Error::other)? {
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

/// What goes to the peer. Frames are queued, then written: whoever queues bounds how much.
#[derive(Debug)]
pub struct FrameWriter<W> {
    stream: W,
    output: BytesMut,
    /// The stream may hold something back: one that encrypts keeps what does not fit into the socket.
    is_unflushed: bool,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    /// Writes to `stream`.
    pub fn new(stream: W) -> Self {
        Self { stream, output: BytesMut::new(), is_unflushed: false }
    }

    /// The queue, to append whole frames to.
    pub fn queue(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// Queues a request.
    pub fn put(&mut self, xid: Xid, request: &Request<'_>) {
        request.put_frame(xid, &mut self.output);
    }

    /// Bytes that wait to be written.
    pub fn queued_bytes(&self) -> usize {
        self.output.len()
    }

    /// Whether there is something to write, or to hand on.
    pub fn has_output(&self) -> bool {
        !self.output.is_empty() || self.is_unflushed
    }

    /// Writes some of what is queued; after the last of it, sees to it that the stream holds nothing back. Nothing is lost or
    /// written twice if the future is dropped.
    ///
    /// # Errors
    /// When the stream fails.
    pub async fn write_some(&mut self) -> io::Result<()> {
        if !self.output.is_empty() {
            self.is_unflushed = true;
            if self.stream.write_buf(&mut self.output).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        if self.output.is_empty() {
            self.stream.flush().await?;
            self.is_unflushed = false;
        }
        Ok(())
    }

    /// Writes all that is queued.
    ///
    /// # Errors
    /// When the stream fails.
    pub async fn flush(&mut self) -> io::Result<()> {
        while self.has_output() {
            self.write_some().await?;
        }
        Ok(())
    }
}

/// What takes a session up again on another connection.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The session.
    pub session: i64,
    /// Its password: whoever has it is the client.
    pub password: Vec<u8>,
    /// The session timeout that was agreed, in milliseconds.
    pub timeout_ms: i32,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "session {:#x} of {} ms", self.session, self.timeout_ms)
    }
}

/// Begins a connection: asks for the session `wanted`, or for a new one with `timeout_ms`. `None` if the session is over.
///
/// # Errors
/// When the stream fails or ends (a server that is behind `last_zxid_seen` closes it), or the answer does not parse.
pub async fn shake_hands<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    reader: &mut FrameReader<R>,
    writer: &mut FrameWriter<W>,
    wanted: Option<&Credentials>,
    timeout_ms: i32,
    last_zxid_seen: i64,
) -> io::Result<Option<Credentials>> {
    let request = ConnectRequest {
        protocol_version: 0,
        last_zxid_seen,
        timeout_ms,
        session_id: wanted.map_or(0, |wanted| wanted.session),
        password: Some(wanted.map_or(&[0; super::PASSWORD_BYTES], |wanted| &wanted.password)),
        read_only: Some(false),
    };
    put_frame(writer.queue(), |out| request.encode(out));
    writer.flush().await?;
    let frame = reader.next_frame().await?;
    let response = ConnectResponse::decode(&mut Reader::new(&frame)).map_err(io::Error::other)?;
    Ok((response.timeout_ms > 0).then(|| Credentials {
        session: response.session_id,
        password: response.password.unwrap_or_default().to_vec(),
        timeout_ms: response.timeout_ms,
    }))
}

#[cfg(test)]
mod tests {
    use tokio::io::{BufWriter, duplex};

    use super::*;

    /// A stream that encrypts holds back what did not fit into the socket, and nobody else asks for it.
    #[tokio::test]
    async fn what_the_stream_holds_back_is_handed_on() {
        let (near, far) = duplex(16);
        let mut reader = FrameReader::new(far, 1 << 20);
        let mut writer = FrameWriter::new(BufWriter::with_capacity(1 << 10, near));
        put_frame(writer.queue(), |out| out.extend_from_slice(&[7; 300]));
        assert!(writer.has_output());
        let mut frame = None;
        while frame.is_none() {
            tokio::select! {
                biased;
                // The other future is dropped, again and again.
                read = reader.next_frame() => frame = Some(read.unwrap()),
                written = writer.write_some(), if writer.has_output() => written.unwrap(),
            }
        }
        assert_eq!(frame.unwrap()[..], [7; 300]);
        assert_eq!(writer.queued_bytes(), 0);
    }
}
