//! Class 30: access tickets, which only old clients still ask for.

use super::arguments::arguments;
use crate::ShortStr;

arguments! {
    /// Asks for a ticket.
    Request<'a> {
        realm: ShortStr<'a>,
        exclusive: bool,
        passive: bool,
        active: bool,
        write: bool,
        read: bool,
    }
    /// The ticket; servers give 1 and never look at it again.
    RequestOk {
        ticket: u16,
    }
}
