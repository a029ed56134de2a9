//! Values for every field of every method.

use bytes::BytesMut;
use proptest::prelude::*;

use crate::{Array, ArrayBuf, Secret, ShortBytes, ShortStr, Table, TableBuf, Value};

/// What values are made of, owned.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    texts: Vec<String>,
    numbers: Vec<u64>,
    tables: Vec<Vec<(Vec<u8>, Tree)>>,
    encoded: Vec<BytesMut>,
}

/// Hands out parts in turn.
pub(crate) struct Source<'a> {
    parts: &'a Parts,
    at: usize,
}

/// Types that can be made of parts.
pub(crate) trait Make<'a> {
    fn make(from: &mut Source<'a>) -> Self;
}

impl Parts {
    pub(crate) fn source(&self) -> Source<'_> {
        Source { parts: self, at: 0 }
    }
}

pub(crate) fn parts() -> impl Strategy<Value = Parts> {
    let text = "[ -~é✓]{0,80}";
    (
        proptest::collection::vec(text, 7),
        proptest::collection::vec(any::<u64>(), 11),
        proptest::collection::vec(entries(), 3),
    )
        .prop_map(|(texts, numbers, tables)| {
            let encoded =
                tables.iter().map(|entries| BytesMut::from(table(entries).as_table().as_bytes())).collect();
            Parts { texts, numbers, tables, encoded }
        })
}

impl<'a> Source<'a> {
    fn turn(&mut self) -> usize {
        self.at += 1;
        self.at
    }

    fn number(&mut self) -> u64 {
        let turn = self.turn();
        self.parts.numbers[turn % self.parts.numbers.len()].rotate_left(u32::try_from(turn % 64).unwrap())
    }

    fn text(&mut self) -> &'a str {
        let turn = self.turn();
        &self.parts.texts[turn % self.parts.texts.len()]
    }
}

macro_rules! makes {
    ($($kind:ty, $source:ident => $value:expr;)*) => {
        $(impl<'a> Make<'a> for $kind {
            fn make($source: &mut Source<'a>) -> Self {
                $value
            }
        })*
    };
}

makes! {
    u8, from => from.number() as u8;
    u16, from => from.number() as u16;
    u32, from => from.number() as u32;
    u64, from => from.number();
    bool, from => from.number() & 1 == 1;
    &'a [u8], from => from.text().as_bytes();
    Secret<'a>, from => Secret(from.text().as_bytes());
    ShortStr<'a>, from => from.text().try_into().unwrap();
    ShortBytes<'a>, from => from.text().try_into().unwrap();
    Table<'a>, from => {
        let turn = from.turn() % from.parts.tables.len();
        Table::decode(&from.parts.encoded[turn]).unwrap()
    };
}

/// A value, owned.
#[derive(Debug, Clone)]
pub(crate) enum Tree {
    Scalar(u8, u64, Vec<u8>),
    Array(Vec<Tree>),
    Table(Vec<(Vec<u8>, Tree)>),
}

pub(crate) fn entries() -> impl Strategy<Value = Vec<(Vec<u8>, Tree)>> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..20);
    let scalar =
        (0..15_u8, any::<u64>(), bytes()).prop_map(|(kind, bits, bytes)| Tree::Scalar(kind, bits, bytes));
    let tree = scalar.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Tree::Array),
            proptest::collection::vec((bytes(), inner), 0..5).prop_map(Tree::Table),
        ]
    });
    proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..20), tree), 0..6)
}

fn scalar(kind: u8, bits: u64, bytes: &[u8]) -> Value<'_> {
    match kind {
        0 => Value::Bool(bits & 1 == 1),
        1 => Value::I8(bits as i8),
        2 => Value::U8(bits as u8),
        3 => Value::I16(bits as i16),
        4 => Value::U16(bits as u16),
        5 => Value::I32(bits as i32),
        6 => Value::U32(bits as u32),
        7 => Value::I64(bits as i64),
        // No bits of a NaN: it would not equal itself.
        8 => Value::F32(bits as f32 / 3.0),
        9 => Value::F64(bits as f64 / 3.0),
        10 => Value::Decimal { scale: bits as u8, value: (bits >> 8) as u32 },
        11 => Value::Timestamp(bits),
        12 => Value::LongString(bytes),
        13 => Value::Bytes(bytes),
        _ => Value::Void,
    }
}

pub(crate) fn table(entries: &[(Vec<u8>, Tree)]) -> TableBuf {
    let mut out = TableBuf::new();
    for (key, tree) in entries {
        let key = ShortBytes::try_from(key.as_slice()).unwrap();
        match tree {
            Tree::Scalar(kind, bits, bytes) => out.push(key, scalar(*kind, *bits, bytes)),
            Tree::Array(trees) => out.push(key, array(trees).as_array()),
            Tree::Table(entries) => out.push(key, table(entries).as_table()),
        };
    }
    out
}

fn array(trees: &[Tree]) -> ArrayBuf {
    let mut out = ArrayBuf::new();
    for tree in trees {
        match tree {
            Tree::Scalar(kind, bits, bytes) => out.push(scalar(*kind, *bits, bytes)),
            Tree::Array(trees) => out.push(array(trees).as_array()),
            Tree::Table(entries) => out.push(table(entries).as_table()),
        };
    }
    out
}

/// Whether a decoded table is what it was built of.
pub(crate) fn same_table(table: Table<'_>, entries: &[(Vec<u8>, Tree)]) -> bool {
    table.iter().count() == entries.len()
        && table
            .iter()
            .zip(entries)
            .all(|((key, value), (name, tree))| key.as_bytes() == name && same(value, tree))
}

fn same_array(array: Array<'_>, trees: &[Tree]) -> bool {
    array.iter().count() == trees.len() && array.iter().zip(trees).all(|(value, tree)| same(value, tree))
}

fn same(value: Value<'_>, tree: &Tree) -> bool {
    match (value, tree) {
        (Value::Array(array), Tree::Array(trees)) => same_array(array, trees),
        (Value::Table(table), Tree::Table(entries)) => same_table(table, entries),
        (value, Tree::Scalar(kind, bits, bytes)) => value == scalar(*kind, *bits, bytes),
        _ => false,
    }
}
