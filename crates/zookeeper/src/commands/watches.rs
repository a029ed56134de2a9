//! Sessions, and what they watch. Sessions are decimal here and hexadecimal in four-letter words, as with ZooKeeper.

use std::collections::BTreeMap;

use control::LogStatus;
use serde_json::json;

use super::Outcome;
use crate::serve::Server;
use crate::words::watchers_by_path;

pub(super) fn summary(server: &Server, _: &LogStatus) -> Outcome {
    let counts = server.control.watch_counts();
    Ok(json!({
        "num_connections": counts.watchers,
        "num_paths": counts.paths,
        "num_total_watches": counts.watches,
    }))
}

pub(super) fn by_session(server: &Server, _: &LogStatus) -> Outcome {
    let by_session = server.control.watches_by_session();
    let shown: BTreeMap<_, _> =
        by_session.into_iter().map(|(session, paths)| (session.0.to_string(), paths)).collect();
    Ok(json!({ "session_id_to_watched_paths": shown }))
}

pub(super) fn by_path(server: &Server, _: &LogStatus) -> Outcome {
    let by_session = server.control.watches_by_session();
    let shown: BTreeMap<_, Vec<i64>> = watchers_by_path(&by_session)
        .into_iter()
        .map(|(path, sessions)| (path, sessions.iter().map(|session| session.0).collect()))
        .collect();
    Ok(json!({ "path_to_session_ids": shown }))
}

/// When sessions will expire is known to the leader alone, here in milliseconds since the Unix epoch.
pub(super) fn dump(server: &Server, _: &LogStatus) -> Outcome {
    let now_ms = server.runtime.clock.wall_ms();
    let deadlines = server.control.session_deadlines(server.control.config().tick).unwrap_or_default();
    let expiries: BTreeMap<String, Vec<i64>> = deadlines
        .into_iter()
        .map(|(left_ms, sessions)| {
            let at_ms = now_ms.saturating_add_unsigned(left_ms);
            (at_ms.to_string(), sessions.iter().map(|session| session.0).collect())
        })
        .collect();
    let ephemerals: BTreeMap<String, Vec<String>> = server.control.read(|tree| {
        let owned =
            tree.sessions().map(|session| (session.id.0.to_string(), tree.ephemerals(session.id, "")));
        owned.filter(|(_, paths)| !paths.is_empty()).collect()
    });
    Ok(json!({ "expiry_time_to_session_ids": expiries, "session_id_to_ephemeral_paths": ephemerals }))
}
