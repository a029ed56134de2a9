//! Reads that must see everything share their questions to the leader.

use std::future::Future;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;

use crate::Unavailable;

type Round = Shared<BoxFuture<'static, Result<u64, Unavailable>>>;

/// Asks for the leader's read index, one round at a time. Whoever comes while a round is under way waits for the next one,
/// with all others who do: what was committed before he came may not be in the answer to a question asked earlier.
#[derive(Default)]
pub(crate) struct Rounds {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Nobody has asked yet.
    waiting: Option<Round>,
    /// The newest one.
    latest: Option<Round>,
}

impl Rounds {
    /// The round that has not begun yet. When the one before it is over, `ask` says so with [`Rounds::begun`], and asks.
    pub(crate) fn next<A>(&self, ask: impl FnOnce() -> A + Send + 'static) -> Round
    where
        A: Future<Output = Result<u64, Unavailable>> + Send + 'static,
    {
        let mut state = self.state.lock();
        if let Some(waiting) = &state.waiting {
            return waiting.clone();
        }
        let before = state.latest.take();
        let round = async move {
            if let Some(before) = before {
                let _ = before.await;
            }
            ask().await
        };
        let round = round.boxed().shared();
        state.waiting = Some(round.clone());
        state.latest = Some(round.clone());
        round
    }

    /// The round that waited asks now: who comes from here on is too late for it.
    pub(crate) fn begun(&self) {
        self.state.lock().waiting = None;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::sync::watch;

    use super::*;

    /// A leader that counts the questions, and answers each when it is told to.
    struct Leader {
        rounds: Arc<Rounds>,
        asked: Arc<AtomicU64>,
        answered: watch::Sender<u64>,
    }

    impl Leader {
        fn new() -> Self {
            Self { rounds: Arc::default(), asked: Arc::default(), answered: watch::Sender::new(0) }
        }

        fn ask(&self) -> Round {
            let (rounds, asked) = (self.rounds.clone(), self.asked.clone());
            let mut answered = self.answered.subscribe();
            self.rounds.next(move || {
                rounds.begun();
                let number = asked.fetch_add(1, Ordering::Relaxed) + 1;
                async move {
                    answered.wait_for(|answered| *answered >= number).await.expect("the leader is there");
                    Ok(number)
                }
            })
        }

        fn answer(&self, number: u64) {
            self.answered.send_replace(number);
        }
    }

    #[tokio::test]
    async fn who_comes_during_a_round_waits_for_the_next_one_with_the_others() {
        let leader = Leader::new();
        let first = leader.ask();
        assert_eq!(first.clone().now_or_never(), None, "asked, not answered");
        let late = leader.ask();
        let later = leader.ask();
        assert_eq!((late.clone().now_or_never(), later.clone().now_or_never()), (None, None));
        assert_eq!(leader.asked.load(Ordering::Relaxed), 1, "one question at a time");
        leader.answer(1);
        assert_eq!(first.await, Ok(1));
        assert_eq!(late.clone().now_or_never(), None, "an earlier answer does not count");
        leader.answer(2);
        assert_eq!((late.await, later.await), (Ok(2), Ok(2)));
    }

    #[tokio::test]
    async fn a_round_that_was_given_up_holds_nobody_up() {
        let leader = Leader::new();
        let first = leader.ask();
        assert_eq!(first.clone().now_or_never(), None);
        drop(first);
        let second = leader.ask();
        leader.answer(2);
        assert_eq!(second.await, Ok(2), "whoever waits moves the one before on");
    }
}
