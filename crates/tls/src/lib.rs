//! TLS at the edge of a node: for clients, whose certificates become identities, and between nodes.
//!
//! [`ClientTls`] makes a secure stream of an accepted one, [`PeerNetwork`] stands before a node's network. What is above
//! sees byte streams as before, and a node without TLS has none of this in its way.
//!
//! Both read their certificates and keys again when the files change, without a restart. Clients use TLS 1.2 or 1.3, nodes
//! 1.3. Keys are never logged.

mod client;
mod cpu;
mod crowd;
mod der;
mod error;
mod files;
mod kept;
mod material;
mod peers;
mod subject;
mod validity;

pub use client::ClientTls;
pub use error::TlsError;
pub use files::{ClientCertificates, OwnFiles, PeerFiles, ServerFiles};
pub use peers::PeerNetwork;
