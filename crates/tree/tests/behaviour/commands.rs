//! The format of commands in the log.

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tree::{
    Acl, Check, Command, Create, CreateMode, DecodeError, Delete, DeleteRecursive, Ensure, Extent, Identity,
    Operation, Owner, Password, Permissions, SessionId, SetAcl, SetData, SubOperation, Text,
};

fn text() -> impl Strategy<Value = Text> {
    ".{0,20}".prop_map(Text::from)
}

fn data() -> impl Strategy<Value = Option<Bytes>> {
    option::of(vec(any::<u8>(), 0..50).prop_map(Bytes::from))
}

fn identity() -> impl Strategy<Value = Identity> {
    (text(), text()).prop_map(|(scheme, id)| Identity { scheme, id })
}

fn acl() -> impl Strategy<Value = Vec<Acl>> {
    let entry = (any::<i32>(), identity()).prop_map(|(bits, identity)| Acl::new(Permissions(bits), identity));
    vec(entry, 0..4)
}

fn create() -> impl Strategy<Value = Create> {
    let mode = (0..4).prop_map(|flags| CreateMode::from_flags(flags, None).unwrap());
    (text(), data(), acl(), mode, any::<bool>()).prop_map(|(path, data, acl, mode, want_stat)| Create {
        path,
        data,
        acl,
        mode,
        want_stat,
    })
}

fn delete() -> impl Strategy<Value = Delete> {
    (text(), any::<i32>()).prop_map(|(path, version)| Delete { path, version })
}

fn set_data() -> impl Strategy<Value = SetData> {
    (text(), data(), any::<i32>()).prop_map(|(path, data, version)| SetData { path, data, version })
}

fn sub_operation() -> impl Strategy<Value = SubOperation> {
    prop_oneof![
        create().prop_map(SubOperation::Create),
        delete().prop_map(SubOperation::Delete),
        set_data().prop_map(SubOperation::SetData),
        (text(), any::<i32>()).prop_map(|(path, version)| SubOperation::Check(Check { path, version })),
    ]
}

fn extent() -> impl Strategy<Value = Extent> {
    any::<(u32, u32)>().prop_map(|(znodes, path_bytes)| Extent { znodes, path_bytes })
}

fn operation() -> impl Strategy<Value = Operation> {
    let password = any::<[u8; 16]>().prop_map(Password);
    let session = any::<i64>().prop_map(SessionId);
    prop_oneof![
        create().prop_map(Operation::Create),
        delete().prop_map(Operation::Delete),
        set_data().prop_map(Operation::SetData),
        (text(), acl(), any::<i32>()).prop_map(|(path, acl, version)| Operation::SetAcl(SetAcl {
            path,
            acl,
            version
        })),
        vec(sub_operation(), 0..5).prop_map(Operation::Multi),
        (any::<u32>(), password.clone())
            .prop_map(|(timeout_ms, password)| Operation::CreateSession { timeout_ms, password }),
        (session.clone(), password, any::<u32>()).prop_map(|(session, password, timeout_ms)| {
            Operation::AttachSession { session, password, timeout_ms }
        }),
        Just(Operation::CloseSession),
        (any::<u64>(), prop::option::of(text()))
            .prop_map(|(node, client_address)| Operation::Announce { node, client_address }),
        text().prop_map(|path| Operation::Reap { path }),
        (text(), any::<i32>(), extent())
            .prop_map(|(path, version, limit)| DeleteRecursive { path, version, limit })
            .prop_map(Operation::DeleteRecursive),
        (text(), data(), acl(), any::<bool>(), extent())
            .prop_map(|(path, data, acl, parents, limit)| Ensure { path, data, acl, parents, limit })
            .prop_map(Operation::Ensure),
        (session, any::<u64>(), any::<u32>()).prop_map(|(session, generation, epoch)| {
            Operation::ExpireSession { session, generation, epoch }
        }),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let owner = (any::<u64>(), any::<u64>()).prop_map(|(node, connection)| Owner { node, connection });
    (any::<i64>().prop_map(SessionId), owner, vec(identity(), 0..3), any::<bool>(), operation()).prop_map(
        |(session, origin, identities, enforce_quotas, operation)| Command {
            session,
            origin,
            identities,
            enforce_quotas,
            operation,
        },
    )
}

fn encode(command: &Command) -> BytesMut {
    let mut buffer = BytesMut::new();
    command.encode(&mut buffer);
    buffer
}

proptest! {
    #[test]
    fn a_command_is_decoded_as_it_was_encoded(command in command()) {
        let decoded = Command::decode(encode(&command).freeze()).unwrap();
        prop_assert_eq!(decoded, command);
    }

    #[test]
    fn a_command_needs_the_level_that_it_is_written_in(command in command()) {
        let level = Command::level_of(&encode(&command)).unwrap();
        prop_assert_eq!(level, command.operation.level());
        prop_assert!((1..=tree::LEVEL_MAX).contains(&level));
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = Command::level_of(&bytes);
        let _ = Command::decode(bytes.into());
    }

    #[test]
    fn damaged_commands_never_panic(command in command(), at in any::<prop::sample::Index>(), with: u8, cut: bool) {
        let mut bytes = encode(&command);
        let at = at.index(bytes.len());
        bytes[at] = with;
        if cut {
            bytes.truncate(at);
        }
        let _ = Command::decode(bytes.freeze());
    }
}

#[test]
fn data_and_paths_are_slices_of_the_entry() {
    let create = crate::fixture::create("/some/path");
    let command = Command {
        session: SessionId(1),
        origin: Owner::default(),
        identities: vec![],
        enforce_quotas: false,
        operation: Operation::Create(create),
    };
    let entry = encode(&command).freeze();
    let inside = |bytes: &[u8]| entry.as_ptr_range().contains(&bytes.as_ptr());
    let Operation::Create(decoded) = Command::decode(entry.clone()).unwrap().operation else { panic!() };
    assert!(inside(decoded.path.as_bytes()) && inside(&decoded.data.unwrap()));
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let newer = Bytes::from_static(&[0x08, 0x04]);
    assert!(matches!(Command::decode(newer), Err(DecodeError::Format { found: 4, newest: 3 })));
    assert!(matches!(Command::decode(Bytes::new()), Err(DecodeError::Format { found: 0, newest: 3 })));
}

/// Entries as the version before the extensions wrote them, which it still reads when this one writes them.
#[test]
fn what_the_first_format_has_is_read_and_written_in_it() {
    let delete = Command {
        session: SessionId(1),
        origin: Owner { node: 2, connection: 3 },
        identities: vec![],
        enforce_quotas: true,
        operation: Operation::Delete(crate::fixture::delete("/a", -1)),
    };
    let entry: &[u8] = &[
        0x08, 1, 0x11, 1, 0, 0, 0, 0, 0, 0, 0, 0x18, 2, 0x20, 3, 0x30, 1, 0x5a, 6, 0x0a, 2, b'/', b'a', 0x10,
        1,
    ];
    assert_eq!(encode(&delete), entry);
    assert_eq!(Command::decode(Bytes::from_static(entry)).unwrap(), delete);
}

#[test]
fn any_version_tells_the_level_of_any_command() {
    let to_come = [0x08, 9, 0xfa, 0x3f, 1, b'?'];
    assert_eq!(Command::level_of(&to_come).unwrap(), 9);
    assert!(Command::level_of(&[0x08]).is_err(), "cut");
}

#[test]
fn what_came_later_says_so_to_those_who_do_not_know_it() {
    let operation =
        Operation::DeleteRecursive(DeleteRecursive { path: "/a".into(), version: -1, limit: Extent::MAX });
    let (session, origin) = (SessionId::NONE, Owner::default());
    let command = Command { session, origin, identities: vec![], enforce_quotas: false, operation };
    assert_eq!(encode(&command)[..2], [0x08, 2]);
    let with_data = |bytes: usize| {
        let data = Some(Bytes::from(vec![0; bytes]));
        let set = SetData { path: "/a".into(), data, version: -1 };
        [Operation::SetData(set.clone()), Operation::Multi(vec![SubOperation::SetData(set)])]
            .map(|operation| encode(&Command { operation, ..command.clone() })[1])
    };
    assert_eq!(with_data(1 << 20), [1, 1]);
    assert_eq!(with_data((1 << 20) + 1), [3, 3], "earlier versions took 1 MiB");
}
