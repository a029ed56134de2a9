//! One consumer.

use std::cmp::Reverse;

use super::Rank;
use crate::past::Past;
use crate::run_map::RunMap;

/// How somebody consumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attachment {
    /// The most frames to hold.
    pub(crate) window: u32,
    /// Higher gets frames first.
    pub(crate) priority: i32,
    /// Lower came earlier.
    pub(crate) order: u64,
}

impl Attachment {
    pub(crate) fn rank(&self) -> Rank {
        (Reverse(self.priority), self.order)
    }
}

/// Somebody who consumes, or holds frames, or both.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holder {
    /// Absent: was detached, or only took single frames.
    pub(crate) attachment: Option<Attachment>,
    /// Its place among those who can get a frame.
    pub(crate) turn: Option<u64>,
    /// Its unsettled frames.
    pub(crate) held: RunMap<Past>,
}

impl Holder {
    pub(crate) fn has_room(&self) -> bool {
        self.attachment.is_some_and(|attachment| self.held.len() < u64::from(attachment.window))
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.attachment.is_none() && self.held.is_empty()
    }
}
