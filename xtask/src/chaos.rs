//! The fault tests on real processes, in their short form.

use anyhow::Result;

use crate::shell::{program, quorate_binary, step, target};

/// Runs them. What this machine lacks for some or all of them they say themselves, loudly, and that is no failure.
pub(crate) fn run() -> Result<()> {
    let quorate = quorate_binary()?;
    let mut command = program(quorate.with_file_name("quorate-chaos"));
    command.arg("ci").arg("--binary").arg(quorate).arg("--report").arg(target().join("chaos"));
    step("faults of real processes", &mut command)
}
