//! What the server is: its version, its configuration, what it runs on.

use crate::process;
use crate::serve::Server;

/// The version, and when it was built, as `srvr` and `mntr` print it.
pub(crate) fn version_line() -> String {
    let date = option_env!("QUORATE_BUILD_DATE").unwrap_or("an unrecorded date");
    format!("{}, built on {date}", crate::VERSION)
}

/// What the process runs on, under ZooKeeper's names. What it says of its Java machine is absent: there is none.
pub(crate) fn environment() -> Vec<(&'static str, String)> {
    let mut lines = vec![("zookeeper.version", version_line()), ("host.name", process::host_name())];
    lines.extend(system_properties());
    lines
}

/// Those of the environment that are properties of the operating system and its user.
pub(crate) fn system_properties() -> Vec<(&'static str, String)> {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let directory = std::env::current_dir().unwrap_or_default();
    vec![
        ("os.name", std::env::consts::OS.to_owned()),
        ("os.arch", std::env::consts::ARCH.to_owned()),
        ("os.version", process::os_version()),
        ("user.name", variable("USER")),
        ("user.home", variable("HOME")),
        ("user.dir", directory.display().to_string()),
    ]
}

/// A member as the tree knows it.
pub(crate) struct MemberInfo {
    pub(crate) node: u64,
    /// Where other nodes reach it.
    pub(crate) address: String,
    /// Where clients reach it, if that is known.
    pub(crate) client_address: Option<String>,
    pub(crate) is_voter: bool,
}

impl MemberInfo {
    /// The address without its port.
    pub(crate) fn host(&self) -> &str {
        self.address.rsplit_once(':').map_or(&self.address, |(host, _port)| host)
    }

    /// The port of the address, if it has one.
    pub(crate) fn port(&self) -> Option<u16> {
        self.address.rsplit_once(':')?.1.parse().ok()
    }
}

/// The members of the cluster, by number.
pub(crate) fn members(server: &Server) -> Vec<MemberInfo> {
    server.control.read(|tree| {
        let members = tree.members().map(|(member, client_address)| MemberInfo {
            node: member.node,
            address: member.address.as_str().to_owned(),
            client_address: client_address.map(|address| address.as_str().to_owned()),
            is_voter: member.is_voter,
        });
        members.collect()
    })
}

/// This node among the members, once it is one.
pub(crate) fn own_member(server: &Server) -> Option<MemberInfo> {
    members(server).into_iter().find(|member| member.node == server.control.node())
}
