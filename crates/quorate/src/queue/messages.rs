//! `quorate queue publish`, `consume` and `peek`.

use std::io::{BufRead, IsTerminal, Read, Write};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use runtime::{Instant, SystemClock};
use serde_json::{Value, json};

use super::{Session, encoded};
use crate::put;

/// Messages that are asked for at a time.
const AT_ONCE: u64 = 256;
/// How often long work says how far it is, if somebody looks.
const REPORT: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub(super) struct PublishArgs {
    /// The routing key; of the default exchange, the queue.
    key: String,
    /// The message. Absent: what standard input has.
    message: Option<String>,
    /// The exchange. Absent: the default one, which leads to the queue that is named.
    #[arg(long, value_name = "NAME", default_value = "amq.default", hide_default_value = true)]
    exchange: String,
    /// Each line of standard input is a message.
    #[arg(long, conflicts_with = "message")]
    lines: bool,
    /// Properties, as the management API has them: '{"content_type":"text/plain","headers":{"a":1}}'.
    #[arg(long, value_name = "JSON", default_value = "{\"delivery_mode\":2}")]
    properties: String,
}

#[derive(clap::Args)]
pub(super) struct ConsumeArgs {
    /// The queue.
    queue: String,
    /// At most so many. Absent: until the queue is empty.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

#[derive(clap::Args)]
pub(super) struct PeekArgs {
    /// The queue.
    queue: String,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 10)]
    count: u64,
    /// From this place on; the places are in --json's `offset`.
    #[arg(long, value_name = "OFFSET", default_value_t = 0)]
    from: u64,
    /// Of a queue with partitions, this one; from 0.
    #[arg(long, value_name = "N", default_value_t = 0)]
    partition: u32,
}

/// Says on a terminal how far long work is.
struct Progress {
    did: &'static str,
    count: u64,
    next: Duration,
    clock: runtime::Clock,
    begun: Instant,
}

impl Progress {
    fn new(did: &'static str) -> Self {
        let clock = SystemClock::clock();
        let begun = clock.now();
        Self { did, count: 0, next: REPORT, clock, begun }
    }

    fn add(&mut self, count: u64) {
        self.count += count;
        let elapsed = self.clock.now().saturating_since(self.begun);
        if elapsed >= self.next && std::io::stderr().is_terminal() {
            eprintln!("{} {}", self.did, self.count);
            self.next = elapsed + REPORT;
        }
    }
}

pub(super) async fn publish(session: &Session, args: &PublishArgs) -> Result<()> {
    let properties: Value = serde_json::from_str(&args.properties).context("--properties")?;
    let mut progress = Progress::new("published");
    if !args.lines {
        let body = match &args.message {
            Some(message) => message.clone().into_bytes(),
            None => {
                let mut body = Vec::new();
                std::io::stdin().lock().read_to_end(&mut body).context("read standard input")?;
                body
            }
        };
        publish_one(session, args, &properties, &body).await?;
        progress.add(1);
    } else {
        for line in std::io::stdin().lock().split(b'\n') {
            let line = line.context("read standard input")?;
            let published = publish_one(session, args, &properties, &line).await;
            published.with_context(|| format!("{} were published before", progress.count))?;
            progress.add(1);
        }
    }
    if session.json {
        put(&format!("{}\n", json!({ "published": progress.count })));
    }
    Ok(())
}

async fn publish_one(session: &Session, args: &PublishArgs, properties: &Value, body: &[u8]) -> Result<()> {
    let path = format!("/api/exchanges/{}/{}/publish", session.vhost, encoded(&args.exchange));
    let request = json!({
        "routing_key": args.key,
        "properties": properties,
        "payload": STANDARD.encode(body),
        "payload_encoding": "base64",
    });
    let answer = session.ask_json(Method::POST, &path, &request.to_string()).await?;
    if answer["routed"].as_bool() != Some(true) {
        bail!("the message found no queue: routing key {:?} of exchange {:?}", args.key, args.exchange);
    }
    Ok(())
}

pub(super) async fn consume(session: &Session, args: &ConsumeArgs) -> Result<()> {
    let path = session.queue(&args.queue, "/get");
    let mut progress = Progress::new("took");
    loop {
        let left = args.count.map_or(u64::MAX, |count| count - progress.count);
        if left == 0 {
            return Ok(());
        }
        let request = json!({
            "count": left.min(AT_ONCE),
            "ackmode": "ack_requeue_false",
            "encoding": encoding(session),
        });
        let taken = session.ask_json(Method::POST, &path, &request.to_string()).await?;
        let messages = taken.as_array().context("the node's answer has no messages")?;
        show(session, messages)?;
        if messages.is_empty() {
            return Ok(());
        }
        progress.add(messages.len() as u64);
    }
}

pub(super) async fn peek(session: &Session, args: &PeekArgs) -> Result<()> {
    let (partition, mut from, mut left) = (args.partition, args.from, args.count);
    while left > 0 {
        let (count, encoding) = (left.min(AT_ONCE), encoding(session));
        let rest = format!("/peek?partition={partition}&from={from}&count={count}&encoding={encoding}");
        let peeked = session.ask_json(Method::GET, &session.queue(&args.queue, &rest), "").await?;
        let messages = peeked["messages"].as_array().context("the node's answer has no messages")?;
        show(session, messages)?;
        left = left.saturating_sub(messages.len() as u64);
        match peeked["next"].as_u64() {
            Some(next) => from = next,
            None => return Ok(()),
        }
    }
    Ok(())
}

/// People read text in JSON; otherwise all bytes come as they are.
fn encoding(session: &Session) -> &'static str {
    if session.json { "auto" } else { "base64" }
}

fn show(session: &Session, messages: &[Value]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for message in messages {
        let written = if session.json {
            writeln!(out, "{message}")
        } else {
            let payload = message["payload"].as_str().context("a message has no payload")?;
            let mut body = STANDARD.decode(payload).context("a message's payload")?;
            body.push(b'\n');
            out.write_all(&body)
        };
        written.context("write to standard output")?;
    }
    Ok(())
}
