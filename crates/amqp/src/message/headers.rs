//! What a delivery adds to a message's own properties.

use amqp091::{Properties, ShortBytes, Table, TableBuf, Value};
use bytes::{Bytes, BytesMut};
use streams::Delivery;

use super::deaths::is_ours;
use super::stored::View;

const DELIVERY_COUNT: &str = "x-delivery-count";
const ACQUIRED_COUNT: &str = "x-acquired-count";
const EPOCH: &str = "x-consumer-epoch";
const PARTITION: &str = "x-partition";

/// The properties with which a message is delivered, if they are not just its own.
///
/// A message that was delivered before says how often that failed and how often it was given out; one from a queue with a single active
/// consumer, or with partitions, has the number by which a resource can tell a consumer that came late, and that of its partition; a dead
/// letter has its history.
pub(crate) fn changed_properties(
    message: &View<'_>,
    delivery: &Delivery,
    partition: Option<u32>,
) -> Option<Bytes> {
    if message.deaths.is_empty() && !delivery.redelivered && delivery.epoch == 0 && partition.is_none() {
        return None;
    }
    let own = Properties::decode(message.properties).ok()?;
    let deaths = Table::decode(message.deaths).unwrap_or_default();
    let mut headers = TableBuf::new();
    let is_replaced = |key: ShortBytes<'_>| {
        [DELIVERY_COUNT, ACQUIRED_COUNT, EPOCH, PARTITION].iter().any(|name| key == **name)
            || (!deaths.is_empty() && is_ours(key.as_bytes()))
    };
    headers.extend(own.headers.unwrap_or_default(), |key| !is_replaced(key));
    headers.extend(deaths, |_| true);
    if delivery.redelivered {
        headers = headers
            .with(DELIVERY_COUNT, i64::from(delivery.failed))
            .with(ACQUIRED_COUNT, i64::from(delivery.acquired));
    }
    if delivery.epoch > 0 {
        headers = headers.with(EPOCH, i64::try_from(delivery.epoch).unwrap_or(i64::MAX));
    }
    if let Some(partition) = partition {
        headers = headers.with(PARTITION, i64::from(partition));
    }
    let mut out = BytesMut::with_capacity(message.properties.len() + message.deaths.len() + 96);
    Properties { headers: Some(headers.as_table()), ..own }.encode(&mut out);
    Some(out.freeze())
}

/// The strings in a header that is an array: routing keys of CC or BCC.
pub(super) fn keys_of_header<'a>(headers: Table<'a>, key: &str) -> Vec<&'a [u8]> {
    let Some(Value::Array(array)) = headers.get(key) else {
        return Vec::new();
    };
    let text = |value| match value {
        Value::LongString(bytes) => Some(bytes),
        _ => None,
    };
    array.into_iter().filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use streams::{DeathReason, Offset, PartitionId};

    use super::*;
    use crate::message::{Death, Message};

    fn first() -> Delivery {
        let (partition, offset) = (PartitionId(1), Offset(2));
        Delivery { partition, offset, redelivered: false, failed: 0, acquired: 0, epoch: 0 }
    }

    fn message(headers: &TableBuf) -> Message {
        let mut out = BytesMut::new();
        let app_id = Some(ShortBytes::from_static("app"));
        Properties { headers: Some(headers.as_table()), app_id, ..Properties::default() }.encode(&mut out);
        Message {
            exchange: Bytes::new(),
            keys: vec![Bytes::from_static(b"q")],
            properties: out.freeze(),
            deaths: Bytes::new(),
            body: Bytes::new(),
        }
    }

    fn properties_of(message: &Message, delivery: &Delivery) -> Option<Bytes> {
        let mut out = BytesMut::new();
        message.encode(&mut out);
        changed_properties(&View::of(&out).unwrap(), delivery, None)
    }

    fn headers_of(properties: &Bytes) -> String {
        let properties = Properties::decode(properties).unwrap();
        assert_eq!(properties.app_id, Some(ShortBytes::from_static("app")));
        format!("{:?}", properties.headers.unwrap())
    }

    #[test]
    fn a_first_delivery_is_what_was_published() {
        let message = message(&TableBuf::new().with("mine", 1));
        assert_eq!(properties_of(&message, &first()), None);
    }

    #[test]
    fn a_later_delivery_has_its_counts_whatever_the_publisher_said() {
        let message = message(&TableBuf::new().with("x-delivery-count", 99).with("mine", 1));
        let delivery = Delivery { redelivered: true, failed: 2, acquired: 3, ..first() };
        assert_eq!(
            headers_of(&properties_of(&message, &delivery).unwrap()),
            r#"{"mine": 1i32, "x-delivery-count": 2i64, "x-acquired-count": 3i64}"#
        );
    }

    #[test]
    fn a_single_active_consumer_gets_its_epoch() {
        let message = message(&TableBuf::new());
        let delivery = Delivery { epoch: 7, ..first() };
        assert_eq!(headers_of(&properties_of(&message, &delivery).unwrap()), r#"{"x-consumer-epoch": 7i64}"#);
    }

    #[test]
    fn what_comes_from_a_partition_says_from_which() {
        let mut out = BytesMut::new();
        message(&TableBuf::new().with("x-partition", "forged")).encode(&mut out);
        let delivery = Delivery { epoch: 7, ..first() };
        let properties = changed_properties(&View::of(&out).unwrap(), &delivery, Some(3)).unwrap();
        assert_eq!(headers_of(&properties), r#"{"x-consumer-epoch": 7i64, "x-partition": 3i64}"#);
    }

    #[test]
    fn a_history_comes_from_queues_only() {
        let forged = TableBuf::new().with("x-death", "never").with("x-first-death-queue", "none");
        let alive = message(&forged);
        assert_eq!(properties_of(&alive, &first()), None, "a publisher's headers are its own");
        let death = Death { queue: "jobs", reason: DeathReason::MaxLen, time_ms: 5000 };
        let headers = headers_of(&properties_of(&alive.buried(&death, "dlx", None), &first()).unwrap());
        assert_eq!(headers.matches("x-death").count(), 1, "{headers}");
        assert!(headers.contains(r#""x-first-death-queue": "jobs""#), "{headers}");
        assert!(headers.contains(r#""reason": "maxlen""#), "{headers}");
    }
}
