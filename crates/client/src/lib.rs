//! A ZooKeeper client: sessions that outlive connections, pipelined requests, watches.
//!
//! It speaks the protocol of ZooKeeper 3.6 and later, so it works with Quorate and with Apache ZooKeeper alike. Quorate's
//! extensions are calls of their own, which say so where a server has none ([`ErrorKind::Unsupported`]).
//!
//! ```no_run
//! use client::{Acl, AnyVersion, Client, CreateMode, Options};
//!
//! # async fn example() -> Result<(), client::Error> {
//! let runtime = runtime::Runtime::system();
//! let client = Client::connect(&runtime, "10.0.0.1:2181,10.0.0.2:2181/app", Options::default()).await?;
//! client.create("/config", Some(b"v1"), &Acl::open(), CreateMode::Persistent).await?;
//! let node = client.get("/config").await?;
//! client.set("/config", Some(b"v2"), node.stat.version).await?;
//! client.delete("/config", AnyVersion).await?;
//! client.close().await
//! # }
//! ```
//!
//! # What is promised
//!
//! - Requests take effect and are answered in the order in which they were asked: that in which their futures were first
//!   polled. Any number of tasks may share a [`Client`]; bounds on what is under way and on what waits are in [`Options`].
//! - A connection that is lost is replaced, on any of the servers, and the session, its identities and its watches are
//!   taken up there. No server is used that has seen less than this client.
//! - Reads whose answer was lost are asked again. A write whose answer was lost is an error that says so
//!   ([`Error::effect`]): it may have happened, and only the application knows how to find out.
//! - An event of a watch is delivered before the answer to any request that saw what it tells of.
//! - With [`Options::tls`], nothing is sent to a server before its certificate is found good for the host that was dialled;
//!   what is not is told at once by [`Client::connect`], and tried again later while a session lives.
//! - A session that is over stays over: ephemerals and watches are gone, and every request says so. Connect again, or have
//!   [`Sessions`] do it.
//! - Who holds something by a session learns in time when it may be lost, even when nobody can tell: [`Client::lapsed`].
//!
//! # Inside
//!
//! [`Client`] turns calls into encoded requests and answers into values. The `session` module owns the connection in
//! one task: it knows frames, numbers, deadlines and watches, but no operation. Between the two is one bounded queue.

mod acl;
mod address;
mod api;
mod error;
mod life;
mod node;
mod options;
mod path;
mod session;
mod sessions;
mod transaction;
mod watch;

pub use acl::{Acl, AclError};
pub use address::{AddressError, ConnectString};
pub use api::{Child, ChildContent, ChildrenPage, Client, Ensured, PageQuery, Parents};
pub use error::{Effect, Error, ErrorKind};
pub use jute::{ChildDetail, EventType, Stat};
pub use node::{AnyVersion, CreateMode, Node, Version};
pub use options::{Identity, Options, OwnFiles, TlsFiles};
pub use path::{PathError, check_path};
pub use session::State;
pub use sessions::Sessions;
pub use transaction::{PartAnswer, Transaction};
pub use watch::{Event, OneShot, WatchEvent, WatchMode, Watcher};
