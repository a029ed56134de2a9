//! Reads an export, line by line.

use std::io::{self, BufRead, Read};

use thiserror::Error;

use super::line::{FORMAT, VERSION};
use super::{Header, NodeLine, QuotaLine, Trailer};

/// A file that is no export, or not all of one.
#[derive(Debug, Error)]
pub(in super::super) enum FormatError {
    #[error("line {line} can't be read: {error}")]
    Io { line: u64, error: io::Error },
    #[error("it is no export of a tree: {0}")]
    NotAnExport(String),
    #[error("it has format version {0}, and this program reads up to {VERSION}; use a newer one")]
    TooNew(u32),
    #[error("line {line} makes no sense: {why}")]
    Line { line: u64, why: String },
    #[error(
        "it ends after line {line} without the trailer that every whole export has: it was cut; export again"
    )]
    Cut { line: u64 },
    #[error(
        "the trailer counts {told} znodes and there are {found}: lines were lost or added; export again, or give --edited if it was changed on purpose"
    )]
    Count { told: u64, found: u64 },
    #[error(
        "the checksum is {found} and the trailer says {told}: it was damaged or changed; export again, or give --edited if it was changed on purpose"
    )]
    Checksum { told: String, found: String },
}

/// Whether what the trailer says must hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Seal {
    Unbroken,
    /// Somebody has edited the file. There must be a trailer, so that a cut file is noticed even so.
    MayBeBroken,
}

/// Data of 32 MiB in which every byte is written as six.
const LINE_BYTES_MAX: u64 = 256 << 20;
/// They are kept in memory.
const QUOTAS_MAX: usize = 100_000;

pub(in super::super) struct Reader<R> {
    input: R,
    seal: Seal,
    header: Header,
    line: Vec<u8>,
    number: u64,
    quotas: Vec<QuotaLine>,
    znodes: u64,
    crc: u32,
    trailer: Option<Trailer>,
}

impl<R: BufRead> Reader<R> {
    pub(in super::super) fn new(input: R, seal: Seal) -> Result<Self, FormatError> {
        let header = Header {
            format: String::new(),
            version: 0,
            source: String::new(),
            zxid: String::new(),
            root: String::new(),
            taken_at_ms: 0,
        };
        let (line, quotas) = (Vec::new(), Vec::new());
        let mut reader =
            Self { input, seal, header, line, number: 0, quotas, znodes: 0, crc: 0, trailer: None };
        if !reader.next_line()? {
            return Err(FormatError::NotAnExport("it is empty".to_owned()));
        }
        reader.header = reader.read_header()?;
        reader.crc = crc32c::crc32c(&reader.line);
        Ok(reader)
    }

    pub(in super::super) fn header(&self) -> &Header {
        &self.header
    }

    /// All quotas, once [`Reader::next`] has given `None`.
    pub(in super::super) fn quotas(&self) -> &[QuotaLine] {
        &self.quotas
    }

    /// The trailer, once [`Reader::next`] has given `None`.
    pub(in super::super) fn trailer(&self) -> Option<&Trailer> {
        self.trailer.as_ref()
    }

    /// The next znode; `None` when all were read and the trailer agrees.
    pub(in super::super) fn next(&mut self) -> Result<Option<NodeLine>, FormatError> {
        while self.trailer.is_none() {
            if let Some(node) = self.step()? {
                return Ok(Some(node));
            }
        }
        Ok(None)
    }

    /// The next line, given if it is a znode.
    fn step(&mut self) -> Result<Option<NodeLine>, FormatError> {
        if !self.next_line()? || !self.line.ends_with(b"\n") {
            return Err(FormatError::Cut { line: self.number });
        }
        match serde_json::from_slice::<NodeLine>(&self.line) {
            Ok(node) => {
                self.check(&node).map_err(|why| FormatError::Line { line: self.number, why })?;
                self.znodes += 1;
                self.crc = crc32c::crc32c_append(self.crc, &self.line);
                Ok(Some(node))
            }
            Err(error) => {
                if let Ok(quota) = serde_json::from_slice::<QuotaLine>(&self.line) {
                    return self.take_quota(quota).map(|()| None);
                }
                match serde_json::from_slice::<Trailer>(&self.line) {
                    Ok(trailer) => self.end(trailer).map(|()| None),
                    Err(_) => Err(FormatError::Line { line: self.number, why: error.to_string() }),
                }
            }
        }
    }

    fn take_quota(&mut self, quota: QuotaLine) -> Result<(), FormatError> {
        let checked = match () {
            () if self.quotas.len() == QUOTAS_MAX => Err(format!("there are more than {QUOTAS_MAX} quotas")),
            () => self.check_path(&quota.quota),
        };
        checked.map_err(|why| FormatError::Line { line: self.number, why })?;
        self.crc = crc32c::crc32c_append(self.crc, &self.line);
        self.quotas.push(quota);
        Ok(())
    }

    fn end(&mut self, trailer: Trailer) -> Result<(), FormatError> {
        let number = self.number;
        if self.next_line()? {
            return Err(FormatError::Line { line: number, why: "more lines follow the trailer".to_owned() });
        }
        if self.seal == Seal::Unbroken {
            let (told, found) = (trailer.znodes, self.znodes);
            if told != found {
                return Err(FormatError::Count { told, found });
            }
            let found = format!("{:08x}", self.crc);
            if trailer.crc32c != found {
                return Err(FormatError::Checksum { told: trailer.crc32c, found });
            }
        }
        self.trailer = Some(trailer);
        Ok(())
    }

    fn read_header(&self) -> Result<Header, FormatError> {
        let not = |why: String| FormatError::NotAnExport(why);
        // A newer version may have other fields, and is still to be named.
        let any: serde_json::Value = serde_json::from_slice(&self.line)
            .map_err(|_| not(format!("its first line is no {FORMAT} header")))?;
        if any["format"] != FORMAT {
            return Err(not(format!("its first line does not name the format {FORMAT}")));
        }
        match any["version"].as_u64().and_then(|version| u32::try_from(version).ok()) {
            Some(version) if version > VERSION => return Err(FormatError::TooNew(version)),
            _ => {}
        }
        let header: Header =
            serde_json::from_value(any).map_err(|error| not(format!("its header: {error}")))?;
        client::check_path(&header.root).map_err(|error| not(error.to_string()))?;
        Ok(header)
    }

    fn check_path(&self, path: &str) -> Result<(), String> {
        client::check_path(path).map_err(|error| error.to_string())?;
        let root = &self.header.root;
        if !is_within(root, path) {
            return Err(format!("{path} is not below {root}, of which this is an export"));
        }
        if is_within("/zookeeper", path) {
            return Err(format!("{path} is the server's own"));
        }
        Ok(())
    }

    fn check(&self, node: &NodeLine) -> Result<(), String> {
        self.check_path(&node.path)?;
        for entry in &node.acl {
            entry.parse::<client::Acl>().map_err(|error| error.to_string())?;
        }
        if (node.kind == super::Kind::Ttl) != node.ttl_ms.is_some() {
            return Err("ttl_ms belongs to the kind ttl, and only to it".to_owned());
        }
        match node.bytes() {
            Some(_) => Ok(()),
            None => Err("its data is no base64".to_owned()),
        }
    }

    /// False at the end.
    fn next_line(&mut self) -> Result<bool, FormatError> {
        self.line.clear();
        let line = self.number + 1;
        let read = self.input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut self.line);
        let read = read.map_err(|error| FormatError::Io { line, error })?;
        if read as u64 == LINE_BYTES_MAX {
            return Err(FormatError::Line { line, why: "it is longer than any znode".to_owned() });
        }
        if read > 0 {
            self.number = line;
        }
        Ok(read > 0)
    }
}

/// Whether `path` is `root` or below it.
pub(in super::super) fn is_within(root: &str, path: &str) -> bool {
    root == "/" || path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
