//! `quorate tree ls`.

use anyhow::{Result, bail};
use client::Stat;
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

pub(super) async fn run(session: &Session, args: &Args) -> Result<()> {
    session.client.sync(&args.path).await?;
    if args.stat && !session.json {
        put(heading().as_bytes())?;
    }
    if args.recursive { subtree(session, args).await } else { children(session, args).await }
}

async fn children(session: &Session, args: &Args) -> Result<()> {
    let (mut names, _) = session.client.children(&args.path).await?;
    names.sort_unstable();
    // One after another is slow, but the walk below enters each child and needs permission to list it.
    for name in names {
        let stat = match args.stat || session.json {
            true => match session.client.exists(&child(&args.path, &name)).await? {
                Some(stat) => Some(stat),
                None => continue,
            },
            false => None,
        };
        if !put(&line(session, &name, &child(&args.path, &name), stat.as_ref()))? {
            break;
        }
    }
    Ok(())
}

async fn subtree(session: &Session, args: &Args) -> Result<()> {
    let mut walk = Walk::new(&session.client, &args.path, Detail::Stat, None);
    let mut failed = None;
    while let Some(step) = walk.next().await {
        match step {
            Step::Entered(found) => {
                let stat = (args.stat || session.json).then_some(&found.stat);
                if !put(&line(session, &found.path, &found.path, stat))? {
                    return Ok(());
                }
            }
            Step::Left(_) => {}
            Step::Failed(path, error) if error.is_passing() => bail!("{path}: {error}"),
            Step::Failed(_, error) => {
                eprintln!("quorate: {error}");
                failed = Some(error);
            }
        }
    }
    match failed {
        Some(_) => bail!("some znodes could not be listed"),
        None => Ok(()),
    }
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
