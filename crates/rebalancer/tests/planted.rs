//! Bugs planted on purpose are found: that the table holds means something.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use rebalancer::Mode;
use rebalancer::planted::Bug;
use support::table::{ROWS, run};

/// Seeds that a planted bug may take to show.
const SEEDS: u64 = 100;

#[track_caller]
fn assert_found(bug: Bug, mode: Mode, row: &str) {
    let row = ROWS.iter().find(|candidate| candidate.name == row).unwrap();
    let found = (0..SEEDS).find(|seed| !run(row, mode, *seed, Some(bug)).violations.is_empty());
    assert!(found.is_some(), "{bug:?} is not found within {SEEDS} seeds");
}

#[test]
fn barrier_not_awaited() {
    assert_found(Bug::BarrierNotAwaited, Mode::Resource, "short random");
}

#[test]
fn stop_not_awaited() {
    assert_found(Bug::StopNotAwaited, Mode::Resource, "short random");
    assert_found(Bug::StopNotAwaited, Mode::Global, "short random");
}

#[test]
fn expiry_not_noticed() {
    assert_found(Bug::ExpiryNotNoticed, Mode::Resource, "short random");
    assert_found(Bug::ExpiryNotNoticed, Mode::Global, "short random");
}

#[test]
fn epoch_not_checked() {
    assert_found(Bug::EpochNotChecked, Mode::Resource, "short random");
    assert_found(Bug::EpochNotChecked, Mode::Global, "short random");
}

#[test]
fn barrier_removed_with_resource() {
    assert_found(Bug::BarrierRemovedWithResource, Mode::Resource, "very short, slow handlers");
}

#[test]
fn stopped_ignored() {
    assert_found(Bug::StoppedIgnored, Mode::Global, "short random");
}

#[test]
fn round_not_named() {
    assert_found(Bug::RoundNotNamed, Mode::Global, "very short, slow handlers");
}

#[test]
fn not_read_again() {
    assert_found(Bug::NotReadAgain, Mode::Resource, "low");
    assert_found(Bug::NotReadAgain, Mode::Global, "low");
}

#[test]
fn members_not_seen() {
    assert_found(Bug::MembersNotSeen, Mode::Resource, "low");
    assert_found(Bug::MembersNotSeen, Mode::Global, "low");
}

#[test]
fn not_shared_out() {
    assert_found(Bug::NotSharedOut, Mode::Resource, "low");
    assert_found(Bug::NotSharedOut, Mode::Global, "low");
}
