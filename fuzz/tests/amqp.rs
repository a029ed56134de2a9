//! Decoders of AMQP 0-9-1, server side and client side.
//!
//! What holds for all of them: no input panics, and what was decoded encodes to bytes that decode to the same. (The bytes
//! themselves may differ: any nonzero octet reads as true, unused bits are dropped, and `L` is written as `l`.)

use amqp091::{
    Assembled, Assembler, Frame, FrameMax, MethodFrame, MethodId, Opening, Payload, Properties, Table,
    TableBuf,
};
use bolero::check;
use bytes::{Bytes, BytesMut};

/// A stream as a server takes it apart; frames encode to what they were read from.
#[test]
fn amqp_frames() {
    check!().for_each(|input: &[u8]| {
        let _ = Opening::of(input);
        let mut rest = BytesMut::from(input);
        let mut channel = Assembler::new(1 << 16);
        loop {
            let before = rest.clone();
            let Ok(Some(frame)) = Frame::take(&mut rest, FrameMax::DEFAULT) else { return };
            let mut bytes = BytesMut::new();
            frame.put(&mut bytes);
            assert_eq!(bytes[..], before[..before.len() - rest.len()]);
            if frame.payload == Payload::Heartbeat {
                continue;
            }
            match channel.push(frame.payload) {
                Ok(Assembled::Command(command)) => {
                    let body = command.content.map_or(0, |content| content.body.len());
                    assert!(body <= input.len() as u64);
                }
                Ok(_) => {}
                Err(error) => {
                    assert!(error.reply_text().len() <= 255);
                    return;
                }
            }
        }
    });
}

/// The first byte chooses the method, so that no input is lost on a number without one.
#[test]
fn amqp_methods() {
    check!().for_each(|input: &[u8]| {
        let Some((choice, arguments)) = input.split_first() else { return };
        let id = MethodId::ALL[usize::from(*choice) % MethodId::ALL.len()];
        let frame = MethodFrame { id, arguments: Bytes::copy_from_slice(arguments) };
        match frame.decode() {
            Ok(method) => {
                assert_eq!(method.id(), id);
                assert_eq!(method.to_frame().decode(), Ok(method));
            }
            Err(error) => {
                assert_eq!(error.method(), Some(id));
                assert!(error.reply_text().len() <= 255);
            }
        }
    });
}

#[test]
fn amqp_properties() {
    check!().for_each(|input: &[u8]| {
        let Ok(properties) = Properties::decode(input) else { return };
        let mut bytes = BytesMut::new();
        properties.encode(&mut bytes);
        assert_eq!(bytes, input);
    });
}

#[test]
fn amqp_tables() {
    check!().for_each(|input: &[u8]| {
        let Ok(table) = Table::decode(input) else { return };
        let mut copy = TableBuf::new();
        copy.extend(table, |_| true);
        // All values are there, nested ones verbatim: they are as long as before.
        assert_eq!(copy.as_table().as_bytes().len(), input.len());
        let again = Table::decode(copy.as_table().as_bytes()).expect("what was decoded encodes to a table");
        assert_eq!(format!("{again:?}"), format!("{table:?}"));
        for (key, _) in table {
            assert!(key.as_str().is_none_or(|key| table.get(key).is_some()));
        }
    });
}
