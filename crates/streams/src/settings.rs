//! How one partition behaves.

/// What happens to a frame for which there is no room within the length limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The frames that would be delivered next give way, as dead letters if the partition keeps those.
    #[default]
    DropHead,
    /// The new frame is refused.
    Refuse,
    /// The new frame is refused, and becomes a dead letter if the partition keeps those.
    RefuseAndDeadLetter,
}

/// The settings of a partition. The default is a plain FIFO queue without limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The most frames that may be ready at once; frames that somebody holds, or that wait for their time, do not count.
    pub length_max: Option<u64>,
    /// The most bytes that may be ready at once. Frames appended while there was no such limit count as empty.
    pub bytes_max: Option<u64>,
    /// What happens beyond those limits.
    pub overflow: Overflow,
    /// How long a frame may wait, milliseconds; a frame may ask for less. Binds frames appended from then on.
    pub ttl_ms: Option<u64>,
    /// How long the partition may be unused (no consumer attached, nothing taken, not created again) before
    /// [`Effects::expired`](crate::Effects::expired), milliseconds.
    pub expires_ms: Option<u64>,
    /// The highest priority; 0: all frames are equal. Frames that ask for more get this.
    pub priorities: u8,
    /// Whether only one consumer at a time gets frames.
    pub single_active: bool,
    /// How often delivery of a frame may fail; one failure more, and it is a dead letter or is parked.
    pub delivery_limit: Option<u32>,
    /// Whether frames that die are kept until they are buried, which is when they have arrived elsewhere. Otherwise they
    /// are gone, except those over the delivery limit: these are parked, for they may be somebody's only copy.
    pub dead_letters: bool,
    /// Whether the partition expires when its last consumer has left, until another attaches or it is created again. One that never
    /// had a consumer does not.
    pub auto_delete: bool,
}
