//! Short strings: at most 255 bytes, because their length is one octet.

use std::fmt;
use std::ops::Deref;

/// The longest short string, in bytes.
pub const SHORT_BYTES_MAX: usize = u8::MAX as usize;

/// What is too long for a short string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} bytes do not fit into a short string; shorten it to {SHORT_BYTES_MAX}")]
pub struct TooLong(pub usize);

/// A short string in a method: names, keys, tags. UTF-8, since RabbitMQ refuses anything else there.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortStr<'a>(&'a str);

/// A short string in a table or in properties, where RabbitMQ passes on any bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortBytes<'a>(&'a [u8]);

impl ShortStr<'static> {
    /// A constant of the program.
    ///
    /// # Panics
    /// When it is too long, which a constant context shows while compiling.
    pub const fn from_static(text: &'static str) -> Self {
        assert!(text.len() <= SHORT_BYTES_MAX, "a short string has at most 255 bytes");
        Self(text)
    }
}

impl<'a> ShortStr<'a> {
    /// As much of the start of `text` as fits, in whole characters.
    pub fn cut(text: &'a str) -> Self {
        Self(&text[..text.floor_char_boundary(SHORT_BYTES_MAX)])
    }

    /// The string, for as long as what it was read from.
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

impl ShortBytes<'static> {
    /// A constant of the program.
    ///
    /// # Panics
    /// When it is too long, which a constant context shows while compiling.
    pub const fn from_static(text: &'static str) -> Self {
        assert!(text.len() <= SHORT_BYTES_MAX, "a short string has at most 255 bytes");
        Self(text.as_bytes())
    }
}

impl<'a> ShortBytes<'a> {
    /// The bytes, for as long as what they were read from.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The bytes as text, if they are UTF-8.
    pub fn as_str(self) -> Option<&'a str> {
        std::str::from_utf8(self.0).ok()
    }
}

impl<'a> TryFrom<&'a str> for ShortStr<'a> {
    type Error = TooLong;

    fn try_from(text: &'a str) -> Result<Self, TooLong> {
        if text.len() <= SHORT_BYTES_MAX { Ok(Self(text)) } else { Err(TooLong(text.len())) }
    }
}

impl<'a> TryFrom<&'a [u8]> for ShortBytes<'a> {
    type Error = TooLong;

    fn try_from(bytes: &'a [u8]) -> Result<Self, TooLong> {
        if bytes.len() <= SHORT_BYTES_MAX { Ok(Self(bytes)) } else { Err(TooLong(bytes.len())) }
    }
}

impl<'a> TryFrom<&'a str> for ShortBytes<'a> {
    type Error = TooLong;

    fn try_from(text: &'a str) -> Result<Self, TooLong> {
        text.as_bytes().try_into()
    }
}

impl<'a> From<ShortStr<'a>> for ShortBytes<'a> {
    fn from(text: ShortStr<'a>) -> Self {
        Self(text.0.as_bytes())
    }
}

impl Deref for ShortStr<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.0
    }
}

impl PartialEq<str> for ShortStr<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<str> for ShortBytes<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl fmt::Display for ShortStr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for ShortStr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

/// Bytes that are not UTF-8 are replaced.
impl fmt::Display for ShortBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.0))
    }
}

impl fmt::Debug for ShortBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_leaves_characters_whole() {
        let text = "é".repeat(200);
        assert_eq!(ShortStr::cut(&text).len(), 254);
        assert_eq!(ShortStr::try_from(text.as_str()), Err(TooLong(400)));
    }

    #[test]
    fn the_longest_has_255_bytes() {
        assert!(ShortBytes::try_from([0; 255].as_slice()).is_ok());
        assert_eq!(ShortBytes::try_from([0; 256].as_slice()), Err(TooLong(256)));
    }
}
