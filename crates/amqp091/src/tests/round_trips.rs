//! What is encoded decodes to itself.

use bytes::BytesMut;
use proptest::prelude::*;

use super::source::{Make, entries, parts, same_table, table};
use crate::*;

/// Properties of which only those in `chosen` are there.
fn choose(properties: Properties<'_>, chosen: u16) -> Properties<'_> {
    let is_chosen = |bit: u16| chosen >> bit & 1 == 1;
    Properties {
        content_type: properties.content_type.filter(|_| is_chosen(0)),
        content_encoding: properties.content_encoding.filter(|_| is_chosen(1)),
        headers: properties.headers.filter(|_| is_chosen(2)),
        delivery_mode: properties.delivery_mode.filter(|_| is_chosen(3)),
        priority: properties.priority.filter(|_| is_chosen(4)),
        correlation_id: properties.correlation_id.filter(|_| is_chosen(5)),
        reply_to: properties.reply_to.filter(|_| is_chosen(6)),
        expiration: properties.expiration.filter(|_| is_chosen(7)),
        message_id: properties.message_id.filter(|_| is_chosen(8)),
        timestamp: properties.timestamp.filter(|_| is_chosen(9)),
        kind: properties.kind.filter(|_| is_chosen(10)),
        user_id: properties.user_id.filter(|_| is_chosen(11)),
        app_id: properties.app_id.filter(|_| is_chosen(12)),
        cluster_id: properties.cluster_id.filter(|_| is_chosen(13)),
    }
}

proptest! {
    #[test]
    fn every_method(parts in parts(), channel: u16) {
        let methods = Method::make_all(&mut parts.source());
        prop_assert_eq!(methods.len(), MethodId::ALL.len());
        let mut wire = BytesMut::new();
        for (method, id) in methods.iter().zip(MethodId::ALL) {
            prop_assert_eq!(method.id(), *id);
            method.put_frame(ChannelId(channel), &mut wire);
            let bytes = wire.clone();
            let frame = Frame::take(&mut wire, FrameMax::DEFAULT).unwrap().unwrap();
            prop_assert_eq!(frame.channel, ChannelId(channel));
            let Payload::Method(decoded) = &frame.payload else { panic!("it is a method") };
            prop_assert_eq!(decoded.decode(), Ok(*method));
            prop_assert_eq!(decoded, &method.to_frame());
            let mut again = BytesMut::new();
            frame.put(&mut again);
            prop_assert_eq!(again, bytes);
            prop_assert!(wire.is_empty());
        }
    }

    /// No shorter and no longer arguments pass as the method's.
    #[test]
    fn arguments_are_exact(parts in parts()) {
        for method in Method::make_all(&mut parts.source()) {
            let frame = method.to_frame();
            let longer = MethodFrame { arguments: [&frame.arguments[..], b"\0"].concat().into(), ..frame.clone() };
            prop_assert_eq!(longer.decode().unwrap_err().reply_code(), ReplyCode::FrameError);
            if let Some(less) = frame.arguments.len().checked_sub(1) {
                let shorter = MethodFrame { arguments: frame.arguments.slice(..less), ..frame.clone() };
                prop_assert_eq!(shorter.decode().unwrap_err().method(), Some(frame.id));
            }
        }
    }

    #[test]
    fn every_set_of_properties(parts in parts(), chosen in 0..1_u16 << 14) {
        let mut from = parts.source();
        let all = Properties {
            content_type: Some(Make::make(&mut from)),
            content_encoding: Some(Make::make(&mut from)),
            headers: Some(Make::make(&mut from)),
            delivery_mode: Some(Make::make(&mut from)),
            priority: Some(Make::make(&mut from)),
            correlation_id: Some(Make::make(&mut from)),
            reply_to: Some(Make::make(&mut from)),
            expiration: Some(Make::make(&mut from)),
            message_id: Some(Make::make(&mut from)),
            timestamp: Some(Make::make(&mut from)),
            kind: Some(Make::make(&mut from)),
            user_id: Some(Make::make(&mut from)),
            app_id: Some(Make::make(&mut from)),
            cluster_id: Some(Make::make(&mut from)),
        };
        for properties in [all, choose(all, chosen)] {
            let mut bytes = BytesMut::new();
            properties.encode(&mut bytes);
            prop_assert_eq!(Properties::decode(&bytes), Ok(properties));
            prop_assert!(Properties::decode(&bytes[..bytes.len() - 1]).is_err());
        }
    }

    #[test]
    fn every_table(entries in entries()) {
        let built = table(&entries);
        let decoded = Table::decode(built.as_table().as_bytes()).unwrap();
        prop_assert!(same_table(decoded, &entries), "{:?} is not {:?}", decoded, entries);
        let mut copy = TableBuf::new();
        copy.extend(decoded, |_| true);
        prop_assert_eq!(copy.as_table(), decoded);
    }
}
