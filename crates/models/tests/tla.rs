//! The TLA+ specs hold, and fail without any of their rules. Needs the command `tla` of the crate `tla-checker`.

use std::path::Path;
use std::process::Command;

/// What to replace in the spec, and what must then be reported.
const MUTANTS: &[(&str, &str, &str)] = &[
    ("/\\ barrier[r] = Nobody", "/\\ TRUE", "Held"),
    ("    /\\ running[c] = {}\n", "    /\\ TRUE\n", "Held"),
    ("IF late = epoch /\\", "IF", "FencedWrites"),
    ("SF_vars(Place(c))", "TRUE", "Settles"),
];

/// Checks a spec; gives what was printed, if something is violated.
fn violation(spec: &str) -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tla");
    let work = std::env::temp_dir().join(format!("quorate-tla-{}", std::process::id()));
    std::fs::create_dir_all(&work).expect("a folder for the spec");
    std::fs::write(work.join("Rebalance.tla"), spec).expect("the spec is written");
    std::fs::copy(folder.join("Rebalance.cfg"), work.join("Rebalance.cfg"))
        .expect("the configuration is copied");
    let output = Command::new("tla")
        .current_dir(&work)
        .args(["Rebalance.tla", "--config", "Rebalance.cfg", "--check-liveness", "--allow-deadlock"])
        .output()
        .expect("cargo install --locked tla-checker@0.24.11");
    std::fs::remove_dir_all(&work).expect("the folder is removed");
    let printed =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let holds = output.status.success() && printed.contains("No errors found");
    (!holds).then_some(printed)
}

#[test]
#[ignore = "needs `cargo install --locked tla-checker@0.24.11`"]
fn the_rebalancer() {
    let spec = include_str!("../tla/Rebalance.tla");
    assert_eq!(violation(spec), None);
    for (rule, nothing, property) in MUTANTS {
        assert_eq!(spec.matches(rule).count(), 1, "{rule}");
        let printed = violation(&spec.replace(rule, nothing)).expect("no rule is superfluous");
        let violated = printed.lines().any(|line| line.contains("violated") && line.contains(property));
        assert!(violated, "without {rule}: {printed}");
    }
}
