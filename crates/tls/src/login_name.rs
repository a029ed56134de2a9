//! The subject of a certificate as RabbitMQ writes it, for users whose names were made there (`rabbit_cert_info`).

use crate::der::Value;
use crate::subject::{Attribute, Name, hex, join};

/// The attributes that RabbitMQ has names for; others are written as numbers.
const NAMES: [(&str, &str); 17] = [
    ("2.5.4.4", "SN"),
    ("2.5.4.42", "GIVENNAME"),
    ("2.5.4.43", "INITIALS"),
    ("2.5.4.44", "GENERATIONQUALIFIER"),
    (COMMON_NAME, "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "TITLE"),
    ("2.5.4.6", "C"),
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.65", "PSEUDONYM"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "EMAILADDRESS"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.1", "UID"),
];
const COMMON_NAME: &str = "2.5.4.3";

/// The name of RabbitMQ's `ssl_cert_login_from = distinguished_name`, as RFC 4514 has it: the last attribute first.
pub(crate) fn distinguished(name: &Name<'_>) -> String {
    join(name, |Attribute { id, value }| {
        let name = NAMES.iter().find(|(known, _)| known == id).map_or(&**id, |(_, name)| *name);
        match text(*value) {
            Some(text) => format!("{name}={}", escaped(&text)),
            None => format!("{name}=#{}", hex(value.whole)),
        }
    })
}

/// That of `ssl_cert_login_from = common_name`: all common names, with commas between, and nothing escaped.
pub(crate) fn common(name: &Name<'_>) -> Option<String> {
    let is_common = |attribute: &&Attribute<'_>| attribute.id == COMMON_NAME;
    let found: Vec<_> = name.iter().flatten().filter(is_common).filter_map(|it| text(it.value)).collect();
    (!found.is_empty()).then(|| found.join(","))
}

/// The text of a string; `None` if it is of another kind, or none of its kind.
fn text(Value { tag, content, .. }: Value<'_>) -> Option<String> {
    match tag {
        UTF8 | PRINTABLE | IA5 => String::from_utf8(content.to_vec()).ok(),
        // Taken for Latin 1, as RabbitMQ does and most who wrote such.
        TELETEX => Some(content.iter().copied().map(char::from).collect()),
        BMP => characters::<2>(content),
        UNIVERSAL => characters::<4>(content),
        _ => None,
    }
}

const UTF8: u8 = 0x0c;
const PRINTABLE: u8 = 0x13;
const TELETEX: u8 = 0x14;
const IA5: u8 = 0x16;
const UNIVERSAL: u8 = 0x1c;
const BMP: u8 = 0x1e;

/// Characters of so many bytes each.
fn characters<const BYTES: usize>(content: &[u8]) -> Option<String> {
    let (whole, rest) = content.as_chunks::<BYTES>();
    let number =
        |bytes: &[u8; BYTES]| bytes.iter().fold(0, |number: u32, byte| number << 8 | u32::from(*byte));
    let characters = whole.iter().map(|bytes| char::from_u32(number(bytes)));
    if rest.is_empty() { characters.collect() } else { None }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let last = text.len().wrapping_sub(1);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b' ' if at == 0 || at == last => escaped.push_str("\\ "),
            b'#' if at == 0 => escaped.push_str("\\#"),
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' => escaped.extend(['\\', char::from(byte)]),
            b' '..=b'}' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("\\{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::der::SET;
    use crate::subject::read;
    use crate::subject::tests::{BMP_STRING, CN, EMAIL, IA5_STRING, O, UID, UTF8_STRING, pair, tagged};

    fn only(id: &[u8], tag: u8, value: &[u8]) -> String {
        distinguished(&read(&tagged(SET, &pair(id, tag, value))).unwrap())
    }

    #[test]
    fn the_last_attribute_comes_first_and_common_names_are_in_order() {
        let sets = [
            tagged(SET, &pair(CN, UTF8_STRING, b"first, of all")),
            tagged(SET, &pair(O, UTF8_STRING, b"Example")),
            tagged(SET, &[pair(CN, UTF8_STRING, b"alice"), pair(UID, UTF8_STRING, b"a1")].concat()),
        ];
        let all = sets.concat();
        let name = read(&all).unwrap();
        assert_eq!(distinguished(&name), "CN=alice+UID=a1,O=Example,CN=first\\, of all");
        assert_eq!(common(&name).as_deref(), Some("first, of all,alice"));
        assert_eq!(common(&read(&sets[1]).unwrap()), None);
    }

    /// Each was read off `rabbit_cert_info:subject/1` of RabbitMQ 3.10.
    #[test]
    fn values_are_written_as_rabbitmq_writes_them() {
        for (value, written) in [
            ("Alice Smith", "Alice Smith"),
            (r#"a,b+c=d<e>f#g;h"i\j"#, r#"a\,b\+c=d\<e\>f#g\;h\"i\\j"#),
            (" both ", r"\ both\ "),
            ("  two", r"\  two"),
            (" ", r"\ "),
            ("#x", r"\#x"),
            ("Jürgen~", r"J\C3\BCrgen\7E"),
            ("a\0b\r", r"a\00b\0D"),
        ] {
            assert_eq!(only(CN, UTF8_STRING, value.as_bytes()), format!("CN={written}"));
        }
        assert_eq!(only(EMAIL, IA5_STRING, b"a@b"), "EMAILADDRESS=a@b");
        assert_eq!(only(CN, BMP_STRING, &[0, b'a', 0x26, 0x03]), r"CN=a\E2\98\83");
        assert_eq!(only(CN, TELETEX, &[b'J', 0xfc]), r"CN=J\C3\BC");
    }
}
