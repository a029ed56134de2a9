//! `cons` and `crst`, and the lines about connections in `stat`.

use std::fmt::Write;

use crate::codec::OpCode;
use crate::serve::{ConnectionInfo, ConnectionState, Server};

/// A connection in `stat`.
pub(super) fn short_line(connection: &ConnectionInfo) -> String {
    let state = connection.state();
    format!(
        " /{}[1](queued={},recved={},sent={})\n",
        connection.peer, state.outstanding, state.received, state.sent
    )
}

pub(super) fn cons(server: &Server) -> String {
    let mut text = String::new();
    for connection in server.registry.all() {
        text.push_str(&full_line(&connection));
    }
    text.push('\n');
    text
}

fn full_line(connection: &ConnectionInfo) -> String {
    let state = connection.state();
    let mut line = format!(
        " /{}[1](queued={},recved={},sent={}",
        connection.peer, state.outstanding, state.received, state.sent
    );
    if state.session != tree::SessionId::NONE {
        let latency = state.latency;
        let _ = write!(
            line,
            ",sid={},lop={},est={},to={},lcxid={:#x},lzxid={:#x},lresp={},llat={},minlat={},avglat={},maxlat={}",
            state.session,
            state.last_op.map_or("NA", op_name),
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

/// ZooKeeper's short names.
fn op_name(op: OpCode) -> &'static str {
    match op {
        OpCode::Ping => "PING",
        OpCode::CreateSession => "SESS",
        OpCode::Multi => "MULT",
        OpCode::MultiRead => "MLTR",
        OpCode::Create | OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl => "CREA",
        OpCode::Delete | OpCode::DeleteContainer => "DELE",
        OpCode::SetData => "SETD",
        OpCode::Reconfig => "RECO",
        OpCode::SetAcl => "SETA",
        OpCode::CloseSession => "CLOS",
        OpCode::Sync => "SYNC",
        OpCode::Check => "CHEC",
        OpCode::Exists => "EXIS",
        OpCode::GetData => "GETD",
        OpCode::SetWatches => "SETW",
        OpCode::SetWatches2 => "STW2",
        OpCode::AddWatch => "ADDW",
        OpCode::GetAcl => "GETA",
        OpCode::GetChildren | OpCode::GetChildren2 => "GETC",
        OpCode::GetAllChildrenNumber => "GETACN",
        OpCode::CheckWatches => "CHKW",
        OpCode::RemoveWatches => "REMW",
        OpCode::WhoAmI => "HOMI",
        OpCode::GetEphemerals => "GETE",
        OpCode::Notification | OpCode::Auth | OpCode::Sasl | OpCode::Unknown(_) => "NA",
    }
}

pub(super) fn crst(server: &Server) -> String {
    server.registry.all().iter().for_each(|connection| connection.update(ConnectionState::reset));
    "Connection stats reset.\n".to_owned()
}
