//! Address expressions of the `ip` scheme: an IPv4 or IPv6 address, or a network in CIDR notation.

use std::net::{IpAddr, Ipv4Addr};

/// An address with the number of leading bits that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Parses `address` or `address/bits`.
    pub(super) fn parse(expression: &str) -> Option<Self> {
        let (address, bits) = match expression.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (expression, None),
        };
        let address = parse_address(address)?;
        let width = width(address);
        let bits = match bits {
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= width)?,
            None => width,
        };
        Some(Self { address, bits })
    }

    /// Whether a connection from `peer` is inside. An IPv4 peer of a dual-stack listener counts as IPv4.
    pub(super) fn contains(self, peer: &str) -> bool {
        let Some(peer) = parse_address(peer) else { return false };
        match (self.address, peer) {
            (IpAddr::V4(network), peer) => {
                let IpAddr::V4(peer) = peer.to_canonical() else { return false };
                let mask = u32::MAX.checked_shl(32 - self.bits).unwrap_or(0);
                (network.to_bits() ^ peer.to_bits()) & mask == 0
            }
            (IpAddr::V6(network), IpAddr::V6(peer)) => {
                let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
                (network.to_bits() ^ peer.to_bits()) & mask == 0
            }
            (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn parse_address(text: &str) -> Option<IpAddr> {
    parse_v4(text).map(IpAddr::V4).or_else(|| text.parse().ok())
}

/// Unlike the standard parser accepts leading zeros, and reads them as decimal, as ZooKeeper does.
fn parse_v4(text: &str) -> Option<Ipv4Addr> {
    let mut parts = text.split('.');
    let mut octets = [0u8; 4];
    for octet in &mut octets {
        *octet = parts.next()?.parse().ok()?;
    }
    parts.next().is_none().then(|| octets.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, peer: &str) -> bool {
        Network::parse(network).unwrap().contains(peer)
    }

    #[test]
    fn a_network_contains_the_peers_that_share_its_leading_bits() {
        for (network, peer, expected) in [
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("10.1.2.0/24", "10.1.2.255", true),
            ("10.1.2.0/24", "10.1.3.0", false),
            ("10.1.2.3/0", "192.168.0.1", true),
            ("10.1.2.3/32", "10.1.2.3", true),
            ("2001:db8::/32", "2001:db8:1::5", true),
            ("2001:db8::/32", "2001:db9::5", false),
            ("::/0", "2001:db9::5", true),
            ("::1", "127.0.0.1", false),
            ("127.0.0.1", "::1", false),
            ("127.0.0.0/8", "::ffff:127.0.0.1", true),
            ("010.001.2.3", "10.1.2.3", true),
            ("10.1.2.3", "nonsense", false),
        ] {
            assert_eq!(contains(network, peer), expected, "{network} contains {peer}");
        }
    }

    #[test]
    fn malformed_networks_are_refused() {
        for text in [
            "",
            "10.1.2",
            "10.1.2.3.4",
            "256.1.1.1",
            "10.1.2.3/33",
            "10.1.2.3/-1",
            "10.1.2.3/",
            "::/129",
            "x",
            "/8",
        ] {
            assert_eq!(Network::parse(text), None, "{text:?}");
        }
    }
}
