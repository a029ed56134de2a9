//! The estimate of a tree's memory against what the kernel counts. Alone in its process: others would be counted too.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use bytes::Bytes;
use tree::{
    Acl, Command, Create, CreateMode, Identity, Operation, Owner, Password, Permissions, Reply, SessionId,
    Text, Tree,
};

fn command(session: SessionId, operation: Operation) -> Command {
    let identities = vec![Identity::new("ip", "127.0.0.1")];
    Command { session, origin: Owner::default(), identities, enforce_quotas: false, operation }
}

/// Grows a tree, and says what to call it.
struct Builder {
    tree: Tree,
    session: SessionId,
}

impl Builder {
    fn new() -> Self {
        let mut tree = Tree::new();
        let password = Password([0; 16]);
        let made = command(SessionId::NONE, Operation::CreateSession { timeout_ms: 10_000, password });
        let Ok(Reply::SessionCreated { session, .. }) = tree.apply(&made, 1).result else { panic!() };
        Self { tree, session }
    }

    fn create(&mut self, path: String, bytes: usize, mode: CreateMode, acl: Acl) {
        let data = Some(Bytes::from(vec![7; bytes]));
        let create = Create { path: Text::from(path), data, acl: vec![acl], mode, want_stat: false };
        let outcome = self.tree.apply(&command(self.session, Operation::Create(create)), 1);
        assert!(outcome.result.is_ok(), "{outcome:?}");
    }

    fn persistent(&mut self, path: String, bytes: usize) {
        self.create(path, bytes, CreateMode::Persistent, Acl::anyone(Permissions::ALL));
    }
}

/// A permutation without order.
fn scattered(n: usize, count: usize) -> usize {
    n.wrapping_mul(7_368_787) % count
}

const COUNT: usize = 100_000;

type Shape = (&'static str, fn(&mut Builder));

const SHAPES: [Shape; 7] = [
    ("100 bytes each, directories of 1000", |tree| {
        for directory in 0..COUNT / 1000 {
            tree.persistent(format!("/d{directory}"), 0);
        }
        (0..COUNT).for_each(|n| tree.persistent(format!("/d{}/node-{n:015}", n / 1000), 100));
    }),
    ("empty, one directory, names without order", |tree| {
        (0..COUNT).for_each(|n| tree.persistent(format!("/n{}", scattered(n, COUNT)), 0));
    }),
    ("1000 bytes each, long names", |tree| {
        (0..COUNT).for_each(|n| tree.persistent(format!("/{n:0100}"), 1000));
    }),
    ("one child each", |tree| {
        for n in 0..COUNT / 2 {
            tree.persistent(format!("/n{n}"), 10);
            tree.persistent(format!("/n{n}/c"), 10);
        }
    }),
    ("ephemerals", |tree| {
        let open = || Acl::anyone(Permissions::ALL);
        (0..COUNT).for_each(|n| tree.create(format!("/e{n:08}"), 20, CreateMode::Ephemeral, open()));
    }),
    ("an access control list each", |tree| {
        for n in 0..COUNT {
            let acl = Acl::new(Permissions::ALL, Identity::new("digest", &*format!("user-{n}:{n:028}")));
            tree.create(format!("/n{n}"), 0, CreateMode::Persistent, acl);
        }
    }),
    ("large data", |tree| {
        (0..100).for_each(|n| tree.persistent(format!("/n{n}"), 500_000));
    }),
];

/// Of this process, from the kernel.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
fn the_estimate_is_what_the_kernel_counts() {
    // All stay until the end: what one gives back would be there for the next.
    let mut trees = Vec::new();
    for (shape, build) in SHAPES {
        let before = resident_bytes();
        let mut builder = Builder::new();
        build(&mut builder);
        let measured = resident_bytes() - before;
        let counters = builder.tree.counters();
        let (estimate, nodes) = (counters.memory_bytes, counters.nodes);
        let ratio = estimate as f64 / measured as f64;
        println!("{shape}: {} B a znode, estimated {}: {ratio:.2}", measured / nodes, estimate / nodes);
        assert!(
            (0.9..1.3).contains(&ratio),
            "{shape}: estimated {estimate}, measured {measured}: {ratio:.2}"
        );
        trees.push(builder);
    }
}
