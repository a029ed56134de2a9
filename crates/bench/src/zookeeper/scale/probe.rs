//! A client that does little and looks how long it waits for it.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};
use zookeeper::codec::{ErrorCode, PathWatch, Request, SetData};

use crate::single_threaded;
use crate::zookeeper::caller::{Caller, MADE};
use crate::zookeeper::dialer::Dialer;
use crate::zookeeper::keys::ROOT;
use crate::zookeeper::workload::create;

const READ_EVERY: Duration = Duration::from_millis(1);
const WRITE_EVERY: Duration = Duration::from_millis(5);

/// The longest waits of a stage, in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Worst {
    pub(super) read_ms: f64,
    pub(super) write_ms: f64,
    /// How late the probe itself was woken: what of the above is no server's fault.
    pub(super) late_ms: f64,
}

/// A thread with two sessions.
pub(super) struct Probe {
    worst: Arc<Mutex<Worst>>,
    done: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

impl Probe {
    pub(super) fn start(server: &str) -> Result<Self> {
        let (worst, done) = (Arc::new(Mutex::new(Worst::default())), Arc::new(AtomicBool::new(false)));
        let task = Task { server: server.to_owned(), worst: Arc::clone(&worst), done: Arc::clone(&done) };
        let thread = thread::Builder::new()
            .name("probe".into())
            .spawn(move || single_threaded()?.block_on(task.run()))
            .context("start the probe's thread")?;
        Ok(Self { worst, done, thread })
    }

    /// The worst since the last call.
    pub(super) fn take(&self) -> Worst {
        std::mem::take(&mut self.worst.lock().expect("nobody panics with it"))
    }

    /// Ends the probe; an error that it met is told here.
    pub(super) fn stop(self) -> Result<()> {
        self.done.store(true, Ordering::Relaxed);
        self.thread.join().expect("the probe does not panic").context("the probe failed")
    }
}

struct Task {
    server: String,
    worst: Arc<Mutex<Worst>>,
    done: Arc<AtomicBool>,
}

impl Task {
    async fn run(self) -> Result<()> {
        let path = format!("{ROOT}/probe");
        let mut reader = Caller::connect(&Dialer::plain(), &self.server).await?;
        let mut writer = Caller::connect(&Dialer::plain(), &self.server).await?;
        for each in [ROOT, &path] {
            writer.call(&create(each, b""), &MADE).await?;
        }
        let get = Request::GetData(PathWatch { path: &path, watch: false });
        let set = Request::SetData(SetData { path: &path, data: Some(b"probe"), version: -1 });
        let reads = self.repeat(READ_EVERY, &mut reader, &get, |worst| &mut worst.read_ms);
        let writes = self.repeat(WRITE_EVERY, &mut writer, &set, |worst| &mut worst.write_ms);
        let (reads, writes) = tokio::join!(reads, writes);
        reads.context("read")?;
        writes.context("write")
    }

    async fn repeat(
        &self,
        every: Duration,
        caller: &mut Caller,
        request: &Request<'_>,
        figure: impl Fn(&mut Worst) -> &mut f64,
    ) -> Result<()> {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.done.load(Ordering::Relaxed) {
            let due = ticks.tick().await;
            let begun = Instant::now();
            let late = begun.saturating_duration_since(due.into_std());
            caller.call(request, &[ErrorCode::OK]).await?;
            let took = begun.elapsed();
            let mut worst = self.worst.lock().expect("nobody panics with it");
            worst.late_ms = worst.late_ms.max(late.as_secs_f64() * 1e3);
            let figure = figure(&mut worst);
            *figure = figure.max(took.as_secs_f64() * 1e3);
        }
        Ok(())
    }
}
