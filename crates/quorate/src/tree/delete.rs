//! `quorate tree delete`.

use anyhow::{Result, bail};
use client::{AnyVersion, Client, Error, ErrorKind};
use futures::future::BoxFuture;
use futures::stream::{FuturesOrdered, StreamExt};
use serde_json::json;

use super::walk::{Detail, Step, Walk};
use super::write::version;
use super::{Session, put, show};

// --version is the znode's here.
#[derive(clap::Args)]
#[command(disable_version_flag = true)]
pub(super) struct Args {
    #[arg(value_parser = super::path)]
    path: String,
    /// With all below it: in one step, if the server can and there are at most 5,000 znodes; otherwise one by one, which
    /// is said, and of which others see the parts.
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Only if the znode has this version.
    #[arg(long, value_name = "N")]
    version: Option<i32>,
}

/// Deletes that are under way.
const OUTSTANDING: usize = 256;

pub(super) async fn run(session: &Session, args: &Args) -> Result<()> {
    if args.path == "/" {
        bail!("the root can't be deleted; name what is below it");
    }
    let deleted = if args.recursive {
        subtree(session, args).await?
    } else {
        session.client.delete(&args.path, version(args.version)).await?;
        1
    };
    if session.json {
        put(&show::line(&json!({ "deleted": deleted })))?;
    }
    Ok(())
}

/// In one step, or else one by one.
async fn subtree(session: &Session, args: &Args) -> Result<u64> {
    let (client, path) = (&session.client, args.path.as_str());
    let why = match client.delete_recursive(path, version(args.version)).await {
        Ok(deleted) => return Ok(deleted.into()),
        Err(error) if error.kind == ErrorKind::Unsupported => {
            "the server can't delete it with all below in one step"
        }
        Err(error) if error.kind == ErrorKind::TooManyZnodes => {
            "there is more below it than goes in one step"
        }
        Err(error) => return Err(error.into()),
    };
    if args.version.is_some() {
        bail!("{path}: {why}, and one by one its version would be looked at last; nothing was deleted");
    }
    eprintln!("quorate: {path}: {why}; deleting one by one");
    one_by_one(client, path).await
}

/// Children go before their parents; requests take effect in the order in which they are made.
async fn one_by_one(client: &Client, root: &str) -> Result<u64> {
    client.sync(root).await?;
    let mut walk = Walk::begin(client, root, Detail::Stat, None).await?;
    let mut under_way: FuturesOrdered<BoxFuture<'static, Result<(), Error>>> = FuturesOrdered::new();
    let mut deleted = 0;
    while let Some(step) = walk.next().await {
        match step {
            Step::Entered(_) => {}
            Step::Left(path) => {
                let client = client.clone();
                under_way.push_back(Box::pin(async move { client.delete(&path, AnyVersion).await }));
            }
            Step::Failed(error) => return Err(error.into()),
        }
        while under_way.len() >= OUTSTANDING
            && let Some(outcome) = under_way.next().await
        {
            deleted += count(outcome)?;
        }
    }
    while let Some(outcome) = under_way.next().await {
        deleted += count(outcome)?;
    }
    Ok(deleted)
}

fn count(outcome: Result<(), Error>) -> Result<u64> {
    match outcome {
        Ok(()) => Ok(1),
        // Its session ended, or somebody else deletes, too.
        Err(error) if error.kind == ErrorKind::NoNode => Ok(0),
        Err(error) => Err(error.into()),
    }
}
