//! What a publisher asks for with a message's properties.

use amqp091::{Properties, PropertiesError, Table, TableBuf, Value};
use bytes::{Bytes, BytesMut};
use catalog::stable_hash;
use streams::Stamp;

use super::headers::keys_of_header;
use crate::fault::Fault;

/// The longest time to live, in milliseconds: ten years of 365 days.
pub(crate) const TTL_MS_MAX: i64 = 315_360_000_000;

/// The longest delay, in milliseconds.
const DELAY_MS_MAX: i64 = u32::MAX as i64;

const PRODUCER: &str = "x-producer-id";
const EPOCH: &str = "x-producer-epoch";
const SEQUENCE: &str = "x-producer-sequence";

/// Other than what partitions are chosen with.
const PRODUCER_SEED: u64 = 3;

/// A message's properties, as far as the server goes by them.
#[derive(Debug, PartialEq)]
pub(crate) struct Publication<'a> {
    /// For routing.
    pub(crate) headers: Option<Table<'a>>,
    /// The properties to store. The publisher's own bytes, unless it asked for a blind copy.
    pub(crate) properties: Bytes,
    /// Routing keys of CC and BCC.
    pub(crate) more_keys: Vec<&'a [u8]>,
    /// Milliseconds to live.
    pub(crate) ttl_ms: Option<u64>,
    /// Higher goes first; absent: the queue's own.
    pub(crate) priority: Option<u8>,
    /// Whether it asks for the client's own answers to it.
    pub(crate) reply_to: Option<&'a [u8]>,
    /// Where the message stands in the sequence of its producer, if it says so.
    pub(crate) stamp: Option<Stamp>,
    /// For exchanges that hash.
    pub(crate) read: Properties<'a>,
}

impl<'a> Publication<'a> {
    /// Reads and checks properties that `user` publishes a message with. `may_impersonate` is whether it may use another's name.
    pub(crate) fn read(bytes: &'a Bytes, user: &str, may_impersonate: bool) -> Result<Self, Fault> {
        let read = Properties::decode(bytes).map_err(unreadable)?;
        if let Some(named) = read.user_id.filter(|named| *named != *user && !may_impersonate) {
            let text = format!("user_id property set to '{named}' but authenticated user was '{user}'");
            return Err(Fault::precondition_failed(text));
        }
        let ttl_ms = read.expiration.map(|text| expiration(&text.to_string())).transpose()?;
        let mut properties = bytes.clone();
        let mut more_keys = Vec::new();
        let mut stamp = None;
        if let Some(headers) = read.headers.filter(|headers| !headers.is_empty()) {
            more_keys = copies(headers, "CC")?;
            stamp = stamp_of(headers)?;
            let blind = copies(headers, "BCC")?;
            if headers.get("BCC").is_some() {
                properties = without_blind_copies(&read, headers);
                more_keys.extend(blind);
            }
        }
        Ok(Self {
            headers: read.headers,
            properties,
            more_keys,
            ttl_ms,
            priority: read.priority,
            reply_to: read.reply_to.map(|name| name.as_bytes()),
            stamp,
            read,
        })
    }

    /// For how long a delayed exchange keeps the message back, in milliseconds. What makes no sense is no delay.
    pub(crate) fn delay_ms(&self) -> u64 {
        let delay = self.headers.and_then(|headers| headers.get("x-delay")).and_then(Value::integer);
        delay.filter(|delay| (1..=DELAY_MS_MAX).contains(delay)).map_or(0, i64::unsigned_abs)
    }
}

/// A message with a sequence has a producer, by name or number, and may have an epoch.
fn stamp_of(headers: Table<'_>) -> Result<Option<Stamp>, Fault> {
    let refused = |key: &str, value: Option<Value<'_>>| {
        let found = value.map_or("undefined", |value| value.type_name());
        Fault::precondition_failed(format!(
            "invalid message: {{unacceptable_value_in_header,\"{key}\",{found}}}"
        ))
    };
    let Some(sequence) = headers.get(SEQUENCE) else { return Ok(None) };
    let number =
        sequence.integer().and_then(|number| u64::try_from(number).ok()).filter(|number| *number > 0);
    let sequence = number.ok_or_else(|| refused(SEQUENCE, Some(sequence)))?;
    let epoch = match headers.get(EPOCH) {
        None => 0,
        Some(value) => {
            let number = value.integer().and_then(|number| u32::try_from(number).ok());
            number.ok_or_else(|| refused(EPOCH, Some(value)))?
        }
    };
    let producer = match headers.get(PRODUCER) {
        Some(Value::LongString(name)) if !name.is_empty() => stable_hash(PRODUCER_SEED, name),
        Some(value) if value.integer().is_some() => {
            stable_hash(PRODUCER_SEED, value.integer().unwrap_or_default().to_string().as_bytes())
        }
        other => return Err(refused(PRODUCER, other)),
    };
    Ok(Some(Stamp { producer, epoch, sequence, gaps: true }))
}

fn unreadable(error: PropertiesError) -> Fault {
    Fault::new(amqp091::ReplyCode::SyntaxError, error)
}

fn copies<'a>(headers: Table<'a>, key: &str) -> Result<Vec<&'a [u8]>, Fault> {
    match headers.get(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(_)) => Ok(keys_of_header(headers, key)),
        Some(other) => {
            let kind = other.type_name();
            let text = format!("invalid message: {{unacceptable_type_in_header,\"{key}\",{kind}}}");
            Err(Fault::precondition_failed(text))
        }
    }
}

fn without_blind_copies(read: &Properties<'_>, headers: Table<'_>) -> Bytes {
    let mut kept = TableBuf::new();
    kept.extend(headers, |key| key != *"BCC");
    let mut out = BytesMut::new();
    Properties { headers: Some(kept.as_table()), ..*read }.encode(&mut out);
    out.freeze()
}

/// The reasons are RabbitMQ's, as Erlang prints them.
fn expiration(text: &str) -> Result<u64, Fault> {
    let invalid =
        |reason: String| Err(Fault::precondition_failed(format!("invalid expiration '{text}': {reason}")));
    let signless = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = signless.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return invalid("no_integer".to_owned());
    }
    let number_end = text.len() - signless.len() + digits;
    if number_end < text.len() {
        return invalid(format!("{{leftover_string,{:?}}}", &text[number_end..]));
    }
    match text.parse::<i64>() {
        Ok(negative) if negative < 0 => invalid(format!("{{value_negative,{negative}}}")),
        Ok(ms) if ms <= TTL_MS_MAX => Ok(ms.unsigned_abs()),
        _ => invalid(format!("{{value_too_big,{}}}", text.trim_start_matches('+'))),
    }
}

#[cfg(test)]
mod tests {
    use amqp091::{ArrayBuf, ShortBytes};

    use super::*;

    fn bytes(properties: Properties<'_>) -> Bytes {
        let mut out = BytesMut::new();
        properties.encode(&mut out);
        out.freeze()
    }

    fn refused(properties: Properties<'_>) -> String {
        Publication::read(&bytes(properties), "guest", false).unwrap_err().to_string()
    }

    #[test]
    fn a_publisher_signs_with_its_own_name() {
        let properties =
            Properties { user_id: Some(ShortBytes::from_static("root")), ..Properties::default() };
        assert_eq!(
            refused(properties),
            "406 PRECONDITION_FAILED - user_id property set to 'root' but authenticated user was 'guest'"
        );
        assert!(Publication::read(&bytes(properties), "guest", true).is_ok());
        assert!(Publication::read(&bytes(properties), "root", false).is_ok());
    }

    #[test]
    fn expirations_are_decimal_milliseconds() {
        for (text, ms) in [("0", 0), ("60000", 60_000), ("+7", 7), ("315360000000", 315_360_000_000)] {
            assert_eq!(expiration(text), Ok(ms));
        }
        for (text, reason) in [
            ("abc", "no_integer"),
            ("", "no_integer"),
            ("12s", "{leftover_string,\"s\"}"),
            ("-1", "{value_negative,-1}"),
            ("315360000001", "{value_too_big,315360000001}"),
            ("99999999999999999999", "{value_too_big,99999999999999999999}"),
        ] {
            let text = format!("406 PRECONDITION_FAILED - invalid expiration '{text}': {reason}");
            let properties = Properties {
                expiration: Some(ShortBytes::try_from(text.split('\'').nth(1).unwrap()).unwrap()),
                ..Properties::default()
            };
            assert_eq!(refused(properties), text);
        }
    }

    #[test]
    fn copies_are_routed_and_blind_ones_not_seen() {
        let (mut seen, mut blind) = (ArrayBuf::new(), ArrayBuf::new());
        seen.push("a").push(1);
        blind.push("b");
        let headers =
            TableBuf::new().with("CC", seen.as_array()).with("BCC", blind.as_array()).with("mine", true);
        let stored = bytes(Properties { headers: Some(headers.as_table()), ..Properties::default() });
        let publication = Publication::read(&stored, "guest", false).unwrap();
        assert_eq!(publication.more_keys, [b"a", b"b"]);
        let headers = Properties::decode(&publication.properties).unwrap().headers.unwrap();
        assert!(headers.get("CC").is_some() && headers.get("BCC").is_none() && headers.get("mine").is_some());
    }

    #[test]
    fn copies_of_another_type_are_refused() {
        let headers = TableBuf::new().with("CC", "a");
        let properties = Properties { headers: Some(headers.as_table()), ..Properties::default() };
        assert_eq!(
            refused(properties),
            "406 PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,\"CC\",longstr}"
        );
    }

    #[test]
    fn a_stamp_says_who_and_the_how_manieth() {
        let read = |headers: TableBuf| {
            let stored = bytes(Properties { headers: Some(headers.as_table()), ..Properties::default() });
            Publication::read(&stored, "guest", false).map(|publication| publication.stamp)
        };
        let both = || TableBuf::new().with("x-producer-id", "till-7").with("x-producer-sequence", 5_i64);
        let stamp = read(both()).unwrap().unwrap();
        assert_eq!((stamp.epoch, stamp.sequence, stamp.gaps), (0, 5, true));
        let later = read(both().with("x-producer-epoch", 2)).unwrap().unwrap();
        assert_eq!((later.producer, later.epoch), (stamp.producer, 2));
        let number =
            read(TableBuf::new().with("x-producer-id", 7).with("x-producer-sequence", 1)).unwrap().unwrap();
        assert_ne!(number.producer, stamp.producer);
        assert_eq!(read(TableBuf::new().with("x-producer-id", "till-7")), Ok(None), "nothing is numbered");
        let sequence =
            |value: Value<'_>| TableBuf::new().with("x-producer-id", "p").with("x-producer-sequence", value);
        for (headers, key, found) in [
            (TableBuf::new().with("x-producer-sequence", 1), "x-producer-id", "undefined"),
            (
                TableBuf::new().with("x-producer-sequence", 1).with("x-producer-id", ""),
                "x-producer-id",
                "longstr",
            ),
            (sequence(Value::I64(0)), "x-producer-sequence", "long"),
            (sequence("1".into()), "x-producer-sequence", "longstr"),
            (both().with("x-producer-epoch", -1), "x-producer-epoch", "signedint"),
        ] {
            let text = format!(
                "406 PRECONDITION_FAILED - invalid message: {{unacceptable_value_in_header,\"{key}\",{found}}}"
            );
            assert_eq!(read(headers).unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn properties_are_stored_as_they_came() {
        let stored = bytes(Properties { priority: Some(3), ..Properties::default() });
        let publication = Publication::read(&stored, "guest", false).unwrap();
        assert_eq!(publication.properties.as_ptr(), stored.as_ptr());
        assert_eq!(publication.priority, Some(3));
        let unreadable = Publication::read(&Bytes::from_static(&[0, 1]), "guest", false).unwrap_err();
        assert_eq!(unreadable.reply_text(), "SYNTAX_ERROR - unknown property flags 0x0001");
    }

    #[test]
    fn a_delay_is_any_integer_that_makes_sense() {
        for (value, delay) in [
            (Value::I32(500), 500),
            (Value::I64(-1), 0),
            (Value::I64(1 << 32), 0),
            (Value::Bool(true), 0),
            (Value::U8(1), 1),
        ] {
            let headers = TableBuf::new().with("x-delay", value);
            let stored = bytes(Properties { headers: Some(headers.as_table()), ..Properties::default() });
            assert_eq!(Publication::read(&stored, "guest", false).unwrap().delay_ms(), delay);
        }
    }
}
