//! What clients asked and were told, in the order in which it happened.
//!
//! The simulation runs on one thread, so all clients write into one list, and a place in it is a moment: what stands
//! earlier happened earlier, for whoever could have known.

mod op;
mod record;

pub use op::{Answer, Failure, Kind, Op, Outcome, PartAnswer, Seen, Tag, Write};
pub use record::{
    Attached, ClientId, ConnectionId, Event, Fired, History, Moment, OpId, OpRecord, SessionKey, WatchKind,
};
