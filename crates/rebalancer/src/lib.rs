//! The rebalancer: resources shared out among the members of a group so that no two of them ever use one at the same time.
//!
//! Resources are whatever an application shares: queues, files, partitions, tenants. An operator lists them as znodes; members
//! come and go; each resource has one owner at a time. What Kafka's consumer groups do for Kafka, for anything, on any
//! ZooKeeper ensemble. The two protocols are those of Rebalanser (github.com/Rebalanser), see [`Mode`].
//!
//! ```no_run
//! use client::{Options as ClientOptions, Sessions};
//! use rebalancer::{Failure, Grant, Handler, Options, Rebalancer, ResourceId};
//!
//! struct Worker;
//!
//! impl Handler for Worker {
//!     async fn on_start(&self, grants: Vec<Grant>) -> Result<(), Failure> {
//!         for Grant { resource, token } in grants {
//!             println!("{resource} is ours; show {token} wherever it is changed");
//!         }
//!         Ok(())
//!     }
//!
//!     async fn on_stop(&self, resources: Vec<ResourceId>) -> Result<(), Failure> {
//!         println!("done with {resources:?}");
//!         Ok(())
//!     }
//! }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = runtime::Runtime::system();
//! let sessions = Sessions::open(&runtime, "127.0.0.1:2181", ClientOptions::default()).await?;
//! let rebalancer = Rebalancer::join(&sessions, "/groups/mailboxes", Worker, Options::default())?;
//! // ... until it is time to go:
//! rebalancer.leave().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! - **One owner.** Between the call of [`Handler::on_start`] for a resource and the end of [`Handler::on_stop`] for it, no other
//!   member of the group is in between these two for that resource: whatever crashes, is cut off or comes back. This
//!   rests on two things that no protocol can do without. Clocks of members and servers run at about one rate: a member that is
//!   cut off stops by its own clock before its session can end by the servers'. And the member's process runs: one that
//!   is suspended (SIGSTOP, a paused virtual machine) stops nothing.
//! - **A token for when they do not hold.** [`Grant::token`] is larger for each later ownership of a resource. A resource that
//!   refuses smaller tokens than the largest it has seen is safe without any assumption. See [`Token`].
//! - **All are used.** Once members, resources and servers are left alone, each resource gets an owner, and each member its part:
//!   with equal weights no member has two resources more than another.
//! - **Nothing moves for nothing.** An allocation that is complete and even is left alone; with [`Policy::Sticky`] the fewest
//!   possible resources move.
//!
//! Nothing is polled: members wait for watches and for their session.
//!
//! # Inside
//!
//! [`core`] has the protocols as pure steps; the driver carries out what they say by a `client::Client` for each session in turn.

pub mod core;
mod driver;
mod error;
mod handler;
mod inspect;
mod layout;
pub mod monitor;
mod options;
#[doc(hidden)]
pub mod planted;

pub use core::{Allocation, Grant, MemberId, Policy, ResourceId, Round, Token, Weight};
pub use driver::{Rebalancer, View};
pub use error::Error;
pub use handler::{Failure, Handler};
pub use inspect::{Barrier, MemberReport, Report, Waiting, inspect};
pub use options::{Mode, Options};
