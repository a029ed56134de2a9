//! Immutable UTF-8 text that shares the buffer it was decoded from.

use std::fmt;
use std::ops::{Deref, RangeTo};
use std::str::Utf8Error;

use bytes::Bytes;

/// UTF-8 text over [`Bytes`]: a path, an identity's scheme, an identity's id.
///
/// A clone or a prefix costs a reference count, no copy. A `Text` keeps the whole buffer it came from alive, so state
/// that outlives a command copies it instead.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Bytes);

impl Text {
    /// Text that lives in the binary.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// Checks that `bytes` are UTF-8 and takes them without a copy.
    ///
    /// # Errors
    /// The position of the first byte that is not UTF-8.
    pub fn from_utf8(bytes: Bytes) -> Result<Self, Utf8Error> {
        std::str::from_utf8(&bytes)?;
        Ok(Self(bytes))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a Text is made of checked UTF-8 only")
    }

    /// The UTF-8 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The shared buffer, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// The first bytes of the text, sharing its buffer.
    ///
    /// # Panics
    /// When the range ends outside of the text or inside a character.
    #[must_use]
    pub fn prefix(&self, range: RangeTo<usize>) -> Self {
        assert!(self.as_str().is_char_boundary(range.end), "a prefix of a Text ends between two characters");
        Self(self.0.slice(range))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_refuses_bytes_that_are_not_utf8() {
        assert!(Text::from_utf8(Bytes::from_static(&[b'/', 0xff])).is_err());
    }

    #[test]
    fn a_prefix_shares_the_buffer() {
        let text = Text::from("/parent/child");
        let parent = text.prefix(..7);
        assert_eq!(parent, "/parent");
        assert_eq!(parent.as_bytes().as_ptr(), text.as_bytes().as_ptr());
    }
}
