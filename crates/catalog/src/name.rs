//! Names of what is in the catalog, and the names of the znodes that stand for them.
//!
//! A name is any bytes. In the name of a znode, ASCII letters, digits and ``!"#$&'()*+-.:;<=>?@[\]^_`{|}~`` stand for themselves; every
//! other byte is `%` and two upper-case hexadecimal digits. What would be no legal element of a path is written differently: the
//! empty name as a lone `%`, and the first dot of `.` and `..` as `%2E`. A comma is never left as it is, so it separates names in a
//! znode that stands for several. Every name has one spelling, and nothing else is read.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A name: of a virtual host, an exchange, a queue, a user, a policy; or a routing key. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<[u8]>);

const EMPTY: &str = "%";

impl Name {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name of its znode.
    pub fn encode(&self) -> String {
        encode(&self.0)
    }

    /// The name that a znode stands for; `None` if it is not spelt as [`Name::encode`] does.
    pub fn decode(znode: &str) -> Option<Self> {
        let name = match znode {
            EMPTY => Vec::new(),
            _ => unescape(znode.as_bytes())?,
        };
        (encode(&name) == znode).then(|| Self(name.into()))
    }
}

fn encode(name: &[u8]) -> String {
    if name.is_empty() {
        return EMPTY.to_owned();
    }
    let mut encoded = String::with_capacity(name.len());
    let is_relative = matches!(name, b"." | b"..");
    for (at, byte) in name.iter().enumerate() {
        if stands_for_itself(*byte) && !(is_relative && at == 0) {
            encoded.push(char::from(*byte));
        } else {
            let digit = |number: u8| char::from(b"0123456789ABCDEF"[usize::from(number)]);
            encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded
}

fn stands_for_itself(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~') && !matches!(byte, b'%' | b',' | b'/')
}

fn unescape(encoded: &[u8]) -> Option<Vec<u8>> {
    let mut name = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'%' {
            let [high, low, after @ ..] = rest else { return None };
            let digit = |digit: u8| char::from(digit).to_digit(16);
            name.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
            rest = after;
        } else {
            name.push(*first);
        }
    }
    Some(name)
}

impl Deref for Name {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Name {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl From<amqp091::ShortStr<'_>> for Name {
    fn from(text: amqp091::ShortStr<'_>) -> Self {
        Self::from(text.as_str())
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other.as_bytes()
    }
}

/// Bytes that are not UTF-8 are replaced.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&String::from_utf8_lossy(&self.0), f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_as_operators_see_them() {
        for (name, znode) in [
            ("/", "%2F"),
            ("amq.direct", "amq.direct"),
            ("celery@host:1", "celery@host:1"),
            ("*.error.#", "*.error.#"),
            ("a b,c", "a%20b%2Cc"),
            ("50%", "50%25"),
            ("", "%"),
            (".", "%2E"),
            ("..", "%2E."),
            ("...", "..."),
            ("ü", "%C3%BC"),
        ] {
            assert_eq!(Name::from(name).encode(), znode);
            assert_eq!(Name::decode(znode), Some(Name::from(name)));
        }
    }

    #[test]
    fn a_name_has_one_spelling() {
        for znode in ["", "%2f", "%41", "%4", "%zz", "a,b", ".", "a%", "ü", "%2E%2E"] {
            assert_eq!(Name::decode(znode), None, "{znode}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_survive_and_make_a_legal_znode(bytes in prop::collection::vec(any::<u8>(), 0..=255)) {
            let name = Name::from(&bytes[..]);
            let encoded = name.encode();
            prop_assert!(!matches!(&encoded[..], "" | "." | ".."));
            prop_assert!(encoded.bytes().all(|byte| matches!(byte, b'!'..=b'~') && byte != b'/' && byte != b','));
            prop_assert_eq!(Name::decode(&encoded), Some(name));
        }
    }
}
