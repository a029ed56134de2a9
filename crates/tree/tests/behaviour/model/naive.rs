//! The model.

use std::collections::BTreeMap;

use tree::{
    Acl, Check, Command, Create, CreateMode, Delete, ErrorCode, EventKind, Identity, MultiFailure, Operation,
    Owner, Password, Permissions, Reply, SessionId, SetAcl, SetData, Stat, SubOperation, Ttl, Zxid,
};

use super::access;

#[derive(Clone, Debug)]
pub struct Node {
    pub data: Option<Vec<u8>>,
    pub acl: Vec<Acl>,
    pub stat: Stat,
    /// Children ever created.
    pub counter: i32,
    pub is_container: bool,
    pub ttl_ms: Option<u64>,
}

#[derive(Clone, Debug)]
pub struct Session {
    pub owner: Owner,
    pub generation: u64,
    pub timeout_ms: u32,
    pub password: Password,
}

#[derive(Clone, Debug)]
pub struct Naive {
    pub nodes: BTreeMap<String, Node>,
    pub sessions: BTreeMap<i64, Session>,
    pub zxid: i64,
    pub time_ms: i64,
    pub session_counter: i64,
    pub enforce_quotas: bool,
    pub is_over_quota: bool,
    /// Address, and whether it votes.
    pub members: BTreeMap<u64, (String, bool)>,
    pub client_addresses: BTreeMap<u64, String>,
}

/// What an outcome must say.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    pub zxid: i64,
    pub result: Result<Reply, ErrorCode>,
    pub triggers: Vec<(EventKind, String, Vec<Acl>)>,
    pub ended_session: Option<SessionId>,
    pub is_over_quota: bool,
}

pub type Answer = Result<Reply, ErrorCode>;
pub type Triggers = Vec<(EventKind, String, Vec<Acl>)>;

fn parent_of(path: &str) -> String {
    match path.rfind('/') {
        Some(0) => "/".to_owned(),
        Some(at) => path[..at].to_owned(),
        None => String::new(),
    }
}

pub fn valid_path(path: &str) -> bool {
    let units: Vec<u16> = path.encode_utf16().collect();
    let bad_unit = |unit: &u16| matches!(*unit, 0..=0x1f | 0x7f..=0x9f | 0xd800..=0xf8ff | 0xfff0..=0xffff);
    if path == "/" {
        return true;
    }
    path.starts_with('/')
        && !path.ends_with('/')
        && !path.contains("//")
        && !format!("{path}/").contains("/./")
        && !format!("{path}/").contains("/../")
        && !units.iter().any(bad_unit)
}

pub fn require(holds: bool, error: ErrorCode) -> Result<(), ErrorCode> {
    if holds { Ok(()) } else { Err(error) }
}

impl Naive {
    pub fn new() -> Self {
        let node = |version, bits| Node {
            data: Some(vec![]),
            acl: vec![Acl::anyone(Permissions(bits))],
            stat: Stat { version, aversion: version, ..Stat::default() },
            counter: 0,
            is_container: false,
            ttl_ms: None,
        };
        let nodes = [
            ("/", node(0, 31)),
            ("/zookeeper", node(0, 31)),
            ("/zookeeper/quota", node(0, 31)),
            ("/zookeeper/config", node(-1, 1)),
        ];
        let nodes = nodes.into_iter().map(|(path, node)| (path.to_owned(), node)).collect();
        Self {
            nodes,
            sessions: BTreeMap::new(),
            zxid: 0,
            time_ms: 0,
            session_counter: 0,
            enforce_quotas: false,
            is_over_quota: false,
            members: BTreeMap::new(),
            client_addresses: BTreeMap::new(),
        }
    }

    pub fn begin_epoch(&mut self) {
        self.zxid = (self.zxid / (1 << 32) + 1) * (1 << 32);
    }

    pub fn children(&self, path: &str) -> Vec<&str> {
        let children = self.nodes.keys().filter(|key| *key != "/" && parent_of(key) == path);
        children.map(|key| &key[key.rfind('/').unwrap() + 1..]).collect()
    }

    pub fn stat(&self, path: &str) -> Stat {
        let node = &self.nodes[path];
        let children = self.children(path).len() as i32;
        let data_length = node.data.as_ref().map_or(0, Vec::len) as i32;
        let cversion = node.counter.wrapping_mul(2).wrapping_sub(children);
        Stat { num_children: children, data_length, cversion, ..node.stat }
    }

    pub fn ephemerals(&self, session: i64) -> Vec<String> {
        let mine = self.nodes.iter().filter(|(_, node)| node.stat.ephemeral_owner == session);
        mine.map(|(path, _)| path.clone()).collect()
    }

    /// Containers that have had children and have none, and nodes without children whose time is over.
    pub fn reapable(&self) -> Vec<String> {
        let is_over = |node: &Node| {
            let silent = self.time_ms - node.stat.mtime;
            (node.is_container && node.counter != 0)
                || node.ttl_ms.is_some_and(|ttl_ms| silent > ttl_ms as i64)
        };
        let childless = self.nodes.iter().filter(|(path, _)| self.children(path).is_empty());
        childless.filter(|(_, node)| is_over(node)).map(|(path, _)| path.clone()).collect()
    }

    pub fn apply(&mut self, command: &Command, time_ms: i64) -> Expected {
        self.time_ms = self.time_ms.max(time_ms);
        let mut triggers = Vec::new();
        let mut ended_session = None;
        (self.enforce_quotas, self.is_over_quota) = (command.enforce_quotas, false);
        let result = self.dispatch(command, &mut triggers, &mut ended_session);
        Expected { zxid: self.zxid, result, triggers, ended_session, is_over_quota: self.is_over_quota }
    }

    fn dispatch(
        &mut self,
        command: &Command,
        triggers: &mut Triggers,
        ended: &mut Option<SessionId>,
    ) -> Answer {
        match &command.operation {
            Operation::AttachSession { session, password, timeout_ms } => {
                let found = self.sessions.get_mut(&session.0).filter(|found| found.password == *password);
                let found = found.ok_or(ErrorCode::SessionExpired)?;
                let previous = found.owner;
                found.owner = command.origin;
                found.generation += 1;
                found.timeout_ms = *timeout_ms;
                let (generation, timeout_ms) = (found.generation, *timeout_ms);
                return Ok(Reply::SessionAttached { session: *session, generation, timeout_ms, previous });
            }
            Operation::ExpireSession { session, generation, epoch } => {
                let found = self.sessions.get(&session.0).ok_or(ErrorCode::SessionExpired)?;
                let is_of_this_leader = self.zxid >> 32 == i64::from(*epoch);
                require(found.generation == *generation && is_of_this_leader, ErrorCode::SessionMoved)?;
                self.zxid += 1;
                self.end(*session, triggers);
                *ended = Some(*session);
                return Ok(Reply::SessionExpired);
            }
            Operation::Reap { path } => {
                self.get(path)?;
                require(self.reapable().contains(&path.as_str().to_owned()), ErrorCode::NotEmpty)?;
                self.zxid += 1;
                self.remove(path, triggers);
                return Ok(Reply::Deleted);
            }
            Operation::Announce { node, client_address } => {
                self.announce(*node, client_address.as_ref(), triggers);
                return Ok(Reply::EnsembleChanged);
            }
            _ => self.zxid += 1,
        }
        if let Operation::CreateSession { timeout_ms, password } = &command.operation {
            self.session_counter += 1;
            let id = ((command.origin.node as i64 - 1) % 127 + 1) * (1 << 56) + self.session_counter;
            let session = Session {
                owner: command.origin,
                generation: 0,
                timeout_ms: *timeout_ms,
                password: *password,
            };
            self.sessions.insert(id, session);
            return Ok(Reply::SessionCreated { session: SessionId(id), timeout_ms: *timeout_ms });
        }
        let none = command.session == SessionId::NONE;
        if !none {
            let session = self.sessions.get(&command.session.0).ok_or(ErrorCode::SessionExpired)?;
            require(session.owner == command.origin, ErrorCode::SessionMoved)?;
        }
        let (session, who) = (command.session.0, &command.identities[..]);
        match &command.operation {
            Operation::CloseSession => {
                require(!none, ErrorCode::SessionExpired)?;
                self.end(command.session, triggers);
                *ended = Some(command.session);
                Ok(Reply::SessionClosed)
            }
            Operation::Create(create) => self.create(create, session, who, triggers),
            Operation::Delete(delete) => self.delete(delete, who, triggers),
            Operation::DeleteRecursive(delete) => self.delete_recursive(delete, who, triggers),
            Operation::Ensure(ensure) => self.ensure(ensure, who, triggers),
            Operation::SetData(set) => self.set_data(set, who, triggers),
            Operation::SetAcl(set) => self.set_acl(set, who),
            Operation::Multi(operations) => Ok(self.multi(operations, session, who, triggers)),
            _ => unreachable!("handled above"),
        }
    }

    fn multi(
        &mut self,
        operations: &[SubOperation],
        session: i64,
        who: &[Identity],
        triggers: &mut Triggers,
    ) -> Reply {
        let before = self.clone();
        let mut replies = Vec::new();
        for (at, operation) in operations.iter().enumerate() {
            let result = match operation {
                SubOperation::Create(create) => self.create(create, session, who, triggers),
                SubOperation::Delete(delete) => self.delete(delete, who, triggers),
                SubOperation::SetData(set) => self.set_data(set, who, triggers),
                SubOperation::Check(check) => self.check(check, who),
            };
            match result {
                Ok(reply) => replies.push(reply),
                Err(error) => {
                    *self = Self { is_over_quota: self.is_over_quota, ..before };
                    triggers.clear();
                    return Reply::Multi(Err(MultiFailure { at, of: operations.len(), error }));
                }
            }
        }
        Reply::Multi(Ok(replies))
    }

    fn get(&self, path: &str) -> Result<&Node, ErrorCode> {
        self.nodes.get(if path.is_empty() { "/" } else { path }).ok_or(ErrorCode::NoNode)
    }

    pub fn require_access(&self, path: &str, bits: i32, who: &[Identity]) -> Result<(), ErrorCode> {
        require(access::permits(&self.get(path)?.acl, bits, who), ErrorCode::NoAuth)
    }

    pub fn create(
        &mut self,
        create: &Create,
        session: i64,
        who: &[Identity],
        triggers: &mut Triggers,
    ) -> Answer {
        let ephemeral = matches!(create.mode, CreateMode::Ephemeral | CreateMode::EphemeralSequential);
        let sequential = [2, 3, 6].contains(&create.mode.flags());
        require(!ephemeral || session != 0, ErrorCode::SessionExpired)?;
        require(create.path.contains('/') && !create.path.contains('\0'), ErrorCode::BadArguments)?;
        let acl = access::complete(&create.acl, who)?;
        let above = create.path[..create.path.rfind('/').unwrap()].to_owned();
        let parent = self.get(&above)?.clone();
        self.require_access(&above, 4, who)?;
        let mut path = create.path.as_str().to_owned();
        if sequential {
            path += &format!("{:010}", parent.counter);
        }
        require(valid_path(&path), ErrorCode::BadArguments)?;
        require(!self.nodes.contains_key(&path), ErrorCode::NodeExists)?;
        require(parent.stat.ephemeral_owner == 0, ErrorCode::NoChildrenForEphemerals)?;
        let growth = (1, create.data.as_ref().map_or(0, |data| data.len() as i64));
        self.check_quota(&path, growth)?;
        let zxid = Zxid(self.zxid);
        let stat = Stat {
            czxid: zxid,
            mzxid: zxid,
            pzxid: zxid,
            ctime: self.time_ms,
            mtime: self.time_ms,
            ephemeral_owner: if ephemeral { session } else { 0 },
            ..Stat::default()
        };
        let data = create.data.as_ref().map(|data| data.to_vec());
        let is_container = create.mode == CreateMode::Container;
        let ttl_ms = create.mode.ttl().map(Ttl::ms);
        self.nodes
            .insert(path.clone(), Node { data, acl: acl.clone(), stat, counter: 0, is_container, ttl_ms });
        let parent_path = parent_of(&path);
        let above = self.nodes.get_mut(&parent_path).unwrap();
        above.counter = above.counter.wrapping_add(1);
        above.stat.pzxid = zxid;
        triggers.push((EventKind::NodeCreated, path.clone(), acl));
        triggers.push((EventKind::NodeChildrenChanged, parent_path, parent.acl));
        let stat = create.want_stat.then(|| self.stat(&path));
        self.begin_usage(&path);
        self.count_usage(&path, growth);
        Ok(Reply::Created { path: path.into(), stat })
    }

    pub fn delete(&mut self, delete: &Delete, who: &[Identity], triggers: &mut Triggers) -> Answer {
        let path = delete.path.as_str();
        require(path.contains('/') && !path.contains('\0'), ErrorCode::BadArguments)?;
        let system = ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"];
        require(!system.contains(&path), ErrorCode::BadArguments)?;
        let above = &path[..path.rfind('/').unwrap()];
        self.require_access(above, 8, who)?;
        let node = self.nodes.get(path).ok_or(ErrorCode::NoNode)?;
        require(delete.version == -1 || delete.version == node.stat.version, ErrorCode::BadVersion)?;
        require(self.children(path).is_empty(), ErrorCode::NotEmpty)?;
        self.remove(path, triggers);
        Ok(Reply::Deleted)
    }

    fn remove(&mut self, path: &str, triggers: &mut Triggers) {
        let node = self.nodes.remove(path).unwrap();
        let parent_path = parent_of(path);
        let parent = self.nodes.get_mut(&parent_path).unwrap();
        parent.stat.pzxid = Zxid(self.zxid);
        let parent_acl = parent.acl.clone();
        self.count_usage(path, (-1, -node.data.as_ref().map_or(0, |data| data.len() as i64)));
        triggers.push((EventKind::NodeDeleted, path.to_owned(), node.acl));
        triggers.push((EventKind::NodeChildrenChanged, parent_path, parent_acl));
    }

    fn set_data(&mut self, set: &SetData, who: &[Identity], triggers: &mut Triggers) -> Answer {
        let path = set.path.as_str();
        require(valid_path(path), ErrorCode::BadArguments)?;
        self.require_access(path, 2, who)?;
        let length = |data: Option<usize>| data.unwrap_or(0) as i64;
        let before = length(self.nodes[path].data.as_ref().map(Vec::len));
        let growth = (0, length(set.data.as_ref().map(bytes::Bytes::len)) - before);
        self.check_quota(path, growth)?;
        let (zxid, time_ms) = (Zxid(self.zxid), self.time_ms);
        let node = self.nodes.get_mut(path).unwrap();
        require(set.version == -1 || set.version == node.stat.version, ErrorCode::BadVersion)?;
        node.data = set.data.as_ref().map(|data| data.to_vec());
        node.stat.version += 1;
        node.stat.mzxid = zxid;
        node.stat.mtime = time_ms;
        triggers.push((EventKind::NodeDataChanged, path.to_owned(), node.acl.clone()));
        let stat = self.stat(path);
        self.count_usage(path, growth);
        Ok(Reply::DataSet(stat))
    }

    fn set_acl(&mut self, set: &SetAcl, who: &[Identity]) -> Answer {
        let path = set.path.as_str();
        require(valid_path(path), ErrorCode::BadArguments)?;
        let acl = access::complete(&set.acl, who)?;
        self.require_access(path, 16, who)?;
        let node = self.nodes.get_mut(path).unwrap();
        require(set.version == -1 || set.version == node.stat.aversion, ErrorCode::BadVersion)?;
        node.acl = acl;
        node.stat.aversion += 1;
        Ok(Reply::AclSet(self.stat(path)))
    }

    fn check(&self, check: &Check, who: &[Identity]) -> Answer {
        require(valid_path(&check.path), ErrorCode::BadArguments)?;
        self.require_access(&check.path, 1, who)?;
        let version = self.nodes[check.path.as_str()].stat.version;
        require(check.version == -1 || check.version == version, ErrorCode::BadVersion)?;
        Ok(Reply::Checked)
    }

    fn end(&mut self, session: SessionId, triggers: &mut Triggers) {
        for path in self.ephemerals(session.0) {
            self.remove(&path, triggers);
        }
        self.sessions.remove(&session.0);
    }
}
