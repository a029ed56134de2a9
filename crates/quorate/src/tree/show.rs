//! Znodes as text and as JSON.

use client::{Acl, Stat};
use serde_json::{Value, json};

use super::format::DataText;

/// A znode's numbers, as ZooKeeper's command line names them.
pub(super) fn stat_json(stat: &Stat) -> Value {
    json!({
        "czxid": hex(stat.czxid),
        "mzxid": hex(stat.mzxid),
        "pzxid": hex(stat.pzxid),
        "ctime_ms": stat.ctime_ms,
        "mtime_ms": stat.mtime_ms,
        "version": stat.version,
        "cversion": stat.cversion,
        "aversion": stat.aversion,
        "ephemeral_owner": hex(stat.ephemeral_owner),
        "data_bytes": stat.data_length,
        "children": stat.children,
    })
}

/// The same, a line each.
pub(super) fn stat_lines(stat: &Stat) -> String {
    let value = stat_json(stat);
    let fields = value.as_object().into_iter().flatten();
    fields.map(|(name, value)| format!("{name} = {}\n", plain(value))).collect()
}

/// A znode as one JSON object.
pub(super) fn node_json(path: &str, data: Option<&[u8]>, acl: &[Acl], stat: &Stat) -> Value {
    let DataText { data, encoding } = DataText::of(data);
    let mut value = json!({ "path": path, "data": data, "acl": entries(acl), "stat": stat_json(stat) });
    if let Some(encoding) = encoding {
        value["encoding"] = json!(encoding);
    }
    value
}

pub(super) fn entries(acl: &[Acl]) -> Vec<String> {
    acl.iter().map(Acl::to_string).collect()
}

/// A JSON object on a line of its own.
pub(super) fn line(value: &Value) -> Vec<u8> {
    format!("{value}\n").into_bytes()
}

pub(super) fn hex(number: i64) -> String {
    format!("{number:#x}")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
