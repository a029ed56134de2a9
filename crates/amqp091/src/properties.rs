//! The fourteen properties of a message.

use bytes::{BufMut, BytesMut};

use crate::argument::{Argument, Flaw, Reader, Writer};
use crate::{PropertiesError, ShortBytes, Table};

macro_rules! properties {
    ($($(#[$doc:meta])* $name:ident: $kind:ty = $bit:literal;)*) => {
        /// A message's properties. What is absent differs from what is empty.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Properties<'a> {
            $($(#[$doc])* pub $name: Option<$kind>,)*
        }

        const KNOWN_FLAGS: u16 = $(1 << $bit)|*;

        impl<'a> Properties<'a> {
            fn flags(&self) -> u16 {
                $(u16::from(self.$name.is_some()) << $bit)|*
            }

            fn read(flags: u16, from: &mut Reader<'a>) -> Result<Self, Flaw> {
                Ok(Self {
                    $($name: if flags >> $bit & 1 == 1 { Some(Argument::read(from)?) } else { None },)*
                })
            }

            fn write(&self, to: &mut Writer<'_>) {
                $(if let Some(value) = &self.$name {
                    value.write(to);
                })*
            }
        }
    };
}

properties! {
    /// MIME type.
    content_type: ShortBytes<'a> = 15;
    /// MIME encoding.
    content_encoding: ShortBytes<'a> = 14;
    /// The application's own, and what brokers add.
    headers: Table<'a> = 13;
    /// 2 is persistent; anything else is not.
    delivery_mode: u8 = 12;
    /// 0 is the lowest.
    priority: u8 = 11;
    /// Which request this answers.
    correlation_id: ShortBytes<'a> = 10;
    /// The queue for answers.
    reply_to: ShortBytes<'a> = 9;
    /// Milliseconds to live, in decimal digits.
    expiration: ShortBytes<'a> = 8;
    /// The application's number or name of it.
    message_id: ShortBytes<'a> = 7;
    /// Seconds since 1970.
    timestamp: u64 = 6;
    /// The application's kind of message.
    kind: ShortBytes<'a> = 5;
    /// The user that published it.
    user_id: ShortBytes<'a> = 4;
    /// The application that published it.
    app_id: ShortBytes<'a> = 3;
    /// Unused.
    cluster_id: ShortBytes<'a> = 2;
}

impl<'a> Properties<'a> {
    /// Reads flags and values: all that follows the size in a content header.
    ///
    /// # Errors
    /// When they end early or late, a flag is not known, or the headers are no table.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, PropertiesError> {
        let mut from = Reader::new(bytes);
        let flags = u16::read(&mut from).map_err(flawed)?;
        if flags & !KNOWN_FLAGS != 0 {
            return Err(PropertiesError::UnknownFlags(flags));
        }
        let properties = Self::read(flags, &mut from).map_err(flawed)?;
        match from.rest().len() {
            0 => Ok(properties),
            trailing => Err(PropertiesError::Trailing(trailing)),
        }
    }

    /// Appends flags and values.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_u16(self.flags());
        self.write(&mut Writer::new(out));
    }
}

fn flawed(flaw: Flaw) -> PropertiesError {
    match flaw {
        Flaw::Truncated { missing } => PropertiesError::Truncated { missing },
        Flaw::Table(error) => PropertiesError::BadHeaders(error),
        Flaw::NotUtf8 => unreachable!("properties are any bytes"),
    }
}

impl<'a> Argument<'a> for ShortBytes<'a> {
    fn read(from: &mut Reader<'a>) -> Result<Self, Flaw> {
        from.short_bytes()
    }

    fn write(&self, to: &mut Writer<'_>) {
        to.short_bytes(*self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_and_empty_differ() {
        let empty = Properties { app_id: Some(ShortBytes::default()), ..Properties::default() };
        let mut out = BytesMut::new();
        empty.encode(&mut out);
        assert_eq!(out[..], [0, 8, 0]);
        assert_eq!(Properties::decode(&out), Ok(empty));
        assert_eq!(Properties::decode(&[0, 0]), Ok(Properties::default()));
    }

    #[test]
    fn flaws_are_told_apart() {
        assert_eq!(Properties::decode(&[0]), Err(PropertiesError::Truncated { missing: 1 }));
        assert_eq!(Properties::decode(&[0, 1]), Err(PropertiesError::UnknownFlags(1)));
        assert_eq!(Properties::decode(&[0, 0, 9]), Err(PropertiesError::Trailing(1)));
        assert_eq!(Properties::decode(&[0x10, 0]), Err(PropertiesError::Truncated { missing: 1 }));
        let headers = [0x20, 0, 0, 0, 0, 3, 1, b'k', b'?'];
        assert!(matches!(Properties::decode(&headers), Err(PropertiesError::BadHeaders(_))));
    }
}
