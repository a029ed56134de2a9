//! Keeps one connection busy.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::time::{sleep, timeout_at};

use super::link::{Identity, Link};
use super::pipeline::Pipeline;
use super::tally::{Pause, Tally, Window};
use super::workload::Workload;

const RECONNECT_PAUSE: Duration = Duration::from_millis(5);
/// How long after the end of the window outstanding requests may still be answered.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// One connection's part of the load.
pub(crate) struct Driver {
    /// The servers, beginning with this connection's own.
    pub(crate) servers: Vec<String>,
    pub(crate) outstanding: usize,
    pub(crate) reconnect: bool,
    pub(crate) workload: Workload,
    pub(crate) link: Link,
    pub(crate) identity: Identity,
    pub(crate) tally: Rc<RefCell<Tally>>,
}

impl Driver {
    /// Sends until the window ends, then waits for what is outstanding.
    pub(crate) async fn run(mut self) -> Result<()> {
        let window = self.tally.borrow().window;
        let mut pause = Pause::new(&window);
        let mut pipeline = Pipeline::default();
        loop {
            let busy = self.keep_busy(&mut pipeline, &mut pause, &window);
            match timeout_at((window.until + DRAIN_LIMIT).into(), busy).await {
                Ok(Ok(())) => break,
                Ok(Err(error)) if self.reconnect && Instant::now() < window.until && is_lost(&error) => {
                    self.count_loss(&pipeline);
                    pipeline = Pipeline::default();
                    self.connect_again(&window).await?;
                }
                Ok(Err(error)) => return Err(error),
                Err(_) => {
                    bail!("{} requests were not answered within {DRAIN_LIMIT:?} of the end", pipeline.len())
                }
            }
        }
        self.tally.borrow_mut().connection_ended(pause);
        Ok(())
    }

    async fn keep_busy(&mut self, pipeline: &mut Pipeline, pause: &mut Pause, window: &Window) -> Result<()> {
        self.top_up(pipeline, Instant::now());
        while pipeline.len() > 0 {
            self.link.flush().await.context("send requests")?;
            self.link.fill().await.context("wait for answers")?;
            let now = Instant::now();
            let mut tally = self.tally.borrow_mut();
            pipeline.receive(&mut self.link.input, |answer| {
                tally.answer(answer, now);
                pause.answered(now, window);
            })?;
            drop(tally);
            if now < window.until {
                self.top_up(pipeline, now);
            }
        }
        Ok(())
    }

    fn top_up(&mut self, pipeline: &mut Pipeline, now: Instant) {
        while pipeline.len() < self.outstanding {
            self.workload.next(|request| pipeline.send(request, now, &mut self.link.output));
        }
    }

    fn count_loss(&self, pipeline: &Pipeline) {
        let mut tally = self.tally.borrow_mut();
        tally.connections_lost += 1;
        tally.requests_lost += pipeline.len() as u64;
    }

    /// Tries the servers in turn until one answers.
    async fn connect_again(&mut self, window: &Window) -> Result<()> {
        while Instant::now() < window.until {
            self.servers.rotate_left(1);
            if let Ok(link) = Link::open(&self.servers[0], &mut self.identity).await {
                self.link = link;
                return Ok(());
            }
            sleep(RECONNECT_PAUSE).await;
        }
        bail!("no server could be reached any more: {}", self.servers.join(", "))
    }
}

/// Whether the connection went away, rather than the server answering nonsense.
fn is_lost(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some()
}
