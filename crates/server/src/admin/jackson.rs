//! JSON as ZooKeeper's AdminServer lays it out, for scripts that look at lines.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// The text of a value.
pub(super) fn text(value: &impl Serialize) -> Vec<u8> {
    let mut text = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut text, Layout { depth: 0, is_empty: false });
    value
        .serialize(&mut serializer)
        .expect("what commands answer has string keys, and memory can be written to");
    text
}

/// A key a line, indented by two blanks, with blanks around its colon; arrays in one line.
struct Layout {
    depth: usize,
    /// Of the array or object that was begun last.
    is_empty: bool,
}

impl Layout {
    fn begin_line<W: ?Sized + Write>(&self, writer: &mut W) -> io::Result<()> {
        write!(writer, "\n{:width$}", "", width = self.depth * 2)
    }
}

impl Formatter for Layout {
    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        self.is_empty = true;
        writer.write_all(b"{")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        self.begin_line(writer)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b" : ")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.is_empty = false;
        Ok(())
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        if std::mem::take(&mut self.is_empty) {
            return writer.write_all(b" }");
        }
        self.begin_line(writer)?;
        writer.write_all(b"}")
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.is_empty = true;
        writer.write_all(b"[")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        writer.write_all(if first { b" " } else { b", " })
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.is_empty = false;
        Ok(())
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.is_empty = false;
        writer.write_all(b" ]")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_layout_is_that_of_jackson() {
        let value = json!({
            "connections": [{ "queued": 0, "peer": "127.0.0.1:1" }, {}],
            "secure_connections": [],
            "by_session": { "7": ["/a", "/b"] },
            "empty": {},
            "error": null,
        });
        let expected = r#"{
  "connections" : [ {
    "queued" : 0,
    "peer" : "127.0.0.1:1"
  }, { } ],
  "secure_connections" : [ ],
  "by_session" : {
    "7" : [ "/a", "/b" ]
  },
  "empty" : { },
  "error" : null
}"#;
        assert_eq!(String::from_utf8(text(&value)).unwrap(), expected);
    }
}
