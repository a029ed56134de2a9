//! What must be equal.

use std::collections::BTreeMap;

use std::fmt::Debug;

use tree::{ChildNames, ErrorCode, Identity, Outcome, SessionId, Tree};

use super::access;
use super::naive::{Expected, Naive};

pub fn assert_same_outcome(command: &impl Debug, outcome: &Outcome, expected: &Expected) {
    let triggers = outcome.triggers.iter();
    let found = Expected {
        zxid: outcome.zxid.0,
        result: outcome.result.clone(),
        triggers: triggers.map(|t| (t.kind, t.path.as_str().to_owned(), t.acl.entries().to_vec())).collect(),
        ended_session: outcome.ended_session,
        is_over_quota: outcome.is_over_quota,
    };
    assert_eq!(&found, expected, "{command:?}");
}

pub fn assert_same_state(tree: &Tree, naive: &Naive) {
    assert_eq!((tree.zxid().0, tree.time_ms()), (naive.zxid, naive.time_ms));
    assert_same_counters(tree, naive);
    assert_same_sessions(tree, naive);
    let (mut reapable, _) = tree.reapable(naive.time_ms, None, usize::MAX);
    reapable.sort_unstable();
    assert!(reapable.iter().map(|path| path.as_str()).eq(naive.reapable()));
    for path in naive.nodes.keys() {
        assert_same_node(tree, naive, path);
    }
}

fn assert_same_counters(tree: &Tree, naive: &Naive) {
    let counters = tree.counters();
    let ephemerals = naive.nodes.values().filter(|node| node.stat.ephemeral_owner != 0).count();
    let bytes =
        naive.nodes.iter().map(|(path, node)| path.len() + node.data.as_ref().map_or(0, Vec::len)).sum();
    let found = (counters.nodes, counters.ephemerals, counters.sessions, counters.data_bytes);
    assert_eq!(found, (naive.nodes.len(), ephemerals, naive.sessions.len(), bytes));
}

fn assert_same_sessions(tree: &Tree, naive: &Naive) {
    let found: BTreeMap<_, _> = tree.sessions().map(|session| (session.id.0, session)).collect();
    assert!(found.keys().eq(naive.sessions.keys()));
    for (id, session) in &naive.sessions {
        let ephemerals = naive.ephemerals(*id);
        let info = found[id];
        assert_eq!(tree.session(SessionId(*id)), Some(info));
        assert_eq!(
            (info.owner, info.generation, info.timeout_ms, info.ephemerals),
            (session.owner, session.generation, session.timeout_ms, ephemerals.len())
        );
        assert_eq!(tree.ephemerals(SessionId(*id), ""), ephemerals);
    }
}

fn assert_same_node(tree: &Tree, naive: &Naive, path: &str) {
    let node = &naive.nodes[path];
    let stat = naive.stat(path);
    let below = if path == "/" { path.to_owned() } else { format!("{path}/") };
    let descendants = naive.nodes.keys().filter(|key| *key != path && key.starts_with(&below)).count();
    for who in [vec![], vec![Identity::new("digest", "bob:hash")], vec![Identity::super_user()]] {
        let allowed = |bits| access::permits(&node.acl, bits, &who);
        let readable = if allowed(1) { Ok(()) } else { Err(ErrorCode::NoAuth) };
        assert_eq!(tree.exists(path, &who), readable.map(|()| stat), "{path}");
        let data = tree.data(path, &who).map(|found| (found.data.map(|data| data.to_vec()), found.stat));
        assert_eq!(data, readable.map(|()| (node.data.clone(), stat)), "{path}");
        let children =
            tree.children(path, &who).map(|(names, stat)| (names.iter().collect::<Vec<_>>(), stat));
        assert_eq!(children, readable.map(|()| (naive.children(path), stat)), "{path}");
        if let Ok((names, _)) = tree.children(path, &who) {
            assert_same_children(naive, path, &who, names);
        }
        assert_eq!(tree.descendants(path, &who), readable.map(|()| descendants), "{path}");
        let acl = match (allowed(16), allowed(1)) {
            (true, _) => Ok((node.acl.clone(), stat)),
            (false, true) => Ok((access::masked(&node.acl), stat)),
            (false, false) => Err(ErrorCode::NoAuth),
        };
        assert_eq!(tree.acl(path, &who), acl, "{path}");
    }
}

/// What a list with stats and data shows.
fn assert_same_children(naive: &Naive, path: &str, who: &[Identity], names: ChildNames<'_>) {
    let all = naive.children(path);
    let middle = all.get(all.len() / 2).copied().unwrap_or("m");
    for after in ["", middle] {
        let found = names.nodes_after(after, who);
        let found = found.map(|child| {
            let node = child.node.map(|node| (node.data.map(|data| data.to_vec()), node.stat));
            (child.name.to_owned(), node)
        });
        let expected = all.iter().filter(|name| **name > after).map(|name| {
            let path = format!("{}/{name}", path.trim_end_matches('/'));
            let node = &naive.nodes[&path];
            let is_readable = access::permits(&node.acl, 1, who);
            ((*name).to_owned(), is_readable.then(|| (node.data.clone(), naive.stat(&path))))
        });
        assert!(found.eq(expected), "{path} after {after}");
    }
}
