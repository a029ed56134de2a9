//! One round: a fresh cluster from its first start to the death of its leader.

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::cluster::Cluster;
use super::figures::{Figure, Figures};
use super::generator::{DATA_BYTES, Generator, Load};

const FIRST_ANSWER: Figure = Figure::less("first answer after start", "ms");
const RATE: Figure = Figure::more("rate", "/s");
const COST: Figure = Figure::less("servers' CPU per million", "s");
const P50: Figure = Figure::less("p50", "us");
const P99: Figure = Figure::less("p99", "us");
const GENERATOR_COST: Figure = Figure::less("generator's CPU per answer", "us");
const FANOUT_P50: Figure = Figure::less("event to 1,000 watchers: p50", "us");
const FANOUT_P99: Figure = Figure::less("event to 1,000 watchers: p99", "us");
const FANOUT_LAST: Figure = Figure::less("event to 1,000 watchers: last, p50", "us");
const WRITES_PAUSE: Figure = Figure::less("leader killed: no write answered for", "ms");
const CLIENT_PAUSE: Figure = Figure::less("leader killed: worst client's writes pause", "ms");
const READS_PAUSE: Figure = Figure::less("leader killed: other nodes' reads pause", "ms");

/// In this order, so that what is got was set by the load before it.
const OPERATIONS: [&str; 4] = ["set", "get", "mixed:90", "create"];
/// Connections, and outstanding requests of each.
const SHAPES: [(usize, usize); 3] = [(64, 16), (16, 1), (1, 1)];
/// Bytes of data.
const SIZES: [usize; 2] = [DATA_BYTES, 1_024];
const WATCHERS: usize = 1_000;
const FAULT_SECS: f64 = 8.0;
const BEFORE_FAULT: Duration = Duration::from_secs(3);

/// Measures `cluster`, which has never run.
pub(crate) fn measure(mut cluster: Cluster, generator: &Generator, figures: &mut Figures) -> Result<()> {
    figures.add(FIRST_ANSWER, millis(cluster.start("/")?));
    eprintln!("    warming up");
    for op in OPERATIONS {
        let load = Load { op, conns: 64, pipeline: 16, size: DATA_BYTES };
        generator.measure(&load, &cluster.addresses(), &[])?;
    }
    for size in SIZES {
        for op in OPERATIONS {
            for (conns, pipeline) in SHAPES {
                measure_load(&cluster, generator, &Load { op, conns, pipeline, size }, figures)?;
            }
        }
    }
    eprintln!("    one change for {WATCHERS} watchers");
    let told = generator.fanout(&cluster.addresses(), WATCHERS)?;
    figures.add(FANOUT_P50, told.number("/delay_us/p50")?);
    figures.add(FANOUT_P99, told.number("/delay_us/p99")?);
    figures.add(FANOUT_LAST, told.number("/last_us/p50")?);
    if cluster.addresses().len() > 1 {
        kill_leader(&mut cluster, generator, figures)?;
    }
    Ok(())
}

fn measure_load(
    cluster: &Cluster,
    generator: &Generator,
    load: &Load<'_>,
    figures: &mut Figures,
) -> Result<()> {
    let Load { op, conns, pipeline, size } = load;
    let name = format!("{op} {size} B, {conns} x {pipeline}");
    eprintln!("    {name}");
    let report = generator.measure(load, &cluster.addresses(), &cluster.pids())?;
    ensure!(report.number("/errors")? == 0.0, "{name} was answered with errors");
    if *op == "get" {
        let bytes = report.number("/received_bytes_per_answer")?;
        ensure!(bytes > *size as f64, "{name}: answers have no data of this size, only {bytes} bytes");
        figures.add(GENERATOR_COST.of(&name), report.number("/generator_cpu_us_per_op")?);
    }
    figures.add(RATE.of(&name), report.number("/ops_per_sec")?);
    figures.add(COST.of(&name), report.number("/servers_cpu_seconds_per_million")?);
    figures.add(P50.of(&name), report.number("/latency_us/p50")?);
    figures.add(P99.of(&name), report.number("/latency_us/p99")?);
    Ok(())
}

/// Kills the leader under a load of writes on all nodes and of reads on those that will survive.
fn kill_leader(cluster: &mut Cluster, generator: &Generator, figures: &mut Figures) -> Result<()> {
    eprintln!("    the leader is killed");
    let leader = cluster.leader()?;
    let servers = cluster.addresses();
    let mut survivors = servers.clone();
    survivors.remove(leader);
    let writes = Load { op: "set", conns: 12, pipeline: 1, size: DATA_BYTES };
    let reads = Load { op: "get", conns: 4, pipeline: 1, size: DATA_BYTES };
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
