//! A few seeds of the real cluster, with everything that can go wrong.

mod support;

use support::sim;

#[test]
fn nothing_is_lost_and_all_replicas_are_equal() {
    let ran = sim(&["run", "--seeds", "12", "--minutes", "0.2"]);
    assert!(ran.clean, "{}", ran.text);
}

#[test]
fn larger_and_smaller_clusters_hold_too() {
    for nodes in ["1", "5"] {
        let ran = sim(&["run", "--seeds", "2", "--first", "50", "--minutes", "0.2", "--nodes", nodes]);
        assert!(ran.clean, "{}", ran.text);
    }
}
