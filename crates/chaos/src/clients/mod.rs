//! The clients of a run, on a thread in a namespace of their own.
//!
//! They are those of the simulator: what they do and what they must never see is the crate `verify`'s. Here they only get
//! a real network and a real clock, and are told from other threads what to do.

mod cast;
mod findings;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use parking_lot::Mutex;
use verify::workload::Mode;

pub use findings::{BUCKET, Bucket, Findings, Totals};

use crate::net::{HostId, Namespace};

/// What the clients are like.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many work.
    pub clients: u32,
    /// Requests a second that all of them send together, about.
    pub rate: f64,
    /// Where the nodes listen.
    pub nodes: Vec<(HostId, String)>,
    /// Decides by chance.
    pub seed: u64,
    /// When the run began.
    pub origin: Duration,
}

/// What the clients were told, and how far they are.
#[derive(Default)]
struct Board {
    mode: Option<Mode>,
    /// The nodes on which everything is read in the end.
    to_verify: Vec<HostId>,
    stop: bool,
    laid_out: bool,
    verified: u64,
    /// Clients without a write that was sent since the newest order and answered.
    waiting: Vec<u32>,
    answered: u64,
}

/// The clients, as other threads see them.
pub struct Crowd {
    board: Arc<Mutex<Board>>,
    thread: Option<JoinHandle<Result<Findings>>>,
}

impl Crowd {
    /// Brings the clients into their namespace. They lay out the tree and then wait for an order.
    ///
    /// # Errors
    /// If their thread can't be started.
    pub fn gather(namespace: &Namespace, plan: Plan) -> Result<Self> {
        let board = Arc::<Mutex<Board>>::default();
        let theirs = Arc::clone(&board);
        let (entered, has_entered) = std::sync::mpsc::sync_channel(1);
        let path = namespace.path();
        let work = move || {
            let inside = Namespace::enter_path(&path);
            let may_work = inside.is_ok();
            // The receiver waits for just this.
            let _ = entered.send(inside);
            if may_work { cast::play(&plan, &theirs) } else { Err(anyhow!("the clients have no network")) }
        };
        let thread = std::thread::Builder::new().name("clients".into()).spawn(work);
        let thread = thread.context("start the clients' thread")?;
        has_entered.recv().context("hear whether the clients have their network")??;
        Ok(Self { board, thread: Some(thread) })
    }

    /// Gives an order.
    pub fn order(&self, mode: Mode) {
        self.board.lock().mode = Some(mode);
        // Until the clients have heard it, nobody may take old answers for new ones.
        let heard = || Ok((self.board.lock().mode.is_none()).then_some(()));
        // Who is interrupted finds out at the next wait.
        let _ = crate::time::wait_for(Duration::from_secs(5), heard);
    }

    /// Everything is to be read on these nodes.
    pub fn order_verification(&self, nodes: Vec<HostId>) {
        self.board.lock().to_verify = nodes;
        self.order(Mode::Verify);
    }

    /// Whether the tree is laid out.
    pub fn has_laid_out(&self) -> bool {
        self.board.lock().laid_out
    }

    /// On how many nodes everything was read.
    pub fn verified(&self) -> u64 {
        self.board.lock().verified
    }

    /// Clients without a write that was sent since the newest order and answered.
    pub fn waiting(&self) -> Vec<u32> {
        self.board.lock().waiting.clone()
    }

    /// Requests that were answered so far.
    pub fn answered(&self) -> u64 {
        self.board.lock().answered
    }

    /// Whether they still work. They end early only if one of them panics.
    pub fn is_alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Ends their work, and checks what they saw.
    ///
    /// # Errors
    /// If one of them panicked.
    pub fn dismiss(mut self) -> Result<Findings> {
        self.board.lock().stop = true;
        let thread = self.thread.take().context("clients are dismissed once")?;
        thread.join().map_err(|_| anyhow!("a client panicked"))?
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.board.lock().stop = true;
    }
}
