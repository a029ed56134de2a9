//! Names of what a run makes on the machine: they carry the process's number, so that a run touches only its own things
//! and what a run left behind can be told from what is in use.

use std::path::PathBuf;

use crate::net::HostId;

/// Folders and namespaces of all runs begin with this.
const PREFIX: &str = "quorate-chaos";

/// The namespace of a host of this run.
pub fn namespace(host: HostId) -> String {
    format!("{}-{}", run(), host.0)
}

/// The folder of this run.
pub fn home() -> PathBuf {
    std::env::temp_dir().join(run())
}

/// The control group of this run, below those of all.
pub fn control_group() -> String {
    run()
}

fn run() -> String {
    format!("{PREFIX}-{}", std::process::id())
}

/// The number of the process that made something of this name; `None` if it is nothing of ours.
pub fn maker(name: &str) -> Option<u32> {
    let rest = name.strip_prefix(PREFIX)?.strip_prefix('-')?;
    rest.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_who_made_them() {
        let own = Some(std::process::id());
        assert_eq!(maker(&namespace(HostId(3))), own);
        assert_eq!(maker(&run()), own);
        assert_eq!(maker("quorate-chaos-x"), None);
        assert_eq!(maker("other-12"), None);
    }
}
