//! Writes past the page cache, for what is written once, synced at once and hardly ever read back.
//!
//! Through the cache every byte is copied into a page that is cold, and the write and its sync are two system calls. Past it, bytes
//! are copied into a buffer that stays hot, and the write is its own sync (`RWF_DSYNC`). Not every file system can do it, and only
//! whole blocks can be written; the rest goes through the cache.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;

use bytes::Bytes;
use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, ReadWriteFlags};

/// What offset, length and memory must be multiples of, for every disk with sectors of up to that size.
const ALIGNMENT: usize = 4096;
/// More than this goes through the cache: there the cost of a call is nothing beside that of the bytes.
const BYTES_MAX: usize = 4 << 20;

/// How one file is written past the cache.
#[derive(Default)]
pub(super) struct Direct {
    way: Way,
    buffer: Vec<u8>,
}

#[derive(Default)]
enum Way {
    /// Not tried yet.
    #[default]
    Unknown,
    /// The same file, opened for it.
    Open(File),
    /// The file system or the kernel can't.
    Closed,
}

/// Whether a write is durable when it is done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Durable {
    Yes,
    No,
}

impl Direct {
    /// Writes all of `parts`, one after another, from `offset`; `None` if that can't be done this way, and nothing was written
    /// that must not be written again.
    pub(super) fn write(
        &mut self,
        file: &File,
        offset: u64,
        parts: &[Bytes],
        durable: Durable,
    ) -> Option<io::Result<()>> {
        let total: usize = parts.iter().map(Bytes::len).sum();
        let is_whole =
            total > 0 && total.is_multiple_of(ALIGNMENT) && offset.is_multiple_of(ALIGNMENT as u64);
        if !is_whole || total > BYTES_MAX {
            return None;
        }
        if matches!(self.way, Way::Unknown) {
            self.way = open(file).map_or(Way::Closed, Way::Open);
        }
        let Way::Open(past_cache) = &self.way else { return None };
        let written = write_all(past_cache, offset, gather(&mut self.buffer, parts, total), durable);
        if matches!(written, Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS)) {
            self.way = Way::Closed;
            return None;
        }
        Some(written.map_err(io::Error::from))
    }
}

/// The same file once more, as only writes past the cache need it.
fn open(file: &File) -> Option<File> {
    // By its descriptor, since its name may be another by now.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::DIRECT | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).ok().map(File::from)
}

/// Copies `parts` into the buffer, where they begin at a multiple of the alignment.
fn gather<'a>(buffer: &'a mut Vec<u8>, parts: &[Bytes], total: usize) -> &'a [u8] {
    if buffer.len() < total + ALIGNMENT {
        *buffer = vec![0; total.next_power_of_two() + ALIGNMENT];
    }
    let start = buffer.as_ptr().align_offset(ALIGNMENT);
    let mut end = start;
    for part in parts {
        buffer[end..end + part.len()].copy_from_slice(part);
        end += part.len();
    }
    &buffer[start..end]
}

fn write_all(file: &File, mut offset: u64, mut bytes: &[u8], durable: Durable) -> Result<(), Errno> {
    let flags = match durable {
        Durable::Yes => ReadWriteFlags::DSYNC,
        Durable::No => ReadWriteFlags::empty(),
    };
    while !bytes.is_empty() {
        match rustix::io::pwritev2(file, &[IoSlice::new(bytes)], offset, flags) {
            Ok(0) => return Err(Errno::IO),
            Ok(written) => {
                offset += written as u64;
                bytes = &bytes[written..];
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
