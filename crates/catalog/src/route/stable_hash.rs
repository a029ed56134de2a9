//! A hash that is the same on all nodes, in all versions, for ever: it decides which queue a key belongs to.

const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;

/// Hashes bytes to the same number on all nodes, in all versions: eight at a time, little-endian, the last padded with zeros; then the length; then Stafford's thirteenth mixer.
pub fn stable_hash(seed: u64, bytes: &[u8]) -> u64 {
    let mut hash = seed ^ PRIME;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = mix(hash ^ u64::from_le_bytes(word).wrapping_mul(PRIME));
    }
    mix(hash ^ bytes.len() as u64)
}

/// A bijection of 64 bits in which every bit depends on every other.
pub(crate) const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nodes of different versions must agree: these never change.
    #[test]
    fn hashes_are_for_ever() {
        assert_eq!(stable_hash(0, b""), 0xe220_a839_7b1d_cdaf);
        assert_eq!(stable_hash(0, b"order-1"), 0xa24c_a05c_d442_3206);
        assert_eq!(stable_hash(7, b"a key that is longer than a word"), 0xa78f_956a_8371_974c);
    }
}
