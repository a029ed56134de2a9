//! What makes a struct the arguments of a method.

use std::fmt;

use crate::argument::{Argument, Flaw, Reader, Writer};

/// Structs whose fields are a method's arguments, in order.
macro_rules! arguments {
    ($($(#[$doc:meta])* $name:ident $(<$life:lifetime>)? {
        $($(#[$field_doc:meta])* $field:ident: $kind:ty,)*
    })*) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        #[allow(missing_docs, reason = "most fields have the specification's names and meanings")]
        pub struct $name $(<$life>)? {
            $($(#[$field_doc])* pub $field: $kind,)*
        }

        impl<'r> $crate::argument::Argument<'r> for arguments!(@of 'r $name $(<$life>)?) {
            fn read(
                #[allow(unused_variables)] from: &mut $crate::argument::Reader<'r>,
            ) -> Result<Self, $crate::argument::Flaw> {
                Ok(Self { $($field: $crate::argument::Argument::read(from)?,)* })
            }

            fn write(&self, #[allow(unused_variables)] to: &mut $crate::argument::Writer<'_>) {
                $($crate::argument::Argument::write(&self.$field, to);)*
            }
        }

        #[cfg(test)]
        impl<'r> $crate::tests::Make<'r> for arguments!(@of 'r $name $(<$life>)?) {
            fn make(#[allow(unused_variables)] from: &mut $crate::tests::Source<'r>) -> Self {
                Self { $($field: $crate::tests::Make::make(from),)* }
            }
        })*
    };
    (@of $read:lifetime $name:ident) => { $name };
    (@of $read:lifetime $name:ident<$life:lifetime>) => { $name<$read> };
}

pub(super) use arguments;

/// Credentials: bytes that no log shows.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Secret<'a>(pub &'a [u8]);

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secret bytes", self.0.len())
    }
}

impl<'a> Argument<'a> for Secret<'a> {
    fn read(from: &mut Reader<'a>) -> Result<Self, Flaw> {
        Argument::read(from).map(Secret)
    }

    fn write(&self, to: &mut Writer<'_>) {
        self.0.write(to);
    }
}
