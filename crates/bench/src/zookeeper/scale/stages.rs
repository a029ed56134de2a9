//! The stages, one after another on the same servers.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;
use zookeeper::codec::{ErrorCode, PathWatch, Request, SetData};

use super::ScaleArgs;
use super::probe::Probe;
use super::report::Stage;
use crate::process::{memory, usage};
use crate::zookeeper::caller::{Caller, MADE};
use crate::zookeeper::crowd::Crowd;
use crate::zookeeper::dialer::Dialer;
use crate::zookeeper::fanout::arm;
use crate::zookeeper::keys::{Key, ROOT};
use crate::zookeeper::prefill::prefill;
use crate::zookeeper::workload::create;

/// How long servers are looked at that do nothing but for the probe and for idle sessions.
const IDLE: Duration = Duration::from_secs(15);

pub(super) async fn run(args: &ScaleArgs, probe: &Probe) -> Result<Vec<Stage>> {
    let dialer = Dialer::plain();
    let mut book = Book { pids: &args.pids, probe, probe_cpu: 0.0, stages: Vec::new() };

    let stage = book.begin("nothing but the probe")?;
    sleep(IDLE).await;
    book.end(stage, 1)?;
    book.probe_cpu = book.stages[0].cpu_us_per_unit / 1e6 / book.stages[0].secs;
    let stage = book.begin("sessions are opened")?;
    let mut crowd = Crowd::open(&dialer, &args.servers, args.sessions).await?;
    book.end(stage, args.sessions)?;
    let stage = book.begin("sessions are idle and send pings")?;
    sleep(IDLE).await;
    book.end(stage, args.sessions)?;

    fill(args, &dialer, &mut book).await?;
    watch_many(args, &dialer, &mut crowd, &mut book).await?;
    watch_one(args, &dialer, &mut crowd, &mut book).await?;
    let stage = book.begin("sessions are closed")?;
    crowd.close().await?;
    book.end(stage, args.sessions)?;
    Ok(book.stages)
}

// Each of these opens its own connection, for which nobody sends pings before and after.

async fn fill(args: &ScaleArgs, dialer: &Dialer, book: &mut Book<'_>) -> Result<()> {
    let stage = book.begin("znodes are created")?;
    prefill(dialer, &args.servers, args.znodes, &vec![b'x'; args.size]).await?;
    book.end(stage, args.znodes)?;

    let mut caller = Caller::connect(dialer, &args.servers[0]).await?;
    let directory = format!("{ROOT}/directory");
    let stage = book.begin("children of one znode are created")?;
    caller.call(&create(&directory, b""), &MADE).await?;
    let children = (0..args.children).map(|child| format!("{directory}/{child:07}"));
    caller.all(children, |caller, path| caller.send(&create(path, b"")), &MADE).await?;
    book.end(stage, args.children)?;
    let stage = book.begin("they are listed, by one request")?;
    let list = Request::GetChildren(PathWatch { path: &directory, watch: false });
    caller.call(&list, &[ErrorCode::OK]).await?;
    book.end(stage, args.children)
}

async fn watch_many(args: &ScaleArgs, dialer: &Dialer, crowd: &mut Crowd, book: &mut Book<'_>) -> Result<()> {
    let mut key = Key::new();
    let stage = book.begin("znodes get a watch each")?;
    for index in 0..args.watches {
        let session = index % crowd.len();
        crowd.ask(session, &[Request::GetData(PathWatch { path: key.set(index), watch: true })]).await?;
    }
    crowd.answered().await?;
    book.end(stage, args.watches)?;

    let mut caller = Caller::connect(dialer, &args.servers[0]).await?;
    let stage = book.begin("they change, and their watches tell of it")?;
    crowd.mark();
    let changes = (0..args.watches).map(|index| key.set(index).to_owned());
    caller.all(changes, |caller, path| caller.send(&change(path)), &[ErrorCode::OK]).await?;
    crowd.told(args.watches as u64).await?;
    book.end(stage, args.watches)
}

async fn watch_one(args: &ScaleArgs, dialer: &Dialer, crowd: &mut Crowd, book: &mut Book<'_>) -> Result<()> {
    let mut caller = Caller::connect(dialer, &args.servers[0]).await?;
    let watched = format!("{ROOT}/watched");
    caller.call(&create(&watched, b""), &MADE).await?;
    let stage = book.begin("every session watches the same znode")?;
    arm(crowd, &watched).await?;
    book.end(stage, args.sessions)?;
    let stage = book.begin("it changes, and every session is told")?;
    crowd.mark();
    caller.call(&change(&watched), &[ErrorCode::OK]).await?;
    crowd.told(args.sessions as u64).await?;
    book.end(stage, args.sessions)
}

fn change(path: &str) -> Request<'_> {
    Request::SetData(SetData { path, data: Some(b"changed"), version: -1 })
}

/// What the servers have used at a moment.
#[derive(Clone, Copy)]
struct Cost {
    at: Instant,
    cpu_seconds: f64,
    rss_bytes: u64,
}

impl Cost {
    fn now(pids: &[u32]) -> Result<Self> {
        let (mut cpu_seconds, mut rss_bytes) = (0.0, 0);
        for &pid in pids {
            cpu_seconds += usage(pid)?.cpu_seconds;
            rss_bytes += memory(pid)?.rss_bytes;
        }
        Ok(Self { at: Instant::now(), cpu_seconds, rss_bytes })
    }
}

/// Keeps the accounts.
struct Book<'a> {
    pids: &'a [u32],
    probe: &'a Probe,
    /// Processor seconds a second that the probe costs the servers.
    probe_cpu: f64,
    stages: Vec<Stage>,
}

/// A stage that has begun.
struct Begun {
    name: &'static str,
    before: Cost,
}

impl Book<'_> {
    fn begin(&self, name: &'static str) -> Result<Begun> {
        eprintln!("==> {name}");
        self.probe.take();
        Ok(Begun { name, before: Cost::now(self.pids)? })
    }

    fn end(&mut self, Begun { name, before }: Begun, units: usize) -> Result<()> {
        let after = Cost::now(self.pids)?;
        let secs = (after.at - before.at).as_secs_f64();
        let cpu_seconds = after.cpu_seconds - before.cpu_seconds - self.probe_cpu * secs;
        let each = |amount: f64| if units == 0 { 0.0 } else { amount / units as f64 };
        self.stages.push(Stage {
            name,
            units,
            secs,
            bytes_per_unit: each(after.rss_bytes as f64 - before.rss_bytes as f64),
            cpu_us_per_unit: each(cpu_seconds * 1e6),
            rss_bytes: after.rss_bytes,
            worst: self.probe.take(),
        });
        Ok(())
    }
}
