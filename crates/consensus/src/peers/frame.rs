//! Messages on a connection: `length u32 | crc32c u32 | protobuf`, big-endian.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const HEAD: usize = 8;
/// An entry may be this large, and a little more around it.
pub(crate) const FRAME_BYTES_MAX: usize = 96 << 20;
const READ_BYTES: usize = 64 << 10;

/// Appends one message to `buffer`.
pub(crate) fn put<M: Message>(buffer: &mut BytesMut, message: &M) {
    let start = buffer.len();
    buffer.put_bytes(0, HEAD);
    message.encode(buffer).expect("a BytesMut grows as needed");
    let body = &buffer[start + HEAD..];
    let (length, checksum) = (body.len() as u32, crc32c::crc32c(body));
    buffer[start..start + 4].copy_from_slice(&length.to_be_bytes());
    buffer[start + 4..start + HEAD].copy_from_slice(&checksum.to_be_bytes());
}

/// Writes one message at once.
pub(crate) async fn write<M: Message>(stream: &mut (impl AsyncWrite + Unpin), message: &M) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    put(&mut buffer, message);
    stream.write_all(&buffer).await?;
    stream.flush().await
}

/// Reads messages.
pub(crate) struct FrameReader<R> {
    stream: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(crate) fn new(stream: R) -> Self {
        Self { stream, buffer: BytesMut::with_capacity(READ_BYTES) }
    }

    /// The next message; `None` at the end of the stream. Safe to drop while it waits.
    pub(crate) async fn next<M: Message + Default>(&mut self) -> io::Result<Option<M>> {
        let Some(body) = self.body().await? else { return Ok(None) };
        M::decode(body).map(Some).map_err(malformed)
    }

    async fn body(&mut self) -> io::Result<Option<Bytes>> {
        if !self.fill(HEAD).await? {
            return Ok(None);
        }
        let length = (&self.buffer[..4]).get_u32() as usize;
        let checksum = (&self.buffer[4..HEAD]).get_u32();
        if length > FRAME_BYTES_MAX {
            return Err(malformed(format!("a message of {length} bytes")));
        }
        if !self.fill(HEAD + length).await? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.buffer.advance(HEAD);
        let body = self.buffer.split_to(length).freeze();
        if crc32c::crc32c(&body) != checksum {
            return Err(malformed("wrong checksum"));
        }
        Ok(Some(body))
    }

    async fn fill(&mut self, needed: usize) -> io::Result<bool> {
        while self.buffer.len() < needed {
            self.buffer.reserve(READ_BYTES);
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() {
                    Ok(false)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
        Ok(true)
    }
}

fn malformed(why: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("malformed peer message: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    #[tokio::test]
    async fn messages_come_out_as_they_went_in() {
        let mut buffer = BytesMut::new();
        for node in 0..100 {
            put(&mut buffer, &wire::Hello { node, ..Default::default() });
        }
        let mut reader = FrameReader::new(&buffer[..]);
        for node in 0..100 {
            assert_eq!(reader.next::<wire::Hello>().await.unwrap().unwrap().node, node);
        }
        assert!(reader.next::<wire::Hello>().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn damage_is_noticed() {
        let mut buffer = BytesMut::new();
        put(&mut buffer, &wire::Hello { node: 77, ..Default::default() });
        for bit in 0..buffer.len() * 8 {
            let mut damaged = buffer.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let got = FrameReader::new(&damaged[..]).next::<wire::Hello>().await;
            assert!(got.is_err(), "bit {bit}");
        }
    }
}
