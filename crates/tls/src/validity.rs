//! Until when a certificate is good.

use rustls::pki_types::CertificateDer;

use crate::der::{INTEGER, Malformed, SEQUENCE, take, take_tagged};

const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// In seconds since the Unix epoch.
pub(crate) fn expires_at(certificate: &CertificateDer<'_>) -> Result<i64, Malformed> {
    let mut whole: &[u8] = certificate;
    let mut signed = take_tagged(&mut whole, SEQUENCE)?;
    let mut fields = take_tagged(&mut signed, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        take(&mut fields)?;
    }
    let _serial = take_tagged(&mut fields, INTEGER)?;
    let _algorithm = take_tagged(&mut fields, SEQUENCE)?;
    let _issuer = take_tagged(&mut fields, SEQUENCE)?;
    let mut validity = take_tagged(&mut fields, SEQUENCE)?;
    let _not_before = take(&mut validity)?;
    let not_after = take(&mut validity)?;
    seconds(not_after.tag, not_after.content)
}

/// RFC 5280, 4.1.2.5: years of two digits from 50 on are of the last century; always to the second, always UTC.
fn seconds(tag: u8, content: &[u8]) -> Result<i64, Malformed> {
    let (zone, digits) = content.split_last().ok_or(Malformed)?;
    if *zone != b'Z' || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Malformed);
    }
    let number = |digits: &[u8]| digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year = number(&digits[..2]);
            (year + if year < 50 { 2000 } else { 1900 }, &digits[2..])
        }
        (GENERALIZED_TIME, 14) => (number(&digits[..4]), &digits[4..]),
        _ => return Err(Malformed),
    };
    let part = |at: usize| number(&rest[at..at + 2]);
    Ok(((days(year, part(0), part(2)) * 24 + part(4)) * 60 + part(6)) * 60 + part(8))
}

/// Days from the Unix epoch to a date of the Gregorian calendar. The year is taken to begin in March, so that the day that a
/// leap year has more is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_since_the_epoch() {
        for (tag, text, expected) in [
            (UTC_TIME, "700101000000Z", 0),
            (UTC_TIME, "261121103000Z", 1_795_257_000),
            (UTC_TIME, "000229235959Z", 951_868_799),
            (UTC_TIME, "491231235959Z", 2_524_607_999),
            (UTC_TIME, "500101000000Z", -631_152_000),
            (GENERALIZED_TIME, "20500101000000Z", 2_524_608_000),
            (GENERALIZED_TIME, "99991231235959Z", 253_402_300_799),
        ] {
            assert_eq!(seconds(tag, text.as_bytes()), Ok(expected), "{text}");
        }
        for (tag, text) in
            [(UTC_TIME, ""), (UTC_TIME, "7001010000Z"), (UTC_TIME, "700101000000+"), (GENERALIZED_TIME, "x")]
        {
            assert_eq!(seconds(tag, text.as_bytes()), Err(Malformed), "{text}");
        }
    }
}
