//! Access rules, written down once more as plainly as possible.

use tree::{Acl, ErrorCode, Identity};

pub fn permits(acl: &[Acl], bits: i32, who: &[Identity]) -> bool {
    if who.iter().any(|identity| identity.scheme == "super") {
        return true;
    }
    for entry in acl {
        if entry.permissions.0 & bits == 0 {
            continue;
        }
        let (scheme, id) = (entry.identity.scheme.as_str(), entry.identity.id.as_str());
        let matched = match scheme {
            "world" => true,
            "digest" => who.iter().any(|w| w.scheme == "digest" && w.id == id),
            "ip" => who.iter().any(|w| w.scheme == "ip" && in_network(w.id.as_str(), id)),
            other => panic!("no node has an entry of scheme {other}"),
        };
        if matched {
            return true;
        }
    }
    false
}

/// IPv4 by octets and bits, one bit at a time.
fn in_network(peer: &str, network: &str) -> bool {
    let (address, bits) = network.split_once('/').unwrap_or((network, "32"));
    let bits: usize = bits.parse().unwrap();
    bits_of(peer)[..bits] == bits_of(address)[..bits]
}

fn bits_of(address: &str) -> Vec<bool> {
    let octets = address.split('.').map(|octet| octet.parse::<u8>().unwrap());
    octets.flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1 == 1)).collect()
}

pub fn complete(acl: &[Acl], who: &[Identity]) -> Result<Vec<Acl>, ErrorCode> {
    let mut unique: Vec<Acl> = Vec::new();
    for entry in acl {
        if !unique.contains(entry) {
            unique.push(entry.clone());
        }
    }
    let mut complete = Vec::new();
    for entry in unique {
        match entry.identity.scheme.as_str() {
            "world" | "ip" | "digest" if !entry.identity.id.contains("bad") => complete.push(entry),
            "auth" if who.iter().any(|w| w.scheme == "digest") => {
                for identity in who.iter().filter(|w| w.scheme == "digest") {
                    complete.push(Acl::new(entry.permissions, identity.clone()));
                }
            }
            _ => return Err(ErrorCode::InvalidAcl),
        }
    }
    if complete.is_empty() { Err(ErrorCode::InvalidAcl) } else { Ok(complete) }
}

pub fn masked(acl: &[Acl]) -> Vec<Acl> {
    let mask = |entry: &Acl| match (entry.identity.scheme.as_str(), entry.identity.id.find(':')) {
        ("digest", Some(colon)) => {
            let id = entry.identity.id[..colon].to_owned() + ":x";
            Acl::new(entry.permissions, Identity::new("digest", id))
        }
        _ => entry.clone(),
    };
    acl.iter().map(mask).collect()
}
