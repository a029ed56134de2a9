//! The leader looks after containers that are empty again, and after znodes whose time to live is over.

use std::time::Duration;

use tree::Operation;

use crate::control::Control;

/// Candidates that are looked at under one hold of the replica's lock.
const LOOKS_PER_LOCK: usize = 1000;
/// So many znodes at most are reaped a second: clients' writes come first.
const REAPED_PER_SECOND_MAX: usize = 5000;

impl Control {
    /// Looks at every candidate once in an interval, for ever.
    pub(crate) async fn reap(&self) {
        let clock = &self.runtime.clock;
        loop {
            clock.sleep(self.config.reap_interval).await;
            let mut cursor = None;
            while self.leads() {
                let (paths, next) = self.read(|tree| tree.reapable(clock.wall_ms(), cursor, LOOKS_PER_LOCK));
                let pause = Duration::from_secs(1) * paths.len() as u32 / REAPED_PER_SECOND_MAX as u32;
                paths.into_iter().for_each(|path| self.propose_for_the_cluster(Operation::Reap { path }));
                if next.is_none() {
                    break;
                }
                cursor = next;
                clock.sleep(pause).await;
            }
        }
    }

    fn leads(&self) -> bool {
        self.status().is_some_and(|status| status.role.leads())
    }
}
