//! `envi`, `conf` and `dirs`: what the server is.

use std::fmt::Write;

use control::{LogStatus, Role};

use crate::about::{environment, members, own_member};
use crate::serve::Server;

/// Clients read the server's version from here.
pub(super) fn envi() -> String {
    environment().iter().fold("Environment:\n".to_owned(), |mut text, (key, value)| {
        let _ = writeln!(text, "{key}={value}");
        text
    })
}

pub(super) fn conf(server: &Server, status: Option<&LogStatus>) -> String {
    let config = &server.config;
    let bytes = (config.disk)().data_bytes;
    let dir = &config.data_dir;
    let mut text = format!(
        "clientPort={}\nsecureClientPort={}\ndataDir={dir}\ndataDirSize={bytes}\ndataLogDir={dir}\n\
         dataLogSize={bytes}\ntickTime={}\nmaxClientCnxns={}\nminSessionTimeout={}\nmaxSessionTimeout={}\n\
         clientPortListenBacklog=-1\nserverId={}\n",
        config.client_port,
        config.secure_client_port.map_or(-1, i32::from),
        server.control.config().tick.as_millis(),
        config.connections_per_address_max,
        config.session_timeout_min.as_millis(),
        config.session_timeout_max.as_millis(),
        server.control.node()
    );
    if let Some(status) = status.filter(|status| status.role != Role::Standalone) {
        put_quorum(server, status, &mut text);
    }
    text
}

/// Elections are held where peers talk.
fn put_quorum(server: &Server, status: &LogStatus, text: &mut String) {
    if let Some(port) = own_member(server).and_then(|own| own.port()) {
        let _ = writeln!(text, "electionPort={port}\nquorumPort={port}");
    }
    let _ = writeln!(text, "peerType={}\nmembership: ", u8::from(status.role == Role::Observer));
    for member in members(server) {
        let role = if member.is_voter { "participant" } else { "observer" };
        let _ = write!(text, "server.{}={}:0:{role}", member.node, member.address);
        if let Some(address) = member.client_address {
            let _ = write!(text, ";{address}");
        }
        text.push('\n');
    }
}

/// One journal holds both what ZooKeeper calls data and what it calls logs.
pub(super) fn dirs(server: &Server) -> String {
    let bytes = (server.config.disk)().data_bytes;
    format!("datadir_size: {bytes}\nlogdir_size: {bytes}\n")
}
