//! What is encoded decodes to itself, and no bytes make a decoder panic.

use bytes::BytesMut;
use proptest::prelude::*;

use super::*;

/// Owned parts from which borrowed records are built.
#[derive(Debug, Clone)]
struct Parts {
    path: String,
    other: String,
    data: Option<Vec<u8>>,
    names: Vec<String>,
    acls: Vec<(i32, String, String)>,
    number: i32,
    long: i64,
    flag: bool,
    kind: u8,
    stat: [i64; 6],
}

fn parts() -> impl Strategy<Value = Parts> {
    let text = "[ -~é✓]{0,12}";
    (
        (text, text, proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40))),
        proptest::collection::vec(text, 0..5),
        proptest::collection::vec((any::<i32>(), text, text), 0..4),
        (any::<i32>(), any::<i64>(), any::<bool>(), 0..5_u8, any::<[i64; 6]>()),
    )
        .prop_map(|((path, other, data), names, acls, (number, long, flag, kind, stat))| Parts {
            path,
            other,
            data,
            names,
            acls,
            number,
            long,
            flag,
            kind,
            stat,
        })
}

impl Parts {
    fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    fn acl(&self) -> Vec<Acl<'_>> {
        self.acls
            .iter()
            .map(|(permissions, scheme, id)| Acl { permissions: *permissions, scheme, id })
            .collect()
    }

    fn stat(&self) -> Stat {
        let [czxid, mzxid, ctime_ms, mtime_ms, ephemeral_owner, pzxid] = self.stat;
        Stat {
            czxid,
            mzxid,
            ctime_ms,
            mtime_ms,
            version: self.number,
            cversion: self.number.wrapping_add(1),
            aversion: self.number.wrapping_add(2),
            ephemeral_owner,
            data_length: self.number.wrapping_add(3),
            children: self.number.wrapping_add(4),
            pzxid,
        }
    }

    fn create(&self) -> Create<'_> {
        Create { path: &self.path, data: self.data.as_deref(), acl: self.acl(), flags: self.number }
    }

    fn at(&self) -> PathVersion<'_> {
        PathVersion { path: &self.path, version: self.number }
    }

    fn set(&self) -> SetData<'_> {
        SetData { path: &self.path, data: self.data.as_deref(), version: self.number }
    }

    fn read(&self) -> PathWatch<'_> {
        PathWatch { path: &self.path, watch: self.flag }
    }

    fn watches(&self) -> SetWatches<'_> {
        SetWatches {
            relative_zxid: self.long,
            data: self.names(),
            exist: vec![&self.other],
            child: self.names(),
        }
    }

    fn watcher(&self) -> PathWatcherType<'_> {
        let kinds = [
            WatcherType::Children,
            WatcherType::Data,
            WatcherType::Any,
            WatcherType::Persistent,
            WatcherType::PersistentRecursive,
        ];
        PathWatcherType { path: &self.path, kind: kinds[usize::from(self.kind)] }
    }

    fn children(&self) -> Vec<Child<'_>> {
        let contents = [
            ChildContent::Unasked,
            ChildContent::Withheld,
            ChildContent::Stat(self.stat()),
            ChildContent::Data(self.stat(), self.data.as_deref()),
            ChildContent::TooLarge(self.stat()),
        ];
        let contents = contents.into_iter().cycle().skip(self.kind.into());
        self.names.iter().zip(contents).map(|(name, content)| Child { name, content }).collect()
    }

    fn requests(&self) -> Vec<Request<'_>> {
        let path = PathOnly { path: &self.path };
        let ttl = CreateTtl { create: self.create(), ttl_ms: self.long };
        let mode = if self.flag { AddWatchMode::Persistent } else { AddWatchMode::PersistentRecursive };
        vec![
            Request::Create(self.create()),
            Request::Create2(self.create()),
            Request::CreateContainer(self.create()),
            Request::CreateTtl(ttl.clone()),
            Request::Delete(self.at()),
            Request::SetData(self.set()),
            Request::SetAcl(SetAcl { path: &self.path, acl: self.acl(), version: self.number }),
            Request::Check(self.at()),
            Request::Multi(Multi {
                parts: vec![
                    WritePart::Create(self.create()),
                    WritePart::Create2(self.create()),
                    WritePart::CreateContainer(self.create()),
                    WritePart::CreateTtl(ttl),
                    WritePart::Delete(self.at()),
                    WritePart::SetData(self.set()),
                    WritePart::Check(self.at()),
                ],
            }),
            Request::Multi(Multi { parts: Vec::new() }),
            Request::Reconfig(Reconfig {
                joining: Some(&self.path),
                leaving: None,
                members: Some(&self.other),
                config_version: self.long,
            }),
            Request::Exists(self.read()),
            Request::GetData(self.read()),
            Request::GetChildren(self.read()),
            Request::GetChildren2(self.read()),
            Request::GetAcl(path),
            Request::GetAllChildrenNumber(path),
            Request::GetEphemerals(GetEphemerals { prefix: self.flag.then_some(&self.path) }),
            Request::MultiRead(MultiRead {
                parts: vec![ReadPart::GetData(self.read()), ReadPart::GetChildren(self.read())],
            }),
            Request::Sync(path),
            Request::Ping,
            Request::CloseSession,
            Request::Auth(Auth { kind: self.number, scheme: &self.path, auth: self.data.as_deref() }),
            Request::Sasl(SaslToken { token: self.data.as_deref() }),
            Request::WhoAmI,
            Request::SetWatches(self.watches()),
            Request::SetWatches2(SetWatches2 {
                one_shot: self.watches(),
                persistent: self.names(),
                persistent_recursive: vec![&self.path],
            }),
            Request::AddWatch(AddWatch { path: &self.path, mode }),
            Request::CheckWatches(self.watcher()),
            Request::RemoveWatches(self.watcher()),
            Request::DeleteRecursive(self.at()),
            Request::Ensure(Ensure {
                path: &self.path,
                data: self.data.as_deref(),
                acl: self.acl(),
                parents: self.flag,
            }),
            Request::ListChildren(ListChildren {
                path: &self.path,
                watch: self.flag,
                after: self.flag.then_some(&self.other),
                children_max: self.number,
                bytes_max: self.number.wrapping_add(1),
                detail: [ChildDetail::Name, ChildDetail::Stat, ChildDetail::Data][usize::from(self.kind) % 3],
            }),
            Request::Unknown(OpCode::Unknown(4711)),
        ]
    }

    fn replies(&self) -> Vec<(OpCode, ReplyBody<'_>)> {
        let stat = self.stat();
        vec![
            (OpCode::Delete, ReplyBody::Empty),
            (OpCode::Create, ReplyBody::Path(&self.path)),
            (OpCode::CreateTtl, ReplyBody::PathStat(&self.path, stat)),
            (OpCode::SetAcl, ReplyBody::Stat(stat)),
            (OpCode::GetData, ReplyBody::Data(self.data.as_deref(), stat)),
            (OpCode::GetEphemerals, ReplyBody::Names(self.names())),
            (OpCode::GetChildren2, ReplyBody::NamesStat(self.names(), stat)),
            (OpCode::GetAcl, ReplyBody::Acl(self.acl(), stat)),
            (OpCode::GetAllChildrenNumber, ReplyBody::Count(self.number)),
            (OpCode::AddWatch, ReplyBody::Code(ErrorCode(self.number))),
            (
                OpCode::WhoAmI,
                ReplyBody::Identities(vec![ClientInfo { scheme: &self.path, user: &self.other }; 2]),
            ),
            (OpCode::Sasl, ReplyBody::Token(self.data.as_deref())),
            (OpCode::DeleteRecursive, ReplyBody::Count(self.number)),
            (OpCode::Ensure, ReplyBody::Ensured(self.flag, stat)),
            (
                OpCode::ListChildren,
                ReplyBody::Page(ChildrenPage { stat, children: self.children(), more: self.flag }),
            ),
            (
                OpCode::Multi,
                ReplyBody::Multi(MultiReply {
                    parts: vec![
                        PartReply::Create(&self.path),
                        PartReply::Create2(&self.path, stat),
                        PartReply::Delete,
                        PartReply::SetData(stat),
                        PartReply::Check,
                        PartReply::GetData(self.data.as_deref(), stat),
                        PartReply::GetChildren(self.names()),
                        PartReply::Error(ErrorCode(self.number)),
                    ],
                }),
            ),
        ]
    }
}

proptest! {
    #[test]
    fn requests_round_trip(parts in parts(), xid: i32) {
        for request in parts.requests() {
            let mut wire = BytesMut::new();
            request.put_frame(Xid(xid), &mut wire);
            let mut input = Reader::new(first_frame(&wire, usize::MAX).unwrap().unwrap());
            let header: RequestHeader = input.record().unwrap();
            prop_assert_eq!(header, RequestHeader { xid: Xid(xid), op: request.op() });
            prop_assert_eq!(Request::decode(header.op, &mut input).unwrap(), request);
            prop_assert_eq!(input.rest(), &[0_u8; 0][..]);
        }
    }

    #[test]
    fn every_shorter_request_is_an_error_or_another_request(parts in parts()) {
        for request in parts.requests() {
            let mut wire = BytesMut::new();
            request.encode(&mut wire);
            for length in 0..wire.len() {
                let shorter = Request::decode(request.op(), &mut Reader::new(&wire[..length]));
                prop_assert_ne!(shorter.as_ref(), Ok(&request));
            }
        }
    }

    #[test]
    fn replies_round_trip(parts in parts(), xid in 0..i32::MAX, zxid: i64) {
        for (op, reply) in parts.replies() {
            let mut wire = BytesMut::new();
            reply.put_frame(Xid(xid), zxid, &mut wire);
            let payload = first_frame(&wire, usize::MAX).unwrap().unwrap();
            let ServerFrame::Reply { header, mut body } = ServerFrame::decode(payload).unwrap() else {
                panic!("not an event");
            };
            prop_assert_eq!(header, ReplyHeader { xid: Xid(xid), zxid, error: ErrorCode::OK });
            prop_assert_eq!(ReplyBody::decode(op, &mut body).unwrap(), reply);
            prop_assert_eq!(body.rest(), &[0_u8; 0][..]);
        }
    }

    #[test]
    fn handshakes_round_trip(parts in parts(), read_only: Option<bool>) {
        let request = ConnectRequest {
            protocol_version: parts.number,
            last_zxid_seen: parts.long,
            timeout_ms: parts.number,
            session_id: parts.stat[0],
            password: parts.data.as_deref(),
            read_only,
        };
        let response = ConnectResponse {
            protocol_version: parts.number,
            timeout_ms: parts.number,
            session_id: parts.long,
            password: parts.data.as_deref(),
            read_only,
        };
        let mut wire = BytesMut::new();
        request.encode(&mut wire);
        prop_assert_eq!(ConnectRequest::decode(&mut Reader::new(&wire)).unwrap(), request);
        wire.clear();
        response.encode(&mut wire);
        prop_assert_eq!(ConnectResponse::decode(&mut Reader::new(&wire)).unwrap(), response);
    }

    #[test]
    fn a_child_says_how_long_it_is(parts in parts()) {
        for child in parts.children() {
            let mut wire = BytesMut::new();
            child.encode(&mut wire);
            prop_assert_eq!(wire.len(), child.encoded_len());
        }
    }

    #[test]
    fn events_round_trip(path in "/[a-z/]{0,20}", zxid: i64, kind in 0..4_usize) {
        let kinds = [
            EventType::NodeCreated,
            EventType::NodeDeleted,
            EventType::NodeDataChanged,
            EventType::NodeChildrenChanged,
        ];
        let event = WatcherEvent { kind: kinds[kind], path: &path };
        let mut wire = BytesMut::new();
        put_event_frame(zxid, &event, &mut wire);
        let payload = first_frame(&wire, usize::MAX).unwrap().unwrap();
        let ServerFrame::Event { zxid: got_zxid, event: got } = ServerFrame::decode(payload).unwrap() else {
            panic!("not a reply");
        };
        prop_assert_eq!((got_zxid, got), (zxid, event));
    }
}

/// Sizes that the protocol's users see: 45 and 44 bytes asked, 37 and 36 answered.
#[test]
fn handshake_sizes_are_those_of_the_protocol() {
    let password = [0; PASSWORD_BYTES];
    let mut wire = BytesMut::new();
    let mut size = |read_only| {
        wire.clear();
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: 0,
            timeout_ms: 0,
            session_id: 0,
            password: Some(&password),
            read_only,
        };
        request.encode(&mut wire);
        let request_bytes = wire.len();
        wire.clear();
        ConnectResponse::refused(read_only).encode(&mut wire);
        (request_bytes, wire.len())
    };
    assert_eq!(size(Some(false)), (45, 37));
    assert_eq!(size(None), (44, 36));
}

/// A failed multi as it was seen on the wire of a 3.9.5 server: a part before the failing one, the failing one.
#[test]
fn a_failed_multi_has_the_code_twice_in_every_part() {
    let reply =
        MultiReply { parts: vec![PartReply::Error(ErrorCode::OK), PartReply::Error(ErrorCode::BAD_VERSION)] };
    let mut wire = BytesMut::new();
    reply.encode(&mut wire);
    let mut expected = Vec::new();
    for (kind, done, numbers) in [(-1_i32, 0_u8, &[0_i32, 0][..]), (-1, 0, &[-103, -103]), (-1, 1, &[-1])] {
        expected.extend(kind.to_be_bytes());
        expected.push(done);
        expected.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
    }
    assert_eq!(wire, expected);
}

#[test]
fn reads_do_not_belong_in_a_multi_of_writes() {
    let reads = MultiRead { parts: vec![ReadPart::GetData(PathWatch { path: "/", watch: false })] };
    let mut wire = BytesMut::new();
    reads.encode(&mut wire);
    assert_eq!(Multi::decode(&mut Reader::new(&wire)), Err(DecodeError::NotInMulti { op: 4 }));
}
