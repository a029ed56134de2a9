//! Bytes from strangers: decoders answer, and keep no more than they were given.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::source::parts;
use crate::*;

fn walk(table: Table<'_>) -> usize {
    table.iter().map(|(_, value)| 1 + walk_value(value)).sum()
}

fn walk_value(value: Value<'_>) -> usize {
    match value {
        Value::Table(table) => walk(table),
        Value::Array(array) => array.iter().map(|value| 1 + walk_value(value)).sum(),
        _ => 0,
    }
}

/// Takes a stream apart as a server would, all channels in one; gives the bytes that are kept.
fn serve(input: &[u8]) -> Result<usize, WireError> {
    let mut input = BytesMut::from(input);
    let mut channel = Assembler::new(1 << 20);
    let mut kept = 0;
    while let Some(frame) = Frame::take(&mut input, FrameMax::DEFAULT)? {
        let Assembled::Command(command) = channel.push(frame.payload)? else { continue };
        command.method.decode()?;
        if let Some(content) = command.content {
            let _ = content.properties();
            let parts = content.body.parts().count() as u64;
            assert!(
                parts <= 2 + 2 * content.body.len() / 1024,
                "{parts} parts of {} bytes",
                content.body.len()
            );
            kept += usize::try_from(content.body.len()).unwrap() + content.properties.len();
        }
    }
    Ok(kept)
}

proptest! {
    #[test]
    fn any_bytes_are_answered(input in proptest::collection::vec(any::<u8>(), 0..300), choice: u8) {
        if let Ok(table) = Table::decode(&input) {
            prop_assert!(walk(table) <= input.len());
        }
        let _ = Properties::decode(&input);
        let _ = Opening::of(&input);
        let id = MethodId::ALL[usize::from(choice) % MethodId::ALL.len()];
        let _ = MethodFrame { id, arguments: Bytes::copy_from_slice(&input) }.decode();
        if let Ok(kept) = serve(&input) {
            prop_assert!(kept <= input.len());
        }
    }

    /// Nearly right bytes reach deeper than random ones.
    #[test]
    fn any_change_is_answered(
        parts in parts(),
        body in proptest::collection::vec(any::<u8>(), 0..50),
        changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..4),
    ) {
        for method in Method::make_all(&mut parts.source()) {
            let mut wire = BytesMut::new();
            let content = Content { properties: Bytes::from_static(&[0x10, 0, 2]), body: Bytes::from(body.clone()).into() };
            if method.id().has_content() {
                content.put(&method, ChannelId(1), FrameMax::MIN, &mut wire);
                prop_assert_eq!(serve(&wire), Ok(body.len() + 3));
            } else {
                method.put_frame(ChannelId(1), &mut wire);
                prop_assert_eq!(serve(&wire), Ok(0));
            }
            for (place, octet) in &changes {
                let place = place % wire.len();
                wire[place] = *octet;
            }
            if let Ok(kept) = serve(&wire) {
                prop_assert!(kept <= wire.len());
            }
        }
    }
}
