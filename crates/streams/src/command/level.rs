//! Which commands the nodes of a cluster can apply that are not all of one version.

use std::borrow::Cow;

use super::{Command, Op, Stamp};
use crate::settings::Settings;

/// The highest level of commands that this version can apply, and the newest format that it reads. Levels count for the whole
/// program, as members state one number: a new one here is above those that any version without it has had for its commands of the
/// control plane.
pub const LEVEL_MAX: u32 = 4;

impl Op {
    /// The level that it needs: the lowest format that has it. An operation that is new, or has a new field that changes
    /// what it does, needs a new level; with it goes [`LEVEL_MAX`].
    #[must_use]
    pub const fn level(&self) -> u32 {
        match self {
            Self::Create { settings, .. }
            | Self::Alter { settings, .. }
            | Self::CreateGroup { settings, .. }
                if settings.auto_delete =>
            {
                2
            }
            Self::Expire { .. } => 2,
            Self::Append { stamp: Some(Stamp { gaps: true, .. }), .. } => 4,
            Self::Create { .. }
            | Self::Alter { .. }
            | Self::Delete { .. }
            | Self::Purge { .. }
            | Self::Unpark { .. }
            | Self::Append { .. }
            | Self::Attach { .. }
            | Self::Detach { .. }
            | Self::Window { .. }
            | Self::Settle { .. }
            | Self::Return { .. }
            | Self::Reject { .. }
            | Self::Take { .. }
            | Self::Release { .. }
            | Self::Gone { .. }
            | Self::CreateGroup { .. }
            | Self::DeleteGroup { .. }
            | Self::Subscribe { .. }
            | Self::Unsubscribe { .. }
            | Self::Bury { .. }
            | Self::Tick => 1,
        }
    }

    /// What is logged instead of it where no more than this level may be: the same without what was not known yet, which is put
    /// right by [`Op::Alter`] later. `None` if nothing of it would be left.
    fn at_level(&self, level: u32) -> Option<Self> {
        if self.level() <= level {
            return Some(self.clone());
        }
        let older = |settings: &Settings| Settings { auto_delete: false, ..*settings };
        match self {
            Self::Create { partition, settings } => {
                Some(Self::Create { partition: *partition, settings: older(settings) })
            }
            Self::Alter { partition, settings } => {
                Some(Self::Alter { partition: *partition, settings: older(settings) })
            }
            _ => None,
        }
    }
}

impl Command {
    /// The level that it needs: the highest of its operations.
    #[must_use]
    pub fn level(&self) -> u32 {
        self.ops.iter().map(Op::level).max().unwrap_or(1)
    }

    /// What is logged instead of it where no more than this level may be: operations in an older form. `None` if one has none: then
    /// none of it can be done yet.
    #[must_use]
    pub fn at_level(&self, level: u32) -> Option<Cow<'_, Self>> {
        if self.level() <= level {
            return Some(Cow::Borrowed(self));
        }
        let ops: Option<Vec<Op>> = self.ops.iter().map(|op| op.at_level(level)).collect();
        ops.map(|ops| Cow::Owned(Self { ops }))
    }
}
