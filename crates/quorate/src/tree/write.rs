//! `quorate tree set` and `create`.

use std::time::Duration;

use anyhow::{Result, bail};
use client::{Acl, AnyVersion, Client, CreateMode, Ensured, ErrorKind, Parents, Version};
use serde_json::json;

use super::data::Given;
use super::{Session, parent, put, show};

// --version is the znode's here.
#[derive(clap::Args)]
#[command(disable_version_flag = true)]
pub(super) struct SetArgs {
    #[arg(value_parser = super::path)]
    path: String,
    #[command(flatten)]
    data: Given,
    /// Only if the znode has this version.
    #[arg(long, value_name = "N")]
    version: Option<i32>,
}

#[derive(clap::Args)]
pub(super) struct CreateArgs {
    /// Where; with --sequential, ten digits follow.
    path: String,
    #[command(flatten)]
    data: Given,
    /// Let ten digits that count the parent's creates follow the name.
    #[arg(long)]
    sequential: bool,
    /// The server deletes it some time after its last child is gone.
    #[arg(long, conflicts_with_all = ["sequential", "ttl"])]
    container: bool,
    /// The server deletes it when it had no children and no new data for so many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    ttl: Option<Duration>,
    /// Create the parents that are not there, empty, and with the same access list.
    #[arg(long)]
    parents: bool,
    /// Leave the znode as it is if it is there already, which is no error then: said, and not printed. In one step with
    /// --parents, if the server can.
    #[arg(long, conflicts_with_all = ["sequential", "container", "ttl"])]
    if_missing: bool,
    /// Who may do what, in place of everybody everything; may be repeated.
    #[arg(long, value_name = "SCHEME:ID:cdrwa")]
    acl: Vec<Acl>,
}

pub(super) fn version(given: Option<i32>) -> Version {
    given.map_or(AnyVersion.into(), Version::from)
}

pub(super) async fn set(session: &Session, args: &SetArgs) -> Result<()> {
    let data = args.data.read()?;
    let stat = session.client.set(&args.path, Some(&data), version(args.version)).await?;
    if session.json {
        put(&show::line(&json!({ "path": args.path, "stat": show::stat_json(&stat) })))?;
    }
    Ok(())
}

pub(super) async fn create(session: &Session, args: &CreateArgs) -> Result<()> {
    let data = args.data.read()?;
    let acl = if args.acl.is_empty() { Acl::open() } else { args.acl.clone() };
    if args.if_missing {
        return ensure(session, args, &data, &acl).await;
    }
    if args.parents {
        let path = args.path.trim_end_matches('/');
        create_parents(&session.client, path, &acl).await?;
    }
    let mode = match (args.container, args.ttl, args.sequential) {
        (true, ..) => CreateMode::Container,
        (_, Some(ttl), false) => CreateMode::Ttl(ttl),
        (_, Some(ttl), true) => CreateMode::TtlSequential(ttl),
        (_, None, true) => CreateMode::PersistentSequential,
        (_, None, false) => CreateMode::Persistent,
    };
    let (path, stat) = session.client.create(&args.path, Some(&data), &acl, mode).await?;
    if session.json {
        put(&show::line(&json!({ "path": path, "stat": show::stat_json(&stat) })))?;
    } else {
        put(format!("{path}\n").as_bytes())?;
    }
    Ok(())
}

async fn ensure(session: &Session, args: &CreateArgs, data: &[u8], acl: &[Acl]) -> Result<()> {
    let parents = if args.parents { Parents::Create } else { Parents::Expect };
    let Ensured { created, stat } = match session.client.ensure(&args.path, Some(data), acl, parents).await {
        Err(error) if error.kind == ErrorKind::Unsupported => {
            eprintln!("quorate: {}: the server can't do this in one step; creating one by one", args.path);
            ensure_in_steps(&session.client, args, data, acl).await?
        }
        ensured => ensured?,
    };
    if session.json {
        let told = json!({ "path": args.path, "created": created, "stat": show::stat_json(&stat) });
        put(&show::line(&told))?;
    } else if created {
        put(format!("{}\n", args.path).as_bytes())?;
    } else {
        eprintln!("quorate: {} is there already", args.path);
    }
    Ok(())
}

async fn ensure_in_steps(client: &Client, args: &CreateArgs, data: &[u8], acl: &[Acl]) -> Result<Ensured> {
    if args.parents {
        create_parents(client, &args.path, acl).await?;
    }
    match client.create(&args.path, Some(data), acl, CreateMode::Persistent).await {
        Ok((_, stat)) => Ok(Ensured { created: true, stat }),
        Err(error) if error.kind == ErrorKind::NodeExists => match client.exists(&args.path).await? {
            Some(stat) => Ok(Ensured { created: false, stat }),
            None => bail!("{} was there and was deleted meanwhile; try again", args.path),
        },
        Err(error) => Err(error.into()),
    }
}

/// Creates what is not there above `path`, from the top; gives the topmost that it made.
pub(super) async fn create_parents(client: &Client, path: &str, acl: &[Acl]) -> Result<Option<String>> {
    let mut missing = missing_parents(client, path).await?;
    let topmost = missing.last().cloned();
    while let Some(path) = missing.pop() {
        match client.create(&path, Some(b""), acl, CreateMode::Persistent).await {
            Ok(_) => {}
            // Somebody else wants it, too.
            Err(error) if error.kind == ErrorKind::NodeExists => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(topmost)
}

/// The parents of `path` that are not there, the topmost last.
pub(super) async fn missing_parents(client: &Client, path: &str) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    let mut at = path;
    while let Some(above) = parent(at) {
        if client.exists(above).await?.is_some() {
            break;
        }
        missing.push(above.to_owned());
        at = above;
    }
    Ok(missing)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no number of seconds above 0.001");
    let seconds: f64 = text.parse().map_err(|_| wrong())?;
    Some(seconds)
        .filter(|seconds| (0.001..1e9).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(wrong)
}
