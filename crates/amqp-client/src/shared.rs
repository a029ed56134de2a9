//! What a connection's handles and its driver share.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use amqp091::{Assembler, ChannelId, Command, Content, FrameMax, Method, MethodId, ShortStr, basic, channel};
use bytes::{Bytes, BytesMut};
use futures::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::delivery::Delivery;
use crate::error::{Error, ErrorKind};
use crate::options::{Options, Publication};
use crate::outcome::Outcome;

/// Larger than any body that a server sends.
const BODY_BYTES_MAX: u64 = amqp091::BODY_BYTES_MAX;

/// What was agreed upon with the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tuned {
    pub(crate) channel_max: u16,
    pub(crate) frame_max: FrameMax,
    pub(crate) heartbeat_s: u16,
}

/// Why a channel has ended, once it has.
#[derive(Debug, Default)]
pub(crate) struct Life(OnceLock<ErrorKind>);

impl Life {
    pub(crate) fn ending(&self) -> Option<ErrorKind> {
        self.0.get().cloned()
    }

    fn end(&self, why: &ErrorKind) {
        self.0.get_or_init(|| why.clone());
    }
}

pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    /// The driver, when there is something new for it.
    pub(crate) driver: AtomicWaker,
    /// Wakes publishers when there may be room again.
    pub(crate) room: Notify,
    /// Why the connection is over.
    pub(crate) over: watch::Sender<Option<ErrorKind>>,
    /// Bytes of bodies that were delivered and not taken.
    waiting_bytes: AtomicUsize,
    input_bytes_max: usize,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("over", &*self.over.borrow()).finish_non_exhaustive()
    }
}

/// A request that waits for its answer.
pub(crate) struct Call {
    pub(crate) method: MethodId,
    pub(crate) answers: &'static [MethodId],
    pub(crate) answer: oneshot::Sender<Result<Command, Error>>,
}

pub(crate) struct ChannelState {
    pub(crate) life: Arc<Life>,
    pub(crate) assembler: Assembler,
    /// In the order in which they were sent, which is that of their answers.
    pub(crate) calls: VecDeque<Call>,
    pub(crate) consumers: BTreeMap<Arc<str>, mpsc::UnboundedSender<Delivery>>,
    pub(crate) outcomes: Option<mpsc::UnboundedSender<Outcome>>,
    /// Publishes so far, since confirms were asked for.
    pub(crate) published: u64,
    pub(crate) confirms: bool,
    /// The server wants no publishes for now.
    pub(crate) paused: bool,
    /// channel.close was sent: nothing but its answer counts.
    pub(crate) closing: bool,
}

impl ChannelState {
    fn new(life: Arc<Life>) -> Self {
        Self {
            life,
            assembler: Assembler::new(BODY_BYTES_MAX),
            calls: VecDeque::new(),
            consumers: BTreeMap::new(),
            outcomes: None,
            published: 0,
            confirms: false,
            paused: false,
            closing: false,
        }
    }

    /// The channel is over: everybody is told. What `refuses` caused it has had no effect.
    pub(crate) fn end(&mut self, why: &ErrorKind, refused: Option<MethodId>) {
        self.life.end(why);
        self.consumers.clear();
        self.outcomes = None;
        for (place, call) in std::mem::take(&mut self.calls).into_iter().enumerate() {
            let is_refused = place == 0 && refused == Some(call.method);
            let error = if is_refused { Error::none(why.clone()) } else { Error::unknown(why.clone()) };
            // Whoever asked may have gone.
            let _ = call.answer.send(Err(error));
        }
    }
}

pub(crate) struct State {
    /// What waits to be written.
    pub(crate) output: BytesMut,
    output_bytes_max: usize,
    pub(crate) tuned: Tuned,
    pub(crate) channels: BTreeMap<u16, ChannelState>,
    /// The server takes no publishes for now, and why.
    pub(crate) blocked: Option<Arc<str>>,
    /// Why nothing more can be sent.
    pub(crate) ending: Option<ErrorKind>,
}

impl State {
    /// Nothing more can be asked. Gives the first reason for it.
    pub(crate) fn end(&mut self, why: &ErrorKind) -> ErrorKind {
        let why = self.ending.get_or_insert_with(|| why.clone()).clone();
        for channel in self.channels.values_mut() {
            channel.end(&why, None);
        }
        self.channels.clear();
        why
    }
}

impl Shared {
    pub(crate) fn new(tuned: Tuned, options: &Options) -> Self {
        let state = State {
            output: BytesMut::new(),
            output_bytes_max: options.output_bytes_max.max(1),
            tuned,
            channels: BTreeMap::new(),
            blocked: None,
            ending: None,
        };
        Self {
            state: Mutex::new(state),
            driver: AtomicWaker::new(),
            room: Notify::new(),
            over: watch::Sender::new(None),
            waiting_bytes: AtomicUsize::new(0),
            input_bytes_max: options.input_bytes_max.max(1),
        }
    }

    /// A new channel, and its channel.open under way.
    pub(crate) fn open_channel(&self, call: Call) -> Result<(u16, Arc<Life>), Error> {
        let mut state = self.state.lock();
        if let Some(why) = &state.ending {
            return Err(Error::none(why.clone()));
        }
        let max = state.tuned.channel_max;
        let free = (1..=max).find(|number| !state.channels.contains_key(number));
        let number = free.ok_or(Error::none(ErrorKind::TooManyChannels(max)))?;
        let life = Arc::new(Life::default());
        let mut channel = ChannelState::new(Arc::clone(&life));
        channel.calls.push_back(call);
        state.channels.insert(number, channel);
        Method::from(channel::Open::default()).put_frame(ChannelId(number), &mut state.output);
        drop(state);
        self.driver.wake();
        Ok((number, life))
    }

    /// Does something with a channel that is open, and sends what `write` puts.
    pub(crate) fn with<T>(
        &self,
        number: u16,
        life: &Life,
        write: impl FnOnce(&mut ChannelState, &mut BytesMut) -> T,
    ) -> Result<T, Error> {
        let mut state = self.state.lock();
        if let Some(why) = life.ending() {
            return Err(Error::none(why));
        }
        let State { output, channels, .. } = &mut *state;
        let channel = channels.get_mut(&number).expect("a channel that has not ended has its place");
        let written = write(channel, output);
        drop(state);
        self.driver.wake();
        Ok(written)
    }

    /// Puts a message among what is to be written, if there is room; its number, if there will be confirms.
    pub(crate) fn try_publish(
        &self,
        number: u16,
        life: &Life,
        publication: &Publication<'_>,
    ) -> Result<Option<u64>, Error> {
        let publish = basic::Publish {
            exchange: publication.exchange.try_into()?,
            routing_key: publication.routing_key.try_into()?,
            mandatory: publication.mandatory,
            ..basic::Publish::default()
        };
        let mut state = self.state.lock();
        if let Some(why) = life.ending() {
            return Err(Error::none(why));
        }
        let State { output, channels, tuned, blocked, output_bytes_max, .. } = &mut *state;
        let channel = channels.get_mut(&number).expect("a channel that has not ended has its place");
        if output.len() >= *output_bytes_max || blocked.is_some() || channel.paused {
            return Ok(None);
        }
        let properties = match publication.properties.is_empty() {
            true => NO_PROPERTIES,
            false => publication.properties.clone(),
        };
        let content = Content { properties, body: publication.body.clone().into() };
        let was_empty = output.is_empty();
        content.put(&publish.into(), ChannelId(number), tuned.frame_max, output);
        channel.published += u64::from(channel.confirms);
        let tag = channel.published;
        drop(state);
        if was_empty {
            self.driver.wake();
        }
        Ok(Some(tag))
    }

    /// Closes the channel without waiting for the answer.
    pub(crate) fn drop_channel(&self, number: u16, life: &Life) {
        // It fails if the channel has ended, which is as good.
        let _ = self.with(number, life, |channel, output| {
            channel.end(&ErrorKind::Closed, None);
            channel.closing = true;
            put_channel_close(number, output);
        });
    }

    pub(crate) fn drop_consumer(&self, number: u16, life: &Life, tag: &str) {
        let _ = self.with(number, life, |channel, output| {
            if channel.consumers.remove(tag).is_some() {
                let cancel = basic::Cancel { consumer_tag: ShortStr::cut(tag), nowait: true };
                Method::from(cancel).put_frame(ChannelId(number), output);
            }
        });
    }

    pub(crate) fn on_delivered(&self, bytes: usize) {
        self.waiting_bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    pub(crate) fn on_taken(&self, bytes: usize) {
        let before = self.waiting_bytes.fetch_sub(bytes, Ordering::AcqRel);
        if before >= self.input_bytes_max && before - bytes < self.input_bytes_max {
            self.driver.wake();
        }
    }

    /// Whether the application has yet to take what it was given.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting_bytes.load(Ordering::Acquire) >= self.input_bytes_max
    }

    /// The connection is over: everybody is told.
    pub(crate) fn end(&self, why: &ErrorKind) {
        let why = self.state.lock().end(why);
        self.room.notify_waiters();
        self.over.send_if_modified(|over| over.is_none().then(|| *over = Some(why)).is_some());
    }
}

pub(crate) fn put_channel_close(number: u16, output: &mut BytesMut) {
    let close = channel::Close { reply_code: 200, ..channel::Close::default() };
    Method::from(close).put_frame(ChannelId(number), output);
}

/// Flags that say that there is none.
const NO_PROPERTIES: Bytes = Bytes::from_static(&[0, 0]);
