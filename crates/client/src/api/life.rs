//! Whether the session lives: what those must know who hold something by it.

use std::fmt;

use runtime::{Instant, Runtime};

use super::Client;
use crate::error::ErrorKind;
use crate::session::State;

impl Client {
    /// The world that the client was made in: its clock, its tasks.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The session's number: the owner of its ephemerals ([`Stat::ephemeral_owner`](crate::Stat::ephemeral_owner)).
    pub fn session(&self) -> i64 {
        self.life.session()
    }

    /// How long the session outlives a silent client, as the servers granted it.
    pub fn session_timeout(&self) -> std::time::Duration {
        self.life.timeout()
    }

    /// Until when the session lives for certain, unless this client closes it: for half of its timeout from when the last
    /// request was sent that was answered by way of the leader, a write or [`Client::sync`]. Reads and pings, which any server
    /// answers by itself, are no proof.
    ///
    /// Proofs are made while somebody waits for [`Client::lapsed`]. This rests on clocks that run at about one rate, and on
    /// servers that tell their leader of their clients as they should: see the fencing tokens of locks for what does not.
    pub fn lives_until(&self) -> Instant {
        self.life.until()
    }

    /// Completes when the session is over, or no longer lives for certain: when this client was cut off for half of its
    /// timeout. Who holds something by the session must then let go without waiting to be told, since others may be given it
    /// soon. The session may turn out to live on.
    pub async fn lapsed(&self) {
        let waiting = self.life.wait();
        let clock = &self.runtime.clock;
        // Nobody has asked for proofs lately. Who is cut off must not wait for as long as requests do.
        if self.lives_until() <= clock.now()
            && !matches!(clock.timeout(self.life.interval(), self.sync("/")).await, Ok(Ok(_)))
        {
            return;
        }
        let certainty = async {
            while self.lives_until() > clock.now() {
                clock.sleep_until(self.lives_until()).await;
            }
        };
        tokio::select! {
            biased;
            _ = self.over() => {}
            () = certainty => {}
        }
        drop(waiting);
    }

    /// Whether the session is over, as far as this client was told.
    pub fn is_over(&self) -> bool {
        matches!(*self.state.borrow(), State::Over(_))
    }

    /// Completes when the session is over, with the reason. A client that is cut off does not know; see [`Client::lapsed`].
    pub async fn over(&self) -> ErrorKind {
        let mut state = self.state.clone();
        let over = state.wait_for(|state| matches!(state, State::Over(_))).await;
        match over.as_deref() {
            Ok(State::Over(why)) => why.clone(),
            _ => ErrorKind::Closed,
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (session, state) = (self.session(), self.state());
        f.debug_struct("Client")
            .field("session", &format_args!("{session:#x}"))
            .field("state", &state)
            .finish()
    }
}
