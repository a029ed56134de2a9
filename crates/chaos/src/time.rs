//! The machine's time and the wish to stop, for all threads of a run.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// A loop looks again after this.
pub const STEP: Duration = Duration::from_millis(20);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Time since the run began: since the first call.
#[expect(clippy::disallowed_methods, reason = "the harness runs on the machine's time")]
pub fn elapsed() -> Duration {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    ORIGIN.get_or_init(Instant::now).elapsed()
}

/// Seconds since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "the harness runs on the machine's time")]
pub fn epoch_seconds() -> u64 {
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Sleeps.
///
/// # Errors
/// If somebody wants the program to end meanwhile.
pub fn pause(time: Duration) -> Result<()> {
    let until = elapsed() + time;
    loop {
        if INTERRUPTED.load(Ordering::Relaxed) {
            bail!("interrupted");
        }
        let left = until.saturating_sub(elapsed());
        if left.is_zero() {
            return Ok(());
        }
        nap(left.min(STEP));
    }
}

/// Sleeps, whatever happens: for clearing up.
#[expect(clippy::disallowed_methods, reason = "the harness runs on the machine's time")]
pub fn nap(time: Duration) {
    std::thread::sleep(time);
}

/// Looks until `done` says what it was waiting for; `None` after `limit`.
///
/// # Errors
/// If looking fails, or somebody wants the program to end.
pub fn wait_for<T>(limit: Duration, mut done: impl FnMut() -> Result<Option<T>>) -> Result<Option<T>> {
    let deadline = elapsed() + limit;
    loop {
        if let Some(found) = done()? {
            return Ok(Some(found));
        }
        if elapsed() >= deadline {
            return Ok(None);
        }
        pause(STEP)?;
    }
}

/// From now on SIGINT and SIGTERM end the run at its next [`pause`], so that everything is cleared up.
///
/// # Errors
/// If the thread that listens for them can't be started.
pub fn heed_signals() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listen = async {
        let (Ok(mut terminate), Ok(mut interrupt)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            return;
        };
        tokio::select! {
            biased;
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        INTERRUPTED.store(true, Ordering::Relaxed);
    };
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || runtime.block_on(listen))
        .context("start the thread that listens for signals")?;
    Ok(())
}
