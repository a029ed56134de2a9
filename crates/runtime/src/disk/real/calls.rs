//! System calls on an open file, repeated until all is done. They block.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;

use bytes::{Buf, Bytes};
use rustix::io::Errno;

/// Most parts that Linux takes in one `pwritev` (`IOV_MAX`).
const PARTS_MAX: usize = 1024;

/// Up to `len` bytes from `offset`; fewer only at the end of the file.
pub(super) fn read(file: &File, offset: u64, len: usize) -> io::Result<Bytes> {
    let mut buffer = vec![0; len];
    let mut filled = 0;
    while filled < len {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(filled);
    Ok(buffer.into())
}

/// Writes all of `parts`, one after another, from `offset`.
pub(super) fn write(file: &File, offset: u64, mut parts: Vec<Bytes>) -> io::Result<()> {
    parts.retain(|part| !part.is_empty());
    let mut first = 0;
    let mut position = offset;
    while first < parts.len() {
        let until = parts.len().min(first + PARTS_MAX);
        let slices: Vec<IoSlice<'_>> = parts[first..until].iter().map(|part| IoSlice::new(part)).collect();
        let written = match rustix::io::pwritev(file, &slices, position) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => written,
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        position += written as u64;
        first = advance(&mut parts, first, written);
    }
    Ok(())
}

/// Takes `written` bytes off the front of `parts[first..]`; the index of the first part with bytes left.
fn advance(parts: &mut [Bytes], mut first: usize, mut written: usize) -> usize {
    while first < parts.len() && written >= parts[first].len() {
        written -= parts[first].len();
        first += 1;
    }
    if written > 0 {
        parts[first].advance(written);
    }
    first
}

/// Makes written data durable, and the length where it is needed to read the data back.
pub(super) fn sync(file: &File) -> io::Result<()> {
    Ok(rustix::fs::fdatasync(file)?)
}

/// Reserves space up to `len`, which becomes the least length of the file.
pub(super) fn allocate(file: &File, len: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, len) {
        Ok(()) => Ok(()),
        // Some file systems cannot reserve; there only written zeros hold the place.
        Err(Errno::OPNOTSUPP) => append_zeros(file, len),
        Err(error) => Err(error.into()),
    }
}

fn append_zeros(file: &File, len: u64) -> io::Result<()> {
    const CHUNK: u64 = 1 << 16;
    let zeros = vec![0; CHUNK as usize];
    let mut position = file.metadata()?.len();
    while position < len {
        let count = CHUNK.min(len - position) as usize;
        file.write_all_at(&zeros[..count], position)?;
        position += count as u64;
    }
    Ok(())
}
