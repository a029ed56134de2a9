//! Bugs put in on purpose, which the tests must find. They exist with the feature `planted` only.

/// A bug.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Bug {
    /// A member takes a resource whose barrier is another's.
    BarrierNotAwaited,
    /// A member says that it has stopped while it still does.
    StopNotAwaited,
    /// A member that is cut off goes on until it is told that its session is over.
    ExpiryNotNoticed,
    /// A coordinator writes whatever the epoch is.
    EpochNotChecked,
    /// The barrier of a resource goes with the resource.
    BarrierRemovedWithResource,
    /// The coordinator grants without waiting until all have stopped.
    StoppedIgnored,
    /// A member that has stopped for one round counts for another.
    RoundNotNamed,
    /// A member reads the allocation, or the status, once.
    NotReadAgain,
    /// The coordinator looks once who is there.
    MembersNotSeen,
    /// The first member gets all.
    NotSharedOut,
}

impl Bug {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Bug::BarrierNotAwaited,
        Bug::StopNotAwaited,
        Bug::ExpiryNotNoticed,
        Bug::EpochNotChecked,
        Bug::BarrierRemovedWithResource,
        Bug::StoppedIgnored,
        Bug::RoundNotNamed,
        Bug::NotReadAgain,
        Bug::MembersNotSeen,
        Bug::NotSharedOut,
    ];
}
