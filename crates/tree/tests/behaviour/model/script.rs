//! Random scripts. A step says loosely what to do ("delete an existing node"); it is resolved against the model's state
//! when its turn comes, so that scripts reach deep states and shrink well.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tree::{
    Acl, Check, Command, Create, CreateMode, Delete, DeleteRecursive, Ensure, Extent, Identity, Operation,
    Owner, Password, Permissions, SessionId, SetAcl, SetData, SubOperation, Text, Ttl,
};

use super::naive::Naive;

#[derive(Clone, Debug)]
pub enum Step {
    Epoch,
    /// Nodes and whether they vote.
    Members(Vec<(u64, bool)>),
    Command {
        who: Who,
        what: What,
        time_ms: i64,
    },
}

#[derive(Clone, Debug)]
pub struct Who {
    session: SessionPick,
    wrong_owner: bool,
    identities: Vec<Identity>,
    enforce_quotas: bool,
}

#[derive(Clone, Debug)]
enum SessionPick {
    None,
    Unknown,
    Live(Index),
}

#[derive(Clone, Debug)]
pub enum What {
    One(Write),
    SetAcl(Path, Vec<Acl>, Version),
    Multi(Vec<Write>),
    CreateSession {
        node: u64,
        password: u8,
    },
    Attach {
        connection: u64,
        password: u8,
    },
    Close,
    Expire {
        late: bool,
    },
    DeleteRecursive(Path, Version, Extent),
    Ensure(Path, Option<Vec<u8>>, Vec<Acl>, bool, Extent),
    Reap(Index),
    ReapAny(Path),
    Announce(u64, Option<&'static str>),
    /// What `setquota` does: whatever is missing of the two nodes and those above.
    SetQuota(Path, &'static str),
}

#[derive(Clone, Debug)]
pub enum Write {
    Create(Path, CreateMode, Option<Vec<u8>>, Vec<Acl>, bool),
    Delete(Path, Version),
    SetData(Path, Option<Vec<u8>>, Version),
    Check(Path, Version),
}

#[derive(Clone, Debug)]
pub enum Path {
    Existing(Index),
    Below(Index, &'static str),
    Deeper(Index, [&'static str; 2]),
    Parent(Index),
    Odd(&'static str),
}

#[derive(Clone, Debug)]
pub enum Version {
    Any,
    Current,
    Number(i32),
}

const NAMES: [&str; 6] = ["a", "b", "c", "s-", "ä", "a-name-that-is-longer-than-inline"];

const ODD: [&str; 16] = [
    "",
    "/",
    "a",
    "a/b",
    "/a/",
    "//a",
    "/a//b",
    "/./a",
    "/a/..",
    "/a\0",
    "/\u{1f600}",
    "/missing/x",
    "/zookeeper",
    "/zookeeper/config",
    "/zookeeper/quota",
    "/zookeeper/x",
];

const LIMITS: [&str; 7] = [
    "count=3,bytes=-1",
    "count=-1,bytes=20",
    "count=-1,bytes=-1=;byteHardLimit=30;countHardLimit=3",
    "count=1,bytes=1=;byteHardLimit=25;countHardLimit=4",
    "countHardLimit=2",
    "count=x",
    "",
];

pub fn script() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 0..120)
}

fn step() -> impl Strategy<Value = Step> {
    let command = (who(), what(), 0..10_000i64);
    let command = command.prop_map(|(who, what, time_ms)| Step::Command { who, what, time_ms });
    let members = vec((1..4u64, any::<bool>()), 1..4).prop_map(Step::Members);
    prop_oneof![1 => Just(Step::Epoch), 1 => members, 60 => command]
}

fn who() -> impl Strategy<Value = Who> {
    let session = prop_oneof![
        2 => Just(SessionPick::None),
        1 => Just(SessionPick::Unknown),
        20 => any::<Index>().prop_map(SessionPick::Live),
    ];
    let quotas = prop::bool::weighted(0.8);
    (session, prop::bool::weighted(0.03), identities(), quotas).prop_map(
        |(session, wrong_owner, identities, enforce_quotas)| Who {
            session,
            wrong_owner,
            identities,
            enforce_quotas,
        },
    )
}

fn identities() -> impl Strategy<Value = Vec<Identity>> {
    let ip = |address: &'static str| Identity::new("ip", address);
    let bob = Identity::new("digest", "bob:hash");
    let eve = Identity::new("digest", "eve:hash");
    prop_oneof![
        6 => Just(vec![ip("10.1.2.3")]),
        2 => Just(vec![ip("192.168.0.1")]),
        3 => Just(vec![ip("10.1.2.3"), bob.clone()]),
        1 => Just(vec![ip("10.1.2.3"), eve, bob]),
        2 => Just(vec![Identity::super_user()]),
        1 => Just(vec![]),
    ]
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        40 => write().prop_map(What::One),
        4 => (path(), acl(), version()).prop_map(|(path, acl, version)| What::SetAcl(path, acl, version)),
        8 => vec(write(), 0..6).prop_map(What::Multi),
        3 => (1..4u64, 0..2u8).prop_map(|(node, password)| What::CreateSession { node, password }),
        2 => (0..3u64, 0..2u8).prop_map(|(connection, password)| What::Attach { connection, password }),
        1 => Just(What::Close),
        1 => any::<bool>().prop_map(|late| What::Expire { late }),
        4 => (family(), version(), extent())
            .prop_map(|(path, version, limit)| What::DeleteRecursive(path, version, limit)),
        6 => (place(), data(), acl(), any::<bool>(), extent())
            .prop_map(|(path, data, acl, parents, limit)| What::Ensure(path, data, acl, parents, limit)),
        1 => any::<Index>().prop_map(What::Reap),
        1 => path().prop_map(What::ReapAny),
        1 => (0..5u64, prop::option::of(select(&["one:2181", "two:2181", "bad address"][..])))
            .prop_map(|(node, address)| What::Announce(node, address)),
        2 => (path(), select(&LIMITS[..])).prop_map(|(path, limits)| What::SetQuota(path, limits)),
    ]
}

fn data() -> impl Strategy<Value = Option<Vec<u8>>> {
    let bytes =
        prop_oneof![8 => vec(any::<u8>(), 0..20), 1 => select(&LIMITS[..]).prop_map(|text| text.into())];
    prop::option::weighted(0.9, bytes)
}

fn extent() -> impl Strategy<Value = Extent> {
    prop_oneof![
        8 => Just(Extent::MAX),
        1 => (0..4_u32).prop_map(|znodes| Extent { znodes, ..Extent::MAX }),
        1 => (0..40_u32).prop_map(|path_bytes| Extent { path_bytes, ..Extent::MAX }),
    ]
}

/// As [`path`], mostly with children.
fn family() -> impl Strategy<Value = Path> {
    prop_oneof![1 => path(), 2 => any::<Index>().prop_map(Path::Parent)]
}

/// As [`path`], sometimes without its parent.
fn place() -> impl Strategy<Value = Path> {
    let names = (select(&NAMES[..]), select(&NAMES[..]));
    let deeper =
        (any::<Index>(), names).prop_map(|(above, (name, below))| Path::Deeper(above, [name, below]));
    prop_oneof![2 => path(), 1 => deeper]
}

fn write() -> impl Strategy<Value = Write> {
    let mode = prop_oneof![
        4 => Just(CreateMode::Persistent),
        3 => Just(CreateMode::Ephemeral),
        2 => Just(CreateMode::PersistentSequential),
        1 => Just(CreateMode::EphemeralSequential),
        1 => Just(CreateMode::Container),
        1 => (1..3_000_u64, any::<bool>()).prop_map(|(ms, is_sequential)| {
            CreateMode::from_flags(5 + i32::from(is_sequential), Ttl::from_ms(ms)).unwrap()
        }),
    ];
    prop_oneof![
        8 => (path(), mode, data(), acl(), any::<bool>())
            .prop_map(|(path, mode, data, acl, stat)| Write::Create(path, mode, data, acl, stat)),
        4 => (path(), version()).prop_map(|(path, version)| Write::Delete(path, version)),
        4 => (path(), data(), version()).prop_map(|(path, data, version)| Write::SetData(path, data, version)),
        2 => (path(), version()).prop_map(|(path, version)| Write::Check(path, version)),
    ]
}

fn path() -> impl Strategy<Value = Path> {
    prop_oneof![
        6 => any::<Index>().prop_map(Path::Existing),
        8 => (any::<Index>(), select(&NAMES[..]))
            .prop_map(|(above, name)| Path::Below(above, name)),
        1 => select(&ODD[..]).prop_map(Path::Odd),
    ]
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![6 => Just(Version::Any), 3 => Just(Version::Current), 1 => (-2..3).prop_map(Version::Number)]
}

fn acl() -> impl Strategy<Value = Vec<Acl>> {
    let entry =
        |bits, scheme: &'static str, id: &'static str| Acl::new(Permissions(bits), Identity::new(scheme, id));
    prop_oneof![
        24 => Just(vec![Acl::anyone(Permissions::ALL)]),
        2 => (0..32).prop_map(|bits| vec![Acl::anyone(Permissions(bits))]),
        2 => (0..32).prop_map(move |bits| vec![Acl::anyone(Permissions(bits)), entry(31, "digest", "bob:hash")]),
        1 => Just(vec![entry(31, "auth", ""), entry(1, "world", "anyone"), entry(1, "world", "anyone")]),
        1 => (0..=32, 0..32).prop_map(move |(prefix, bits)| {
            vec![Acl::new(Permissions(bits), Identity::new("ip", format!("10.1.2.4/{prefix}")))]
        }),
        1 => select(vec![
            vec![],
            vec![entry(31, "unknown", "x")],
            vec![entry(31, "digest", "bad")],
            vec![entry(31, "world", "bad")],
            vec![entry(31, "ip", "bad")],
        ]),
    ]
}

impl Step {
    /// Sets a quota as a superuser.
    pub fn set_quota(path: &'static str, limits: &'static str) -> Self {
        Self::of_the_cluster(What::SetQuota(Path::Odd(path), limits))
    }

    /// Creates a node that is open to all.
    pub fn create(path: &'static str) -> Self {
        let acl = vec![Acl::anyone(Permissions::ALL)];
        Self::of_the_cluster(What::One(Write::Create(
            Path::Odd(path),
            CreateMode::Persistent,
            None,
            acl,
            false,
        )))
    }

    fn of_the_cluster(what: What) -> Self {
        let who = Who {
            session: SessionPick::None,
            wrong_owner: false,
            identities: vec![Identity::super_user()],
            enforce_quotas: false,
        };
        Self::Command { who, what, time_ms: 0 }
    }

    /// The command that this step means now. Only for `Command`.
    pub fn resolve(&self, state: &Naive) -> (Command, i64) {
        let Self::Command { who, what, time_ms } = self else { panic!("{self:?} is not a command") };
        let session = match &who.session {
            SessionPick::Live(index) if !state.sessions.is_empty() => {
                let sessions: Vec<_> = state.sessions.keys().collect();
                SessionId(*sessions[index.index(sessions.len())])
            }
            SessionPick::Unknown => SessionId(42),
            _ => SessionId::NONE,
        };
        let known = state.sessions.get(&session.0);
        let mut origin = known.map_or(Owner { node: 1, connection: 1 }, |known| known.owner);
        origin.connection += if who.wrong_owner { 1_000 } else { 0 };
        match what {
            What::CreateSession { node, .. } => origin = Owner { node: *node, connection: 0 },
            What::Attach { connection, .. } => {
                origin = Owner { node: connection + 1, connection: *connection }
            }
            _ => {}
        }
        let operation = what.resolve(state, session);
        let identities = who.identities.clone();
        (Command { session, origin, identities, enforce_quotas: who.enforce_quotas, operation }, *time_ms)
    }
}

impl What {
    fn resolve(&self, state: &Naive, session: SessionId) -> Operation {
        let password = |byte: u8| Password([byte; 16]);
        match self {
            Self::One(write) => match write.resolve(state) {
                SubOperation::Create(create) => Operation::Create(create),
                SubOperation::Delete(delete) => Operation::Delete(delete),
                SubOperation::SetData(set) => Operation::SetData(set),
                check @ SubOperation::Check(_) => Operation::Multi(vec![check]),
            },
            Self::SetAcl(path, acl, version) => {
                let path = path.resolve(state);
                let current = state.nodes.get(&path).map_or(0, |node| node.stat.aversion);
                Operation::SetAcl(SetAcl {
                    acl: acl.clone(),
                    version: version.resolve(current),
                    path: path.into(),
                })
            }
            Self::Multi(writes) => {
                Operation::Multi(writes.iter().map(|write| write.resolve(state)).collect())
            }
            Self::CreateSession { password: byte, .. } => {
                Operation::CreateSession { timeout_ms: 4_000, password: password(*byte) }
            }
            Self::Attach { password: byte, .. } => {
                Operation::AttachSession { session, password: password(*byte), timeout_ms: 5_000 }
            }
            Self::Close => Operation::CloseSession,
            Self::DeleteRecursive(path, version, limit) => {
                let path = path.resolve(state);
                let current = state.nodes.get(&path).map_or(0, |node| node.stat.version);
                Operation::DeleteRecursive(DeleteRecursive {
                    path: path.into(),
                    version: version.resolve(current),
                    limit: *limit,
                })
            }
            Self::Ensure(path, data, acl, parents, limit) => Operation::Ensure(Ensure {
                path: path.resolve(state).into(),
                data: data.clone().map(Bytes::from),
                acl: acl.clone(),
                parents: *parents,
                limit: *limit,
            }),
            Self::Reap(index) => {
                let candidates = state.reapable();
                let path =
                    if candidates.is_empty() { "/none".into() } else { index.get(&candidates).clone() };
                Operation::Reap { path: path.into() }
            }
            Self::ReapAny(path) => Operation::Reap { path: path.resolve(state).into() },
            Self::Announce(node, address) => {
                Operation::Announce { node: *node, client_address: address.map(Text::from) }
            }
            Self::SetQuota(path, limits) => Operation::Multi(set_quota(&path.resolve(state), limits, state)),
            Self::Expire { late } => {
                let generation = state.sessions.get(&session.0).map_or(0, |session| session.generation);
                // Late by a move of the session, or by a change of the leader.
                let (moved, led) = (
                    u64::from(*late && generation.is_multiple_of(2)),
                    u32::from(*late && !generation.is_multiple_of(2)),
                );
                let epoch = (state.zxid >> 32) as u32;
                Operation::ExpireSession {
                    session,
                    generation: generation + moved,
                    epoch: epoch.wrapping_sub(led),
                }
            }
        }
    }
}

fn set_quota(path: &str, limits: &'static str, state: &Naive) -> Vec<SubOperation> {
    let create = |path: String, data: &'static str| {
        SubOperation::Create(Create {
            path: path.into(),
            data: Some(Bytes::from_static(data.as_bytes())),
            acl: vec![Acl::anyone(Permissions::ALL)],
            mode: CreateMode::Persistent,
            want_stat: true,
        })
    };
    let home = format!("/zookeeper/quota{}", path.trim_end_matches('/'));
    let above = (1..home.len()).filter(|at| home.as_bytes()[*at] == b'/').map(|at| &home[..at]);
    let missing = above.chain([home.as_str()]).filter(|path| !state.nodes.contains_key(*path));
    let mut operations: Vec<_> = missing.map(|path| create(path.to_owned(), "")).collect();
    let (limits_at, usage_at) = (format!("{home}/zookeeper_limits"), format!("{home}/zookeeper_stats"));
    if state.nodes.contains_key(&limits_at) {
        let data = Some(Bytes::from_static(limits.as_bytes()));
        operations.push(SubOperation::SetData(SetData { path: limits_at.into(), data, version: -1 }));
    } else {
        operations.push(create(limits_at, limits));
    }
    if !state.nodes.contains_key(&usage_at) {
        operations.push(create(usage_at, "count=0,bytes=0"));
    }
    operations
}

impl Write {
    fn resolve(&self, state: &Naive) -> SubOperation {
        let data = |data: &Option<Vec<u8>>| data.clone().map(Bytes::from);
        let text = |path: &Path| Text::from(path.resolve(state));
        let number = |path: &Path, version: &Version| {
            version.resolve(state.nodes.get(&path.resolve(state)).map_or(0, |node| node.stat.version))
        };
        match self {
            Self::Create(path, mode, bytes, acl, want_stat) => SubOperation::Create(Create {
                path: text(path),
                data: data(bytes),
                acl: acl.clone(),
                mode: *mode,
                want_stat: *want_stat,
            }),
            Self::Delete(path, version) => {
                SubOperation::Delete(Delete { path: text(path), version: number(path, version) })
            }
            Self::SetData(path, bytes, version) => SubOperation::SetData(SetData {
                path: text(path),
                data: data(bytes),
                version: number(path, version),
            }),
            Self::Check(path, version) => {
                SubOperation::Check(Check { path: text(path), version: number(path, version) })
            }
        }
    }
}

impl Path {
    fn resolve(&self, state: &Naive) -> String {
        let existing = |index: &Index| {
            let paths: Vec<_> = state.nodes.keys().collect();
            paths[index.index(paths.len())].clone()
        };
        match self {
            Self::Existing(index) => existing(index),
            Self::Below(index, name) => format!("{}/{name}", existing(index).trim_end_matches('/')),
            Self::Deeper(index, [name, below]) => {
                format!("{}/{name}/{below}", existing(index).trim_end_matches('/'))
            }
            Self::Parent(index) => {
                let is_parent =
                    |path: &&String| !path.starts_with("/zookeeper") && !state.children(path).is_empty();
                let parents: Vec<_> = state.nodes.keys().filter(is_parent).collect();
                let below_root = parents.len().saturating_sub(1);
                // The root comes first, and is all there is at the start.
                if below_root == 0 { "/".to_owned() } else { parents[1 + index.index(below_root)].clone() }
            }
            Self::Odd(path) => (*path).to_owned(),
        }
    }
}

impl Version {
    fn resolve(&self, current: i32) -> i32 {
        match self {
            Self::Any => -1,
            Self::Current => current,
            Self::Number(number) => *number,
        }
    }
}
