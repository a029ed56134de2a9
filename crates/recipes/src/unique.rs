//! Names that nobody else has.

use runtime::Entropy;

/// 32 hexadecimal digits, as kazoo names its znodes (a version 4 UUID without its hyphens).
pub(crate) fn hex(entropy: &dyn Entropy) -> String {
    let bits = u128::from(entropy.next_u64()) << 64 | u128::from(entropy.next_u64());
    // RFC 9562, 5.4: the version, and the variant.
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    format!("{bits:032x}")
}

/// A version 4 UUID as text, as Java makes them.
pub(crate) fn uuid(entropy: &dyn Entropy) -> String {
    let hex = hex(entropy);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// The beginning of a name by which a client finds its znode though the answer to the create was lost, as Curator has it.
pub(crate) fn protection(entropy: &dyn Entropy) -> String {
    format!("_c_{}-", uuid(entropy))
}
