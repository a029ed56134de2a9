//! Measures the tree: memory and time of a million znodes, snapshots and restores.
//!
//! `cargo run --release -p quorate-tree --example measure [znodes]`

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measuring program reads the clock and prints"
)]

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tree::{
    Acl, ChunkLimits, Command, Create, CreateMode, Identity, Operation, Owner, Permissions, Restore,
    SessionId, SetData, Text, Tree, WatchKind, WatchTable, WatcherId,
};

/// Children of a directory.
const FAMILY: usize = 1_000;

fn main() {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1_000_000);
    watches();
    let before = resident_bytes();
    let mut tree = Tree::new();
    fill(&mut tree, count);
    let used = resident_bytes() - before;
    println!("memory            {:>8.1} MiB, {} B a znode", used as f64 / 1048576.0, used / count);
    overwrite(&mut tree, count);
    look_up(&tree, count);
    commands(count);
    let chunks = take_snapshot(&mut tree, count);
    restore(&chunks, &tree);
    deletes(&mut tree, count);
    one_directory(count);
    quotas(count);
}

fn path(n: usize) -> String {
    format!("/directory-{:06}/node-{:015}", n / FAMILY, n)
}

fn command(operation: Operation) -> Command {
    let identities = vec![Identity::new("ip", "127.0.0.1")];
    Command {
        session: SessionId::NONE,
        origin: Owner::default(),
        identities,
        enforce_quotas: true,
        operation,
    }
}

fn create(path: String) -> Command {
    command(Operation::Create(Create {
        path: Text::from(path),
        data: Some(Bytes::from_static(&[7; 100])),
        acl: vec![Acl::anyone(Permissions::ALL)],
        mode: CreateMode::Persistent,
        want_stat: false,
    }))
}

fn set(path: String) -> Command {
    command(Operation::SetData(SetData {
        path: Text::from(path),
        data: Some(Bytes::from_static(&[8; 100])),
        version: -1,
    }))
}

/// What quotas cost: nothing without any, a look at each prefix of the path with one, two nodes more below one.
fn quotas(count: usize) {
    let mut tree = Tree::new();
    let below = |at: &str, n: usize| format!("{at}{}", path(n));
    apply(&mut tree, &create("/limited".into()));
    for directory in 0..count.div_ceil(FAMILY) {
        apply(&mut tree, &create(format!("/limited/directory-{directory:06}")));
    }
    for n in 0..count {
        apply(&mut tree, &create(below("/limited", n)));
    }
    let sets = |name: &str, tree: &mut Tree| {
        timed(name, count, |n| apply(tree, &set(below("/limited", scattered(n, count)))));
    };
    sets("set, no quota", &mut tree);
    set_quota(&mut tree, "other");
    sets("quota elsewhere", &mut tree);
    let at = Instant::now();
    set_quota(&mut tree, "limited");
    println!("begin a quota     {:?} over {count} znodes", at.elapsed());
    sets("set in a quota", &mut tree);
}

fn set_quota(tree: &mut Tree, name: &str) {
    for node in ["", "/zookeeper_limits", "/zookeeper_stats"] {
        let mut command = create(format!("/zookeeper/quota/{name}{node}"));
        if let Operation::Create(create) = &mut command.operation {
            create.data = Some(Bytes::from_static(b"count=-1,bytes=-1=;byteHardLimit=1000000000"));
        }
        apply(tree, &command);
    }
}

/// A permutation without order.
fn scattered(n: usize, count: usize) -> usize {
    n.wrapping_mul(7_368_787) % count
}

fn timed(name: &str, count: usize, mut run: impl FnMut(usize)) {
    let (mut slowest, began) = (Duration::ZERO, Instant::now());
    for n in 0..count {
        let at = Instant::now();
        run(n);
        slowest = slowest.max(at.elapsed());
    }
    report(name, began.elapsed(), count, slowest);
}

fn report(name: &str, took: Duration, count: usize, slowest: Duration) {
    println!("{name:<16} {:>8.0} ns each, slowest {slowest:?}", took.as_nanos() as f64 / count as f64);
}

fn fill(tree: &mut Tree, count: usize) {
    for directory in 0..count.div_ceil(FAMILY) {
        apply(tree, &create(format!("/directory-{directory:06}")));
    }
    timed("create", count, |n| apply(tree, &create(path(n))));
}

fn apply(tree: &mut Tree, command: &Command) {
    let outcome = tree.apply(command, 1);
    assert!(outcome.result.is_ok(), "{command:?}: {outcome:?}");
}

fn overwrite(tree: &mut Tree, count: usize) {
    timed("set", count, |n| apply(tree, &set(path(scattered(n, count)))));
}

fn look_up(tree: &Tree, count: usize) {
    timed("get", count, |n| {
        let data = tree.data(&path(scattered(n, count)), &[]);
        assert!(data.is_ok_and(|found| found.data.is_some()));
    });
}

fn commands(count: usize) {
    let command = set(path(1));
    let mut buffer = BytesMut::with_capacity(1 << 20);
    timed("encode", count, |_| {
        buffer.clear();
        command.encode(&mut buffer);
    });
    let bytes = buffer.freeze();
    timed("decode", count, |_| drop(Command::decode(bytes.clone()).expect("it was encoded above")));
}

fn take_snapshot(tree: &mut Tree, count: usize) -> Vec<Bytes> {
    let at = Instant::now();
    tree.begin_snapshot(ChunkLimits::default()).expect("no other snapshot");
    println!("freeze            {:?}", at.elapsed());
    let (mut chunks, mut slowest, mut locked, mut writes) = (Vec::new(), Duration::ZERO, Duration::ZERO, 0);
    let began = Instant::now();
    loop {
        let at = Instant::now();
        let Some(chunk) = tree.next_snapshot_chunk() else { break };
        slowest = slowest.max(at.elapsed());
        locked += at.elapsed();
        chunks.push(chunk.encode());
        for n in writes..writes + 50 {
            apply(tree, &set(path(scattered(n, count))));
        }
        writes += 50;
    }
    let bytes: usize = chunks.iter().map(Bytes::len).sum();
    println!(
        "snapshot          {:?} with {writes} writes meanwhile; {} chunks, {:.1} MiB; locked {locked:?}, at most {slowest:?}",
        began.elapsed(),
        chunks.len(),
        bytes as f64 / 1048576.0,
    );
    chunks
}

fn restore(chunks: &[Bytes], live: &Tree) {
    let began = Instant::now();
    let mut restore = Restore::new();
    for chunk in chunks {
        restore.push(chunk.clone()).expect("chunks of a snapshot");
    }
    let pushed = began.elapsed();
    let restored = restore.finish().expect("chunks of a snapshot");
    println!("restore           {:?}, of that {:?} to finish", began.elapsed(), began.elapsed() - pushed);
    assert_eq!(restored.counters().nodes, live.counters().nodes);
}

fn deletes(tree: &mut Tree, count: usize) {
    timed("delete", count, |n| {
        let path = Text::from(path(scattered(n, count)));
        apply(tree, &command(Operation::Delete(tree::Delete { path, version: -1 })));
    });
}

fn watches() {
    let count = 100_000;
    let before = resident_bytes();
    let mut table = WatchTable::new();
    timed("watch", count, |n| table.register(&path(n), WatchKind::Data, WatcherId(n as u64 % 1_000)));
    println!("watch memory      {} B a watch", (resident_bytes() - before) / count);
}

fn one_directory(count: usize) {
    let mut tree = Tree::new();
    timed("create flat", count, |n| apply(&mut tree, &create(format!("/node-{:015}", scattered(n, count)))));
}

/// Of this process, from the kernel.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line
        .and_then(|line| line.trim().strip_suffix(" kB"))
        .and_then(|kib| kib.trim().parse::<usize>().ok());
    kib.unwrap_or(0) * 1024
}
