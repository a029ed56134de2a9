//! Seeds that once found a bug.
//!
//! A seed leads to the same faults only as long as the simulation draws the same numbers, so each says also what it found:
//! when it no longer comes to that, a test of its own in the crate that had the bug is what remains.

mod support;

use support::sim;

/// A seed, how long things went wrong in it in minutes, and what it found.
const SEEDS: [(&str, &str, &str); 6] = [
    (
        "11",
        "0.5",
        "a node that joined through a leader which failed believed that it was in, and asked no more",
    ),
    ("15", "0.5", "a promotion that was half done when its leader failed was called done, and never was"),
    ("176", "0.5", "clients of a node that was cut off were told so late that their sessions expired"),
    ("924", "0.5", "what a peer that was deceived by an old copy of a disk told of it was believed"),
    ("41383", "0.3", "a node that had been let in and lost all that it was sent refused to start"),
    ("40605", "0.3", "a node whose disk hung went on answering for sessions that were over"),
];

#[test]
fn what_was_found_once_stays_fixed() {
    for (seed, minutes, found) in SEEDS {
        let ran = sim(&["replay", seed, "--minutes", minutes]);
        assert!(ran.clean, "seed {seed}, which once found that {found}:\n{}", ran.text);
    }
}
