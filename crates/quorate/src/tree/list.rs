//! `quorate tree ls`.

use anyhow::{Result, bail};
use client::{ChildContent, ChildDetail, ErrorKind, PageQuery, Stat};
use futures::stream::StreamExt;
use serde_json::json;

use super::walk::{Detail, Step, Walk};
use super::{Session, child, put, show};

#[derive(clap::Args)]
pub(super) struct Args {
    #[arg(value_parser = super::path, default_value = "/")]
    path: String,
    /// The znode and all below it, by their paths.
    #[arg(short = 'R', long)]
    recursive: bool,
    /// With versions, numbers of children, bytes of data, and whether ephemeral.
    #[arg(long)]
    stat: bool,
}

/// Reads that are under way.
const AHEAD: usize = 64;
const INCOMPLETE: &str = "some znodes could not be read, as told above";

pub(super) async fn run(session: &Session, args: &Args) -> Result<()> {
    session.client.sync(&args.path).await?;
    if args.stat && !session.json {
        put(heading().as_bytes())?;
    }
    if args.recursive { subtree(session, args).await } else { children(session, args).await }
}

/// In pages, so that the size of a directory does not matter to anybody; from a server that has none, at once.
async fn children(session: &Session, args: &Args) -> Result<()> {
    let with_stat = args.stat || session.json;
    let detail = if with_stat { ChildDetail::Stat } else { ChildDetail::Name };
    let mut after: Option<String> = None;
    let mut failed = false;
    loop {
        let query = PageQuery { after: after.as_deref(), detail, ..PageQuery::default() };
        let page = match session.client.children_page(&args.path, query).await {
            Err(error) if error.kind == ErrorKind::Unsupported => {
                return children_at_once(session, args).await;
            }
            page => page?,
        };
        for listed in &page.children {
            let path = child(&args.path, &listed.name);
            if listed.content == ChildContent::Withheld {
                eprintln!("quorate: {path}: the access control list forbids to read it");
                failed = true;
                continue;
            }
            if !put(&line(session, &listed.name, &path, listed.content.stat()))? {
                return Ok(());
            }
        }
        after = page.children.into_iter().next_back().map(|child| child.name);
        if !page.more {
            return if failed { bail!(INCOMPLETE) } else { Ok(()) };
        }
    }
}

async fn children_at_once(session: &Session, args: &Args) -> Result<()> {
    let (mut names, _) = session.client.children(&args.path).await?;
    names.sort_unstable();
    let with_stat = args.stat || session.json;
    let mut listed = futures::stream::iter(names)
        .map(|name| async {
            let path = child(&args.path, &name);
            let stat = if with_stat { session.client.exists(&path).await.map(Some) } else { Ok(None) };
            (name, path, stat)
        })
        .buffered(AHEAD);
    let mut failed = false;
    while let Some((name, path, stat)) = listed.next().await {
        let stat = match stat {
            Ok(Some(None)) => continue,
            Ok(stat) => stat.flatten(),
            Err(error) if error.is_passing() => return Err(error.into()),
            // Its name may be known, and nothing else.
            Err(error) => {
                eprintln!("quorate: {error}");
                failed = true;
                continue;
            }
        };
        if !put(&line(session, &name, &path, stat.as_ref()))? {
            break;
        }
    }
    if failed { bail!(INCOMPLETE) } else { Ok(()) }
}

async fn subtree(session: &Session, args: &Args) -> Result<()> {
    let mut walk = Walk::begin(&session.client, &args.path, Detail::Stat, None).await?;
    let mut failed = false;
    while let Some(step) = walk.next().await {
        match step {
            Step::Entered(found) => {
                let stat = (args.stat || session.json).then_some(&found.stat);
                if !put(&line(session, &found.path, &found.path, stat))? {
                    return Ok(());
                }
            }
            Step::Left(_) => {}
            Step::Failed(error) if error.is_passing() => return Err(error.into()),
            Step::Failed(error) => {
                eprintln!("quorate: {error}");
                failed = true;
            }
        }
    }
    if failed { bail!(INCOMPLETE) } else { Ok(()) }
}

fn heading() -> String {
    format!("{:>8} {:>8} {:>9}  {}\n", "VERSION", "CHILDREN", "BYTES", "NAME")
}

fn line(session: &Session, name: &str, path: &str, stat: Option<&Stat>) -> Vec<u8> {
    match stat {
        Some(stat) if session.json => show::line(&json!({ "path": path, "stat": show::stat_json(stat) })),
        Some(stat) => {
            let ephemeral = if stat.ephemeral_owner == 0 { "" } else { "  (ephemeral)" };
            let (version, children, bytes) = (stat.version, stat.children, stat.data_length);
            format!("{version:>8} {children:>8} {bytes:>9}  {name}{ephemeral}\n").into_bytes()
        }
        None => format!("{name}\n").into_bytes(),
    }
}
