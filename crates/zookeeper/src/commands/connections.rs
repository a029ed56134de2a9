//! Who is connected.

use control::LogStatus;
use serde_json::{Value, json};
use tree::SessionId;

use super::Outcome;
use crate::serve::{ConnectionInfo, ConnectionState, Server};

pub(super) fn connections(server: &Server, _: &LogStatus) -> Outcome {
    let [connections, secure] = listed(server, full);
    Ok(json!({ "connections": connections, "secure_connections": secure }))
}

pub(super) fn reset(server: &Server, _: &LogStatus) -> Outcome {
    server.registry.all().iter().for_each(|connection| connection.update(ConnectionState::reset));
    Ok(Value::Null)
}

/// The connections in the clear, and the others.
pub(super) fn listed(
    server: &Server,
    show: fn(&Server, &ConnectionInfo, &ConnectionState) -> Value,
) -> [Vec<Value>; 2] {
    let mut listed = [Vec::new(), Vec::new()];
    for connection in server.registry.all() {
        let state = connection.state();
        listed[usize::from(state.is_secure)].push(show(server, &connection, &state));
    }
    listed
}

/// What is known of every connection.
pub(super) fn brief(server: &Server, connection: &ConnectionInfo, state: &ConnectionState) -> Value {
    json!({
        "remote_socket_address": connection.peer.to_string(),
        "interest_ops": state.interest_ops(server.config.outstanding_max),
        "outstanding_requests": state.outstanding,
        "packets_received": state.received,
        "packets_sent": state.sent,
    })
}

/// And, if it has a session, of that.
fn full(server: &Server, connection: &ConnectionInfo, state: &ConnectionState) -> Value {
    let mut shown = brief(server, connection, state);
    if state.session == SessionId::NONE {
        return shown;
    }
    let latency = state.latency;
    let session = json!({
        "session_id": state.session.0,
        "last_operation": state.last_op.map_or("NA", |op| op.short_name()),
        "established": connection.established_ms,
        "session_timeout": state.timeout_ms,
        "last_cxid": state.last_xid,
        "last_zxid": state.last_zxid,
        "last_response_time": state.last_response_ms,
        "last_latency": millis(latency.last),
        "min_latency": millis(latency.min),
        "avg_latency": millis(latency.mean()),
        "max_latency": millis(latency.max),
    });
    if let (Value::Object(shown), Value::Object(session)) = (&mut shown, session) {
        shown.extend(session);
    }
    shown
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
