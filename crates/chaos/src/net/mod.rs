//! The network of a run: a namespace for each host, and a switch of our own between them.
//!
//! Each namespace has one TAP device. What a host sends comes out of the device's other end, in this process, and the
//! [`Switch`] passes it on: late, twice, out of order, slowly or not at all, as each directed link is told. So faults
//! need nothing from the kernel but TAP devices, and are counted frame by frame.

mod ioctl;
mod link;
mod namespace;
mod switch;
mod tap;

pub use ioctl::shut_down_file_system;
pub use link::{Counts, Quality};
pub use namespace::Namespace;
pub use switch::{Overlay, Switch, Way};
pub use tap::{Tap, address};

/// A host's number on the switch: 0 for the clients, a node's own number for nodes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HostId(pub u8);

/// Where the clients run.
pub const CLIENTS: HostId = HostId(0);
