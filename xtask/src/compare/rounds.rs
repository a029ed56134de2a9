//! One round: a fresh cluster from its first start to the death of its leader.

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::cluster::Cluster;
use super::figures::{Figure, Figures};
use super::generator::{Generator, Load};

const FIRST_ANSWER: Figure = Figure::less("first answer after start", "ms");
const GET_RATE: Figure = Figure::more("get, 64 x 16", "/s");
const GET_COST: Figure = Figure::less("get, 64 x 16: servers' CPU per million", "s");
const GET_P99: Figure = Figure::less("get, 64 x 16: p99", "us");
const SET_RATE: Figure = Figure::more("set, 64 x 16", "/s");
const SET_COST: Figure = Figure::less("set, 64 x 16: servers' CPU per million", "s");
const SET_P99: Figure = Figure::less("set, 64 x 16: p99", "us");
const SET_16_RATE: Figure = Figure::more("set, 16 x 1", "/s");
const SET_1_P50: Figure = Figure::less("set, 1 x 1: p50", "us");
const SET_1_P99: Figure = Figure::less("set, 1 x 1: p99", "us");
const GENERATOR_COST: Figure = Figure::less("get, 64 x 16: generator's CPU per answer", "us");
const WRITES_PAUSE: Figure = Figure::less("leader killed: no write answered for", "ms");
const CLIENT_PAUSE: Figure = Figure::less("leader killed: worst client's writes pause", "ms");
const READS_PAUSE: Figure = Figure::less("leader killed: other nodes' reads pause", "ms");

const MANY: (usize, usize) = (64, 16);
/// What the generator puts into a znode unless told otherwise.
const DATA_BYTES: f64 = 100.0;
const FAULT_SECS: f64 = 8.0;
const BEFORE_FAULT: Duration = Duration::from_secs(3);

/// Measures `cluster`, which has never run.
pub(crate) fn measure(mut cluster: Cluster, generator: &Generator, figures: &mut Figures) -> Result<()> {
    figures.add(FIRST_ANSWER, millis(cluster.start("/")?));
    let (servers, pids) = (cluster.addresses(), cluster.pids());
    let load = |op, (conns, pipeline)| {
        eprintln!("    {op}, {conns} x {pipeline}");
        let report = generator.measure(&Load { op, conns, pipeline }, &servers, &pids)?;
        ensure!(report.number("/errors")? == 0.0, "{op} was answered with errors");
        Ok(report)
    };

    let gets = load("get", MANY)?;
    ensure!(gets.number("/received_bytes_per_answer")? > DATA_BYTES, "gets were answered without data");
    figures.add(GET_RATE, gets.number("/ops_per_sec")?);
    figures.add(GET_COST, gets.number("/servers_cpu_seconds_per_million")?);
    figures.add(GET_P99, gets.number("/latency_us/p99")?);
    figures.add(GENERATOR_COST, gets.number("/generator_cpu_us_per_op")?);
    let sets = load("set", MANY)?;
    figures.add(SET_RATE, sets.number("/ops_per_sec")?);
    figures.add(SET_COST, sets.number("/servers_cpu_seconds_per_million")?);
    figures.add(SET_P99, sets.number("/latency_us/p99")?);
    figures.add(SET_16_RATE, load("set", (16, 1))?.number("/ops_per_sec")?);
    let alone = load("set", (1, 1))?;
    figures.add(SET_1_P50, alone.number("/latency_us/p50")?);
    figures.add(SET_1_P99, alone.number("/latency_us/p99")?);

    if servers.len() > 1 {
        kill_leader(&mut cluster, generator, figures)?;
    }
    Ok(())
}

/// Kills the leader under a load of writes on all nodes and of reads on those that will survive.
fn kill_leader(cluster: &mut Cluster, generator: &Generator, figures: &mut Figures) -> Result<()> {
    eprintln!("    the leader is killed");
    let leader = cluster.leader()?;
    let servers = cluster.addresses();
    let mut survivors = servers.clone();
    survivors.remove(leader);
    let writes = Load { op: "set", conns: 12, pipeline: 1 };
    let reads = Load { op: "get", conns: 4, pipeline: 1 };
    let writing = generator.start_through_faults(&writes, &servers, FAULT_SECS, 0)?;
    let reading = generator.start_through_faults(&reads, &survivors, FAULT_SECS, 0)?;
    thread::sleep(BEFORE_FAULT);
    cluster.kill(leader);

    let (writes, reads) = (writing.finish()?, reading.finish()?);
    figures.add(WRITES_PAUSE, writes.number("/longest_pause_ms")?);
    figures.add(CLIENT_PAUSE, writes.number("/longest_connection_pause_ms")?);
    figures.add(READS_PAUSE, reads.number("/longest_connection_pause_ms")?);
    Ok(())
}

pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
