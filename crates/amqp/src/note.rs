//! What front ends say to each other.
//!
//! A note is a byte that says what it is, then that. A node that knows no such note answers nothing, as one that can't read it.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::alarms::Shortage;
use crate::broker::Reply;
use crate::usage::{Counted, Usage};

/// Something that one node's front end says to another's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// A direct answer for a requester there. Not answered.
    Reply(Reply),
    /// Does somebody wait at this address?
    IsThere(String),
    /// The sender is short of something, or of nothing any more. Not answered.
    Shortage(Shortage),
    /// How much those have on the sender's node that are limited. Not answered.
    Usage(Usage),
}

/// What a question is answered with, if the answer is yes.
pub(crate) const YES: Bytes = Bytes::from_static(&[1]);

const REPLY: u8 = 1;
const IS_THERE: u8 = 2;
const SHORTAGE: u8 = 3;
const USAGE: u8 = 4;

impl Note {
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        match self {
            Note::Reply(Reply { key, properties, body }) => {
                out.reserve(9 + key.len() + properties.len() + body.len());
                out.put_u8(REPLY);
                for part in [key.as_bytes(), properties] {
                    put(&mut out, part);
                }
                out.put_slice(body);
            }
            Note::IsThere(address) => {
                out.put_u8(IS_THERE);
                out.put_slice(address.as_bytes());
            }
            Note::Shortage(shortage) => {
                out.put_u8(SHORTAGE);
                out.put_u8(shortage.bits());
            }
            Note::Usage(usage) => {
                out.put_u8(USAGE);
                for ((counted, whose), count) in usage {
                    out.put_u8(*counted as u8);
                    out.put_u32(*count);
                    put(&mut out, whose.as_bytes());
                }
            }
        }
        out.freeze()
    }

    /// `None` if it is no note that this version knows.
    pub(crate) fn decode(mut input: Bytes) -> Option<Self> {
        match input.try_get_u8().ok()? {
            REPLY => {
                let key = text(take(&mut input)?)?;
                let properties = take(&mut input)?;
                Some(Note::Reply(Reply { key, properties, body: input }))
            }
            IS_THERE => Some(Note::IsThere(text(input)?)),
            SHORTAGE => Some(Note::Shortage(Shortage::from_bits(input.try_get_u8().ok()?))),
            USAGE => Some(Note::Usage(usage(input)?)),
            _ => None,
        }
    }
}

fn put(out: &mut BytesMut, part: &[u8]) {
    out.put_u32(u32::try_from(part.len()).expect("what a client has sent fits into a frame"));
    out.put_slice(part);
}

fn usage(mut input: Bytes) -> Option<Usage> {
    let mut usage = Usage::new();
    while !input.is_empty() {
        let counted = *Counted::ALL.get(usize::from(input.get_u8()))?;
        let count = input.try_get_u32().ok()?;
        usage.insert((counted, text(take(&mut input)?)?), count);
    }
    Some(usage)
}

fn take(input: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(input.try_get_u32().ok()?).ok()?;
    (length <= input.len()).then(|| input.split_to(length))
}

fn text(bytes: Bytes) -> Option<String> {
    String::from_utf8(bytes.into()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn notes() -> impl Strategy<Value = Note> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..50).prop_map(Bytes::from);
        let reply = (".{0,20}", bytes(), bytes());
        let counted = (prop::sample::select(Counted::ALL.to_vec()), ".{0,20}");
        prop_oneof![
            prop::collection::btree_map(counted, any::<u32>(), 0..5).prop_map(Note::Usage),
            reply.prop_map(|(key, properties, body)| Note::Reply(Reply { key, properties, body })),
            ".{0,20}".prop_map(Note::IsThere),
            (0_u8..4).prop_map(|bits| Note::Shortage(Shortage::from_bits(bits))),
        ]
    }

    proptest! {
        #[test]
        fn notes_come_out_as_they_went_in(note in notes()) {
            prop_assert_eq!(Note::decode(note.encode()), Some(note));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
            let _ = Note::decode(bytes.into());
        }
    }
}
