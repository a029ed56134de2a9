//! Arguments: AMQP tables, kept with their types, because clients notice when a type changes.
//!
//! In a znode they are a list of `[key, type, value]`, with the types' names in RabbitMQ's error texts. Keys are encoded as
//! [`Name`]s are, strings that are not UTF-8 as `longstr:base64`, numbers with a point as text, and those
//! that are none as `float:bits`.

use std::fmt;

use amqp091::{Array, ArrayBuf, ShortBytes, Table, TableBuf, TableError, Value};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::name::Name;

/// The arguments of a declaration or binding, in the order of their keys; of several with one key, the first.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Arguments(Bytes);

impl Arguments {
    /// The table.
    pub fn table(&self) -> Table<'_> {
        Table::decode(&self.0).expect("arguments are made of tables only")
    }

    /// The first value with this key.
    pub fn get(&self, key: &str) -> Option<Value<'_>> {
        if self.is_empty() { None } else { self.table().get(key) }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The encoded table, without the length in front of it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// 128 bits that differ when the arguments do; `None` if there are none.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        let digest = Sha256::digest(&self.0);
        (!self.is_empty()).then(|| digest[..16].iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl From<Table<'_>> for Arguments {
    fn from(table: Table<'_>) -> Self {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| *key);
        entries.dedup_by_key(|(key, _)| *key);
        let mut sorted = TableBuf::new();
        for (key, value) in entries {
            sorted.push(key, value);
        }
        Self(sorted.freeze())
    }
}

impl From<TableBuf> for Arguments {
    fn from(table: TableBuf) -> Self {
        Self::from(table.as_table())
    }
}

impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.table(), f)
    }
}

impl Serialize for Arguments {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        table_to_json(self.table()).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(from)?;
        let table = table_from_json(&json).ok_or_else(|| {
            de::Error::custom("arguments are not a list of [key, type, value] with types of AMQP")
        })?;
        // What is nested too deep would be found only when it is read.
        let checked = |table: &TableBuf| Table::decode(table.as_table().as_bytes()).map(|_| ());
        checked(&table).map_err(|error: TableError| de::Error::custom(error))?;
        Ok(Self::from(table))
    }
}

fn table_to_json(table: Table<'_>) -> Json {
    let entry = |(key, value): (ShortBytes<'_>, Value<'_>)| {
        let (kind, value) = value_to_json(value);
        Json::from(vec![Json::from(Name::from(key.as_bytes()).encode()), kind.into(), value])
    };
    table.iter().map(entry).collect()
}

fn array_to_json(array: Array<'_>) -> Json {
    let value = |value| {
        let (kind, value) = value_to_json(value);
        Json::from(vec![kind.into(), value])
    };
    array.iter().map(value).collect()
}

fn value_to_json(value: Value<'_>) -> (&'static str, Json) {
    let json = match value {
        Value::LongString(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) => return ("longstr:base64", STANDARD.encode(bytes).into()),
        },
        Value::F32(number) if !number.is_finite() => return ("float:bits", number.to_bits().into()),
        Value::F64(number) if !number.is_finite() => return ("double:bits", number.to_bits().into()),
        // As text: readers of JSON differ in the last bit.
        Value::F32(number) => format!("{number:?}").into(),
        Value::F64(number) => format!("{number:?}").into(),
        Value::Bytes(bytes) => STANDARD.encode(bytes).into(),
        Value::Bool(value) => value.into(),
        Value::Decimal { scale, value } => vec![u32::from(scale), value].into(),
        Value::Timestamp(seconds) => seconds.into(),
        Value::Array(array) => array_to_json(array),
        Value::Table(table) => table_to_json(table),
        Value::Void => Json::Null,
        Value::I8(_)
        | Value::U8(_)
        | Value::I16(_)
        | Value::U16(_)
        | Value::I32(_)
        | Value::U32(_)
        | Value::I64(_) => value.integer().into(),
    };
    (value.type_name(), json)
}

fn table_from_json(json: &Json) -> Option<TableBuf> {
    let mut table = TableBuf::new();
    for entry in json.as_array()? {
        let [key, kind, value] = &entry.as_array()?[..] else { return None };
        let key = Name::decode(key.as_str()?)?;
        let key = ShortBytes::try_from(key.as_bytes()).ok()?;
        with_value(kind.as_str()?, value, |value| {
            table.push(key, value);
        })?;
    }
    Some(table)
}

fn array_from_json(json: &Json) -> Option<ArrayBuf> {
    let mut array = ArrayBuf::new();
    for entry in json.as_array()? {
        let [kind, value] = &entry.as_array()?[..] else { return None };
        with_value(kind.as_str()?, value, |value| {
            array.push(value);
        })?;
    }
    Some(array)
}

/// Values borrow, so what was decoded is handed down.
fn with_value(kind: &str, json: &Json, take: impl FnOnce(Value<'_>)) -> Option<()> {
    match kind {
        "longstr" => take(Value::LongString(json.as_str()?.as_bytes())),
        "longstr:base64" => take(Value::LongString(&STANDARD.decode(json.as_str()?).ok()?)),
        "binary" => take(Value::Bytes(&STANDARD.decode(json.as_str()?).ok()?)),
        "array" => take(Value::Array(array_from_json(json)?.as_array())),
        "table" => take(Value::Table(table_from_json(json)?.as_table())),
        _ => take(scalar(kind, json)?),
    }
    Some(())
}

fn scalar(kind: &str, json: &Json) -> Option<Value<'static>> {
    Some(match kind {
        "bool" => Value::Bool(json.as_bool()?),
        "byte" => Value::I8(json.as_i64()?.try_into().ok()?),
        "unsignedbyte" => Value::U8(json.as_i64()?.try_into().ok()?),
        "short" => Value::I16(json.as_i64()?.try_into().ok()?),
        "unsignedshort" => Value::U16(json.as_i64()?.try_into().ok()?),
        "signedint" => Value::I32(json.as_i64()?.try_into().ok()?),
        "unsignedint" => Value::U32(json.as_i64()?.try_into().ok()?),
        "long" => Value::I64(json.as_i64()?),
        "float" => Value::F32(json.as_str()?.parse().ok()?),
        "double" => Value::F64(json.as_str()?.parse().ok()?),
        "float:bits" => Value::F32(f32::from_bits(json.as_u64()?.try_into().ok()?)),
        "double:bits" => Value::F64(f64::from_bits(json.as_u64()?)),
        "decimal" => {
            let [scale, value] = &json.as_array()?[..] else { return None };
            Value::Decimal {
                scale: scale.as_u64()?.try_into().ok()?,
                value: value.as_u64()?.try_into().ok()?,
            }
        }
        "timestamp" => Value::Timestamp(json.as_u64()?),
        "void" => Value::Void,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn arguments_as_operators_see_them() {
        let arguments = Arguments::from(
            TableBuf::new().with("x-message-ttl", 60_000).with("x-queue-type", "quorum").with("x-lazy", true),
        );
        let json = serde_json::to_string(&arguments).unwrap();
        assert_eq!(
            json,
            r#"[["x-lazy","bool",true],["x-message-ttl","signedint",60000],["x-queue-type","longstr","quorum"]]"#
        );
    }

    #[test]
    fn of_several_with_one_key_the_first_counts() {
        let arguments = Arguments::from(TableBuf::new().with("b", 1).with("a", 2).with("b", 3));
        assert_eq!(arguments, Arguments::from(TableBuf::new().with("a", 2).with("b", 1)));
    }

    #[test]
    fn what_is_no_table_is_refused() {
        for json in [
            r"{}",
            r#"[["a","bool"]]"#,
            r#"[["a","byte",128]]"#,
            r#"[["a","no",1]]"#,
            r#"[["%41","bool",true]]"#,
        ] {
            assert!(serde_json::from_str::<Arguments>(json).is_err(), "{json}");
        }
    }

    fn value() -> impl Strategy<Value = TableBuf> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(|value| TableBuf::new().with("k", Value::Bool(value))),
            any::<i8>().prop_map(|value| TableBuf::new().with("k", Value::I8(value))),
            any::<u8>().prop_map(|value| TableBuf::new().with("k", Value::U8(value))),
            any::<i16>().prop_map(|value| TableBuf::new().with("k", Value::I16(value))),
            any::<u16>().prop_map(|value| TableBuf::new().with("k", Value::U16(value))),
            any::<i32>().prop_map(|value| TableBuf::new().with("k", Value::I32(value))),
            any::<u32>().prop_map(|value| TableBuf::new().with("k", Value::U32(value))),
            any::<i64>().prop_map(|value| TableBuf::new().with("k", Value::I64(value))),
            any::<u32>().prop_map(|bits| TableBuf::new().with("k", Value::F32(f32::from_bits(bits)))),
            any::<u64>().prop_map(|bits| TableBuf::new().with("k", Value::F64(f64::from_bits(bits)))),
            any::<u64>().prop_map(|value| TableBuf::new().with("k", Value::Timestamp(value))),
            (any::<u8>(), any::<u32>())
                .prop_map(|(scale, value)| TableBuf::new().with("k", Value::Decimal { scale, value })),
            prop::collection::vec(any::<u8>(), 0..20)
                .prop_map(|bytes| TableBuf::new().with("k", Value::LongString(&bytes))),
            prop::collection::vec(any::<u8>(), 0..20)
                .prop_map(|bytes| TableBuf::new().with("k", Value::Bytes(&bytes))),
            Just(TableBuf::new().with("k", Value::Void)),
        ];
        leaf.prop_recursive(4, 20, 4, |inner| {
            prop::collection::vec((inner, any::<bool>(), prop::collection::vec(any::<u8>(), 0..9)), 0..4)
                .prop_map(|parts| {
                    let (mut table, mut array) = (TableBuf::new(), ArrayBuf::new());
                    for (part, in_array, key) in &parts {
                        let value = part.as_table().get("k").expect("every table here has it");
                        if *in_array {
                            array.push(value);
                        } else {
                            table.push(ShortBytes::try_from(&key[..]).unwrap(), value);
                        }
                    }
                    TableBuf::new().with("k", table.as_table()).with("array", array.as_array())
                })
        })
    }

    proptest! {
        #[test]
        fn all_types_survive(table in value()) {
            let arguments = Arguments::from(table);
            let json = serde_json::to_string(&arguments).unwrap();
            prop_assert_eq!(serde_json::from_str::<Arguments>(&json).unwrap(), arguments);
        }
    }
}
