//! A tree with one session, and short names for what the tests do to it.

use bytes::Bytes;
use tree::{
    ANY_VERSION, Acl, Check, ChunkLimits, Command, Create, CreateMode, Delete, ErrorCode, Identity,
    Operation, Outcome, Owner, Password, Permissions, Reply, Restore, SessionId, SetAcl, SetData, Stat,
    SubOperation, Text, Tree, Zxid,
};

pub const PASSWORD: Password = Password([7; 16]);
pub const HERE: Owner = Owner { node: 1, connection: 10 };
pub const THERE: Owner = Owner { node: 2, connection: 20 };

pub struct Fixture {
    pub tree: Tree,
    pub session: SessionId,
    pub origin: Owner,
    pub identities: Vec<Identity>,
    pub enforce_quotas: bool,
    pub now_ms: i64,
}

impl Fixture {
    /// A session on node 1; its creation is transaction 1 of epoch 1.
    pub fn new() -> Self {
        let mut tree = Tree::new();
        tree.begin_epoch();
        let mut fixture = Self {
            tree,
            session: SessionId::NONE,
            origin: HERE,
            identities: vec![Identity::new("ip", "127.0.0.1")],
            enforce_quotas: true,
            now_ms: 1_000,
        };
        fixture.session = fixture.create_session();
        fixture
    }

    pub fn apply(&mut self, operation: Operation) -> Outcome {
        let identities = self.identities.clone();
        let enforce_quotas = self.enforce_quotas;
        let command =
            Command { session: self.session, origin: self.origin, identities, enforce_quotas, operation };
        self.tree.apply(&command, self.now_ms)
    }

    pub fn create_session(&mut self) -> SessionId {
        let operation = Operation::CreateSession { timeout_ms: 4_000, password: PASSWORD };
        match self.apply(operation).result {
            Ok(Reply::SessionCreated { session, .. }) => session,
            other => panic!("creating a session gave {other:?}"),
        }
    }

    pub fn attach(&mut self, session: SessionId, password: Password) -> Outcome {
        self.apply(Operation::AttachSession { session, password, timeout_ms: 6_000 })
    }

    pub fn create_mode(&mut self, path: &str, mode: CreateMode) -> Result<String, ErrorCode> {
        let create = Create { mode, ..create(path) };
        created(self.apply(Operation::Create(create)).result)
    }

    pub fn create(&mut self, path: &str) -> Result<String, ErrorCode> {
        self.create_mode(path, CreateMode::Persistent)
    }

    pub fn create_with_acl(&mut self, path: &str, acl: &[Acl]) -> Result<String, ErrorCode> {
        created(self.apply(Operation::Create(Create { acl: acl.to_vec(), ..create(path) })).result)
    }

    pub fn delete(&mut self, path: &str) -> Result<Reply, ErrorCode> {
        self.apply(Operation::Delete(delete(path, ANY_VERSION))).result
    }

    pub fn set(&mut self, path: &str, data: &'static str) -> Result<Reply, ErrorCode> {
        self.apply(Operation::SetData(set(path, data, ANY_VERSION))).result
    }

    pub fn set_acl(&mut self, path: &str, acl: &[Acl], version: i32) -> Result<Reply, ErrorCode> {
        self.apply(Operation::SetAcl(SetAcl { path: Text::from(path), acl: acl.to_vec(), version })).result
    }

    pub fn multi(&mut self, operations: Vec<SubOperation>) -> Outcome {
        self.apply(Operation::Multi(operations))
    }

    pub fn stat(&self, path: &str) -> Stat {
        self.tree.exists(path, &[Identity::super_user()]).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn exists(&self, path: &str) -> bool {
        self.tree.stat_unchecked(path).is_some()
    }

    pub fn names(&self, path: &str) -> Vec<String> {
        let (names, _) = self.tree.children(path, &[Identity::super_user()]).unwrap();
        names.iter().map(str::to_owned).collect()
    }

    pub fn last_zxid(&self) -> Zxid {
        self.tree.zxid()
    }
}

pub fn open() -> Vec<Acl> {
    vec![Acl::anyone(Permissions::ALL)]
}

pub fn create(path: &str) -> Create {
    let data = Some(Bytes::from_static(b"data"));
    Create { path: Text::from(path), data, acl: open(), mode: CreateMode::Persistent, want_stat: false }
}

pub fn delete(path: &str, version: i32) -> Delete {
    Delete { path: Text::from(path), version }
}

pub fn set(path: &str, data: &'static str, version: i32) -> SetData {
    SetData { path: Text::from(path), data: Some(Bytes::from_static(data.as_bytes())), version }
}

pub fn check(path: &str, version: i32) -> Check {
    Check { path: Text::from(path), version }
}

pub fn created(result: Result<Reply, ErrorCode>) -> Result<String, ErrorCode> {
    match result? {
        Reply::Created { path, .. } => Ok(path.as_str().to_owned()),
        other => panic!("a create was answered with {other:?}"),
    }
}

/// What a trigger list says, short.
pub fn events(outcome: &Outcome) -> Vec<(i32, String)> {
    outcome.triggers.iter().map(|trigger| (trigger.kind.code(), trigger.path.as_str().to_owned())).collect()
}

pub fn snapshot(tree: &mut Tree, limits: ChunkLimits) -> Vec<Bytes> {
    tree.begin_snapshot(limits).unwrap();
    finish_snapshot(tree)
}

pub fn finish_snapshot(tree: &mut Tree) -> Vec<Bytes> {
    std::iter::from_fn(|| tree.next_snapshot_chunk()).map(|chunk| chunk.encode()).collect()
}

pub fn restore(chunks: &[Bytes]) -> Result<Tree, tree::RestoreError> {
    let mut restore = Restore::new();
    for chunk in chunks {
        restore.push(chunk.clone())?;
    }
    restore.finish()
}
