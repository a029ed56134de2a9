//! Requests to a node's admin HTTP.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use runtime::{Network, SystemClock, SystemNetwork};

/// Longer than a node takes to give up on its leader.
const PATIENCE: Duration = Duration::from_secs(15);
/// In the middle of an answer.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Sends a request with a JSON body to the node at `address`, and gives the body of its answer.
///
/// # Errors
/// When the node is not reached, does not answer in time, or says no; then with its own words.
pub(crate) async fn request(address: &str, method: Method, path: &str, body: &str) -> Result<Bytes> {
    request_as(address, method, path, body, None).await
}

/// As [`request`], of somebody who shows `authorization`.
pub(crate) async fn request_as(
    address: &str,
    method: Method,
    path: &str,
    body: &str,
    authorization: Option<&str>,
) -> Result<Bytes> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, address)
        .header(CONTENT_TYPE, "application/json");
    if let Some(shown) = authorization {
        request = request.header(AUTHORIZATION, shown);
    }
    let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes())))?;
    let answer = SystemClock::clock().timeout(PATIENCE, exchange(address, request, collect)).await;
    answer
        .with_context(|| format!("the node at {address} did not answer"))?
        .with_context(|| format!("ask the node at {address}; is it its admin address?"))?
}

/// Gets what the node at `address` has at `path` for who shows `authorization`, and gives each piece of it to `take`. However
/// long that takes, as long as something comes now and then.
///
/// # Errors
/// When the node is not reached, says nothing for long, or says no; then with its own words. And if `take` fails.
pub(crate) async fn download(
    address: &str,
    path: &str,
    authorization: Option<&str>,
    mut take: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut request = Request::get(path).header(HOST, address);
    if let Some(shown) = authorization {
        request = request.header(AUTHORIZATION, shown);
    }
    let request = request.body(Full::default())?;
    let done = exchange(address, request, async |answer: Response<Incoming>| {
        if !answer.status().is_success() {
            return collect(answer).await.map(|refusal| refusal.map(drop));
        }
        let mut body = answer.into_body();
        let clock = SystemClock::clock();
        while let Some(frame) =
            clock.timeout(SILENCE_MAX, body.frame()).await.context("nothing came any more")?
        {
            if let Some(piece) = frame?.data_ref()
                && let Err(error) = take(piece)
            {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    });
    done.await.with_context(|| format!("ask the node at {address}; is it its admin address?"))?
}

/// The inner result is what the node said.
async fn collect(answer: Response<Incoming>) -> Result<Result<Bytes>> {
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    if status.is_success() {
        return Ok(Ok(body));
    }
    let told = serde_json::from_slice::<serde_json::Value>(&body).ok();
    // The management API has a reason beside the kind of error.
    let words =
        |told: &serde_json::Value| told["reason"].as_str().or(told["error"].as_str()).map(str::to_owned);
    Ok(Err(match told.as_ref().and_then(words) {
        Some(why) => anyhow!("{why}"),
        None => anyhow!("the node answered {status}: {}", String::from_utf8_lossy(&body).trim()),
    }))
}

async fn exchange<T>(
    address: &str,
    request: Request<Full<Bytes>>,
    read: impl AsyncFnOnce(Response<Incoming>) -> Result<T>,
) -> Result<T> {
    let stream = SystemNetwork.connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async {
        let answer = sender.send_request(request).await?;
        read(answer).await
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
