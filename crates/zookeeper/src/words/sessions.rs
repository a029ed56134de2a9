//! `dump`: sessions, their ephemerals, and the connections that speak for them.

use std::fmt::Write;

use tree::{SessionId, SessionInfo};

use crate::serve::Server;

/// In the form of a ZooKeeper server that does not lead: when a session will expire is known to the leader alone.
pub(super) fn dump(server: &Server) -> String {
    let sessions: Vec<(SessionInfo, Vec<String>)> = server.control.read(|tree| {
        let ephemerals = |session: &SessionInfo| tree.ephemerals(session.id, "");
        tree.sessions().map(|session| (session, ephemerals(&session))).collect()
    });
    let mut text = format!("SessionTracker dump:\nGlobal Sessions({}):\n", sessions.len());
    for (session, _) in &sessions {
        let _ = writeln!(text, "{}\t{}ms", session.id, session.timeout_ms);
    }
    let owners: Vec<_> = sessions.iter().filter(|(_, ephemerals)| !ephemerals.is_empty()).collect();
    let _ = writeln!(text, "ephemeral nodes dump:\nSessions with Ephemerals ({}):", owners.len());
    for (session, ephemerals) in owners {
        let _ = writeln!(text, "{}:", session.id);
        for path in ephemerals {
            let _ = writeln!(text, "\t{path}");
        }
    }
    put_connections(server, &mut text);
    text
}

fn put_connections(server: &Server, text: &mut String) {
    let connections = server.registry.all();
    let _ = writeln!(text, "Connections dump:\nConnections ({}):", connections.len());
    for connection in connections.iter().filter(|connection| connection.session() != SessionId::NONE) {
        let _ = writeln!(text, "ip: /{} sessionId: {}", connection.peer, connection.session());
    }
}
