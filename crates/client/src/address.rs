//! Which servers, and which part of their tree.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::path::{PathError, check_path};

/// The port of servers that are given without one.
const DEFAULT_PORT: u16 = 2181;

/// Servers of one ensemble and the znode that takes the place of the root: `HOST[:PORT][,...][/CHROOT]`, as every
/// ZooKeeper client takes it. The port is 2181 unless given; an IPv6 address stands in brackets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectString {
    /// `HOST:PORT` of each server; at least one.
    pub servers: Vec<String>,
    /// The path that paths are relative to; empty for the root.
    pub chroot: String,
}

/// A connect string that makes no sense.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum AddressError {
    /// No server is named.
    #[error("{0:?} names no server; give HOST:PORT[,HOST:PORT...][/CHROOT]")]
    NoServer(String),
    /// A server that can't be one.
    #[error(
        "{0:?} is no server; give HOST or HOST:PORT with a port of 1 to 65535, IPv6 addresses in brackets"
    )]
    NotAServer(String),
    /// The chroot is no path.
    #[error("the chroot is no path: {0}")]
    Chroot(#[from] PathError),
}

impl FromStr for ConnectString {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (servers, chroot) = match text.find('/') {
            Some(at) => text.split_at(at),
            None => (text, "/"),
        };
        check_path(chroot)?;
        let servers: Result<Vec<String>, AddressError> =
            servers.split(',').map(str::trim).filter(|server| !server.is_empty()).map(server).collect();
        let servers = servers?;
        if servers.is_empty() {
            return Err(AddressError::NoServer(text.to_owned()));
        }
        Ok(Self { servers, chroot: chroot.trim_end_matches('/').to_owned() })
    }
}

impl fmt::Display for ConnectString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.servers.join(","), self.chroot)
    }
}

fn server(text: &str) -> Result<String, AddressError> {
    let wrong = || AddressError::NotAServer(text.to_owned());
    // A colon inside of brackets belongs to the address.
    let (host, port) = match text.rfind(':').filter(|colon| *colon > text.rfind(']').unwrap_or(0)) {
        Some(colon) => (&text[..colon], text[colon + 1..].parse().map_err(|_| wrong())?),
        None => (text, DEFAULT_PORT),
    };
    let is_bare_v6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
    if host.is_empty() || is_bare_v6 || port == 0 || host.contains(char::is_whitespace) {
        return Err(wrong());
    }
    Ok(format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Vec<String>, String) {
        let parsed: ConnectString = text.parse().unwrap();
        (parsed.servers, parsed.chroot)
    }

    #[test]
    fn servers_and_chroot_come_apart() {
        let two = ["a:1".to_owned(), "b:2181".to_owned()];
        assert_eq!(parsed("a:1,b/app/x"), (two.to_vec(), "/app/x".to_owned()));
        assert_eq!(parsed("a:1, b"), (two.to_vec(), String::new()));
        assert_eq!(parsed("a:1,b/"), (two.to_vec(), String::new()));
        assert_eq!(parsed("[::1]:2182,[fe80::1]").0, ["[::1]:2182", "[fe80::1]:2181"]);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "/app", ",", "a:0", "a:b", ":1", "::1", "a b:1", "a:70000"] {
            assert!(text.parse::<ConnectString>().is_err(), "{text}");
        }
        assert!(matches!("a/b//c".parse::<ConnectString>(), Err(AddressError::Chroot(_))));
    }
}
