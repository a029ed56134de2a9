//! Headers exchanges: what a binding's arguments ask of a message's headers.
//!
//! Types do not count, as in RabbitMQ: numbers are equal when they are, strings and bytes likewise. Bindings are found by one header
//! that they ask for (`all`), or by each (`any`), so that a message is compared only with those that may match.

use std::sync::Arc;

use amqp091::{Table, Value};

use crate::binding::Binding;
use crate::destination::Destination;
use crate::map::Map;
use crate::name::Name;

/// The argument that says how many of the others must match.
pub(crate) const X_MATCH: &str = "x-match";

/// The bindings of a headers exchange.
#[derive(Clone, Default)]
pub(crate) struct HeaderTable {
    /// By a header that they ask for, with its value or without.
    asking: Map<Header, Map<Name, Arc<Demand>>>,
    /// Those that ask for nothing.
    always: Map<Name, Destination>,
}

/// A header with a value, in a form in which equal values are equal bytes; or any value.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Header {
    key: Name,
    value: Option<Name>,
}

/// What a binding asks for.
struct Demand {
    headers: Vec<Header>,
    any: bool,
    destination: Destination,
}

/// How many of a binding's arguments must match.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Match {
    any: bool,
    with_x: bool,
}

impl Match {
    /// From the argument's value; absent, it is `all`.
    pub(crate) fn parse(value: Option<Value<'_>>) -> Option<Self> {
        Some(match value {
            None | Some(Value::LongString(b"all")) => Self { any: false, with_x: false },
            Some(Value::LongString(b"any")) => Self { any: true, with_x: false },
            Some(Value::LongString(b"all-with-x")) => Self { any: false, with_x: true },
            Some(Value::LongString(b"any-with-x")) => Self { any: true, with_x: true },
            Some(_) => return None,
        })
    }
}

impl Demand {
    fn of(binding: &Binding, destination: Destination) -> Self {
        let arguments = binding.arguments.table();
        let Match { any, with_x } =
            Match::parse(arguments.get(X_MATCH)).unwrap_or(Match { any: false, with_x: false });
        let is_asked = |key: &[u8]| key != X_MATCH.as_bytes() && (with_x || !key.starts_with(b"x-"));
        let headers =
            arguments.iter().filter(|(key, _)| is_asked(key.as_bytes())).map(|(key, value)| Header {
                key: key.as_bytes().into(),
                value: (value != Value::Void).then(|| Name::from(&canonical(value)[..])),
            });
        Self { headers: headers.collect(), any, destination }
    }

    /// Under which headers it is found.
    fn places(&self) -> &[Header] {
        match self.any {
            true => &self.headers,
            // One with a value is rarer than one without.
            false => {
                let at = self.headers.iter().position(|header| header.value.is_some()).unwrap_or(0);
                self.headers.get(at..=at).unwrap_or_default()
            }
        }
    }

    fn is_met(&self, headers: &[(&[u8], Vec<u8>)]) -> bool {
        let has = |wanted: &Header| {
            let found = headers.iter().find(|(key, _)| *key == &*wanted.key);
            found.is_some_and(|(_, value)| wanted.value.as_ref().is_none_or(|wanted| **wanted == value[..]))
        };
        self.any || self.headers.iter().all(has)
    }
}

impl HeaderTable {
    pub(crate) fn add(&mut self, binding: &Binding, destination: &Destination) {
        let demand = Arc::new(Demand::of(binding, destination.clone()));
        let id = Name::from(binding.znode().as_str());
        for place in demand.places() {
            self.asking.entry(place, Map::default).insert(id.clone(), Arc::clone(&demand));
        }
        if demand.headers.is_empty() && !demand.any {
            self.always.insert(id, destination.clone());
        }
    }

    pub(crate) fn remove(&mut self, binding: &Binding, destination: &Destination) {
        let demand = Demand::of(binding, destination.clone());
        let id = Name::from(binding.znode().as_str());
        for place in demand.places() {
            if let Some(there) = self.asking.get_mut(place) {
                there.remove(&id);
                if there.is_empty() {
                    self.asking.remove(place);
                }
            }
        }
        self.always.remove(&id);
    }

    /// Hands over where the bindings lead that match; the same may come several times.
    pub(crate) fn find<'a>(&'a self, headers: Table<'_>, mut found: impl FnMut(&'a Destination)) {
        self.always.values().for_each(&mut found);
        if self.asking.is_empty() {
            return;
        }
        let headers: Vec<(&[u8], Vec<u8>)> =
            headers.iter().map(|(key, value)| (key.as_bytes(), canonical(value))).collect();
        for (key, value) in &headers {
            let key = Name::from(*key);
            for value in [Some(Name::from(&value[..])), None] {
                let there = self.asking.get(&Header { key: key.clone(), value });
                let demands = there.into_iter().flat_map(Map::values);
                demands
                    .filter(|demand| demand.is_met(&headers))
                    .for_each(|demand| found(&demand.destination));
            }
        }
    }
}

/// Bytes that are equal when the values are.
fn canonical(value: Value<'_>) -> Vec<u8> {
    let tagged = |tag: u8, bytes: &[u8]| [&[tag], bytes].concat();
    let number = |number: i128| tagged(b'n', &number.to_be_bytes());
    match value {
        Value::Bool(value) => tagged(b't', &[value.into()]),
        Value::Timestamp(seconds) => number(seconds.into()),
        Value::F32(value) => float(value.into()),
        Value::F64(value) => float(value),
        Value::Decimal { scale, value } => tagged(b'D', &[&[scale][..], &value.to_be_bytes()].concat()),
        Value::LongString(bytes) | Value::Bytes(bytes) => tagged(b'S', bytes),
        Value::Array(array) => {
            let values = array.iter().map(canonical);
            values.fold(vec![b'A'], |all, one| [all, length(&one), one].concat())
        }
        Value::Table(table) => {
            let values = table.iter().map(|(key, value)| [key.as_bytes(), b"=", &canonical(value)].concat());
            values.fold(vec![b'F'], |all, one| [all, length(&one), one].concat())
        }
        Value::Void => tagged(b'V', &[]),
        Value::I8(_)
        | Value::U8(_)
        | Value::I16(_)
        | Value::U16(_)
        | Value::I32(_)
        | Value::U32(_)
        | Value::I64(_) => number(value.integer().unwrap_or_default().into()),
    }
}

fn length(bytes: &[u8]) -> Vec<u8> {
    bytes.len().to_be_bytes().to_vec()
}

/// A whole number is equal to an integer.
#[expect(clippy::cast_possible_truncation, reason = "it is compared with what it came from")]
fn float(value: f64) -> Vec<u8> {
    let whole = value as i128;
    if (whole as f64).to_bits() == value.to_bits() || value == 0.0 {
        return [&[b'n'][..], &whole.to_be_bytes()].concat();
    }
    [&[b'd'][..], &value.to_bits().to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use amqp091::TableBuf;

    use super::*;
    use crate::binding::BindingSpec;

    fn finds(wanted: TableBuf, headers: TableBuf) -> bool {
        let binding = BindingSpec::of_exchange("source", "there", "", wanted.as_table()).to(1);
        let mut table = HeaderTable::default();
        let there = Destination::Exchange("there".into());
        table.add(&binding, &there);
        let mut found = false;
        table.find(headers.as_table(), |_| found = true);
        table.remove(&binding, &there);
        assert!(table.asking.is_empty() && table.always.is_empty());
        found
    }

    #[test]
    fn what_bindings_ask_for() {
        let t = TableBuf::new;
        for (wanted, headers, expected) in [
            (t(), t(), true),
            (t(), t().with("a", 1), true),
            (t().with("x-match", "any"), t().with("a", 1), false),
            (t().with("a", 1), t(), false),
            (t().with("a", 1).with("b", 2), t().with("a", 1), false),
            (t().with("a", 1).with("b", 2), t().with("b", 2).with("a", 1), true),
            (t().with("x-match", "any").with("a", 1).with("b", 2), t().with("b", 2), true),
            (t().with("x-match", "any").with("a", 1).with("b", 2), t().with("b", 3), false),
            (t().with("a", Value::Void), t().with("a", "x"), true),
            (t().with("a", Value::Void), t().with("b", "x"), false),
            (t().with("a", Value::Void).with("b", 1), t().with("b", 1), false),
            (t().with("x-a", 1).with("b", 1), t().with("b", 1), true),
            (t().with("x-match", "all-with-x").with("x-a", 1), t().with("b", 1), false),
            (t().with("x-match", "all-with-x").with("x-a", 1), t().with("x-a", 1), true),
            (t().with("x-match", "any-with-x").with("x-a", 1).with("b", 1), t().with("x-a", 1), true),
            (t().with("x-match", "any").with("x-a", 1).with("b", 1), t().with("x-a", 1), false),
        ] {
            let (asked, sent) = (format!("{:?}", wanted.as_table()), format!("{:?}", headers.as_table()));
            assert_eq!(finds(wanted, headers), expected, "{asked} {sent}");
        }
    }

    #[test]
    fn values_are_compared_and_types_are_not() {
        let pair =
            |a: Value<'_>, b: Value<'_>| finds(TableBuf::new().with("k", a), TableBuf::new().with("k", b));
        assert!(pair(Value::U8(7), Value::I64(7)));
        assert!(pair(Value::I32(7), Value::F64(7.0)));
        assert!(pair(Value::F32(0.5), Value::F64(0.5)));
        assert!(pair(Value::I32(0), Value::F64(-0.0)));
        assert!(pair(Value::LongString(b"a"), Value::Bytes(b"a")));
        assert!(!pair(Value::LongString(b"7"), Value::I32(7)));
        assert!(!pair(Value::Bool(true), Value::I32(1)));
        assert!(!pair(Value::F64(7.5), Value::I32(7)));
    }
}
