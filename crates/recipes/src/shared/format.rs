//! How values are written as data of a znode.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// A way to write values.
pub trait Format: Send + Sync + 'static {
    /// What is written.
    type Value: Clone + PartialEq + Send + Sync + 'static;

    /// As data of a znode.
    fn encode(&self, value: &Self::Value) -> Vec<u8>;

    /// From data of a znode.
    ///
    /// # Errors
    /// What is wrong with it.
    fn decode(&self, data: &[u8]) -> Result<Self::Value, String>;
}

/// Data as it is: Curator's `SharedValue` and `DistributedAtomicValue`.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

impl Format for Plain {
    type Value = Vec<u8>;

    fn encode(&self, value: &Vec<u8>) -> Vec<u8> {
        value.clone()
    }

    fn decode(&self, data: &[u8]) -> Result<Vec<u8>, String> {
        Ok(data.to_vec())
    }
}

/// Four bytes, the highest first: Curator's `SharedCount` and `DistributedAtomicInteger`, kazoo's `Counter` with
/// `support_curator`.
#[derive(Clone, Copy, Debug)]
pub struct Int;

/// Eight bytes, the highest first: Curator's `DistributedAtomicLong`.
#[derive(Clone, Copy, Debug)]
pub struct Long;

/// Decimal digits: kazoo's `Counter` of whole numbers.
#[derive(Clone, Copy, Debug)]
pub struct Decimal;

impl Format for Int {
    type Value = i32;

    fn encode(&self, value: &i32) -> Vec<u8> {
        value.to_be_bytes().to_vec()
    }

    fn decode(&self, data: &[u8]) -> Result<i32, String> {
        let bytes = data.try_into().map_err(|_| format!("{} bytes where 4 are a number", data.len()))?;
        Ok(i32::from_be_bytes(bytes))
    }
}

impl Format for Long {
    type Value = i64;

    fn encode(&self, value: &i64) -> Vec<u8> {
        value.to_be_bytes().to_vec()
    }

    fn decode(&self, data: &[u8]) -> Result<i64, String> {
        let bytes = data.try_into().map_err(|_| format!("{} bytes where 8 are a number", data.len()))?;
        Ok(i64::from_be_bytes(bytes))
    }
}

impl Format for Decimal {
    type Value = i64;

    fn encode(&self, value: &i64) -> Vec<u8> {
        value.to_string().into_bytes()
    }

    fn decode(&self, data: &[u8]) -> Result<i64, String> {
        let text = std::str::from_utf8(data).map_err(|error| error.to_string())?;
        text.trim().parse().map_err(|error| format!("{text:?} is no whole number: {error}"))
    }
}

/// JSON of whatever serde knows.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(PhantomData<fn() -> T>);

impl<T> Default for Json<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static> Format for Json<T> {
    type Value = T;

    /// # Panics
    /// For values that are no JSON: maps whose keys are no texts.
    fn encode(&self, value: &T) -> Vec<u8> {
        serde_json::to_vec(value).expect("the value can be written as JSON")
    }

    fn decode(&self, data: &[u8]) -> Result<T, String> {
        serde_json::from_slice(data).map_err(|error| error.to_string())
    }
}

/// Numbers that can be added.
pub trait Number: Copy {
    /// The sum; `None` if it is no such number.
    fn plus(self, more: Self) -> Option<Self>;
}

impl Number for i32 {
    fn plus(self, more: Self) -> Option<Self> {
        self.checked_add(more)
    }
}

impl Number for i64 {
    fn plus(self, more: Self) -> Option<Self> {
        self.checked_add(more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_curator_and_kazoo_write_them() {
        assert_eq!(Int.encode(&-2), [255, 255, 255, 254]);
        assert_eq!(Long.encode(&258), [0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(Decimal.encode(&-17), b"-17");
        assert_eq!((Int.decode(&[0, 0, 1, 0]), Decimal.decode(b"12")), (Ok(256), Ok(12)));
        assert!(Int.decode(&[1]).is_err() && Long.decode(&[]).is_err() && Decimal.decode(b"1.5").is_err());
        assert_eq!(Json::<Vec<u8>>::default().decode(b"[1,2]"), Ok(vec![1, 2]));
    }
}
