//! What a node says of itself.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_millis(400);

/// The part of the answer to `srvr` that matters here; ZooKeeper and Quorate have it in common.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Srvr {
    /// The newest transaction that it applied.
    pub zxid: i64,
    /// Its role: `leader`, `follower`, `observer`, `standalone`.
    pub mode: String,
}

/// Asks a server for `srvr`. `None` if it does not answer, or does not serve.
pub fn srvr(server: &str) -> Option<Srvr> {
    let server: SocketAddr = server.parse().ok()?;
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(b"srvr").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    parse(&answer)
}

fn parse(answer: &str) -> Option<Srvr> {
    let field = |name: &str| answer.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let zxid = field("Zxid:")?.strip_prefix("0x")?;
    Some(Srvr { zxid: i64::from_str_radix(zxid, 16).ok()?, mode: field("Mode:")?.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zxid_and_mode_are_found() {
        let answer = "Zookeeper version: 3.9\nReceived: 1\nZxid: 0x1f\nMode: leader\nNode count: 5\n";
        assert_eq!(parse(answer), Some(Srvr { zxid: 31, mode: "leader".into() }));
        assert_eq!(parse("This ZooKeeper instance is not currently serving requests\n"), None);
    }
}
