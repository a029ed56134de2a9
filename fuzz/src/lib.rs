//! Fuzz targets, one file in `tests/` for each family of decoders.
//!
//! Each target is a plain test that tries random inputs for a moment, so that `cargo test` keeps it alive:
//!
//! ```text
//! cargo test -p quorate-fuzz
//! ```
//!
//! The same target under libFuzzer, guided by coverage, for as long as wanted (`cargo install cargo-bolero`):
//!
//! ```text
//! RUSTC_BOOTSTRAP=1 cargo bolero test -p quorate-fuzz --test zookeeper requests --engine libfuzzer
//! ```
