//! `envi`, `conf` and `dirs`: what the server is.

use std::fmt::Write;

use super::process;
use crate::serve::Server;

/// The version, and when it was built, as `srvr` and `mntr` print it.
pub(super) fn version_line() -> String {
    let date = option_env!("QUORATE_BUILD_DATE").unwrap_or("an unrecorded date");
    format!("{}, built on {date}", crate::VERSION)
}

/// Clients read the server's version from here.
pub(super) fn envi() -> String {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let directory = std::env::current_dir().unwrap_or_default();
    let lines = [
        ("zookeeper.version", version_line()),
        ("host.name", process::host_name()),
        ("os.name", std::env::consts::OS.to_owned()),
        ("os.arch", std::env::consts::ARCH.to_owned()),
        ("os.version", process::os_version()),
        ("user.name", variable("USER")),
        ("user.home", variable("HOME")),
        ("user.dir", directory.display().to_string()),
    ];
    lines.iter().fold("Environment:\n".to_owned(), |mut text, (key, value)| {
        let _ = writeln!(text, "{key}={value}");
        text
    })
}

pub(super) fn conf(server: &Server) -> String {
    let config = &server.config;
    format!(
        "clientPort={}\nsecureClientPort={}\ndataDir={}\ntickTime={}\nmaxClientCnxns={}\nminSessionTimeout={}\n\
         maxSessionTimeout={}\nclientPortListenBacklog=-1\nserverId={}\n",
        config.client_port,
        config.secure_client_port.map_or(-1, i32::from),
        config.data_dir,
        server.control.config().tick.as_millis(),
        config.connections_per_address_max,
        config.session_timeout_min.as_millis(),
        config.session_timeout_max.as_millis(),
        server.control.node()
    )
}

/// One journal holds both what ZooKeeper calls data and what it calls logs.
pub(super) fn dirs(server: &Server) -> String {
    let bytes = (server.config.data_bytes)();
    format!("datadir_size: {bytes}\nlogdir_size: {bytes}\n")
}
