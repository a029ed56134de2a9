//! The subject of a certificate as text: what ZooKeeper's `x509` scheme calls a client, and what RabbitMQ does.
//!
//! Access control lists that were written for ZooKeeper must go on to match, so one text is the one that Java's
//! `X500Principal.getName()` gives: RFC 2253, the last attribute first, with Java's own reading of the escapes. Users that were made for
//! RabbitMQ have names of [its own](crate::login_name).

use std::fmt::Write;

use runtime::Subject;
use rustls::pki_types::CertificateDer;

use crate::der::{Malformed, OBJECT_ID, SEQUENCE, SET, STRINGS, Value, object_id, take, take_tagged};
use crate::login_name;

/// The attributes that RFC 2253 has names for; others are written as numbers.
const NAMES: [(&str, &str); 9] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
];

/// A name: sets of attributes, the most general first.
pub(crate) type Name<'a> = Vec<Vec<Attribute<'a>>>;

/// An attribute of a name.
pub(crate) struct Attribute<'a> {
    /// Its kind, in dots.
    pub(crate) id: String,
    pub(crate) value: Value<'a>,
}

/// The subject of a certificate that has been verified; `None` if it is empty.
pub(crate) fn subject_of(certificate: &CertificateDer<'_>) -> Result<Option<Subject>, Malformed> {
    let certificate = webpki::EndEntityCert::try_from(certificate).map_err(|_| Malformed)?;
    let name = read(certificate.subject())?;
    let subject = Subject {
        x500: x500(&name),
        distinguished: login_name::distinguished(&name),
        common: login_name::common(&name),
    };
    Ok((!name.is_empty()).then_some(subject))
}

/// A name, without its outer tag.
pub(crate) fn read(mut sets: &[u8]) -> Result<Name<'_>, Malformed> {
    let mut name = Vec::new();
    while !sets.is_empty() {
        let mut set = take_tagged(&mut sets, SET)?;
        let mut attributes = Vec::new();
        while !set.is_empty() {
            let mut pair = take_tagged(&mut set, SEQUENCE)?;
            let id = object_id(take_tagged(&mut pair, OBJECT_ID)?)?;
            attributes.push(Attribute { id, value: take(&mut pair)? });
        }
        name.push(attributes);
    }
    Ok(name)
}

/// All attributes as text, the last set first.
pub(crate) fn join(name: &Name<'_>, write: impl Fn(&Attribute<'_>) -> String) -> String {
    let set = |set: &Vec<_>| set.iter().map(&write).collect::<Vec<_>>().join("+");
    name.iter().rev().map(set).collect::<Vec<_>>().join(",")
}

fn x500(name: &Name<'_>) -> String {
    join(name, |Attribute { id, value }| {
        let name = NAMES.iter().find(|(known, _)| known == id).map(|(_, name)| *name);
        match name.zip(text(*value)) {
            Some((name, text)) => format!("{name}={}", escaped(&text)),
            None => format!("{}=#{}", name.unwrap_or(id), hex(value.whole)),
        }
    })
}

/// The text of a string, or `None` if it is of another kind. Java reads every kind as UTF-8.
fn text(value: Value<'_>) -> Option<String> {
    STRINGS.contains(&value.tag).then(|| String::from_utf8_lossy(value.content).into_owned())
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let inner = text.trim_matches(is_blank);
    let lead = text.len() - text.trim_start_matches(is_blank).len();
    for (at, character) in text.char_indices() {
        let is_outside = at < lead || at >= lead + inner.len();
        match character {
            '\0' => escaped.push_str("\\00"),
            ',' | '=' | '+' | '<' | '>' | '#' | ';' | '"' | '\\' => escaped.extend(['\\', character]),
            _ if is_outside => escaped.extend(['\\', character]),
            _ => escaped.push(character),
        }
    }
    escaped
}

fn is_blank(character: char) -> bool {
    character == ' ' || character == '\r'
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) const IA5_STRING: u8 = 0x16;
    pub(crate) const UTF8_STRING: u8 = 0x0c;
    pub(crate) const BMP_STRING: u8 = 0x1e;
    pub(crate) const CN: &[u8] = &[0x55, 4, 3];
    pub(crate) const O: &[u8] = &[0x55, 4, 10];
    pub(crate) const UID: &[u8] = &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1];
    pub(crate) const EMAIL: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1];

    pub(crate) fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
    }

    pub(crate) fn pair(id: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
        tagged(SEQUENCE, &[tagged(OBJECT_ID, id), tagged(tag, value)].concat())
    }

    fn only(id: &[u8], tag: u8, value: &[u8]) -> String {
        x500(&read(&tagged(SET, &pair(id, tag, value))).unwrap())
    }

    #[test]
    fn the_last_attribute_comes_first_and_sets_keep_their_order() {
        let sets = [
            tagged(SET, &pair(O, UTF8_STRING, b"Example")),
            tagged(SET, &[pair(CN, UTF8_STRING, b"alice"), pair(UID, UTF8_STRING, b"a1")].concat()),
        ];
        assert_eq!(x500(&read(&sets.concat()).unwrap()), "CN=alice+UID=a1,O=Example");
        assert_eq!(x500(&read(&[]).unwrap()), "");
    }

    /// Each was read off Java's `X500Principal.getName()`.
    #[test]
    fn values_are_written_as_java_writes_them() {
        for (value, written) in [
            ("Alice Smith", "Alice Smith"),
            (r#"a,b+c=d<e>f#g;h"i\j"#, r#"a\,b\+c\=d\<e\>f\#g\;h\"i\\j"#),
            (" both ", r"\ both\ "),
            ("  two", r"\ \ two"),
            ("   ", r"\ \ \ "),
            ("Jürgen ☃", "Jürgen ☃"),
            ("a\0b", r"a\00b"),
            ("a\rb\r", "a\rb\\\r"),
            ("", ""),
        ] {
            assert_eq!(only(CN, UTF8_STRING, value.as_bytes()), format!("CN={written}"));
        }
        assert_eq!(only(EMAIL, IA5_STRING, b"a@b"), "1.2.840.113549.1.9.1=#1603614062");
        assert_eq!(only(CN, BMP_STRING, &[0, b'a', 0x26, 0x03]), "CN=\\00a&\u{3}");
        assert_eq!(only(CN, 0x02, &[1]), "CN=#020101");
    }

    #[test]
    fn a_subject_that_is_cut_is_malformed() {
        let whole = tagged(SET, &pair(CN, UTF8_STRING, b"alice"));
        for end in 1..whole.len() {
            assert_eq!(read(&whole[..end]).err(), Some(Malformed));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(name) = read(&bytes) {
                let _ = (x500(&name), login_name::distinguished(&name), login_name::common(&name));
            }
        }
    }
}
