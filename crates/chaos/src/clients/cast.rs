//! What happens on the clients' thread.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use runtime::{Clock, SystemClock, SystemNetwork};
use tokio::task::{JoinHandle, LocalSet};
use verify::client::{Client, Manner, Workload};
use verify::history::{ClientId, History, Outcome};
use verify::workload::{Habits, Layout, Mixed, Mode, Orders, Setup, Verify};

use super::findings::Findings;
use super::{Board, Plan};
use crate::net::HostId;
use crate::time::{STEP, elapsed};

/// Numbers of clients that are not among those who work.
const SETUP: ClientId = ClientId(900);
const VERIFY: u32 = 1000;
/// The most requests that a client sends at once.
const BURST: usize = 4;
const SESSION_TIMEOUTS: [Duration; 3] =
    [Duration::from_secs(4), Duration::from_secs(5), Duration::from_secs(6)];
const WINDOWS: [usize; 4] = [1, 4, 16, 64];
/// One client in so many hardly writes: it is served on by a node that has lost the others.
const READERS: u32 = 4;

/// Runs the clients until they are dismissed.
pub(super) fn play(plan: &Plan, board: &Mutex<Board>) -> Result<Findings> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("start the clients' runtime")?;
    let cast = Rc::new(Cast::new(plan.clone()));
    let local = LocalSet::new();
    let played = local.block_on(&runtime, Rc::clone(&cast).conduct(board));
    drop(local);
    played?;
    let history = std::mem::take(&mut *cast.history.borrow_mut());
    Ok(Findings::of(&history, plan.origin))
}

struct Cast {
    plan: Plan,
    layout: Layout,
    history: Rc<RefCell<History>>,
    orders: Rc<Orders>,
    clock: Clock,
}

impl Cast {
    fn new(plan: Plan) -> Self {
        let clients = (1..=plan.clients).map(ClientId).collect();
        Self {
            // No families: ZooKeeper, which these clients drive too, has no recursive delete.
            layout: Layout { registers: 20, places: 8, clients, ephemerals: 3, families: 0 },
            plan,
            history: Rc::new(RefCell::new(History::new(elapsed))),
            orders: Rc::default(),
            clock: SystemClock::clock(),
        }
    }

    /// Passes orders on and news back, until all is over.
    async fn conduct(self: Rc<Self>, board: &Mutex<Board>) -> Result<()> {
        let all = || self.plan.nodes.clone();
        let setup = Setup::new(SETUP, &self.layout, Rc::clone(&self.orders));
        let mut tasks = vec![self.enter(self.manner(SETUP, all(), 1), Box::new(setup))];
        tasks.extend(self.layout.clients.iter().map(|id| self.enter_worker(*id)));
        let mut waiting = Waiting::default();
        loop {
            let stop = {
                let mut board = board.lock();
                if let Some(mode) = board.mode.take() {
                    if mode == Mode::Verify {
                        let nodes = std::mem::take(&mut board.to_verify);
                        tasks.extend(nodes.into_iter().map(|node| self.enter_verifier(node)));
                    }
                    waiting.restart(&self.layout, &self.history.borrow());
                    self.orders.set_mode(mode);
                }
                waiting.look(&self.history.borrow());
                board.waiting = waiting.clients.iter().map(|client| client.0).collect();
                board.answered = waiting.answered;
                board.laid_out = self.orders.is_laid_out();
                board.verified = self.orders.verified();
                board.stop
            };
            if stop {
                return Ok(());
            }
            if let Some(at) = tasks.iter().position(JoinHandle::is_finished) {
                tasks.swap_remove(at).await.context("a client panicked")?;
            }
            self.clock.sleep(STEP).await;
        }
    }

    fn enter_worker(&self, id: ClientId) -> JoinHandle<()> {
        let number = id.0 as usize;
        let each = self.plan.rate / f64::from(self.plan.clients);
        // A burst is of BURST at most and of half as many on the average; so is a pause.
        let pause = Duration::from_secs_f64((BURST as f64 + 1.0) / each.max(0.1));
        let writes = if id.0.is_multiple_of(READERS) { 0.05 } else { 0.9 };
        let habits = Habits { burst: BURST, pause, writes, syncs: 0.05 };
        let layout = Rc::new(self.layout.clone());
        let workload = Mixed::new(id, layout, Rc::clone(&self.orders), habits, self.seed(id, 1));
        let mut manner = self.manner(id, self.plan.nodes.clone(), WINDOWS[number % WINDOWS.len()]);
        manner.session_timeout = SESSION_TIMEOUTS[number % SESSION_TIMEOUTS.len()];
        self.enter(manner, Box::new(workload))
    }

    fn enter_verifier(&self, node: HostId) -> JoinHandle<()> {
        let nodes = self.plan.nodes.iter().filter(|(host, _)| *host == node).cloned().collect();
        let workload = Verify::new(&self.layout, Rc::clone(&self.orders));
        self.enter(self.manner(ClientId(VERIFY + u32::from(node.0)), nodes, 32), Box::new(workload))
    }

    fn manner(&self, id: ClientId, nodes: Vec<(HostId, String)>, window: usize) -> Manner {
        let nodes = nodes.into_iter().map(|(host, address)| (u64::from(host.0), address)).collect();
        Manner {
            id,
            nodes,
            window,
            session_timeout: Duration::from_secs(6),
            is_linearizable: false,
            seed: self.seed(id, 2),
        }
    }

    fn seed(&self, client: ClientId, salt: u64) -> u64 {
        (self.plan.seed ^ (u64::from(client.0) << 8 | salt)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn enter(&self, manner: Manner, workload: Box<dyn Workload>) -> JoinHandle<()> {
        let history = Rc::clone(&self.history);
        let client = Client::new(manner, Box::new(SystemNetwork), self.clock.clone(), history, workload);
        tokio::task::spawn_local(client.run())
    }
}

/// Who still waits for a write to be answered.
#[derive(Default)]
struct Waiting {
    clients: BTreeSet<ClientId>,
    since: usize,
    looked_at: usize,
    answered: u64,
}

impl Waiting {
    fn restart(&mut self, layout: &Layout, history: &History) {
        self.clients = layout.clients.iter().copied().collect();
        self.since = history.now();
    }

    fn look(&mut self, history: &History) {
        for event in &history.events[self.looked_at..] {
            let verify::history::Event::Completed(id) = event else { continue };
            let record = history.op(*id);
            let Outcome::Ok { .. } = record.outcome else { continue };
            self.answered += 1;
            if record.invoked >= self.since && !record.op.writes().is_empty() {
                self.clients.remove(&record.client);
            }
        }
        self.looked_at = history.now();
    }
}
