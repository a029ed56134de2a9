//! Builds tables and arrays.

use bytes::{Bytes, BytesMut};

use super::{Array, Table, Value};
use crate::ShortBytes;
use crate::argument::put_short;

/// A table that is being built. What is put in nested deeper than [`crate::TABLE_DEPTH_MAX`] no peer of this crate will decode.
#[derive(Debug, Clone, Default)]
pub struct TableBuf(BytesMut);

/// An array that is being built. The same holds for its depth.
#[derive(Debug, Clone, Default)]
pub struct ArrayBuf(BytesMut);

impl TableBuf {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an entry. A key that is there already is there twice then.
    pub fn push<'v>(&mut self, key: ShortBytes<'_>, value: impl Into<Value<'v>>) -> &mut Self {
        put_short(&mut self.0, key);
        value.into().put(&mut self.0);
        self
    }

    /// Appends an entry whose key is a constant of the program.
    ///
    /// # Panics
    /// When the key is longer than 255 bytes.
    pub fn with<'v>(mut self, key: &'static str, value: impl Into<Value<'v>>) -> Self {
        self.push(ShortBytes::from_static(key), value);
        self
    }

    /// Appends the entries of `table` whose keys are `wanted`.
    pub fn extend(&mut self, table: Table<'_>, mut wanted: impl FnMut(ShortBytes<'_>) -> bool) -> &mut Self {
        for (key, value) in table {
            if wanted(key) {
                self.push(key, value);
            }
        }
        self
    }

    /// What was put in so far.
    pub fn as_table(&self) -> Table<'_> {
        Table(&self.0)
    }

    /// The encoded entries, without the length in front of them.
    pub fn freeze(self) -> Bytes {
        self.0.freeze()
    }
}

impl ArrayBuf {
    /// An empty array.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a value.
    pub fn push<'v>(&mut self, value: impl Into<Value<'v>>) -> &mut Self {
        value.into().put(&mut self.0);
        self
    }

    /// What was put in so far.
    pub fn as_array(&self) -> Array<'_> {
        Array(&self.0)
    }
}
