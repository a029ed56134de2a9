//! `quorate tree`: znodes on the command line, of Quorate and of any other ZooKeeper server.

pub(crate) mod connection;
mod data;
mod delete;
mod export;
mod format;
mod import;
mod list;
mod listing;
mod progress;
mod quotas;
mod show;
mod walk;
mod watch;
mod write;

use std::io::Write;

use anyhow::{Context, Result};
use clap::Subcommand;
use client::Client;
use runtime::Runtime;

use crate::failure::Failure;

/// Reads and changes the tree of any ZooKeeper server, Quorate or not; exports it to a readable file, and imports that.
///
/// Data and lists go to standard output, the rest to standard error. With --json, standard output has one JSON object a
/// line. Exit status: 0 done, 1 failed while running (some of it may be done), 2 wrong usage.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, args_override_self = true)]
pub(crate) struct Args {
    #[command(flatten)]
    connection: connection::Connection,
    /// One JSON object a line on standard output.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  quorate tree ls -R --stat /app
  quorate tree create --parents --if-missing /app/config/limit 100
  quorate tree set --version 3 /app/config/limit 200
  quorate tree watch --recursive /app
  quorate tree --server zk1:2181,zk2:2181 --auth-file super.txt export / --output backup.jsonl
  quorate tree import backup.jsonl --dry-run";

#[derive(Subcommand)]
enum Command {
    /// List the children of a znode.
    Ls(list::Args),
    /// Write a znode's data to standard output.
    Get(data::GetArgs),
    /// Replace a znode's data.
    Set(write::SetArgs),
    /// Create a znode and print its path.
    Create(write::CreateArgs),
    /// Delete a znode.
    Delete(delete::Args),
    /// Print changes as they happen, until interrupted.
    Watch(watch::Args),
    /// Write a subtree as text: a JSON object a znode, with data, access list and kind.
    Export(export::Args),
    /// Create the znodes of an export. May be repeated: what is there already is left as it is.
    Import(import::Args),
}

/// What every command has.
struct Session {
    runtime: Runtime,
    client: Client,
    /// The servers, as they were named.
    servers: String,
    /// Whether the paths of this client are the server's own.
    is_whole_tree: bool,
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let prepared = prepare(&args)?;
    let tokio =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
    tokio.block_on(async {
        let session = args.connection.open(args.json).await?;
        let client = session.client.clone();
        let outcome = carry_out(&session, args.command, prepared).await;
        drop(session);
        // The session would end by itself; what was asked for is done or has failed already.
        let _ = client.close().await;
        outcome
    })
}

/// What can be found wrong before a server is asked.
fn prepare(args: &Args) -> Result<Option<import::Source>, Failure> {
    args.connection.check()?;
    match &args.command {
        Command::Import(import) => Ok(Some(import::Source::check(import)?)),
        _ => Ok(None),
    }
}

async fn carry_out(
    session: &Session,
    command: Command,
    source: Option<import::Source>,
) -> Result<(), Failure> {
    match (command, source) {
        (Command::Import(args), Some(source)) => import::run(session, &args, source).await?,
        (Command::Import(_), None) => unreachable!("an import's source was checked before"),
        (Command::Ls(args), _) => list::run(session, &args).await?,
        (Command::Get(args), _) => data::get(session, &args).await?,
        (Command::Set(args), _) => write::set(session, &args).await?,
        (Command::Create(args), _) => write::create(session, &args).await?,
        (Command::Delete(args), _) => delete::run(session, &args).await?,
        (Command::Watch(args), _) => watch::run(session, &args).await?,
        (Command::Export(args), _) => export::run(session, &args).await?,
    }
    Ok(())
}

/// Writes to standard output. False when nobody reads it any more, which is no error.
fn put(text: &[u8]) -> Result<bool> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("write to standard output"),
    }
}

/// A path given on the command line.
pub(crate) fn path(text: &str) -> Result<String, String> {
    client::check_path(text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// The path of a child.
fn child(parent: &str, name: &str) -> String {
    if parent == "/" { format!("/{name}") } else { format!("{parent}/{name}") }
}

/// The path of the parent; the root has none.
fn parent(path: &str) -> Option<&str> {
    match path.rfind('/') {
        _ if path == "/" => None,
        Some(0) => Some("/"),
        Some(at) => Some(&path[..at]),
        None => None,
    }
}
