//! The randomised table, in short: see the example `table` for more of it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use rebalancer::Mode;
use support::table::{ROWS, run};

/// Each row with a few seeds.
#[track_caller]
fn assert_holds(mode: Mode, seeds: std::ops::Range<u64>, is_meant: impl Fn(usize) -> bool) {
    for (number, row) in ROWS.iter().enumerate() {
        if !is_meant(row.members) || !row.modes.contains(&mode) {
            continue;
        }
        for seed in seeds.clone() {
            let outcome = run(row, mode, seed, None);
            let again = format!(
                "cargo run --release -p quorate-rebalancer --example table -- --row {number} --mode {} --seed {seed}",
                mode.as_str()
            );
            assert!(outcome.violations.is_empty(), "{}: {:#?}\n{again}", row.name, outcome.violations);
            assert!(outcome.claims > 0 && outcome.rebalances > 0, "{}: nothing happened\n{again}", row.name);
        }
    }
}

#[test]
fn resource_barrier() {
    assert_holds(Mode::Resource, 0..6, |members| members <= 10);
}

#[test]
fn resource_barrier_large() {
    assert_holds(Mode::Resource, 0..1, |members| members > 10);
}

#[test]
fn global_barrier() {
    assert_holds(Mode::Global, 0..6, |members| members <= 10);
}

#[test]
fn global_barrier_large() {
    assert_holds(Mode::Global, 0..1, |members| members > 10);
}

#[test]
fn a_seed_decides_everything() {
    for mode in [Mode::Resource, Mode::Global] {
        let row = ROWS.iter().find(|row| row.name == "short random").unwrap();
        let (first, second) = (run(row, mode, 3, None), run(row, mode, 3, None));
        assert_eq!(first, second);
    }
}
