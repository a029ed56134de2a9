//! `quorate queue`: queues on the command line, over the management API.

mod list;
mod messages;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Subcommand;
use hyper::Method;
use hyper::body::Bytes;
use serde_json::Value;

use crate::failure::Failure;
use crate::{admin, put};

/// Lists queues, publishes to them, takes messages, looks at them where they lie, and drops them.
///
/// Lists and messages go to standard output, the rest to standard error. With --json, standard output has one JSON object a
/// line. Exit status: 0 done, 1 failed while running (some of it may be done), 2 wrong usage.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Admin address of any node of the cluster.
    #[arg(long, env = "QUORATE_ADMIN", default_value = "127.0.0.1:7070", value_name = "ADDR", global = true)]
    admin: String,
    /// As whom; the user needs the tag `management`, or one that has more.
    #[arg(
        long,
        env = "QUORATE_USER",
        hide_env_values = true,
        default_value = "guest:guest",
        hide_default_value = true,
        value_name = "USER:PASSWORD",
        global = true
    )]
    user: String,
    /// The virtual host.
    #[arg(long, default_value = "/", value_name = "NAME", global = true)]
    vhost: String,
    /// One JSON object a line on standard output.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  quorate queue list
  quorate queue publish tasks 'hello'
  quorate queue publish --lines tasks < tasks.txt
  quorate queue peek --count 5 tasks
  quorate queue --json consume --count 100 tasks > taken.jsonl
  quorate queue --user ann:secret --vhost production purge tasks";

#[derive(Subcommand)]
enum Command {
    /// List the queues of a virtual host.
    List(list::Args),
    /// Publish a message, or many.
    Publish(messages::PublishArgs),
    /// Take messages until the queue is empty, or as many as are wanted.
    ///
    /// The queue has them no more as soon as they are taken: if this process dies before it has written them, they are lost.
    Consume(messages::ConsumeArgs),
    /// Look at messages where they lie, also those that consumers hold. No delivery is disturbed.
    Peek(messages::PeekArgs),
    /// Drop all messages that nobody holds.
    Purge {
        /// The queue.
        queue: String,
    },
}

/// How a node is asked.
struct Session {
    admin: String,
    authorization: String,
    vhost: String,
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if !args.user.contains(':') {
        return Err(Failure::Usage("--user: give USER:PASSWORD".into()));
    }
    let session = Session {
        admin: args.admin.clone(),
        authorization: format!("Basic {}", STANDARD.encode(&args.user)),
        vhost: encoded(&args.vhost),
        json: args.json,
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
    Ok(runtime.block_on(carry_out(&session, &args.command))?)
}

async fn carry_out(session: &Session, command: &Command) -> Result<()> {
    match command {
        Command::List(args) => list::run(session, args).await,
        Command::Publish(args) => messages::publish(session, args).await,
        Command::Consume(args) => messages::consume(session, args).await,
        Command::Peek(args) => messages::peek(session, args).await,
        Command::Purge { queue } => {
            session.ask(Method::DELETE, &session.queue(queue, "/contents"), "").await?;
            if session.json {
                put(&format!("{}\n", serde_json::json!({ "purged": queue })));
            }
            Ok(())
        }
    }
}

impl Session {
    /// A path of the API, of a queue.
    fn queue(&self, queue: &str, rest: &str) -> String {
        format!("/api/queues/{}/{}{rest}", self.vhost, encoded(queue))
    }

    async fn ask(&self, method: Method, path: &str, body: &str) -> Result<Bytes> {
        let asked = admin::request_as(&self.admin, method, path, body, Some(&self.authorization)).await;
        asked.with_context(|| format!("{path} on {}", self.admin))
    }

    async fn ask_json(&self, method: Method, path: &str, body: &str) -> Result<Value> {
        let answer = self.ask(method, path, body).await?;
        serde_json::from_slice(&answer).context("read the node's answer")
    }
}

/// As a part of a path.
fn encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}
