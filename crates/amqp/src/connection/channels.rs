//! Which channels of a connection are open.

use amqp091::{Assembled, Assembler, ChannelId, Payload, ReplyCode};

use crate::fault::Fault;

/// A channel as the connection sees it.
#[derive(Debug)]
pub(super) enum Channel {
    /// The client may use it.
    Open(Assembler),
    /// The client asked for its end, which is being prepared. It may send nothing.
    Ending,
    /// The server closed it: all that the client sends is dropped until it has answered. Content is dropped frame by frame.
    Closed {
        /// The client closed it too, before it knew.
        crossed: bool,
    },
}

/// The channels, by number. Numbers stay below the agreed limit, and so does memory.
#[derive(Debug, Default)]
pub(super) struct Channels {
    slots: Vec<Option<Channel>>,
    count: usize,
    /// Bytes that channels keep of content that is not whole.
    kept_bytes: usize,
}

/// As many bytes of content that is not whole may all channels of a connection keep. One alone never gets there.
const KEPT_BYTES_MAX: usize = 64 << 20;

impl Channel {
    fn kept_bytes(&self) -> usize {
        match self {
            Channel::Open(assembler) => assembler.kept_bytes(),
            Channel::Ending | Channel::Closed { .. } => 0,
        }
    }
}

impl Channels {
    pub(super) fn get_mut(&mut self, id: ChannelId) -> Option<&mut Channel> {
        self.slots.get_mut(usize::from(id.0))?.as_mut()
    }

    /// Takes the next frame of a channel, if it is open.
    pub(super) fn push(&mut self, id: ChannelId, payload: Payload) -> Option<Result<Assembled, Fault>> {
        let Some(Channel::Open(assembler)) = self.slots.get_mut(usize::from(id.0))? else { return None };
        self.kept_bytes -= assembler.kept_bytes();
        let pushed = assembler.push(payload);
        self.kept_bytes += assembler.kept_bytes();
        if self.kept_bytes > KEPT_BYTES_MAX {
            let text = format!("content under way on all channels is larger than {KEPT_BYTES_MAX} bytes");
            return Some(Err(Fault::new(ReplyCode::ResourceError, text)));
        }
        Some(pushed.map_err(Fault::from))
    }

    pub(super) fn is_open(&self, id: ChannelId) -> bool {
        matches!(self.slots.get(usize::from(id.0)), Some(Some(Channel::Open(_))))
    }

    pub(super) fn is_answerable(&self, id: ChannelId) -> bool {
        matches!(self.slots.get(usize::from(id.0)), Some(Some(Channel::Open(_) | Channel::Ending)))
    }

    /// Sets the channel's state; it is there from now on.
    pub(super) fn set(&mut self, id: ChannelId, channel: Channel) {
        let at = usize::from(id.0);
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, || None);
        }
        self.kept_bytes += channel.kept_bytes();
        match self.slots[at].replace(channel) {
            Some(before) => self.kept_bytes -= before.kept_bytes(),
            None => self.count += 1,
        }
    }

    pub(super) fn remove(&mut self, id: ChannelId) {
        if let Some(before) = self.slots.get_mut(usize::from(id.0)).and_then(Option::take) {
            self.count -= 1;
            self.kept_bytes -= before.kept_bytes();
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Whether the client may have this channel beside those that it has.
    pub(super) fn check_room(&self, id: ChannelId, max: u16) -> Result<(), Fault> {
        if max != 0 && (self.count >= usize::from(max) || id.0 > max) {
            let count = self.count;
            let text =
                format!("number of channels opened ({count}) has reached the negotiated channel_max ({max})");
            return Err(Fault::not_allowed(text));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use amqp091::{ContentHeader, Method, basic};
    use bytes::Bytes;

    use super::*;

    #[test]
    fn channels_are_counted_once() {
        let mut channels = Channels::default();
        for id in [3, 1, 3] {
            channels.set(ChannelId(id), Channel::Ending);
        }
        assert_eq!(channels.count, 2);
        assert!(channels.check_room(ChannelId(2), 3).is_ok());
        let full = channels.check_room(ChannelId(2), 2).unwrap_err();
        assert_eq!(
            full.reply_text(),
            "NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)"
        );
        channels.remove(ChannelId(3));
        channels.remove(ChannelId(3));
        assert_eq!(channels.count, 1);
        assert!(channels.get_mut(ChannelId(3)).is_none() && !channels.is_open(ChannelId(1)));
    }
    /// A header that announces a body, and as much of it.
    fn begin(channels: &mut Channels, id: u16, announced: u64, sent: usize) -> Result<(), Fault> {
        channels.set(ChannelId(id), Channel::Open(Assembler::new(announced)));
        let header = ContentHeader {
            class: 60,
            weight: 0,
            body_bytes: announced,
            properties: Bytes::from_static(&[0, 0]),
        };
        let publish = Payload::Method(Method::from(basic::Publish::default()).to_frame());
        for payload in [publish, Payload::Header(header), Payload::Body(Bytes::from(vec![0; sent]))] {
            channels.push(ChannelId(id), payload).expect("it is open")?;
        }
        Ok(())
    }

    #[test]
    fn all_channels_together_keep_only_so_much() {
        const LARGE: u64 = 16 << 20;
        let mut channels = Channels::default();
        let almost = (LARGE - (1 << 20)) as usize;
        for id in 1..=4 {
            begin(&mut channels, id, LARGE, almost).unwrap();
        }
        // A message that is whole, and a channel that is gone, keep nothing.
        begin(&mut channels, 5, 1 << 20, 1 << 20).unwrap();
        begin(&mut channels, 6, 1 << 20, 1 << 20).unwrap();
        channels.remove(ChannelId(1));
        channels.set(ChannelId(2), Channel::Ending);
        for id in [1, 2] {
            begin(&mut channels, id, LARGE, almost).unwrap();
        }
        let fault = begin(&mut channels, 7, LARGE, almost).unwrap_err();
        assert_eq!(fault.code(), ReplyCode::ResourceError);
        assert!(!fault.is_soft());
        for id in 1..=7 {
            channels.remove(ChannelId(id));
        }
        assert_eq!(channels.kept_bytes, 0);
    }
}
