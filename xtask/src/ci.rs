//! `cargo xtask ci`: checks first, then tests, then real processes.

use anyhow::Result;

use crate::shell::{cargo, step, succeeds};
use crate::{chaos, interop, sim};

/// Seeds that the simulation runs; each takes seconds.
const SIM_SEEDS: u64 = 10;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out the fault tests on real processes, which take four minutes and need root
    #[arg(long)]
    skip_chaos: bool,
    /// Leave out the third-party clients, which need Python, Java and Maven, Go, Node and npm
    #[arg(long)]
    skip_interop: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    step("formatting", cargo().args(["fmt", "--all", "--check"]))?;
    step(
        "lints",
        cargo().args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
    )?;
    step("tests", cargo().args(["test", "--workspace", "--locked"]))?;
    step(
        "documentation",
        cargo()
            .args(["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    dependencies()?;
    sim::run(&sim::Args::seeds(SIM_SEEDS))?;
    if args.skip_chaos {
        eprintln!("==> faults of real processes: SKIPPED, as asked");
    } else {
        chaos::run()?;
    }
    if args.skip_interop {
        eprintln!("==> third-party clients: SKIPPED, as asked");
        return Ok(());
    }
    interop::run(&interop::Args::all())
}

/// Licences, advisories and banned crates (`deny.toml`).
fn dependencies() -> Result<()> {
    if !succeeds(cargo().args(["deny", "--version"])) {
        eprintln!(
            "==> dependencies: SKIPPED, because cargo-deny is not installed: cargo install --locked cargo-deny"
        );
        return Ok(());
    }
    // Advisories come from a database outside of the registry: a failure to fetch it says nothing about this change.
    step("dependencies", cargo().args(["deny", "--locked", "check", "bans", "licenses", "sources"]))
}
