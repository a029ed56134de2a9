//! `wchs`, `wchc` and `wchp`: who watches what.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Write};

use tree::SessionId;

use crate::serve::Server;

pub(super) fn wchs(server: &Server) -> String {
    let counts = server.control.watch_counts();
    format!(
        "{} connections watching {} paths\nTotal watches:{}\n",
        counts.watchers, counts.paths, counts.watches
    )
}

pub(super) fn wchc(server: &Server) -> String {
    listing(&server.control.watches_by_session())
}

pub(super) fn wchp(server: &Server) -> String {
    let by_session = server.control.watches_by_session();
    listing(&watchers_by_path(&by_session))
}

/// Turns the relation round.
pub(crate) fn watchers_by_path(
    by_session: &BTreeMap<SessionId, BTreeSet<String>>,
) -> BTreeMap<&str, BTreeSet<SessionId>> {
    let mut by_path: BTreeMap<&str, BTreeSet<SessionId>> = BTreeMap::new();
    for (session, paths) in by_session {
        for path in paths {
            by_path.entry(path).or_default().insert(*session);
        }
    }
    by_path
}

/// Each key, and below it, indented, what belongs to it.
fn listing<K: Display, V: Display>(groups: &BTreeMap<K, BTreeSet<V>>) -> String {
    let mut text = String::new();
    for (key, members) in groups {
        let _ = writeln!(text, "{key}");
        for member in members {
            let _ = writeln!(text, "\t{member}");
        }
    }
    text.push('\n');
    text
}
