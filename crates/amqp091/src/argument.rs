//! Reads and writes the arguments of methods: fields back to back, consecutive bits packed into octets.

use bytes::{BufMut, BytesMut};

use crate::{ShortBytes, ShortStr, Table, TableError};

/// Why arguments can not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Bytes that a field needs and that are not there.
    Truncated {
        missing: usize,
    },
    NotUtf8,
    Table(TableError),
}

impl From<TableError> for Flaw {
    fn from(error: TableError) -> Self {
        Flaw::Table(error)
    }
}

/// A type of field.
pub(crate) trait Argument<'a>: Sized {
    fn read(from: &mut Reader<'a>) -> Result<Self, Flaw>;
    fn write(&self, to: &mut Writer<'_>);
}

/// A position in a payload. Reading never panics and never allocates.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// The octet of bits that is being read, and the number of the next bit in it.
    bits: u8,
    bit: u8,
}

const BITS: u8 = u8::BITS as u8;

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, bits: 0, bit: BITS }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Flaw> {
        self.bit = BITS;
        let missing = length.saturating_sub(self.rest.len());
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Flaw::Truncated { missing })?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let bytes = self.take(N)?;
        Ok(bytes.try_into().expect("take gives as many bytes as were asked for"))
    }

    pub(crate) fn short_bytes(&mut self) -> Result<ShortBytes<'a>, Flaw> {
        let length = u8::read(self)?;
        let bytes = self.take(length.into())?;
        Ok(bytes.try_into().expect("its length was one octet"))
    }

    /// A length of four octets and that many bytes.
    pub(crate) fn long_bytes(&mut self) -> Result<&'a [u8], Flaw> {
        let length = u32::read(self)?;
        // On a machine whose addresses are shorter, so many bytes can not be there.
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn bit(&mut self) -> Result<bool, Flaw> {
        if self.bit == BITS {
            [self.bits] = self.array()?;
            self.bit = 0;
        }
        let value = self.bits >> self.bit & 1 == 1;
        self.bit += 1;
        Ok(value)
    }
}

/// Appends fields to a buffer.
#[derive(Debug)]
pub(crate) struct Writer<'o> {
    out: &'o mut BytesMut,
    /// The number of the next bit in the buffer's last octet.
    bit: u8,
}

impl<'o> Writer<'o> {
    pub(crate) fn new(out: &'o mut BytesMut) -> Self {
        Self { out, bit: BITS }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.bit = BITS;
        self.out.extend_from_slice(bytes);
    }

    pub(crate) fn short_bytes(&mut self, value: ShortBytes<'_>) {
        put_short(self.out, value);
        self.bit = BITS;
    }

    fn long_bytes(&mut self, value: &[u8]) {
        put_long(self.out, value);
        self.bit = BITS;
    }

    fn push_bit(&mut self, value: bool) {
        if self.bit == BITS {
            self.out.put_u8(0);
            self.bit = 0;
        }
        let octet =
            self.out.last_mut().expect("the octet of this bit was written with the first of its bits");
        *octet |= u8::from(value) << self.bit;
        self.bit += 1;
    }
}

pub(crate) fn put_short(out: &mut BytesMut, value: ShortBytes<'_>) {
    let bytes = value.as_bytes();
    out.put_u8(u8::try_from(bytes.len()).expect("a short string has at most 255 bytes"));
    out.extend_from_slice(bytes);
}

pub(crate) fn put_long(out: &mut BytesMut, value: &[u8]) {
    out.put_u32(u32::try_from(value.len()).expect("frames, and with them long strings, stay below 4 GiB"));
    out.extend_from_slice(value);
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Argument<'_> for $number {
            fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
                from.array().map(<$number>::from_be_bytes)
            }

            fn write(&self, to: &mut Writer<'_>) {
                to.bytes(&self.to_be_bytes());
            }
        })*
    };
}

numbers!(u8, u16, u32, u64, i8, i16, i32, i64, f32, f64);

impl Argument<'_> for bool {
    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        from.bit()
    }

    fn write(&self, to: &mut Writer<'_>) {
        to.push_bit(*self);
    }
}

impl<'a> Argument<'a> for ShortStr<'a> {
    fn read(from: &mut Reader<'a>) -> Result<Self, Flaw> {
        let text = from.short_bytes()?.as_str().ok_or(Flaw::NotUtf8)?;
        Ok(text.try_into().expect("it was a short string before"))
    }

    fn write(&self, to: &mut Writer<'_>) {
        to.short_bytes((*self).into());
    }
}

/// A long string.
impl<'a> Argument<'a> for &'a [u8] {
    fn read(from: &mut Reader<'a>) -> Result<Self, Flaw> {
        from.long_bytes()
    }

    fn write(&self, to: &mut Writer<'_>) {
        to.long_bytes(self);
    }
}

impl<'a> Argument<'a> for Table<'a> {
    fn read(from: &mut Reader<'a>) -> Result<Self, Flaw> {
        Ok(Table::decode(from.long_bytes()?)?)
    }

    fn write(&self, to: &mut Writer<'_>) {
        to.long_bytes(self.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_bits_take_two_octets_and_a_number_starts_anew() {
        let mut out = BytesMut::new();
        let mut to = Writer::new(&mut out);
        for number in 0..9 {
            to.push_bit(number % 2 == 0);
        }
        7_u8.write(&mut to);
        to.push_bit(true);
        assert_eq!(out[..], [0b0101_0101, 1, 7, 1]);

        let mut from = Reader::new(&out);
        for number in 0..9 {
            assert_eq!(from.bit(), Ok(number % 2 == 0));
        }
        assert_eq!(u8::read(&mut from), Ok(7));
        assert_eq!(from.bit(), Ok(true));
        assert_eq!(from.rest(), b"");
    }

    #[test]
    fn what_a_length_claims_is_not_allocated() {
        let claimed = u32::MAX.to_be_bytes();
        let missing = u32::MAX as usize;
        assert_eq!(Reader::new(&claimed).long_bytes(), Err(Flaw::Truncated { missing }));
    }
}
