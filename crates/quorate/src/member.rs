//! `quorate member`: who belongs to the cluster.

use anyhow::{Context, Result};
use clap::Subcommand;
use hyper::Method;
use serde::Deserialize;

use crate::failure::Failure;
use crate::{admin, put};

/// Shows and changes who belongs to the cluster. A node comes in by itself, with `quorate serve --join`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Admin address of any node of the cluster.
    #[arg(long, env = "QUORATE_ADMIN", default_value = "127.0.0.1:7070", value_name = "ADDR", global = true)]
    admin: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the members.
    Ls {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let an observer vote, once it has caught up.
    Promote {
        /// Its number.
        node: u64,
    },
    /// Make a voter an observer.
    Demote {
        /// Its number.
        node: u64,
    },
    /// Take a node out of the cluster. Its number is never given again: what replaces it joins under a new one.
    Remove {
        /// Its number.
        node: u64,
    },
}

#[derive(Deserialize)]
struct Member {
    node: u64,
    address: String,
    role: String,
    /// What it runs, and up to which level that applies commands; absent while it is not connected.
    version: Option<String>,
    level_max: Option<u32>,
}

/// What `/status` says beside.
#[derive(Deserialize)]
struct Status {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    /// Nodes of before do not say.
    level: Option<u32>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
    Ok(runtime.block_on(carry_out(args))?)
}

async fn carry_out(args: &Args) -> Result<()> {
    let (method, path, body) = match &args.command {
        Command::Ls { .. } => (Method::GET, "/members".to_owned(), ""),
        Command::Promote { node } => (Method::PUT, format!("/members/{node}/role"), "\"voter\""),
        Command::Demote { node } => (Method::PUT, format!("/members/{node}/role"), "\"observer\""),
        Command::Remove { node } => (Method::DELETE, format!("/members/{node}"), ""),
    };
    let answer = admin::request(&args.admin, method, &path, body).await?;
    let Command::Ls { json } = &args.command else { return Ok(()) };
    let text = if *json {
        format!("{}\n", String::from_utf8_lossy(&answer))
    } else {
        let status = admin::request(&args.admin, Method::GET, "/status", "").await?;
        table(&answer, &status)?
    };
    put(&text);
    Ok(())
}

fn table(answer: &[u8], status: &[u8]) -> Result<String> {
    let members: Vec<Member> = serde_json::from_slice(answer).context("read the list of members")?;
    let status: Status = serde_json::from_slice(status).context("read the node's status")?;
    let mut text = format!("{:>4}  {:8}  {:>5}  {:8}  ADDRESS\n", "NODE", "ROLE", "LEVEL", "VERSION");
    for Member { node, address, role, version, level_max } in members {
        let level = level_max.map_or("-".into(), |level| level.to_string());
        let version = version.unwrap_or_else(|| "-".into());
        text.push_str(&format!("{node:>4}  {role:8}  {level:>5}  {version:8}  {address}\n"));
    }
    if let Some(level) = status.groups.first().and_then(|group| group.level) {
        text.push_str(&format!("The cluster is at level {level}.\n"));
    }
    Ok(text)
}
