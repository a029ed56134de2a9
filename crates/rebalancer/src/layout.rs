//! Where a group is kept.
//!
//! ```text
//! GROUP                     data: its mode, `resource` or `global`
//! GROUP/clients/c_N         ephemeral, sequential: a member; data: its weight. The lowest coordinates
//! GROUP/epoch               data: who coordinates; version: the epoch, which every write of a coordinator checks
//! GROUP/resources           data: the allocation; children: the resources, which operators add and remove
//! GROUP/barriers/R          ephemeral: R's owner (mode resource); data: the member
//! GROUP/status              `StopActivity N` or `ResourcesGranted N`, N being the round (mode global)
//! GROUP/stopped/c_N-ROUND   ephemeral: the member has stopped for the round and does not go on yet (mode global)
//! ```
//!
//! Unlike in Rebalanser, barriers are not children of their resources: so they outlive them. Otherwise a resource that is removed
//! and added again would have a second owner while its first one still stops.

use crate::core::{MemberId, ResourceId, Round};

/// The paths of a group.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) group: String,
    pub(crate) clients: String,
    pub(crate) epoch: String,
    pub(crate) resources: String,
    pub(crate) barriers: String,
    pub(crate) status: String,
    pub(crate) stopped: String,
}

impl Layout {
    pub(crate) fn new(group: &str) -> Result<Self, client::PathError> {
        client::check_path(group)?;
        let group = if group == "/" { "" } else { group };
        let below = |name: &str| format!("{group}/{name}");
        Ok(Self {
            group: if group.is_empty() { "/".into() } else { group.into() },
            clients: below("clients"),
            epoch: below("epoch"),
            resources: below("resources"),
            barriers: below("barriers"),
            status: below("status"),
            stopped: below("stopped"),
        })
    }

    /// What a member's name is completed from.
    pub(crate) fn client_prefix(&self) -> String {
        format!("{}/c_", self.clients)
    }

    pub(crate) fn client(&self, member: &MemberId) -> String {
        format!("{}/{member}", self.clients)
    }

    pub(crate) fn barrier(&self, resource: &ResourceId) -> String {
        format!("{}/{resource}", self.barriers)
    }

    pub(crate) fn stopped(&self, member: &MemberId, round: Round) -> String {
        format!("{}/{member}-{}", self.stopped, round.0)
    }
}

/// Who has stopped for which round, by the name of the znode that says so.
pub(crate) fn stopped_of(name: &str) -> Option<(MemberId, Round)> {
    let (member, round) = name.rsplit_once('-')?;
    Some((member.into(), Round(round.parse().ok()?)))
}

/// A member's data: `{"weight":1,"nonce":"..."}`.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct MemberData {
    pub(crate) weight: u32,
    /// By which a member finds its own znode when the answer to its creation was lost.
    pub(crate) nonce: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_were_made() {
        let layout = Layout::new("/g").unwrap();
        let (member, round) = (MemberId::from("c_0000000007"), Round(12));
        let path = layout.stopped(&member, round);
        let name = path.strip_prefix("/g/stopped/").unwrap();
        assert_eq!(stopped_of(name), Some((member, round)));
        assert_eq!(stopped_of("c_0000000007"), None);
    }

    #[test]
    fn a_group_may_be_a_chroot() {
        let layout = Layout::new("/").unwrap();
        assert_eq!((layout.group.as_str(), layout.epoch.as_str()), ("/", "/epoch"));
        assert!(Layout::new("g").is_err());
    }
}
