//! Bytes as Erlang prints them: RabbitMQ's error texts have them inside.

use std::fmt::{self, Write};

/// Prints like `~w`: `<<1,2,255>>`.
pub(crate) struct Plain<'a>(pub(crate) &'a [u8]);

/// Prints like `~tp`: text in quotes where all of it is printable ASCII, otherwise like [`Plain`]. Unlike there, long ones stay on one line.
pub(crate) struct Pretty<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<<")?;
        for (at, byte) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_char(',')?;
            }
            write!(f, "{byte}")?;
        }
        f.write_str(">>")
    }
}

impl fmt::Display for Pretty<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let printable = |byte: &u8| matches!(byte, b' '..=b'~' | 8..=13 | 27);
        if self.0.is_empty() || !self.0.iter().all(printable) {
            return Plain(self.0).fmt(f);
        }
        f.write_str("<<\"")?;
        for byte in self.0 {
            match byte {
                b'"' => f.write_str("\\\"")?,
                b'\\' => f.write_str("\\\\")?,
                8 => f.write_str("\\b")?,
                9 => f.write_str("\\t")?,
                10 => f.write_str("\\n")?,
                11 => f.write_str("\\v")?,
                12 => f.write_str("\\f")?,
                13 => f.write_str("\\r")?,
                27 => f.write_str("\\e")?,
                byte => f.write_char(char::from(*byte))?,
            }
        }
        f.write_str("\">>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_is_quoted() {
        assert_eq!(Pretty(b"").to_string(), "<<>>");
        assert_eq!(Pretty(b"a\"b\r\n").to_string(), r#"<<"a\"b\r\n">>"#);
        assert_eq!(Pretty(b"a\0").to_string(), "<<97,0>>");
        assert_eq!(Plain(b"ab").to_string(), "<<97,98>>");
    }
}
