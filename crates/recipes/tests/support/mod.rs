//! An ensemble in this process, clients that can be cut off one by one, and the checks of what they saw.

#![allow(dead_code, clippy::unwrap_used, reason = "tests; every file uses a part of it")]

pub(crate) mod dice;
pub(crate) mod history;
pub(crate) mod nemesis;
pub(crate) mod resource;

use std::time::Duration;

use client::{Client, Options, Sessions};
use embedded::{Ensemble, Host};

/// What a session lasts that is not heard of.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) async fn connect(ensemble: &Ensemble) -> Client {
    Client::connect(ensemble.runtime(), &ensemble.target(), options()).await.unwrap()
}

/// A client on a machine of its own.
pub(crate) async fn connect_apart(ensemble: &Ensemble) -> (Host, Client) {
    let host = ensemble.host();
    let client = Client::connect(host.runtime(), &ensemble.target(), options()).await.unwrap();
    (host, client)
}

pub(crate) async fn sessions_apart(ensemble: &Ensemble) -> (Host, Sessions) {
    let host = ensemble.host();
    let sessions = Sessions::open(host.runtime(), &ensemble.target(), options()).await.unwrap();
    (host, sessions)
}

fn options() -> Options {
    Options { session_timeout: TIMEOUT, ..Options::default() }
}

pub(crate) async fn pause(ensemble: &Ensemble, duration: Duration) {
    ensemble.runtime().clock.sleep(duration).await;
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The children of a znode; none if it is not there.
pub(crate) async fn children(client: &Client, path: &str) -> Vec<String> {
    client.sync(path).await.unwrap();
    match client.children(path).await {
        Ok((mut children, _)) => {
            children.sort();
            children
        }
        Err(error) if error.kind == client::ErrorKind::NoNode => Vec::new(),
        Err(error) => panic!("{error}"),
    }
}
