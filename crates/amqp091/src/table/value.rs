//! The values of tables and arrays: every type that RabbitMQ accepts.

use std::fmt;

use bytes::{BufMut, BytesMut};

use super::{Array, Nested, Table, truncated};
use crate::TableError;
use crate::argument::{Argument, Flaw, Reader, put_long};

/// A value. Types stay apart although they may mean the same, since clients notice: a number comes back as wide as it was sent.
#[derive(Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// `t`; any octet but 0 is true.
    Bool(bool),
    /// `b`
    I8(i8),
    /// `B`
    U8(u8),
    /// `s`
    I16(i16),
    /// `u`
    U16(u16),
    /// `I`
    I32(i32),
    /// `i`
    U32(u32),
    /// `l`; `L` is read as the same, signed, as RabbitMQ does.
    I64(i64),
    /// `f`
    F32(f32),
    /// `d`
    F64(f64),
    /// `D`: `value` divided by ten to the power of `scale`.
    Decimal {
        /// Digits after the point.
        scale: u8,
        /// All digits.
        value: u32,
    },
    /// `T`: seconds since 1970.
    Timestamp(u64),
    /// `S`: text, usually.
    LongString(&'a [u8]),
    /// `x`: bytes.
    Bytes(&'a [u8]),
    /// `A`
    Array(Array<'a>),
    /// `F`
    Table(Table<'a>),
    /// `V`: no value.
    Void,
}

impl<'a> Value<'a> {
    pub(super) fn read(from: &mut Reader<'a>, nested: Nested) -> Result<Self, TableError> {
        let tag = u8::read(from).map_err(truncated)?;
        match Self::scalar(tag, from).map_err(truncated)? {
            Some(value) => Ok(value),
            None => Self::nested(tag, from, nested),
        }
    }

    fn scalar(tag: u8, from: &mut Reader<'a>) -> Result<Option<Self>, Flaw> {
        Ok(Some(match tag {
            b't' => Value::Bool(u8::read(from)? != 0),
            b'b' => Value::I8(Argument::read(from)?),
            b'B' => Value::U8(Argument::read(from)?),
            b's' => Value::I16(Argument::read(from)?),
            b'u' => Value::U16(Argument::read(from)?),
            b'I' => Value::I32(Argument::read(from)?),
            b'i' => Value::U32(Argument::read(from)?),
            b'l' | b'L' => Value::I64(Argument::read(from)?),
            b'f' => Value::F32(Argument::read(from)?),
            b'd' => Value::F64(Argument::read(from)?),
            b'D' => Value::Decimal { scale: Argument::read(from)?, value: Argument::read(from)? },
            b'T' => Value::Timestamp(Argument::read(from)?),
            b'S' => Value::LongString(from.long_bytes()?),
            b'x' => Value::Bytes(from.long_bytes()?),
            b'V' => Value::Void,
            _ => return Ok(None),
        }))
    }

    fn nested(tag: u8, from: &mut Reader<'a>, nested: Nested) -> Result<Self, TableError> {
        if !matches!(tag, b'A' | b'F') {
            return Err(TableError::UnknownType(tag));
        }
        let bytes = from.long_bytes().map_err(truncated)?;
        Ok(match (tag, nested) {
            (b'A', Nested::Checked) => Value::Array(Array(bytes)),
            (b'A', Nested::Check { depth }) => Value::Array(Array::check(bytes, depth)?),
            (_, Nested::Checked) => Value::Table(Table(bytes)),
            (_, Nested::Check { depth }) => Value::Table(Table::check(bytes, depth)?),
        })
    }

    /// Appends the type's octet and the value.
    pub(super) fn put(self, out: &mut BytesMut) {
        out.put_u8(self.tag());
        match self {
            Value::Bool(value) => out.put_u8(value.into()),
            Value::I8(value) => out.put_i8(value),
            Value::U8(value) => out.put_u8(value),
            Value::I16(value) => out.put_i16(value),
            Value::U16(value) => out.put_u16(value),
            Value::I32(value) => out.put_i32(value),
            Value::U32(value) => out.put_u32(value),
            Value::I64(value) => out.put_i64(value),
            Value::F32(value) => out.put_f32(value),
            Value::F64(value) => out.put_f64(value),
            Value::Decimal { scale, value } => {
                out.put_u8(scale);
                out.put_u32(value);
            }
            Value::Timestamp(value) => out.put_u64(value),
            Value::LongString(bytes) | Value::Bytes(bytes) => put_long(out, bytes),
            Value::Array(Array(bytes)) | Value::Table(Table(bytes)) => put_long(out, bytes),
            Value::Void => {}
        }
    }

    const fn tag(self) -> u8 {
        match self {
            Value::Bool(_) => b't',
            Value::I8(_) => b'b',
            Value::U8(_) => b'B',
            Value::I16(_) => b's',
            Value::U16(_) => b'u',
            Value::I32(_) => b'I',
            Value::U32(_) => b'i',
            Value::I64(_) => b'l',
            Value::F32(_) => b'f',
            Value::F64(_) => b'd',
            Value::Decimal { .. } => b'D',
            Value::Timestamp(_) => b'T',
            Value::LongString(_) => b'S',
            Value::Bytes(_) => b'x',
            Value::Array(_) => b'A',
            Value::Table(_) => b'F',
            Value::Void => b'V',
        }
    }

    /// The type's name in RabbitMQ's error texts.
    pub const fn type_name(self) -> &'static str {
        match self {
            Value::Bool(_) => "bool",
            Value::I8(_) => "byte",
            Value::U8(_) => "unsignedbyte",
            Value::I16(_) => "short",
            Value::U16(_) => "unsignedshort",
            Value::I32(_) => "signedint",
            Value::U32(_) => "unsignedint",
            Value::I64(_) => "long",
            Value::F32(_) => "float",
            Value::F64(_) => "double",
            Value::Decimal { .. } => "decimal",
            Value::Timestamp(_) => "timestamp",
            Value::LongString(_) => "longstr",
            Value::Bytes(_) => "binary",
            Value::Array(_) => "array",
            Value::Table(_) => "table",
            Value::Void => "void",
        }
    }

    /// The number in any of the integer types. Booleans, timestamps and fractions are none.
    pub const fn integer(self) -> Option<i64> {
        Some(match self {
            Value::I8(value) => value as i64,
            Value::U8(value) => value as i64,
            Value::I16(value) => value as i64,
            Value::U16(value) => value as i64,
            Value::I32(value) => value as i64,
            Value::U32(value) => value as i64,
            Value::I64(value) => value,
            _ => return None,
        })
    }

    /// The text of a long string, if it is UTF-8.
    pub fn text(self) -> Option<&'a str> {
        match self {
            Value::LongString(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(value) => fmt::Debug::fmt(value, f),
            Value::I8(value) => write!(f, "{value}i8"),
            Value::U8(value) => write!(f, "{value}u8"),
            Value::I16(value) => write!(f, "{value}i16"),
            Value::U16(value) => write!(f, "{value}u16"),
            Value::I32(value) => write!(f, "{value}i32"),
            Value::U32(value) => write!(f, "{value}u32"),
            Value::I64(value) => write!(f, "{value}i64"),
            Value::F32(value) => write!(f, "{value:?}f32"),
            Value::F64(value) => write!(f, "{value:?}f64"),
            Value::Decimal { scale, value } => write!(f, "{value}e-{scale}"),
            Value::Timestamp(seconds) => write!(f, "@{seconds}"),
            Value::LongString(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Value::Bytes(bytes) => write!(f, "b\"{}\"", bytes.escape_ascii()),
            Value::Array(array) => fmt::Debug::fmt(array, f),
            Value::Table(table) => fmt::Debug::fmt(table, f),
            Value::Void => f.write_str("void"),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::LongString(text.as_bytes())
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<i32> for Value<'_> {
    fn from(value: i32) -> Self {
        Value::I32(value)
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Value::I64(value)
    }
}

impl<'a> From<Table<'a>> for Value<'a> {
    fn from(table: Table<'a>) -> Self {
        Value::Table(table)
    }
}

impl<'a> From<Array<'a>> for Value<'a> {
    fn from(array: Array<'a>) -> Self {
        Value::Array(array)
    }
}
