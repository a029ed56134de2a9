//! The history of a dead letter, in the headers that RabbitMQ gives it.
//!
//! A stored message keeps the history as the table of headers that its deliveries will carry: `x-first-death-*`, `x-last-death-*`, and `x-death`,
//! newest first, one entry a queue and reason. What a publisher sends under these names is no history (as in RabbitMQ since 4.0).

use amqp091::{ArrayBuf, Properties, Table, TableBuf, Value};
use bytes::{Bytes, BytesMut};
use streams::DeathReason;

use super::Message;
use super::headers::keys_of_header;

/// How and where a message died.
#[derive(Debug, Clone, Copy)]
pub struct Death<'a> {
    /// The queue it was in.
    pub queue: &'a str,
    /// Why.
    pub reason: DeathReason,
    /// When, in milliseconds since 1970.
    pub time_ms: i64,
}

/// What `x-death` calls the reason.
pub(crate) const fn name(reason: DeathReason) -> &'static str {
    match reason {
        DeathReason::Rejected => "rejected",
        DeathReason::Expired => "expired",
        DeathReason::MaxLen => "maxlen",
        DeathReason::DeliveryLimit => "delivery_limit",
    }
}

const FIRST: [&str; 3] = ["x-first-death-exchange", "x-first-death-queue", "x-first-death-reason"];
const LAST: [&str; 3] = ["x-last-death-exchange", "x-last-death-queue", "x-last-death-reason"];
const HISTORY: &str = "x-death";

/// Whether a header of this name belongs to the history.
pub(super) fn is_ours(key: &[u8]) -> bool {
    key == HISTORY.as_bytes() || FIRST.iter().chain(&LAST).any(|name| key == name.as_bytes())
}

impl Message {
    /// The message as it goes on to the dead-letter exchange `exchange`, with `key` for its routing key if the queue replaces it.
    ///
    /// Its expiration stays behind in the history, so that it does not expire again where it comes to lie; and where the key is replaced,
    /// the additional keys go, too.
    pub fn buried(self, death: &Death<'_>, exchange: &str, key: Option<&str>) -> Message {
        let deaths = history(&self, death);
        let properties = without(&self.properties, key.is_some());
        let keys = match key {
            Some(key) => vec![Bytes::copy_from_slice(key.as_bytes())],
            None => self.keys,
        };
        Message {
            exchange: Bytes::copy_from_slice(exchange.as_bytes()),
            keys,
            properties,
            deaths,
            body: self.body,
        }
    }

    /// Whether the message may come to `queue` as a dead letter. Not if it would go round in circles: it died there before, and on no way since
    /// did a consumer reject it.
    pub fn may_return_to(&self, queue: &str) -> bool {
        let mut rejected = false;
        let found = entries(&self.deaths).any(|entry| {
            rejected |= text(entry, "reason") == Some(name(DeathReason::Rejected));
            text(entry, "queue") == Some(queue)
        });
        !found || rejected
    }
}

/// The table that replaces the message's history.
fn history(message: &Message, death: &Death<'_>) -> Bytes {
    let before = Table::decode(&message.deaths).unwrap_or_default();
    let reason = name(death.reason);
    let exchange = Value::LongString(&message.exchange);
    let mut table = TableBuf::new();
    for (key, value) in FIRST.into_iter().zip([exchange, death.queue.into(), reason.into()]) {
        table = table.with(key, before.get(key).unwrap_or(value));
    }
    for (key, value) in LAST.into_iter().zip([exchange, death.queue.into(), reason.into()]) {
        table = table.with(key, value);
    }
    let is_same = |entry: &Table<'_>| {
        text(*entry, "queue") == Some(death.queue) && text(*entry, "reason") == Some(reason)
    };
    let earlier = entries(&message.deaths).find(is_same);
    let mut deaths = ArrayBuf::new();
    match earlier {
        Some(entry) => deaths.push(counted_again(entry).as_table()),
        None => deaths.push(first_entry(message, death).as_table()),
    };
    for entry in entries(&message.deaths).filter(|entry| !is_same(entry)) {
        deaths.push(entry);
    }
    table.with(HISTORY, deaths.as_array()).freeze()
}

fn first_entry(message: &Message, death: &Death<'_>) -> TableBuf {
    let mut entry = TableBuf::new();
    let properties = Properties::decode(&message.properties).unwrap_or_default();
    if let Some(expiration) = properties.expiration {
        entry = entry.with("original-expiration", Value::LongString(expiration.as_bytes()));
    }
    let mut keys = ArrayBuf::new();
    let carbon_copies = properties.headers.into_iter().flat_map(|headers| keys_of_header(headers, "CC"));
    for key in [&message.key()[..]].into_iter().chain(carbon_copies) {
        keys.push(Value::LongString(key));
    }
    let seconds = u64::try_from(death.time_ms / 1000).unwrap_or(0);
    entry
        .with("count", 1_i64)
        .with("reason", name(death.reason))
        .with("queue", death.queue)
        .with("time", Value::Timestamp(seconds))
        .with("exchange", Value::LongString(&message.exchange))
        .with("routing-keys", keys.as_array())
}

/// The same entry with a count one higher. Its time stays that of the first death.
fn counted_again(entry: Table<'_>) -> TableBuf {
    let mut again = TableBuf::new();
    for (key, value) in entry {
        let count = value.integer().filter(|_| key == *"count");
        again.push(key, count.map_or(value, |count| Value::I64(count.saturating_add(1))));
    }
    again
}

fn entries(deaths: &[u8]) -> impl Iterator<Item = Table<'_>> {
    let history = Table::decode(deaths).ok().and_then(|table| table.get(HISTORY));
    let array = match history {
        Some(Value::Array(array)) => array,
        _ => amqp091::Array::default(),
    };
    array.into_iter().filter_map(|entry| match entry {
        Value::Table(table) => Some(table),
        _ => None,
    })
}

fn text<'a>(entry: Table<'a>, key: &str) -> Option<&'a str> {
    entry.get(key).and_then(Value::text)
}

/// The properties without an expiration and, if its keys are replaced, without the header CC.
fn without(properties: &Bytes, carbon_copies: bool) -> Bytes {
    let Ok(read) = Properties::decode(properties) else {
        return properties.clone();
    };
    let has_copies = carbon_copies && read.headers.is_some_and(|headers| headers.get("CC").is_some());
    if read.expiration.is_none() && !has_copies {
        return properties.clone();
    }
    let mut headers = TableBuf::new();
    headers.extend(read.headers.unwrap_or_default(), |key| !(has_copies && key == *"CC"));
    let headers = read.headers.map(|_| headers.as_table());
    let mut out = BytesMut::new();
    Properties { expiration: None, headers, ..read }.encode(&mut out);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use amqp091::ShortBytes;

    use super::*;

    fn message(properties: Properties<'_>) -> Message {
        let mut out = BytesMut::new();
        properties.encode(&mut out);
        Message {
            exchange: Bytes::from_static(b"orders"),
            keys: vec![Bytes::from_static(b"new"), Bytes::from_static(b"copy"), Bytes::from_static(b"blind")],
            properties: out.freeze(),
            deaths: Bytes::new(),
            body: Bytes::from_static(b"body"),
        }
    }

    fn plain() -> Message {
        message(Properties::default())
    }

    fn death(queue: &'static str, reason: DeathReason) -> Death<'static> {
        Death { queue, reason, time_ms: 1_700_000_000_999 }
    }

    fn history_of(message: &Message) -> String {
        format!("{:?}", Table::decode(&message.deaths).unwrap())
    }

    #[test]
    fn the_first_death_is_recorded_as_clients_expect_it() {
        let mut copies = ArrayBuf::new();
        copies.push("copy");
        let headers = TableBuf::new().with("CC", copies.as_array());
        let expiration = Some(ShortBytes::from_static("60000"));
        let alive =
            message(Properties { headers: Some(headers.as_table()), expiration, ..Properties::default() });
        let dead = alive.buried(&death("jobs", DeathReason::Expired), "dlx", None);
        assert_eq!(
            history_of(&dead),
            concat!(
                r#"{"x-first-death-exchange": "orders", "x-first-death-queue": "jobs", "x-first-death-reason": "expired", "#,
                r#""x-last-death-exchange": "orders", "x-last-death-queue": "jobs", "x-last-death-reason": "expired", "#,
                r#""x-death": [{"original-expiration": "60000", "count": 1i64, "reason": "expired", "queue": "jobs", "#,
                r#""time": @1700000000, "exchange": "orders", "routing-keys": ["new", "copy"]}]}"#
            )
        );
        let properties = Properties::decode(&dead.properties).unwrap();
        assert_eq!(properties.expiration, None);
        assert!(properties.headers.unwrap().get("CC").is_some());
        assert_eq!(dead.keys.len(), 3, "without another key, all of them are kept");
        assert_eq!(&dead.exchange[..], b"dlx");
    }

    #[test]
    fn another_routing_key_replaces_them_all() {
        let mut copies = ArrayBuf::new();
        copies.push("copy");
        let headers = TableBuf::new().with("CC", copies.as_array()).with("mine", 1);
        let alive = message(Properties { headers: Some(headers.as_table()), ..Properties::default() });
        let dead = alive.buried(&death("jobs", DeathReason::Rejected), "dlx", Some("dead"));
        assert_eq!(dead.keys, [&b"dead"[..]]);
        let headers = Properties::decode(&dead.properties).unwrap().headers.unwrap();
        assert_eq!((headers.get("CC"), headers.get("mine")), (None, Some(Value::I32(1))));
    }

    #[test]
    fn deaths_of_the_same_kind_are_counted_and_come_first() {
        let once = plain().buried(&death("jobs", DeathReason::Rejected), "dlx", None);
        let twice = once.buried(&death("retry", DeathReason::Expired), "", Some("jobs"));
        let later = Death { time_ms: 1_800_000_000_000, ..death("jobs", DeathReason::Rejected) };
        let thrice = twice.buried(&later, "dlx", None);
        let entries: Vec<_> = entries(&thrice.deaths).collect();
        assert_eq!(entries.len(), 2);
        assert_eq!(text(entries[0], "queue"), Some("jobs"));
        assert_eq!(entries[0].get("count"), Some(Value::I64(2)));
        assert_eq!(entries[0].get("time"), Some(Value::Timestamp(1_700_000_000)), "the time of the first");
        assert_eq!(text(entries[1], "queue"), Some("retry"));
        let table = Table::decode(&thrice.deaths).unwrap();
        assert_eq!(table.get("x-first-death-reason").unwrap().text(), Some("rejected"));
        assert_eq!(table.get("x-first-death-exchange").unwrap().text(), Some("orders"));
        assert_eq!(table.get("x-last-death-exchange").unwrap().text(), Some(""));
        assert_eq!(text(entries[1], "exchange"), Some("dlx"));
    }

    #[test]
    fn circles_without_a_rejection_are_broken() {
        let fresh = plain();
        assert!(fresh.may_return_to("jobs"));
        let expired = fresh.buried(&death("jobs", DeathReason::Expired), "dlx", None);
        assert!(!expired.may_return_to("jobs") && expired.may_return_to("other"));
        let further = expired.clone().buried(&death("other", DeathReason::MaxLen), "dlx", None);
        assert!(!further.may_return_to("jobs") && !further.may_return_to("other"));
        let rejected = expired.buried(&death("other", DeathReason::Rejected), "dlx", None);
        assert!(rejected.may_return_to("jobs") && rejected.may_return_to("other"));
        // A rejection from before it last came to the queue does not count.
        let old = plain().buried(&death("a", DeathReason::Rejected), "dlx", None).buried(
            &death("b", DeathReason::Expired),
            "dlx",
            None,
        );
        assert!(!old.may_return_to("b") && old.may_return_to("a"));
    }
}
