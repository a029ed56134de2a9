//! Admin HTTP: is the node alive, does it serve, how is it doing.

mod api;
mod backup;
mod commands;
mod jackson;
mod members;
mod metrics;
mod placement;
mod process;
mod queues;
mod shards;
mod status;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::extract::connect_info::Connected;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{delete, get, put};
use axum::serve::IncomingStream;
use runtime::{BoxStream, Clock};
use tracing::warn;

use self::queues::Detail;
use crate::node::Parts;

/// Serves until dropped.
pub(crate) async fn run(parts: Arc<Parts>, listener: Box<dyn runtime::Listener>, clock: Clock) {
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(show_metrics))
        .route("/metrics/per-object", get(show_metrics_of_each))
        .route("/status", get(show_status))
        .route("/members", get(members::list))
        .route("/members/{node}", delete(members::remove))
        .route("/members/{node}/role", put(members::set_role))
        .route("/shards", get(placement::list))
        .route("/shards/replication-factor", put(placement::set_replication_factor))
        .route("/backup", get(backup::give))
        .route("/commands", commands::index())
        .route("/commands/", commands::index())
        .route("/commands/{*name}", commands::one())
        .nest("/api", api::routes())
        .with_state(parts)
        .into_make_service_with_connect_info::<Peer>();
    if let Err(error) = axum::serve(AdminListener { listener, clock }, routes).await {
        warn!(%error, "admin HTTP has stopped");
    }
}

async fn ready(State(parts): State<Arc<Parts>>) -> Response {
    match parts.not_ready() {
        None => (StatusCode::OK, "ready\n").into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")).into_response(),
    }
}

async fn show_status(State(parts): State<Arc<Parts>>) -> Response {
    Json(status::Status::of(&parts)).into_response()
}

async fn show_metrics(State(parts): State<Arc<Parts>>) -> Response {
    metrics_in_text(metrics::render(&parts, Detail::Sums))
}

async fn show_metrics_of_each(State(parts): State<Arc<Parts>>) -> Response {
    metrics_in_text(metrics::render(&parts, Detail::EachQueue))
}

fn metrics_in_text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// Where a request comes from.
#[derive(Clone, Copy)]
struct Peer(SocketAddr);

impl Connected<IncomingStream<'_, AdminListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, AdminListener>) -> Self {
        Peer(*stream.remote_addr())
    }
}

struct AdminListener {
    listener: Box<dyn runtime::Listener>,
    clock: Clock,
}

impl axum::serve::Listener for AdminListener {
    type Io = BoxStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (BoxStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    warn!(%error, "can't accept admin connections; trying again");
                    self.clock.sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
