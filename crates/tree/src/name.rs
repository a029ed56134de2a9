//! The last element of a znode's path, kept small.

use std::fmt;

/// Names up to this length are kept in the znode.
pub(crate) const INLINE: usize = 22;

/// A name of up to 22 bytes lives in the znode itself; a longer one on the heap.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Name {
    Inline { len: u8, bytes: [u8; INLINE] },
    Heap(Box<[u8]>),
}

impl Name {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Self::Heap(bytes) => bytes,
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("a Name is made of a str")
    }

    pub(crate) fn len(&self) -> usize {
        self.as_bytes().len()
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        if name.len() > INLINE {
            return Self::Heap(name.as_bytes().into());
        }
        let mut bytes = [0; INLINE];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        Self::Inline { len: name.len() as u8, bytes }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_it_was_made_of() {
        for length in [0, 1, INLINE - 1, INLINE, INLINE + 1, 300] {
            let name = "n".repeat(length);
            assert_eq!(Name::from(name.as_str()).as_str(), name);
        }
    }

    #[test]
    fn a_name_takes_three_words() {
        assert_eq!(size_of::<Name>(), 24);
    }
}
