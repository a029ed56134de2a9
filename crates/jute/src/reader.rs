//! Reads jute's primitive types from a slice, borrowing strings and buffers from it.

use super::{DecodeError, Record};

/// A position in a record. Reading never panics, and allocates no more than a small multiple of the bytes that are there.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Reads one record.
    pub fn record<T: Record<'a>>(&mut self) -> Result<T, DecodeError> {
        T::decode(self)
    }

    /// A byte; anything but 0 is true.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.take(1)?[0] != 0)
    }

    /// Four bytes, big-endian.
    pub fn int(&mut self) -> Result<i32, DecodeError> {
        self.array().map(i32::from_be_bytes)
    }

    /// Eight bytes, big-endian.
    pub fn long(&mut self) -> Result<i64, DecodeError> {
        self.array().map(i64::from_be_bytes)
    }

    /// A length and that many bytes; `None` is null, which is not the same as empty.
    pub fn buffer(&mut self) -> Result<Option<&'a [u8]>, DecodeError> {
        match self.length()? {
            None => Ok(None),
            Some(length) => self.take(length).map(Some),
        }
    }

    /// A string or null.
    pub fn nullable_string(&mut self) -> Result<Option<&'a str>, DecodeError> {
        match self.buffer()? {
            None => Ok(None),
            Some(bytes) => std::str::from_utf8(bytes).map(Some).map_err(|_| DecodeError::NotUtf8),
        }
    }

    /// A string; null is an error.
    pub fn string(&mut self) -> Result<&'a str, DecodeError> {
        self.nullable_string()?.ok_or(DecodeError::NullString)
    }

    /// A count and that many items; null reads as empty. The claimed count decides nothing about memory: items are
    /// read until the bytes run out.
    pub fn vector<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.length()?.unwrap_or(0);
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// A vector of strings.
    pub fn strings(&mut self) -> Result<Vec<&'a str>, DecodeError> {
        self.vector(Self::string)
    }

    fn length(&mut self) -> Result<Option<usize>, DecodeError> {
        match self.int()? {
            -1 => Ok(None),
            length => usize::try_from(length).map(Some).map_err(|_| DecodeError::NegativeLength(length)),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(|| self.truncated(N))?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or_else(|| self.truncated(length))?;
        self.rest = rest;
        Ok(bytes)
    }

    fn truncated(&self, wanted: usize) -> DecodeError {
        DecodeError::Truncated { missing: wanted.saturating_sub(self.rest.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_not_empty() {
        assert_eq!(Reader::new(&[0xff; 4]).buffer(), Ok(None));
        assert_eq!(Reader::new(&[0; 4]).buffer(), Ok(Some(&[][..])));
        assert_eq!(Reader::new(&[0xff; 4]).string(), Err(DecodeError::NullString));
    }

    #[test]
    fn a_claimed_count_does_not_allocate() {
        let billion = 1_000_000_000_i32.to_be_bytes();
        assert_eq!(Reader::new(&billion).strings(), Err(DecodeError::Truncated { missing: 4 }));
    }

    #[test]
    fn lengths_below_null_are_refused() {
        assert_eq!(Reader::new(&(-2_i32).to_be_bytes()).buffer(), Err(DecodeError::NegativeLength(-2)));
    }

    #[test]
    fn any_nonzero_byte_is_true() {
        assert_eq!(Reader::new(&[7]).bool(), Ok(true));
    }
}
