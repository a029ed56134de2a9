//! `cons` and `crst`, and the lines about connections in `stat`.

use std::fmt::Write;

use crate::serve::{ConnectionInfo, ConnectionState, Server};

/// A connection in `stat`.
pub(super) fn short_line(connection: &ConnectionInfo, outstanding_max: usize) -> String {
    let state = connection.state();
    format!(
        " /{}[{}](queued={},recved={},sent={})\n",
        connection.peer,
        state.interest_ops(outstanding_max),
        state.outstanding,
        state.received,
        state.sent
    )
}

pub(super) fn cons(server: &Server) -> String {
    let mut text = String::new();
    for connection in server.registry.all() {
        text.push_str(&full_line(&connection, server.config.outstanding_max));
    }
    text.push('\n');
    text
}

fn full_line(connection: &ConnectionInfo, outstanding_max: usize) -> String {
    let state = connection.state();
    let mut line = format!(
        " /{}[{}](queued={},recved={},sent={}",
        connection.peer,
        state.interest_ops(outstanding_max),
        state.outstanding,
        state.received,
        state.sent
    );
    if state.session != tree::SessionId::NONE {
        let latency = state.latency;
        let _ = write!(
            line,
            ",sid={},lop={},est={},to={},lcxid={:#x},lzxid={:#x},lresp={},llat={},minlat={},avglat={},maxlat={}",
            state.session,
            state.last_op.map_or("NA", |op| op.short_name()),
            connection.established_ms,
            state.timeout_ms,
            state.last_xid,
            state.last_zxid,
            state.last_response_ms,
            latency.last.as_millis(),
            latency.min.as_millis(),
            latency.mean().as_millis(),
            latency.max.as_millis()
        );
    }
    line.push_str(")\n");
    line
}

pub(super) fn crst(server: &Server) -> String {
    server.registry.all().iter().for_each(|connection| connection.update(ConnectionState::reset));
    "Connection stats reset.\n".to_owned()
}
