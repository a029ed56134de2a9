//! Runs the simulator's binary: each run is a process of its own, as a replay is.

use std::process::Command;

/// What a run printed, and whether it found everything in order.
pub(crate) struct Ran {
    pub(crate) clean: bool,
    pub(crate) text: String,
}

/// Runs `sim` with these arguments.
pub(crate) fn sim(arguments: &[&str]) -> Ran {
    let output =
        Command::new(env!("CARGO_BIN_EXE_sim")).args(arguments).output().expect("the simulator starts");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Ran { clean: output.status.success(), text }
}
