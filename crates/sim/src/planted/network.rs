//! A network that does to a client's frames what it should not.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use runtime::{BoxFuture, BoxStream, Listener, Network};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use zookeeper::codec::{
    ErrorCode, FRAME_PREFIX_BYTES, OpCode, Reader, Record, ReplyHeader, RequestHeader, Xid, first_frame,
};

use super::Bug;
use crate::world::HostNetwork;

/// How often it does it.
const RATE: f64 = 0.01;

pub(super) struct Tampered {
    network: HostNetwork,
    bug: Bug,
    rng: Mutex<StdRng>,
}

impl Tampered {
    pub(super) fn new(network: HostNetwork, bug: Bug, seed: u64) -> Self {
        Self { network, bug, rng: Mutex::new(StdRng::seed_from_u64(seed)) }
    }
}

impl Network for Tampered {
    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        self.network.listen(address)
    }

    fn connect<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<BoxStream>> {
        Box::pin(async move {
            let inner = self.network.connect(address).await?;
            let rng = StdRng::seed_from_u64(self.rng.lock().random());
            Ok(Box::new(TamperedStream::new(inner, self.bug, rng)) as BoxStream)
        })
    }
}

/// Whole frames are written at once by the client, so that a write can be changed by itself; what is read is cut into
/// frames here.
struct TamperedStream {
    inner: BoxStream,
    bug: Bug,
    rng: StdRng,
    /// Whether the handshake was sent, and received.
    greeted: [bool; 2],
    input: BytesMut,
    ready_input: BytesMut,
    /// Requests that were sent twice, and whether one reply has come.
    repeated: BTreeMap<i32, bool>,
    /// Reads under way, and what earlier ones found.
    reading: BTreeMap<i32, String>,
    cache: BTreeMap<String, Bytes>,
}

impl TamperedStream {
    fn new(inner: BoxStream, bug: Bug, rng: StdRng) -> Self {
        Self {
            inner,
            bug,
            rng,
            greeted: [false; 2],
            input: BytesMut::new(),
            ready_input: BytesMut::new(),
            repeated: BTreeMap::new(),
            reading: BTreeMap::new(),
            cache: BTreeMap::new(),
        }
    }

    fn tamper_output(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut output = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        while let Ok(Some(payload)) = first_frame(rest, usize::MAX) {
            let frame = &rest[..FRAME_PREFIX_BYTES + payload.len()];
            rest = &rest[frame.len()..];
            output.extend_from_slice(frame);
            if std::mem::replace(&mut self.greeted[0], true) && self.is_repeated(payload) {
                output.extend_from_slice(frame);
            }
        }
        output.extend_from_slice(rest);
        output
    }

    /// Whether a request is to be sent twice. Notes what is needed when its reply comes.
    fn is_repeated(&mut self, payload: &[u8]) -> bool {
        let mut reader = Reader::new(payload);
        let Ok(header) = RequestHeader::decode(&mut reader) else { return false };
        match (self.bug, header.op) {
            (Bug::RepeatedRequest, OpCode::Create2) if self.rng.random_bool(RATE) => {
                self.repeated.insert(header.xid.0, false);
                true
            }
            (Bug::StaleCache, OpCode::GetData) => {
                let path = reader.string().unwrap_or_default().to_owned();
                self.reading.insert(header.xid.0, path);
                false
            }
            _ => false,
        }
    }

    /// Moves whole frames to what may be read.
    fn tamper_input(&mut self) {
        while let Ok(Some(payload)) = first_frame(&self.input, usize::MAX) {
            let length = payload.len();
            let frame = self.input.split_to(FRAME_PREFIX_BYTES + length).freeze();
            let is_greeting = !std::mem::replace(&mut self.greeted[1], true);
            let payload = frame.slice(FRAME_PREFIX_BYTES..);
            let header = ReplyHeader::decode(&mut Reader::new(&payload)).ok().filter(|_| !is_greeting);
            match header {
                Some(header) if self.is_lost(header) => {}
                Some(header) => {
                    let payload = self.answer_from_cache(header, payload);
                    self.ready_input.put_u32(u32::try_from(payload.len()).expect("it came in a frame"));
                    self.ready_input.put(payload);
                }
                None => self.ready_input.put(frame),
            }
        }
    }

    fn is_lost(&mut self, header: ReplyHeader) -> bool {
        if header.xid == Xid::EVENT {
            return self.bug == Bug::LostEvents && self.rng.random_bool(RATE);
        }
        self.repeated.get_mut(&header.xid.0).is_some_and(|answered| std::mem::replace(answered, true))
    }

    /// A reply to a read, sometimes with what an earlier one found.
    fn answer_from_cache(&mut self, header: ReplyHeader, payload: Bytes) -> Bytes {
        const HEADER_BYTES: usize = 16;
        let path = self.reading.remove(&header.xid.0).filter(|_| header.error == ErrorCode::OK);
        let Some(path) = path else { return payload };
        match self.cache.get(&path) {
            Some(body) if self.rng.random_bool(RATE) => [&payload[..HEADER_BYTES], body].concat().into(),
            _ => {
                self.cache.insert(path, payload.slice(HEADER_BYTES..));
                payload
            }
        }
    }
}

impl AsyncRead for TamperedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.ready_input.is_empty() {
            let mut chunk = [0; 4096];
            let mut chunk = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut this.inner).poll_read(context, &mut chunk))?;
            if chunk.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.input.extend_from_slice(chunk.filled());
            this.tamper_input();
        }
        let count = this.ready_input.len().min(buffer.remaining());
        buffer.put_slice(&this.ready_input[..count]);
        this.ready_input.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TamperedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let tampered = this.tamper_output(bytes);
        // The simulated network takes all of a write or nothing.
        ready!(Pin::new(&mut this.inner).poll_write(context, &tampered))?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
