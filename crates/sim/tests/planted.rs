//! Bugs planted on purpose are found: what the checks accept means something.

mod support;

use support::sim;

/// Seeds that a planted bug may take to show.
const SEEDS: &str = "4";

fn assert_found(bug: &str, rule: &str) {
    let ran = sim(&["run", "--seeds", SEEDS, "--minutes", "0.2", "--nodes", "3", "--bug", bug]);
    assert!(!ran.clean, "{bug} was not found:\n{}", ran.text);
    assert!(ran.text.contains(rule), "{bug} was found, but not for breaking {rule:?}:\n{}", ran.text);
    assert!(ran.text.contains("again: cargo xtask sim --replay"), "{}", ran.text);
}

#[test]
fn a_disk_that_lies_about_syncs_is_found() {
    let ran = sim(&["run", "--seeds", SEEDS, "--minutes", "0.3", "--nodes", "3", "--bug", "lyingsync"]);
    assert!(!ran.clean, "lost writes were not found:\n{}", ran.text);
}

#[test]
fn a_request_that_is_applied_twice_is_found() {
    assert_found("repeatedrequest", "a write takes effect at most once");
}

#[test]
fn stale_data_in_new_replies_is_found() {
    assert_found("stalecache", "a read shows the state that its reply names");
}

#[test]
fn watch_events_that_get_lost_are_found() {
    assert_found("lostevents", "an event comes before what it announces");
}
