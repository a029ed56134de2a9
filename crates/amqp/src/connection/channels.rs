//! Which channels of a connection are open.

use amqp091::{Assembler, ChannelId};

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
}

impl Channels {
    pub(super) fn get_mut(&mut self, id: ChannelId) -> Option<&mut Channel> {
        self.slots.get_mut(usize::from(id.0))?.as_mut()
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
        if self.slots[at].replace(channel).is_none() {
            self.count += 1;
        }
    }

    pub(super) fn remove(&mut self, id: ChannelId) {
        if self.slots.get_mut(usize::from(id.0)).and_then(Option::take).is_some() {
            self.count -= 1;
        }
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
}
