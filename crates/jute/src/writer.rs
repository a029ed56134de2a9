//! Writes jute's primitive types and frames into a buffer.

use bytes::{BufMut, BytesMut};

use super::Record;

/// Jute's primitive types, appended to a buffer.
///
/// # Panics
/// A string, buffer or vector of more than `i32::MAX` bytes or items can not be written; frames are bounded far below.
pub trait JuteWrite {
    /// A byte, 0 or 1.
    fn put_bool(&mut self, value: bool);
    /// Four bytes, big-endian.
    fn put_int(&mut self, value: i32);
    /// Eight bytes, big-endian.
    fn put_long(&mut self, value: i64);
    /// A length and the bytes; `None` is null.
    fn put_buffer(&mut self, value: Option<&[u8]>);
    /// A string.
    fn put_string(&mut self, value: &str);
    /// A string or null.
    fn put_nullable_string(&mut self, value: Option<&str>);
    /// A count and the items. The items are counted as they are written.
    fn put_vector<T>(&mut self, items: impl IntoIterator<Item = T>, put: impl FnMut(&mut Self, T));
    /// A record.
    fn put_record<'a>(&mut self, record: &impl Record<'a>);
}

const NULL: i32 = -1;

impl JuteWrite for BytesMut {
    fn put_bool(&mut self, value: bool) {
        self.put_u8(value.into());
    }

    fn put_int(&mut self, value: i32) {
        self.put_i32(value);
    }

    fn put_long(&mut self, value: i64) {
        self.put_i64(value);
    }

    fn put_buffer(&mut self, value: Option<&[u8]>) {
        match value {
            None => self.put_i32(NULL),
            Some(bytes) => {
                self.put_i32(length(bytes.len()));
                self.extend_from_slice(bytes);
            }
        }
    }

    fn put_string(&mut self, value: &str) {
        self.put_buffer(Some(value.as_bytes()));
    }

    fn put_nullable_string(&mut self, value: Option<&str>) {
        self.put_buffer(value.map(str::as_bytes));
    }

    fn put_vector<T>(&mut self, items: impl IntoIterator<Item = T>, mut put: impl FnMut(&mut Self, T)) {
        let start = self.len();
        self.put_i32(0);
        let mut count = 0;
        for item in items {
            put(self, item);
            count += 1;
        }
        patch(self, start, count);
    }

    fn put_record<'a>(&mut self, record: &impl Record<'a>) {
        record.encode(self);
    }
}

/// Appends one frame: four bytes of length, then what `write` appends.
pub fn put_frame<T>(out: &mut BytesMut, write: impl FnOnce(&mut BytesMut) -> T) -> T {
    let start = out.len();
    out.put_i32(0);
    let result = write(out);
    let payload = out.len() - start - 4;
    patch(out, start, payload);
    result
}

fn patch(out: &mut BytesMut, at: usize, value: usize) {
    out[at..at + 4].copy_from_slice(&length(value).to_be_bytes());
}

fn length(value: usize) -> i32 {
    i32::try_from(value).expect("what is encoded stays below 2 GiB, because frames are bounded")
}
