//! Keeps one connection busy.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::time::{sleep, timeout, timeout_at};

use super::dialer::Dialer;
use super::link::{Identity, Link};
use super::pipeline::Pipeline;
use super::tally::{Pause, Tally, Window};
use super::workload::Workload;

const RECONNECT_PAUSE: Duration = Duration::from_millis(5);
/// How long one server may take before the next is tried.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(1);
/// How long after the end of the window outstanding requests may still be answered.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// One connection's part of the load.
pub(crate) struct Driver {
    pub(crate) dialer: Dialer,
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
        let mut connected = true;
        while connected {
            let mut pipeline = Pipeline::default();
            let busy = self.keep_busy(&mut pipeline, &mut pause, &window);
            let ended = match timeout_at((window.until + DRAIN_LIMIT).into(), busy).await {
                Ok(ended) => ended,
                Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut))
                    .with_context(|| format!("wait for the last {} answers", pipeline.len())),
            };
            match ended {
                Ok(()) => break,
                Err(error) if self.reconnect && is_lost(&error) => {
                    self.count_loss(&pipeline);
                    connected = self.connect_again(&window).await;
                }
                Err(error) => return Err(error),
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

    /// Tries the servers in turn until one answers; false when the window ended before one did.
    async fn connect_again(&mut self, window: &Window) -> bool {
        let search = async {
            loop {
                self.servers.rotate_left(1);
                let attempt = Link::open(&self.dialer, &self.servers[0], &mut self.identity);
                if let Ok(Ok(link)) = timeout(ATTEMPT_LIMIT, attempt).await {
                    break link;
                }
                sleep(RECONNECT_PAUSE).await;
            }
        };
        match timeout_at(window.until.into(), search).await {
            Ok(link) => {
                self.link = link;
                true
            }
            Err(_) => false,
        }
    }
}

/// Whether the connection went away, rather than the server answering nonsense.
fn is_lost(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some()
}
