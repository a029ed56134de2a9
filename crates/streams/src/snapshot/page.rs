//! Long lists as records of bounded size.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use crate::wire::put_number;

/// How many entries a record has at most: a few KiB.
pub(super) const PAGE_ENTRIES: usize = 128;

/// Entries as records of one kind: what `head` puts, how many, and the entries.
pub(super) fn pages<'a, T>(
    kind: u8,
    head: impl Fn(&mut BytesMut) + Send + 'a,
    entries: impl Iterator<Item = T> + Send + 'a,
    put: impl Fn(&mut BytesMut, T) + Send + 'a,
) -> impl Iterator<Item = Bytes> + Send + 'a {
    paged(kind, head, entries, move |buffer, _, entry| put(buffer, entry))
}

/// Ascending ranges with a value each as records of one kind.
pub(super) fn run_pages<'a, V>(
    kind: u8,
    head: impl Fn(&mut BytesMut) + Send + 'a,
    runs: impl Iterator<Item = (Range<u64>, V)> + Send + 'a,
    put: impl Fn(&mut BytesMut, V) + Send + 'a,
) -> impl Iterator<Item = Bytes> + Send + 'a {
    paged(kind, head, runs, move |buffer, end, (range, value)| {
        put_number(buffer, range.start - *end);
        put_number(buffer, range.end - range.start - 1);
        *end = range.end;
        put(buffer, value);
    })
}

/// As [`pages`]; `put` may remember a number from one entry of a page to the next.
fn paged<'a, T>(
    kind: u8,
    head: impl Fn(&mut BytesMut) + Send + 'a,
    mut entries: impl Iterator<Item = T> + Send + 'a,
    put: impl Fn(&mut BytesMut, &mut u64, T) + Send + 'a,
) -> impl Iterator<Item = Bytes> + Send + 'a {
    std::iter::from_fn(move || {
        let mut body = BytesMut::new();
        let mut remembered = 0;
        let mut count = 0;
        for entry in entries.by_ref().take(PAGE_ENTRIES) {
            put(&mut body, &mut remembered, entry);
            count += 1;
        }
        if count == 0 {
            return None;
        }
        let mut record = BytesMut::with_capacity(body.len() + 16);
        record.put_u8(kind);
        head(&mut record);
        put_number(&mut record, count);
        record.put_slice(&body);
        Some(record.freeze())
    })
}
