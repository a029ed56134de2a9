//! What the server is.

use control::LogStatus;
use serde_json::{Map, Value, json};

use super::Outcome;
use crate::about;
use crate::serve::Server;

pub(super) fn configuration(server: &Server, _: &LogStatus) -> Outcome {
    let config = &server.config;
    Ok(json!({
        "client_port": config.client_port,
        "data_dir": config.data_dir,
        "data_log_dir": config.data_dir,
        "tick_time": millis(server.control.config().tick),
        "max_client_cnxns": config.connections_per_address_max,
        "min_session_timeout": millis(config.session_timeout_min),
        "max_session_timeout": millis(config.session_timeout_max),
        "server_id": server.control.node(),
        "client_port_listen_backlog": -1,
    }))
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// One journal holds both what ZooKeeper calls data and what it calls logs.
pub(super) fn dirs(server: &Server, _: &LogStatus) -> Outcome {
    let bytes = (server.config.disk)().data_bytes;
    Ok(json!({ "datadir_size": bytes, "logdir_size": bytes }))
}

pub(super) fn environment(_: &Server) -> Outcome {
    Ok(object(about::environment()))
}

pub(super) fn system_properties(_: &Server) -> Outcome {
    Ok(object(about::system_properties()))
}

fn object(pairs: Vec<(&'static str, String)>) -> Value {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect::<Map<_, _>>().into()
}

/// ZooKeeper lists digests of its tree that it takes every so many transactions; this server takes none.
pub(super) fn hash(_: &Server, _: &LogStatus) -> Outcome {
    Ok(json!({ "digests": [] }))
}

/// As with a ZooKeeper server whose members may change: the configuration it was started with may not be the one in force.
pub(super) fn initial_configuration(_: &Server, _: &LogStatus) -> Outcome {
    Ok(json!({ "initial_configuration": null }))
}

/// A server without a quorum serves nobody, not even readers.
pub(super) fn is_read_only(_: &Server, _: &LogStatus) -> Outcome {
    Ok(json!({ "read_only": false }))
}

/// The last snapshot that this process has taken; like ZooKeeper, -1 if there is none.
pub(super) fn last_snapshot(server: &Server, _: &LogStatus) -> Outcome {
    let last = server.control.metrics().snapshots.last();
    let zxid = last.map_or(-1, |snapshot| snapshot.zxid.0);
    let timestamp = last.map_or(-1, |snapshot| snapshot.taken_ms / 1000);
    Ok(json!({ "zxid": format!("{zxid:x}"), "timestamp": timestamp }))
}
