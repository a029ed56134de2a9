//! One seed gives one trace: the whole debug log of all nodes and clients and all traffic, byte for byte.

mod support;

use support::sim;

fn replay(seed: &str) -> String {
    let ran = sim(&["replay", seed, "--minutes", "0.05", "--checksum"]);
    assert!(ran.clean, "{}", ran.text);
    assert!(ran.text.contains(", trace "), "{}", ran.text);
    // The time of the CPU is the one thing that differs.
    let (before, after) = ran.text.split_once(" simulated in ").expect("a report says how long it took");
    let (_cpu, after) = after.split_once(" s, ").expect("a report says how long it took");
    format!("{before} {after}")
}

#[test]
fn a_seed_gives_the_same_trace_in_two_processes() {
    let traces = ["2", "15"].map(|seed| {
        let first = replay(seed);
        assert_eq!(first, replay(seed));
        first
    });
    assert_ne!(traces[0], traces[1]);
}

#[test]
fn a_seed_goes_the_same_way_alone_and_behind_others() {
    let digest = |line: &str| line.split_once("digest ").map(|(_, rest)| rest[..8].to_owned());
    let batch = sim(&["run", "--seeds", "3", "--first", "7", "--minutes", "0.05"]);
    let alone = sim(&["replay", "9", "--minutes", "0.05"]);
    let last = batch.text.lines().find(|line| line.starts_with("seed      9")).expect("seed 9 was run");
    assert_eq!(digest(last), digest(&alone.text), "{}", batch.text);
    assert!(digest(last).is_some());
}
