//! Numbers of one to ten bytes, seven bits each, lowest first.

/// Most bytes that a number takes.
pub(crate) const BYTES_MAX: usize = 10;

pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a number off the front of `bytes`; `None` if there is none.
pub(crate) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for index in 0..BYTES_MAX {
        let byte = *bytes.get(index)?;
        let bits = u64::from(byte & 0x7f);
        if index == BYTES_MAX - 1 && byte > 1 {
            return None;
        }
        value |= bits << (7 * index);
        if byte < 0x80 {
            *bytes = &bytes[index + 1..];
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(value: u64, shift in 0..64_u32, rest: Vec<u8>) {
            let value = value >> shift;
            let mut bytes = Vec::new();
            put(&mut bytes, value);
            prop_assert!(bytes.len() <= BYTES_MAX);
            bytes.extend(&rest);
            let mut left = &bytes[..];
            prop_assert_eq!(take(&mut left), Some(value));
            prop_assert_eq!(left, &rest);
        }

        #[test]
        fn any_bytes_are_a_number_or_none(bytes: Vec<u8>) {
            let mut left = &bytes[..];
            while take(&mut left).is_some() {}
        }
    }

    #[test]
    fn numbers_beyond_64_bits_are_none() {
        assert_eq!(take(&mut &[0xff; 9][..]), None);
        assert_eq!(take(&mut &[[0xff; 9].as_slice(), &[1]].concat()[..]), Some(u64::MAX));
        assert_eq!(take(&mut &[[0xff; 9].as_slice(), &[2]].concat()[..]), None);
    }
}
