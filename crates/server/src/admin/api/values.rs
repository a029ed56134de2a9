//! AMQP's values as JSON, and back.

use amqp091::{ArrayBuf, Properties, ShortBytes, Table, TableBuf, Value};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value as Json, json};

use super::Refusal;

/// Tables and lists in each other: fewer than AMQP's reader lets in.
const DEPTH_MAX: usize = 8;

pub(super) fn json_of_table(table: Table<'_>) -> Json {
    Json::Object(table.iter().map(|(key, value)| (lossy(key.as_bytes()), json_of(value))).collect())
}

fn json_of(value: Value<'_>) -> Json {
    match value {
        Value::Bool(flag) => flag.into(),
        Value::F32(number) => number.into(),
        Value::F64(number) => number.into(),
        Value::Decimal { scale, value } => (f64::from(value) / 10f64.powi(i32::from(scale))).into(),
        Value::Timestamp(seconds) => seconds.into(),
        Value::LongString(text) | Value::Bytes(text) => lossy(text).into(),
        Value::Array(array) => array.iter().map(json_of).collect(),
        Value::Table(table) => json_of_table(table),
        _ => value.integer().map_or(Json::Null, Json::from),
    }
}

pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Nothing is an empty table.
pub(super) fn table_of(json: &Json) -> Result<TableBuf, Refusal> {
    nested_table(json, 0)
}

fn nested_table(json: &Json, depth: usize) -> Result<TableBuf, Refusal> {
    let nothing = Map::new();
    let map = match json {
        Json::Object(map) => map,
        Json::Null => &nothing,
        Json::Array(list) if list.is_empty() => &nothing,
        _ => return Err(Refusal::bad_request("arguments and headers are objects")),
    };
    let mut table = TableBuf::new();
    for (key, value) in map {
        let key = short(key)?;
        with_value(value, depth, &mut |value| {
            table.push(key, value);
        })?;
    }
    Ok(table)
}

fn with_value(json: &Json, depth: usize, put: &mut dyn FnMut(Value<'_>)) -> Result<(), Refusal> {
    if depth > DEPTH_MAX {
        return Err(Refusal::bad_request(format!("more than {DEPTH_MAX} objects and lists in each other")));
    }
    match json {
        Json::Null => put(Value::Void),
        Json::Bool(flag) => put((*flag).into()),
        Json::String(text) => put(text.as_str().into()),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => put(number.into()),
            (None, Some(number)) => put(Value::F64(number)),
            (None, None) => return Err(Refusal::bad_request(format!("{number} is no number of AMQP's"))),
        },
        Json::Array(list) => {
            let mut array = ArrayBuf::new();
            for value in list {
                with_value(value, depth + 1, &mut |value| {
                    array.push(value);
                })?;
            }
            put(array.as_array().into());
        }
        Json::Object(_) => put(nested_table(json, depth + 1)?.as_table().into()),
    }
    Ok(())
}

fn short(text: &str) -> Result<ShortBytes<'_>, Refusal> {
    ShortBytes::try_from(text).map_err(|_| Refusal::bad_request(format!("{text:?} has more than 255 bytes")))
}

/// A message's properties, as RabbitMQ shows them: those that there are.
pub(super) fn json_of_properties(bytes: &Bytes) -> Json {
    let read = Properties::decode(bytes).unwrap_or_default();
    let mut shown = Map::new();
    for (name, value) in [
        ("app_id", read.app_id),
        ("cluster_id", read.cluster_id),
        ("content_encoding", read.content_encoding),
        ("content_type", read.content_type),
        ("correlation_id", read.correlation_id),
        ("expiration", read.expiration),
        ("message_id", read.message_id),
        ("reply_to", read.reply_to),
        ("type", read.kind),
        ("user_id", read.user_id),
    ] {
        if let Some(value) = value {
            shown.insert(name.into(), lossy(value.as_bytes()).into());
        }
    }
    if let Some(headers) = read.headers {
        shown.insert("headers".into(), json_of_table(headers));
    }
    for (name, value) in [
        ("delivery_mode", read.delivery_mode.map(u64::from)),
        ("priority", read.priority.map(u64::from)),
        ("timestamp", read.timestamp),
    ] {
        if let Some(value) = value {
            shown.insert(name.into(), value.into());
        }
    }
    Json::Object(shown)
}

/// The bytes of properties that are given as JSON.
pub(super) fn properties_of(json: &Json) -> Result<Bytes, Refusal> {
    let text = |name: &str| match &json[name] {
        Json::Null => Ok(None),
        Json::String(text) => short(text).map(Some),
        _ => Err(Refusal::bad_request(format!("the property {name} is a string"))),
    };
    let number = |name: &str| match &json[name] {
        Json::Null => Ok(None),
        given => {
            let number = given.as_u64().or_else(|| given.as_str().and_then(|text| text.parse().ok()));
            number.map(Some).ok_or_else(|| Refusal::bad_request(format!("the property {name} is a number")))
        }
    };
    let octet = |name: &str| match number(name)?.map(u8::try_from) {
        None => Ok(None),
        Some(Ok(octet)) => Ok(Some(octet)),
        Some(Err(_)) => Err(Refusal::bad_request(format!("the property {name} is from 0 to 255"))),
    };
    let headers = match &json["headers"] {
        Json::Null => None,
        given => Some(table_of(given)?),
    };
    let properties = Properties {
        content_type: text("content_type")?,
        content_encoding: text("content_encoding")?,
        headers: headers.as_ref().map(TableBuf::as_table),
        delivery_mode: octet("delivery_mode")?,
        priority: octet("priority")?,
        correlation_id: text("correlation_id")?,
        reply_to: text("reply_to")?,
        expiration: text("expiration")?,
        message_id: text("message_id")?,
        timestamp: number("timestamp")?,
        kind: text("type")?,
        user_id: text("user_id")?,
        app_id: text("app_id")?,
        cluster_id: text("cluster_id")?,
    };
    let mut out = BytesMut::new();
    properties.encode(&mut out);
    Ok(out.freeze())
}

/// A body as text if it is some and nothing else is wanted, and how it is written.
pub(super) fn payload(body: &[u8], base64: bool) -> (String, &'static str) {
    match std::str::from_utf8(body) {
        Ok(text) if !base64 => (text.to_owned(), "string"),
        _ => (STANDARD.encode(body), "base64"),
    }
}

pub(super) fn body_of(json: &Json) -> Result<Bytes, Refusal> {
    let payload = json["payload"].as_str().ok_or_else(|| Refusal::bad_request("payload is missing"))?;
    match json["payload_encoding"].as_str().unwrap_or("string") {
        "string" => Ok(Bytes::copy_from_slice(payload.as_bytes())),
        "base64" => {
            let decoded = STANDARD.decode(payload);
            Ok(decoded.map_err(|_| Refusal::bad_request("the payload is no base64"))?.into())
        }
        other => Err(Refusal::bad_request(format!("unsupported encoding: {other}"))),
    }
}

/// The body of a request; nothing is an empty object.
pub(super) fn request_of(body: &[u8]) -> Result<Json, Refusal> {
    if body.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(body).map_err(|error| Refusal::bad_request(format!("not_json: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_come_back_as_they_were_given() {
        let given = json!({
            "content_type": "text/plain",
            "headers": { "n": 1, "list": [true, "x", { "deep": null }], "f": 1.5 },
            "delivery_mode": 2,
            "timestamp": 5,
            "type": "t",
        });
        assert_eq!(json_of_properties(&properties_of(&given).unwrap()), given);
        assert!(properties_of(&json!({ "priority": 256 })).is_err());
        assert!(properties_of(&json!({ "headers": 1 })).is_err());
    }

    #[test]
    fn what_is_let_in_can_be_read_and_what_is_too_deep_is_not_let_in() {
        let nested = |depth: usize| (0..depth).fold(json!({}), |inner, _| json!({ "a": [inner] }));
        for depth in 0..40 {
            if let Ok(bytes) = properties_of(&json!({ "headers": nested(depth) })) {
                assert!(Properties::decode(&bytes).is_ok(), "{depth}");
            }
        }
        assert!(properties_of(&json!({ "headers": nested(3) })).is_ok());
        assert!(properties_of(&json!({ "headers": nested(20) })).is_err());
    }

    #[test]
    fn bodies_that_are_no_text_are_base64() {
        assert_eq!(payload(b"text", false), ("text".into(), "string"));
        assert_eq!(payload(b"text", true).1, "base64");
        let (payload, encoding) = payload(b"\xff", false);
        let request = json!({ "payload": payload, "payload_encoding": encoding });
        assert_eq!(&body_of(&request).unwrap()[..], b"\xff");
    }
}
