//! Curator's form of the items of one znode: `00 01 00 01`, for each item `01`, four bytes of length and the item, and `02` at the
//! end (`org.apache.curator.framework.recipes.queue.ItemSerializer`).

use bytes::{Buf, Bytes};

const VERSION: u32 = 0x0001_0001;
const ITEM: u8 = 1;
const END: u8 = 2;

pub(super) fn encode(items: &[&[u8]]) -> Vec<u8> {
    let mut out = VERSION.to_be_bytes().to_vec();
    for item in items {
        let length = u32::try_from(item.len()).expect("a znode has less than 4 GiB");
        out.push(ITEM);
        out.extend(length.to_be_bytes());
        out.extend(*item);
    }
    out.push(END);
    out
}

pub(super) fn decode(data: &Bytes) -> Result<Vec<Bytes>, String> {
    const SHORT: &str = "it ends too early";
    let mut rest = data.clone();
    let version = rest.try_get_u32().map_err(|_| SHORT)?;
    if version != VERSION {
        return Err(format!("it begins with {version:#x}, not {VERSION:#x}"));
    }
    let mut items = Vec::new();
    loop {
        match rest.try_get_u8().map_err(|_| SHORT)? {
            END => return Ok(items),
            ITEM => {
                let length = rest.try_get_u32().map_err(|_| SHORT)?;
                let length =
                    usize::try_from(length).ok().filter(|length| *length <= rest.len()).ok_or(SHORT)?;
                items.push(rest.split_to(length));
            }
            other => return Err(format!("{other:#x} where an item begins")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_read_as_they_are_written_and_nothing_else_is() {
        let data = encode(&[b"ab", b""]);
        assert_eq!(data, [0, 1, 0, 1, 1, 0, 0, 0, 2, b'a', b'b', 1, 0, 0, 0, 0, 2]);
        let data = Bytes::from(data);
        assert_eq!(decode(&data).unwrap(), [&b"ab"[..], b""]);
        for end in 0..data.len() {
            assert!(decode(&data.slice(..end)).is_err(), "{end}");
        }
        assert!(decode(&Bytes::from_static(&[0, 1, 0, 1, 3])).is_err());
        assert!(decode(&Bytes::from_static(b"text")).is_err());
    }
}
