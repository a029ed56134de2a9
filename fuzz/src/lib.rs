//! Fuzz targets, one file in `tests/` for each family of decoders.
//!
//! Each target is a plain test, so that `cargo test` keeps it alive: it tries the inputs that are kept in `tests/__fuzz__/`, each of
//! which once reached code that the others did not, and random ones for a moment:
//!
//! ```text
//! cargo test -p quorate-fuzz
//! ```
//!
//! The same target under libFuzzer, guided by coverage, for as long as wanted (`cargo install cargo-bolero`; libFuzzer needs a
//! C++ compiler), and what to keep of the inputs that it found:
//!
//! ```text
//! cargo bolero test -p quorate-fuzz requests --rustc-bootstrap --sanitizer NONE -T 60s
//! cargo bolero reduce -p quorate-fuzz requests --rustc-bootstrap --sanitizer NONE
//! ```

// Under coverage every program of this package is linked with libFuzzer, also this one, which has no test.
#[cfg(test)]
use bolero as _;
