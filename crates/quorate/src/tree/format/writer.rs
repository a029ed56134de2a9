//! Writes an export, line by line.

use std::io::{self, Write};

use serde::Serialize;

use super::{Header, NodeLine, QuotaLine, Trailer};

pub(in super::super) struct Writer<W> {
    out: W,
    znodes: u64,
    crc: u32,
    line: Vec<u8>,
}

impl<W: Write> Writer<W> {
    pub(in super::super) fn new(out: W, header: &Header) -> io::Result<Self> {
        let mut writer = Self { out, znodes: 0, crc: 0, line: Vec::new() };
        writer.put(header)?;
        Ok(writer)
    }

    pub(in super::super) fn quota(&mut self, quota: &QuotaLine) -> io::Result<()> {
        self.put(quota)
    }

    pub(in super::super) fn node(&mut self, node: &NodeLine) -> io::Result<()> {
        self.znodes += 1;
        self.put(node)
    }

    pub(in super::super) fn znodes(&self) -> u64 {
        self.znodes
    }

    /// Writes the trailer; gives it and what was written to.
    pub(in super::super) fn finish(mut self, ephemerals: u64, unreadable: u64) -> io::Result<(W, Trailer)> {
        let trailer = Trailer {
            znodes: self.znodes,
            ephemerals_left_out: ephemerals,
            unreadable_left_out: unreadable,
            crc32c: format!("{:08x}", self.crc),
        };
        self.put(&trailer)?;
        self.out.flush()?;
        Ok((self.out, trailer))
    }

    fn put(&mut self, line: &impl Serialize) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line)?;
        self.line.push(b'\n');
        self.crc = crc32c::crc32c_append(self.crc, &self.line);
        self.out.write_all(&self.line)
    }
}
