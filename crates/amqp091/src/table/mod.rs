//! Field tables and arrays, read in place.
//!
//! A table is checked once, when it is decoded; then reading it can not fail and allocates nothing. Its entries keep their order and may
//! repeat a key. A table's own bytes can be passed on as they are, which keeps all types apart.

mod build;
mod value;

pub use build::{ArrayBuf, TableBuf};
pub use value::Value;

use std::fmt;

use crate::argument::{Flaw, Reader};
use crate::{ShortBytes, TableError};

/// How deep tables and arrays may stand inside one another. RabbitMQ has no bound; dead-letter histories need 3.
pub const TABLE_DEPTH_MAX: usize = 32;

/// A field table, without the length in front of it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Table<'a>(&'a [u8]);

/// A field array, without the length in front of it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Array<'a>(&'a [u8]);

impl<'a> Table<'a> {
    /// The table in `bytes`, which do not have the length of it in front. (So does AMQPLAIN send credentials.)
    ///
    /// # Errors
    /// When an entry is cut off, of an unknown type, or nested deeper than [`TABLE_DEPTH_MAX`].
    pub fn decode(bytes: &'a [u8]) -> Result<Self, TableError> {
        Self::check(bytes, TABLE_DEPTH_MAX)
    }

    fn check(bytes: &'a [u8], depth: usize) -> Result<Self, TableError> {
        let depth = depth.checked_sub(1).ok_or(TableError::TooDeep)?;
        let mut from = Reader::new(bytes);
        while !from.rest().is_empty() {
            from.short_bytes().map_err(truncated)?;
            Value::read(&mut from, Nested::Check { depth })?;
        }
        Ok(Self(bytes))
    }

    /// The encoded entries, without the length in front of them.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether there is no entry.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The entries, in order.
    pub fn iter(self) -> Entries<'a> {
        Entries(Reader::new(self.0))
    }

    /// The first value with this key. Looks at every entry before it.
    pub fn get(self, key: &str) -> Option<Value<'a>> {
        self.iter().find(|(name, _)| *name == *key).map(|(_, value)| value)
    }
}

impl<'a> Array<'a> {
    fn check(bytes: &'a [u8], depth: usize) -> Result<Self, TableError> {
        let depth = depth.checked_sub(1).ok_or(TableError::TooDeep)?;
        let mut from = Reader::new(bytes);
        while !from.rest().is_empty() {
            Value::read(&mut from, Nested::Check { depth })?;
        }
        Ok(Self(bytes))
    }

    /// The encoded values, without the length in front of them.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether there is no value.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The values, in order.
    pub fn iter(self) -> Values<'a> {
        Values(Reader::new(self.0))
    }
}

/// What to do with tables and arrays inside a value.
#[derive(Clone, Copy)]
enum Nested {
    /// Check them, so deep.
    Check { depth: usize },
    /// They were checked with what they are in.
    Checked,
}

fn truncated(flaw: Flaw) -> TableError {
    match flaw {
        Flaw::Truncated { missing } => TableError::Truncated { missing },
        Flaw::Table(error) => error,
        Flaw::NotUtf8 => unreachable!("strings in tables are any bytes"),
    }
}

/// The entries of a table, in order.
#[derive(Debug, Clone)]
pub struct Entries<'a>(Reader<'a>);

impl<'a> Iterator for Entries<'a> {
    type Item = (ShortBytes<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        // Reading ends at the end and nowhere else, since the table was checked.
        let key = self.0.short_bytes().ok()?;
        Some((key, Value::read(&mut self.0, Nested::Checked).ok()?))
    }
}

/// The values of an array, in order.
#[derive(Debug, Clone)]
pub struct Values<'a>(Reader<'a>);

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        Value::read(&mut self.0, Nested::Checked).ok()
    }
}

impl<'a> IntoIterator for Table<'a> {
    type Item = (ShortBytes<'a>, Value<'a>);
    type IntoIter = Entries<'a>;

    fn into_iter(self) -> Entries<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for Array<'a> {
    type Item = Value<'a>;
    type IntoIter = Values<'a>;

    fn into_iter(self) -> Values<'a> {
        self.iter()
    }
}

impl fmt::Debug for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl fmt::Debug for Array<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
