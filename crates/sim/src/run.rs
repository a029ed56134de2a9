//! One seed, from beginning to end.

mod cast;
mod durable;
mod invariants;
mod observe;
mod phases;
mod queues;
mod replicas;
mod settings;

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::sync::Once;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::planted::Bug;
use crate::report::{QueueCounts, Report};
use crate::seeded::{self, NotInterposed};
use phases::Phases;
use settings::Settings;
use verify::check::check_with_clocks;
use verify::history::{Event, Outcome};
use verify::queues::check::check as check_queues;

/// What is the same for all seeds of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long things go wrong, in simulated time.
    pub chaos: Duration,
    /// Nodes; `None`: as the seed decides, 3 most often.
    pub nodes: Option<u64>,
    /// A bug to plant.
    pub bug: Option<Bug>,
    /// Whether nodes serve queues, and there are clients of them.
    pub queues: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { chaos: Duration::from_secs(20), nodes: None, bug: None, queues: false }
    }
}

/// Runs a seed on the calling thread, which must be fresh: see [`seeded`].
///
/// # Errors
/// If the binary does not define the C library's clock and randomness.
pub fn run(seed: u64, options: &Options) -> Result<Report, NotInterposed> {
    seeded::enter(seed)?;
    collect_panics();
    let began = cpu();
    let mut report = Report { seed, ..Report::default() };
    let settings = Settings::draw(seed, options);
    report.nodes = settings.world.nodes;
    report.observers = settings.observers;
    let ran = std::panic::catch_unwind(AssertUnwindSafe(|| act(settings, &mut report)));
    if ran.is_err() {
        let panic = PANIC.take().unwrap_or_default();
        report.violations.push(format!("a panic ended the run: {panic}"));
    }
    report.cpu = cpu().saturating_sub(began);
    Ok(report)
}

fn act(settings: Settings, report: &mut Report) {
    let mut phases = Phases::new(settings);
    let completed = phases.run();
    report.violations.extend(completed.err());
    report.violations.extend(phases.complaints());
    report.tally = phases.tally().clone();
    report.coverage = phases.coverage();
    report.simulated = phases.elapsed();
    report.recovered_after = phases.recovered_after();
    report.quorum_served_after = phases.quorum_served_after();
    let clocks = phases.clocks();
    let (history, queues) = phases.into_histories();
    seeded::leave();
    if let Some((history, layout)) = queues {
        let violations = check_queues(&history, &layout);
        report.violations.extend(violations.into_iter().map(|violation| violation.to_string()));
        report.queues = QueueCounts::of(&history);
        report.digest = history.digest();
    }
    report
        .violations
        .extend(check_with_clocks(&history, clocks).into_iter().map(|violation| violation.to_string()));
    report.requests = history.ops.len() as u64;
    report.unknown = history.ops.iter().filter(|record| record.outcome == Outcome::Unknown).count() as u64;
    let acknowledged = |record: &&verify::history::OpRecord| {
        !record.op.writes().is_empty() && matches!(record.outcome, Outcome::Ok { .. })
    };
    report.writes = history.ops.iter().filter(acknowledged).count() as u64;
    report.events = count(&history.events, |event| matches!(event, Event::Fired(_)));
    report.expired = count(&history.events, |event| matches!(event, Event::Expired { .. }));
    for (event, at) in history.events.iter().zip(&history.times) {
        report.digest = crc32c::crc32c_append(report.digest, format!("{at:?} {event:?}").as_bytes());
    }
    for record in &history.ops {
        report.digest = crc32c::crc32c_append(report.digest, format!("{record:?}").as_bytes());
    }
}

fn count(events: &[Event], is: fn(&Event) -> bool) -> u64 {
    events.iter().filter(|event| is(event)).count() as u64
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic in a simulation is a finding: it goes into the trace and the report, not onto the terminal.
fn collect_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if seeded::now_ns().is_none() {
                return previous(panic);
            }
            tracing::error!(%panic, "panic");
            // The first one is the cause; tokio panics again when it finds that a task has.
            PANIC.with_borrow_mut(|known| {
                known.get_or_insert_with(|| panic.to_string());
            });
        }));
    });
}
