//! The text of limits and of usage.

use std::sync::Arc;

/// The longest text that is read. Four numbers with their names take less than 150 bytes; every write below a quota reads
/// this text, so nobody shall make it long.
const TEXT_BYTES_MAX: usize = 256;

/// What a text of limits or usage says: `count=3,bytes=-1=;byteHardLimit=10;countHardLimit=3`. A number that is not there
/// reads -1, and a negative one is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// Nodes, the subtree's own root included.
    pub(crate) count: i64,
    /// Lengths of all data.
    pub(crate) bytes: i64,
    pub(crate) count_hard: i64,
    pub(crate) bytes_hard: i64,
}

impl Numbers {
    /// None if there is no data or it makes no sense; then there is neither limit nor usage.
    pub(crate) fn parse(data: Option<&[u8]>) -> Option<Self> {
        let text = std::str::from_utf8(data?).ok().filter(|text| text.len() <= TEXT_BYTES_MAX)?;
        let mut numbers = Self { count: -1, bytes: -1, count_hard: -1, bytes_hard: -1 };
        for pair in text.split([',', ';']).filter(|pair| !pair.is_empty()) {
            // What follows a second `=` is skipped: it ends what parsers of old know.
            let mut parts = pair.split('=');
            let (name, number) = (parts.next()?, parts.next()?);
            let number = if number.is_empty() { -1 } else { number.parse().ok()? };
            match name {
                "count" => numbers.count = number,
                "bytes" => numbers.bytes = number,
                "countHardLimit" => numbers.count_hard = number,
                "byteHardLimit" => numbers.bytes_hard = number,
                _ => {}
            }
        }
        Some(numbers)
    }

    /// The text of a usage.
    pub(crate) fn usage(count: i64, bytes: i64) -> Arc<[u8]> {
        format!("count={count},bytes={bytes}").into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<[i64; 4]> {
        let numbers = Numbers::parse(Some(text.as_bytes()))?;
        Some([numbers.count, numbers.bytes, numbers.count_hard, numbers.bytes_hard])
    }

    #[test]
    fn texts_that_clients_write() {
        assert_eq!(parse("count=3,bytes=-1"), Some([3, -1, -1, -1]));
        assert_eq!(parse("count=-1,bytes=-1=;byteHardLimit=10;countHardLimit=3"), Some([-1, -1, 3, 10]));
        assert_eq!(parse("bytes=5"), Some([-1, 5, -1, -1]));
        assert_eq!(parse("count=,bytes=7,color=1"), Some([-1, 7, -1, -1]));
        assert_eq!(parse(""), Some([-1; 4]));
    }

    #[test]
    fn texts_without_sense() {
        for text in ["count", "count=x", "count=1,bytes", "count=99999999999999999999"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&format!("{}count=1", ",".repeat(TEXT_BYTES_MAX))), None);
        assert_eq!(Numbers::parse(Some(b"count=1,\xff=1")), None);
        assert_eq!(Numbers::parse(None), None);
    }

    #[test]
    fn usage_reads_back() {
        assert_eq!(
            Numbers::parse(Some(&Numbers::usage(7, 9))).map(|found| (found.count, found.bytes)),
            Some((7, 9))
        );
    }
}
