//! `quorate tree watch`.

use anyhow::{Result, bail};
use client::{EventType, WatchEvent, WatchMode};
use serde_json::json;

use super::{Session, put, show};

#[derive(clap::Args)]
pub(super) struct Args {
    /// What to watch; it need not exist yet.
    #[arg(value_parser = super::path)]
    path: String,
    /// All below it, too. Then lists of children are not told of: the children are.
    #[arg(short = 'R', long)]
    recursive: bool,
    /// End after so many changes.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

pub(super) async fn run(session: &Session, args: &Args) -> Result<()> {
    let mode = if args.recursive { WatchMode::Recursive } else { WatchMode::Node };
    let mut watcher = session.client.watch(&args.path, mode).await?;
    eprintln!("watching {}", args.path);
    let mut left = args.count;
    while left != Some(0) {
        let read_on = match watcher.next().await {
            Some(WatchEvent::Changed(event)) => {
                left = left.map(|left| left - 1);
                let (name, path, zxid) = (name(event.kind), &*event.path, show::hex(event.zxid));
                if session.json {
                    put(&show::line(&json!({ "event": name, "path": path, "zxid": zxid })))?
                } else {
                    put(format!("{name:8} {path}\n").as_bytes())?
                }
            }
            Some(WatchEvent::Resumed) if session.json => put(&show::line(&json!({ "event": "resumed" })))?,
            Some(WatchEvent::Resumed) => {
                eprintln!("the connection was lost and is back; changes in between were not told");
                true
            }
            Some(WatchEvent::Overflowed) => bail!("changes come faster than they are printed; watch less"),
            None => bail!("the session is over; start again"),
        };
        if !read_on {
            break;
        }
    }
    Ok(())
}

fn name(kind: EventType) -> &'static str {
    match kind {
        EventType::NodeCreated => "created",
        EventType::NodeDeleted => "deleted",
        EventType::NodeDataChanged => "data",
        EventType::NodeChildrenChanged => "children",
    }
}
