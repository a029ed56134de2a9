//! How a client says who it is.

use std::fmt;

use amqp091::Table;

/// What a client shows. Never shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A name and a password.
    Password {
        /// The user.
        user: String,
        /// Its password.
        password: Vec<u8>,
    },
    /// The client's certificate, which was checked before.
    Certificate,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credentials::Password { user, .. } => write!(f, "password of {user:?}"),
            Credentials::Certificate => f.write_str("certificate"),
        }
    }
}

/// A way to show credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mechanism {
    Plain,
    AmqPlain,
    External,
}

impl Mechanism {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::AmqPlain => "AMQPLAIN",
            Mechanism::External => "EXTERNAL",
        }
    }

    /// The mechanisms that are offered, in the server's order of preference. A certificate has to have been shown for `EXTERNAL`.
    pub(crate) fn offered(has_certificate: bool) -> &'static [Mechanism] {
        const ALL: &[Mechanism] = &[Mechanism::Plain, Mechanism::AmqPlain, Mechanism::External];
        if has_certificate { ALL } else { &ALL[..2] }
    }

    /// The names of the mechanisms that are offered, with blanks between.
    pub(crate) fn names(has_certificate: bool) -> String {
        let names: Vec<_> = Self::offered(has_certificate).iter().map(|mechanism| mechanism.name()).collect();
        names.join(" ")
    }

    /// The credentials in the client's first response; `None` if there are none in it.
    pub(crate) fn read(self, response: &[u8]) -> Option<Credentials> {
        match self {
            Mechanism::Plain => plain(response),
            Mechanism::AmqPlain => amqplain(response),
            Mechanism::External => Some(Credentials::Certificate),
        }
    }
}

/// RFC 4616 without an authorization identity, as RabbitMQ: NUL, user, NUL, password.
fn plain(response: &[u8]) -> Option<Credentials> {
    let rest = response.strip_prefix(&[0])?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    let (user, password) = (&rest[..end], &rest[end + 1..]);
    if password.contains(&0) {
        return None;
    }
    named(user, password)
}

/// A table without its length, with `LOGIN` and `PASSWORD`.
fn amqplain(response: &[u8]) -> Option<Credentials> {
    let table = Table::decode(response).ok()?;
    let field = |key| match table.get(key) {
        Some(amqp091::Value::LongString(bytes)) => Some(bytes),
        _ => None,
    };
    named(field("LOGIN")?, field("PASSWORD")?)
}

fn named(user: &[u8], password: &[u8]) -> Option<Credentials> {
    let user = std::str::from_utf8(user).ok()?.to_owned();
    Some(Credentials::Password { user, password: password.to_vec() })
}

#[cfg(test)]
mod tests {
    use amqp091::TableBuf;

    use super::*;

    fn password(user: &str, password: &str) -> Option<Credentials> {
        Some(Credentials::Password { user: user.to_owned(), password: password.into() })
    }

    #[test]
    fn plain_has_a_user_and_a_password_after_nuls() {
        assert_eq!(plain(b"\0guest\0secret"), password("guest", "secret"));
        assert_eq!(plain(b"\0\0"), password("", ""));
        for bad in
            [b"".as_slice(), b"guest\0secret", b"\0guest", b"\0a\0b\0c", b"me\0guest\0secret", b"\0\xff\0p"]
        {
            assert_eq!(plain(bad), None);
        }
    }

    #[test]
    fn amqplain_is_a_table_without_its_length() {
        let table = TableBuf::new().with("PASSWORD", "secret").with("LOGIN", "guest").freeze();
        assert_eq!(amqplain(&table), password("guest", "secret"));
        assert_eq!(amqplain(&table[..table.len() - 1]), None);
        assert_eq!(amqplain(&TableBuf::new().with("LOGIN", "guest").freeze()), None);
        assert_eq!(amqplain(&TableBuf::new().with("LOGIN", 1).with("PASSWORD", "x").freeze()), None);
    }

    #[test]
    fn no_log_shows_a_password() {
        let shown = format!("{:?}", password("guest", "secret"));
        assert!(shown.contains("guest") && !shown.contains("secret"), "{shown}");
    }

    #[test]
    fn a_certificate_offers_one_mechanism_more() {
        assert_eq!(Mechanism::names(false), "PLAIN AMQPLAIN");
        assert_eq!(Mechanism::names(true), "PLAIN AMQPLAIN EXTERNAL");
    }
}
