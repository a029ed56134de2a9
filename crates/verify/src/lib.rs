//! Is what clients see possible, if the server is right?
//!
//! A [`client`] does what a [`workload`] decides and notes all that it sees in a [`history`]; [`check`] finds what no right
//! server can have done. The simulator runs it over simulated time and network, the fault tests on real processes over real
//! ones: nothing here knows which.

pub mod check;
pub mod client;
pub mod history;
pub mod queues;
pub mod workload;
