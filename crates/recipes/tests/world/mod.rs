//! What the tests of recipes share: an ensemble, sessions on hosts that can be cut off, and chance.

#![allow(dead_code, clippy::unwrap_used, reason = "tests; every file uses a part of it")]

use std::sync::Arc;
use std::time::Duration;

use client::{Acl, AnyVersion, Client, CreateMode, ErrorKind, Options, Sessions};
use embedded::{Ensemble, Host};
use runtime::{Entropy, SeededEntropy};

/// An ensemble whose randomness one seed decides.
pub(crate) struct World {
    pub(crate) ensemble: Ensemble,
    pub(crate) dice: Dice,
}

impl World {
    pub(crate) fn start(nodes: u64, seed: u64) -> Self {
        let ensemble = Ensemble::start_with(nodes, Arc::new(SeededEntropy::new(seed)));
        Self { ensemble, dice: Dice::new(seed) }
    }

    pub(crate) async fn sessions(&self, host: &Host) -> Sessions {
        Sessions::open(host.runtime(), &self.ensemble.target(), Options::default()).await.unwrap()
    }

    /// A client on a machine of its own, whose network nobody breaks.
    pub(crate) async fn witness(&self) -> Client {
        Client::connect(self.ensemble.host().runtime(), &self.ensemble.target(), Options::default())
            .await
            .unwrap()
    }

    pub(crate) async fn pause(&self, seconds: u64) {
        self.ensemble.runtime().clock.sleep(Duration::from_secs(seconds)).await;
    }

    /// Ends the session that these sessions have now.
    pub(crate) async fn expire(&self, sessions: &Sessions) {
        if let Ok(Ok(client)) =
            self.ensemble.runtime().clock.timeout(Duration::from_secs(1), sessions.client()).await
        {
            self.ensemble.expire(client.session());
        }
    }

    /// Breaks something between a host and the nodes, or ends its session.
    pub(crate) async fn disturb(&mut self, host: &Host, sessions: &Sessions) {
        match self.dice.below(6) {
            0 => self.expire(sessions).await,
            _ => self.disconnect(host).await,
        }
    }

    /// Breaks something between a host and the nodes. A session ends only of silence, as it does where nobody ends it by force: whoever
    /// is cut off can know before it is over.
    pub(crate) async fn disconnect(&mut self, host: &Host) {
        match self.dice.below(5) {
            0 => host.cut(),
            1 => host.lose_answers(),
            3 => {
                host.take_down();
                let seconds = self.dice.below(30);
                self.pause(seconds).await;
                host.bring_up();
            }
            4 => {
                host.lose_answers();
                self.pause(1).await;
                host.cut();
            }
            _ => self.pause(1).await,
        }
    }
}

/// Chance that a seed decides.
pub(crate) struct Dice(SeededEntropy);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed ^ 0x5eed))
    }

    /// A number below `sides`.
    pub(crate) fn below(&self, sides: u64) -> u64 {
        self.0.next_u64() % sides
    }

    pub(crate) fn pick<'a, T: ?Sized>(&self, of: &[&'a T]) -> &'a T {
        let index = self.below(of.len() as u64);
        of[usize::try_from(index).unwrap()]
    }
}

pub(crate) async fn create(client: &Client, path: &str, data: &[u8]) {
    client.create(path, Some(data), &Acl::open(), CreateMode::Persistent).await.unwrap();
}

/// Deletes a znode and all below it, whatever is there.
pub(crate) async fn delete_tree(client: &Client, path: &str) {
    match client.delete_recursive(path, AnyVersion).await {
        Err(error) if error.kind != ErrorKind::NoNode => panic!("{error}"),
        _ => {}
    }
}
