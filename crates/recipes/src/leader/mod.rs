//! Elections: one leader among several candidates, shared with Curator and kazoo.
//!
//! # When may two believe that they lead?
//!
//! A leader leads by an ephemeral znode. It is the only one as long as it stops when [`Leadership::lost`] completes, which it does no later than half a
//! session timeout before servers may end the session. Two can believe that they lead
//!
//! - while a leader that was told to stop has not stopped yet,
//! - while a process is not running: it was stopped, or its machine was suspended, and it goes on with what it was about to do,
//! - while what a former leader has sent is still on its way,
//! - when clocks do not run at about the same rate, or somebody deletes the znode by which a leader leads.
//!
//! None of these can be ruled out by any election. What makes them harmless is the token: every leadership has a higher one than those
//! before it ([`Leadership::token`]). A leader sends it along with all that it does, and what it acts on keeps the highest that it has seen
//! and refuses lower ones. In a ZooKeeper tree that is a transaction that checks the version of a znode that each leader has set to its
//! token first.

mod latch;
mod leadership;
mod selector;

pub use latch::Latch;
pub use leadership::Leadership;
pub use selector::{Led, Selector};
