//! TLS at the edge: for a node's clients, whose certificates become identities, between nodes, and for those who call servers.
//!
//! [`ClientTls`] makes a secure stream of an accepted one, [`PeerNetwork`] stands before a node's network, [`Caller`] makes a
//! secure stream of one to a server. What is above sees byte streams as before, and whoever goes without TLS has none of
//! this in the way.
//!
//! All read their certificates and keys again when the files change, without a restart. Clients use TLS 1.2 or 1.3, nodes
//! 1.3. Keys are never logged.

mod caller;
mod client;
mod cpu;
mod crowd;
mod der;
mod error;
mod explain;
mod files;
mod kept;
mod login_name;
mod material;
mod peers;
mod subject;
mod validity;

pub use caller::Caller;
pub use client::ClientTls;
pub use error::TlsError;
pub use files::{CallerFiles, ClientCertificates, OwnFiles, PeerFiles, ServerFiles};
pub use peers::PeerNetwork;
