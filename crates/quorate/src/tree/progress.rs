//! How far a long command is, on standard error.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use runtime::{Clock, Instant};

pub(super) struct Progress {
    clock: Clock,
    began: Instant,
    told_at: Instant,
    is_terminal: bool,
}

const PAUSE_ON_TERMINAL: Duration = Duration::from_millis(500);
/// In a log a line now and then is enough.
const PAUSE_ELSEWHERE: Duration = Duration::from_secs(10);

impl Progress {
    pub(super) fn new(clock: &Clock) -> Self {
        let now = clock.now();
        Self { clock: clock.clone(), began: now, told_at: now, is_terminal: std::io::stderr().is_terminal() }
    }

    /// Says that `done` of `all` are done, unless it was said a moment ago.
    pub(super) fn tell(&mut self, verb: &str, done: u64, all: Option<u64>) {
        let now = self.clock.now();
        let pause = if self.is_terminal { PAUSE_ON_TERMINAL } else { PAUSE_ELSEWHERE };
        if now.saturating_since(self.told_at) < pause {
            return;
        }
        self.told_at = now;
        let of = all.map(|all| format!(" of {all}")).unwrap_or_default();
        let text = format!("{verb} {done}{of} znodes, {:.0} a second", self.rate(done));
        let (start, end) = if self.is_terminal { ("\r\x1b[K", "") } else { ("", "\n") };
        // Nobody may be listening, which is no reason to stop.
        let _ = write!(std::io::stderr(), "{start}{text}{end}");
    }

    /// Takes away what the last [`Progress::tell`] left on a terminal.
    pub(super) fn clear(&self) {
        if self.is_terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }

    pub(super) fn seconds(&self) -> f64 {
        self.clock.now().saturating_since(self.began).as_secs_f64()
    }

    fn rate(&self, done: u64) -> f64 {
        let seconds = self.seconds();
        if seconds > 0.0 { done as f64 / seconds } else { 0.0 }
    }
}
