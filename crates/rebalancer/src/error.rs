//! Why a membership ended, or never began.

use std::time::Duration;

use thiserror::Error;

use crate::core::ResourceId;
use crate::handler::Failure;

/// Why a membership ended, or never began.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The group's path is none.
    #[error("the group's path: {0}")]
    Path(#[from] client::PathError),
    /// A request failed in a way that trying again does not change. All was stopped.
    #[error("all was stopped and the group is left: {0}")]
    Client(#[from] client::Error),
    /// The members of the group hand over in another way.
    #[error(
        "group {group} has mode {has}, and this member was to join with mode {asked}; all members must have one mode"
    )]
    Mode {
        /// The group.
        group: String,
        /// What the group's znode says.
        has: String,
        /// What was asked for.
        asked: &'static str,
    },
    /// Stopping may take longer than a member that is cut off has.
    #[error(
        "on_stop may take {deadline:?}, and sessions last {timeout:?}: it must be at most a quarter of that; ask for longer sessions or stop faster"
    )]
    StopDeadline {
        /// What was asked for.
        deadline: Duration,
        /// What the servers granted.
        timeout: Duration,
    },
    /// A znode of the group makes no sense.
    #[error("{path} makes no sense ({what}); did something else write it?")]
    Damaged {
        /// Which.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// [`Handler::on_start`](crate::Handler::on_start) failed or took too long. All was stopped and handed over.
    #[error("could not start with {}, so all was stopped and the group is left: {why}", list(resources))]
    Start {
        /// With what.
        resources: Vec<ResourceId>,
        /// Why.
        why: Failure,
    },
    /// [`Handler::on_stop`](crate::Handler::on_stop) failed or took too long. The resources may still be in use, so their
    /// barriers are left: nobody gets them before the session ends. End the process, or make sure by other means and
    /// close the session.
    #[error(
        "could not stop {}: nobody gets them before the session ends, so end the process soon: {why}",
        list(resources)
    )]
    Stop {
        /// What.
        resources: Vec<ResourceId>,
        /// Why.
        why: Failure,
    },
}

/// Names, as far as people want to read them.
fn list(resources: &[ResourceId]) -> String {
    const SHOWN: usize = 5;
    let mut names: Vec<&str> = resources.iter().take(SHOWN).map(ResourceId::as_str).collect();
    let more = resources.len().saturating_sub(SHOWN);
    let and_more = format!("{more} more");
    if more > 0 {
        names.push(&and_more);
    }
    names.join(", ")
}
