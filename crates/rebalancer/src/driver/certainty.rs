//! Whether the session lives for certain: a member stops in time when it does not, without being told.

use std::pin::pin;

use client::Client;
use runtime::BoxFuture;

use super::context::{Context, insist};
use crate::planted::Bug;

/// What a member has learnt of its session.
pub(super) enum Certainty {
    /// It may soon be over.
    CutOff,
    /// It lives, and will for a while.
    Back,
    /// It is over.
    SessionOver,
}

/// Completes when the session is over, or lives for certain only for as long as stopping may take.
pub(super) fn lost(context: &Context) -> BoxFuture<'static, Certainty> {
    let context = context.clone();
    Box::pin(async move {
        if context.options.has(Bug::ExpiryNotNoticed) {
            context.client.over().await;
            return Certainty::SessionOver;
        }
        lapse(&context).await;
        if context.client.is_over() { Certainty::SessionOver } else { Certainty::CutOff }
    })
}

async fn lapse(context: &Context) {
    let client: &Client = &context.client;
    let clock = &client.runtime().clock;
    // While somebody waits for it, the client makes sure in time.
    let mut lapsed = pin!(client.lapsed());
    loop {
        // A member that is cut off has this long before others could get its resources.
        let until = client.lives_until() - context.options.stop_deadline;
        if until <= clock.now() {
            return;
        }
        tokio::select! {
            biased;
            () = &mut lapsed => return,
            () = clock.sleep_until(until) => {}
        }
    }
}

/// Completes when the session is over, or lives for certain for longer than stopping may take.
pub(super) fn regained(context: &Context) -> BoxFuture<'static, Certainty> {
    let context = context.clone();
    Box::pin(async move {
        let client = &context.client;
        loop {
            if insist(client, || client.sync("/")).await.is_err() {
                return Certainty::SessionOver;
            }
            if client.lives_until() - context.options.stop_deadline > client.runtime().clock.now() {
                return Certainty::Back;
            }
        }
    })
}
