//! Drives any ZooKeeper server through the protocol of its clients.

mod caller;
mod crowd;
mod dialer;
mod driver;
pub(crate) mod fanout;
mod keys;
mod link;
mod pipeline;
mod prefill;
pub(crate) mod scale;
mod tally;
mod workload;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use tokio::task::{JoinSet, LocalSet};

use self::dialer::Dialer;
use self::driver::Driver;
use self::link::{Identity, Link};
use self::tally::{Tally, Window};
use self::workload::{Workload, create};
use crate::process::{Usage, memory, usages};
use crate::report::{Process, Report, per};
use crate::{Args, single_threaded};

/// Makes the znodes, runs the load and measures.
pub(crate) fn measure(args: &Args) -> Result<Report> {
    args.check()?;
    let runtime = single_threaded()?;
    let data = vec![b'x'; args.size];
    let (run, prefill_secs) = runtime.block_on(async {
        let dialer = Dialer::new(args).await?;
        let prefill_secs = match args.znodes_needed() {
            0 => 0.0,
            znodes => prefill::prefill(&dialer, &args.servers, znodes, &data).await?,
        };
        anyhow::Ok((run_number(&dialer, args).await?, prefill_secs))
    })?;
    drop(runtime);
    let mut report = load(args, run, &data)?;
    report.prefill_secs = prefill_secs;
    Ok(report)
}

/// A number that no other run has: the id of a session.
async fn run_number(dialer: &Dialer, args: &Args) -> Result<i64> {
    let mut identity = Identity::default();
    Link::open(dialer, &args.servers[0], &mut identity).await?;
    Ok(identity.session_id)
}

/// Runs the threads, and takes the processor times when the window begins and when it ends.
fn load(args: &Args, run: i64, data: &[u8]) -> Result<Report> {
    let pids: Vec<u32> = args.pids.iter().copied().chain([std::process::id()]).collect();
    let connected = Barrier::new(args.threads + 1);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..args.threads)
            .map(|number| {
                scope.spawn({
                    let connected = &connected;
                    move || thread_load(args, run, data, number, connected)
                })
            })
            .collect();
        connected.wait();
        let window = window(args, Instant::now());
        sleep_until(window.from);
        let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let before = usages(&pids)?;
        sleep_until(window.until);
        let after = usages(&pids)?;

        let mut tally = Tally::new(window, args.series_ms);
        let mut finished =
            threads.into_iter().map(|each| each.join().expect("a generator thread does not panic"));
        if let Some(first) = finished.next() {
            tally = first?;
        }
        for other in finished {
            tally.add(&other?);
        }
        report(args, &tally, began, &before, &after)
    })
}

/// The measured part of a load that starts at `started`.
fn window(args: &Args, started: Instant) -> Window {
    let from = started + Duration::from_secs_f64(args.warmup_secs);
    Window { from, until: from + Duration::from_secs_f64(args.secs) }
}

/// One thread's connections: every one whose number leaves `thread` when divided by the number of threads.
fn thread_load(args: &Args, run: i64, data: &[u8], thread: usize, connected: &Barrier) -> Result<Tally> {
    let runtime = single_threaded()?;
    let data: Rc<[u8]> = Rc::from(data);
    let opened: Result<_> = runtime.block_on(async {
        let dialer = Dialer::new(args).await?;
        let mut opened = Vec::new();
        for number in (thread..args.conns).step_by(args.threads) {
            opened.push(open(&dialer, args, run, &data, number).await?);
        }
        Ok((dialer, opened))
    });
    // Also when a connection failed: the others wait.
    connected.wait();
    let tally = Rc::new(RefCell::new(Tally::new(window(args, Instant::now()), args.series_ms)));
    let local = LocalSet::new();
    let (dialer, opened) = opened?;
    let drivers = opened.into_iter().map(|(servers, workload, link, identity)| Driver {
        dialer: dialer.clone(),
        servers,
        outstanding: args.pipeline,
        reconnect: args.reconnect,
        workload,
        link,
        identity,
        tally: Rc::clone(&tally),
    });
    local.block_on(&runtime, async {
        let mut running = JoinSet::new();
        for driver in drivers {
            running.spawn_local(driver.run());
        }
        while let Some(ended) = running.join_next().await {
            ended.context("run a connection")??;
        }
        anyhow::Ok(())
    })?;
    drop(local);
    Ok(Rc::into_inner(tally).expect("every driver has ended").into_inner())
}

async fn open(
    dialer: &Dialer,
    args: &Args,
    run: i64,
    data: &Rc<[u8]>,
    number: usize,
) -> Result<(Vec<String>, Workload, Link, Identity)> {
    let mut servers = args.servers.clone();
    servers.rotate_left(number % args.servers.len());
    let mut identity = Identity::default();
    let mut link = Link::open(dialer, &servers[0], &mut identity).await?;
    let workload = Workload::new(args.op, args.znodes, Rc::clone(data), run, number);
    if let Some(parent) = workload.parent() {
        let mut pipeline = pipeline::Pipeline::default();
        for path in [keys::ROOT, parent] {
            pipeline.send(&create(path, b""), Instant::now(), &mut link.output);
        }
        while pipeline.len() > 0 {
            link.flush().await?;
            link.fill().await?;
            pipeline.receive(&mut link.input, |_| ())?;
        }
    }
    Ok((servers, workload, link, identity))
}

fn report(args: &Args, tally: &Tally, began: Duration, before: &[Usage], after: &[Usage]) -> Result<Report> {
    let spent: Vec<f64> = before.iter().zip(after).map(|(b, a)| a.cpu_seconds - b.cpu_seconds).collect();
    let (generator, servers) = spent.split_last().context("the generator measures itself last")?;
    let ops = tally.ops as f64;
    let processes = args
        .pids
        .iter()
        .zip(servers)
        .map(|(&pid, &cpu_seconds)| Ok(Process { pid, cpu_seconds, memory: memory(pid)? }))
        .collect::<Result<_>>()?;
    Ok(Report {
        op: args.op.to_string(),
        conns: args.conns,
        pipeline: args.pipeline,
        size: args.size,
        secs: args.secs,
        ops: tally.ops,
        ops_per_sec: per(ops, args.secs),
        received_bytes_per_answer: per(tally.received_bytes as f64, ops),
        latency_us: tally.latency(),
        errors: tally.error_codes.values().sum(),
        error_codes: tally.error_codes.clone(),
        connections_lost: tally.connections_lost,
        requests_lost: tally.requests_lost,
        longest_pause_ms: tally.longest_pause().as_secs_f64() * 1e3,
        longest_connection_pause_ms: tally.longest_connection_pause.as_secs_f64() * 1e3,
        generator_cpu_us_per_op: per(generator * 1e6, ops),
        servers_cpu_seconds_per_million: (!servers.is_empty())
            .then(|| per(servers.iter().sum::<f64>() * 1e6, ops)),
        processes,
        prefill_secs: 0.0,
        began_unix_ms: began.as_millis() as u64,
        answers_each: tally.series.counts(),
    })
}

fn sleep_until(moment: Instant) {
    thread::sleep(moment.saturating_duration_since(Instant::now()));
}
