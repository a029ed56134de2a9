//! As much of DER (X.690) as is read of certificates here; the rest is rustls' matter.

/// A value with its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    /// Tag and length included.
    pub(crate) whole: &'a [u8],
}

/// Bytes that are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the certificate is malformed")]
pub(crate) struct Malformed;

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OBJECT_ID: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
/// UTF-8, printable, teletex, IA5, general and BMP strings.
pub(crate) const STRINGS: [u8; 6] = [0x0c, 0x13, 0x14, 0x16, 0x1b, 0x1e];

/// Takes the first value off `input`.
pub(crate) fn take<'a>(input: &mut &'a [u8]) -> Result<Value<'a>, Malformed> {
    let start = *input;
    let (&tag, rest) = start.split_first().ok_or(Malformed)?;
    let (&first, rest) = rest.split_first().ok_or(Malformed)?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // Three bytes of length are more than any certificate has.
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f)).ok_or(Malformed)?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return Err(Malformed),
    };
    let (content, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
    *input = rest;
    Ok(Value { tag, content, whole: &start[..start.len() - rest.len()] })
}

/// Takes the first value, which must have this tag, and gives its content.
pub(crate) fn take_tagged<'a>(input: &mut &'a [u8], tag: u8) -> Result<&'a [u8], Malformed> {
    let value = take(input)?;
    if value.tag == tag { Ok(value.content) } else { Err(Malformed) }
}

/// An object identifier in dots.
pub(crate) fn object_id(content: &[u8]) -> Result<String, Malformed> {
    let mut numbers = Vec::new();
    let mut number: u64 = 0;
    for byte in content {
        number = number.checked_mul(128).ok_or(Malformed)? | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            numbers.push(std::mem::take(&mut number));
        }
    }
    let ends_whole = content.last().is_some_and(|byte| byte & 0x80 == 0);
    let (first, rest) = numbers.split_first().filter(|_| ends_whole).ok_or(Malformed)?;
    let arc = (first / 40).min(2);
    let text = format!("{arc}.{}", first - arc * 40);
    Ok(rest.iter().fold(text, |text, number| format!("{text}.{number}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_one_after_another() {
        let mut input: &[u8] = &[0x0c, 1, b'a', 0x13, 0x81, 2, b'b', b'c'];
        assert_eq!(take(&mut input), Ok(Value { tag: 0x0c, content: b"a", whole: &[0x0c, 1, b'a'] }));
        assert_eq!(take_tagged(&mut input, 0x13), Ok(&b"bc"[..]));
        assert_eq!(take(&mut input), Err(Malformed));
    }

    #[test]
    fn what_is_cut_or_too_long_is_refused() {
        for bytes in
            [&[][..], &[0x0c], &[0x0c, 2, b'a'], &[0x0c, 0x80], &[0x0c, 0x84, 0, 0, 0, 0], &[0x0c, 0x82, 1]]
        {
            assert_eq!(take(&mut &*bytes), Err(Malformed), "{bytes:?}");
        }
    }

    #[test]
    fn object_ids_are_written_with_dots() {
        assert_eq!(object_id(&[0x55, 4, 3]).unwrap(), "2.5.4.3");
        assert_eq!(
            object_id(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1]).unwrap(),
            "1.2.840.113549.1.9.1"
        );
        assert_eq!(object_id(&[0x88, 0x37, 1]).unwrap(), "2.999.1");
        for bytes in
            [&[][..], &[0x86], &[0x55, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]]
        {
            assert_eq!(object_id(bytes), Err(Malformed), "{bytes:?}");
        }
    }
}
