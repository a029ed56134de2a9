//! Who belongs to the cluster, as `quorate member` tells and changes it.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::program::ADMIN_PORT;
use crate::net::{HostId, Namespace, address};

/// A member, as the cluster sees it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Member {
    /// Its number.
    pub node: u8,
    /// `voter` or `observer`.
    pub role: String,
}

/// What an operator asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// An observer shall vote.
    Promote(u8),
    /// A voter shall observe.
    Demote(u8),
    /// A node shall go.
    Remove(u8),
}

impl Request {
    /// Begins to ask by the node on this host; the process ends when it has an answer.
    ///
    /// # Errors
    /// If the program can't be started.
    pub fn ask(self, quorate: &Path, from: &Namespace, by: HostId) -> Result<Child> {
        let (verb, node) = match self {
            Request::Promote(node) => ("promote", node),
            Request::Demote(node) => ("demote", node),
            Request::Remove(node) => ("remove", node),
        };
        let mut command = member(quorate, by);
        command.args([verb, &node.to_string()]).stdout(Stdio::null()).stderr(Stdio::piped());
        from.inside(|| command.spawn())?.with_context(|| format!("start {command:?}"))
    }

    /// Whether these members are as it is asked.
    pub fn is_met(self, members: &[Member]) -> bool {
        let role =
            |node| members.iter().find(|member| member.node == node).map(|member| member.role.as_str());
        match self {
            Request::Promote(node) => role(node) == Some("voter"),
            Request::Demote(node) => role(node) == Some("observer"),
            Request::Remove(node) => role(node).is_none(),
        }
    }
}

/// The members that the node on this host sees; `None` if it does not say.
///
/// # Errors
/// If the program can't be started.
pub fn members(quorate: &Path, from: &Namespace, by: HostId) -> Result<Option<Vec<Member>>> {
    let mut command = member(quorate, by);
    command.args(["ls", "--json"]).stderr(Stdio::null());
    let output = from.inside(|| command.output())?.with_context(|| format!("start {command:?}"))?;
    Ok(serde_json::from_slice(&output.stdout).ok().filter(|_| output.status.success()))
}

fn member(quorate: &Path, by: HostId) -> Command {
    let mut command = Command::new(quorate);
    command.args(["member", "--admin", &format!("{}:{ADMIN_PORT}", address(by))]).stdin(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_met_when_the_members_say_so() {
        let members = [Member { node: 3, role: "observer".into() }];
        assert!(Request::Demote(3).is_met(&members) && !Request::Promote(3).is_met(&members));
        assert!(Request::Remove(4).is_met(&members) && !Request::Remove(3).is_met(&members));
        assert!(!Request::Demote(4).is_met(&members));
    }
}
