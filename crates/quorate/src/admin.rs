//! Requests to a node's admin HTTP.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use runtime::{Network, SystemClock, SystemNetwork};

/// Longer than a node takes to give up on its leader.
const PATIENCE: Duration = Duration::from_secs(15);

/// Sends a request with a JSON body to the node at `address`, and gives the body of its answer.
///
/// # Errors
/// When the node is not reached, does not answer in time, or says no; then with its own words.
pub(crate) async fn request(address: &str, method: Method, path: &str, body: &str) -> Result<Bytes> {
    let answer = SystemClock::clock().timeout(PATIENCE, exchange(address, method, path, body)).await;
    let (status, body) = answer
        .with_context(|| format!("the node at {address} did not answer"))?
        .with_context(|| format!("ask the node at {address}; is it its admin address?"))?;
    if status.is_success() {
        return Ok(body);
    }
    let answer = serde_json::from_slice::<serde_json::Value>(&body).ok();
    match answer.as_ref().and_then(|answer| answer["error"].as_str()) {
        Some(why) => bail!("{why}"),
        None => bail!("the node at {address} answered {status}: {}", String::from_utf8_lossy(&body).trim()),
    }
}

async fn exchange(address: &str, method: Method, path: &str, body: &str) -> Result<(StatusCode, Bytes)> {
    let stream = SystemNetwork.connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, address)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))?;
    let answer = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        anyhow::Ok((status, answer.into_body().collect().await?.to_bytes()))
    };
    tokio::select! {
        biased;
        answer = answer => answer,
        ended = connection => {
            ended?;
            bail!("the connection was closed before the answer came")
        }
    }
}
