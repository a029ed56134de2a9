//! What most tests begin with.

#![allow(dead_code, clippy::unwrap_used, reason = "tests; every file uses a part of it")]

use std::time::Duration;

use client::{Client, Options};
use embedded::Ensemble;

pub(crate) async fn connect(ensemble: &Ensemble, target: &str) -> Client {
    connect_with(ensemble, target, Options::default()).await
}

pub(crate) async fn connect_with(ensemble: &Ensemble, target: &str, options: Options) -> Client {
    Client::connect(ensemble.runtime(), target, options).await.unwrap()
}

pub(crate) async fn pause(ensemble: &Ensemble, seconds: u64) {
    ensemble.runtime().clock.sleep(Duration::from_secs(seconds)).await;
}
