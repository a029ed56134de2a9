//! What clients of a run do: lay out the tree, work on it, read all of it in the end.

mod locker;
mod mixed;
mod orders;
mod paths;
mod setup;
mod verify;

pub use locker::Locker;
pub use mixed::{Habits, Mixed};
pub use orders::{Mode, Orders};
pub use paths::Layout;
pub use setup::Setup;
pub use verify::Verify;
