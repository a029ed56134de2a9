//! What the cryptography asks of the processor, so that a lack is told at the start and not by a panic later.

use crate::TlsError;

pub(crate) fn check() -> Result<(), TlsError> {
    let missing = features().into_iter().find(|(_, is_there)| !is_there);
    missing.map_or(Ok(()), |(feature, _)| Err(TlsError::Processor { feature }))
}

#[cfg(target_arch = "x86_64")]
fn features() -> [(&'static str, bool); 8] {
    [
        ("aes", is_x86_feature_detected!("aes")),
        ("pclmulqdq", is_x86_feature_detected!("pclmulqdq")),
        ("ssse3", is_x86_feature_detected!("ssse3")),
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("adx", is_x86_feature_detected!("adx")),
        ("bmi1", is_x86_feature_detected!("bmi1")),
        ("bmi2", is_x86_feature_detected!("bmi2")),
    ]
}

#[cfg(target_arch = "aarch64")]
fn features() -> [(&'static str, bool); 4] {
    use std::arch::is_aarch64_feature_detected;
    [
        ("neon", is_aarch64_feature_detected!("neon")),
        ("aes", is_aarch64_feature_detected!("aes")),
        ("pmull", is_aarch64_feature_detected!("pmull")),
        ("sha2", is_aarch64_feature_detected!("sha2")),
    ]
}
