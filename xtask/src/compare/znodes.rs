//! What many znodes cost: memory, and the time until a restarted node answers.

use std::process::Command;

use anyhow::{Context, Result};

use super::Kind;
use super::cluster::Cluster;
use super::figures::{Figure, Figures};
use super::generator::Generator;
use super::rounds::millis;
use super::usage::resident_mib;

const CREATED: Figure = Figure::more("creating the znodes", "/s");
const MEMORY: Figure = Figure::less("resident with them", "MiB");
const RESTART: Figure = Figure::less("restart with them, until one is read", "ms");

/// Measures `cluster`, one node that has never run, with `znodes` znodes of 100 bytes.
pub(crate) fn measure(
    mut cluster: Cluster,
    generator: &Generator,
    znodes: usize,
    figures: &mut Figures,
) -> Result<()> {
    cluster.start("/")?;
    let servers = cluster.addresses();
    let made = generator.prefill(&servers, znodes)?;
    figures.add(CREATED, znodes as f64 / made.number("/prefill_secs")?);
    let pid = *cluster.pids().first().context("the node runs")?;
    if cluster.kind == Kind::Zookeeper {
        collect_garbage(pid);
    }
    figures.add(MEMORY, resident_mib(pid)?);
    cluster.stop()?;
    let mark = format!("/bench/has-{znodes}");
    figures.add(RESTART, millis(cluster.start(&mark)?));
    Ok(())
}

/// A full collection, so that what is resident is what is needed. Without the JDK's tools, what is resident is more.
fn collect_garbage(pid: u32) {
    let collected = Command::new("jcmd").args([&pid.to_string(), "GC.run"]).output();
    if !collected.is_ok_and(|output| output.status.success()) {
        eprintln!("    jcmd is not there: the memory of Java contains garbage");
    }
}
