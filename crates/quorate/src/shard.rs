//! `quorate shard`: who replicates the shards of queues.

use anyhow::{Context, Result};
use clap::Subcommand;
use hyper::Method;
use serde::Deserialize;

use crate::failure::Failure;
use crate::{admin, put};

/// Shows which nodes lead, vote in and follow the shards of queues. Who does is the cluster's own decision: votes and leaders are
/// spread evenly, and move one after another when nodes come and go.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Admin address of any node of the cluster that serves queues.
    #[arg(long, env = "QUORATE_ADMIN", default_value = "127.0.0.1:7070", value_name = "ADDR", global = true)]
    admin: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the shards.
    Ls {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Have so many nodes vote in each shard, or all if there are fewer. The others follow.
    Replicate {
        /// 1 to 9.
        nodes: u32,
    },
}

#[derive(Deserialize)]
struct Listed {
    replication_factor: u32,
    shards: Vec<Shard>,
}

#[derive(Deserialize)]
struct Shard {
    shard: u32,
    leader: Option<u64>,
    voters: Vec<u64>,
    observers: Vec<u64>,
    /// Who is to vote, if that is not so yet.
    wanted: Option<Vec<u64>>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
    Ok(runtime.block_on(carry_out(args))?)
}

async fn carry_out(args: &Args) -> Result<()> {
    match &args.command {
        Command::Ls { json } => {
            let answer = admin::request(&args.admin, Method::GET, "/shards", "").await?;
            put(&match json {
                true => format!("{}\n", String::from_utf8_lossy(&answer)),
                false => table(&answer)?,
            });
        }
        Command::Replicate { nodes } => {
            let path = "/shards/replication-factor";
            admin::request(&args.admin, Method::PUT, path, &nodes.to_string()).await?;
        }
    }
    Ok(())
}

fn table(answer: &[u8]) -> Result<String> {
    let listed: Listed = serde_json::from_slice(answer).context("read the list of shards")?;
    let mut text =
        format!("{:>5}  {:>6}  {:12}  {:12}  CHANGES TO\n", "SHARD", "LEADER", "VOTERS", "OBSERVERS");
    for Shard { shard, leader, voters, observers, wanted } in listed.shards {
        let leader = leader.map_or("-".into(), |leader| leader.to_string());
        let (voters, observers) = (numbers(&voters), numbers(&observers));
        let wanted = wanted.map_or("-".into(), |wanted| numbers(&wanted));
        text.push_str(&format!("{shard:>5}  {leader:>6}  {voters:12}  {observers:12}  {wanted}\n"));
    }
    text.push_str(&format!("Of each, {} nodes are to vote.\n", listed.replication_factor));
    Ok(text)
}

fn numbers(nodes: &[u64]) -> String {
    match nodes {
        [] => "-".into(),
        _ => nodes.iter().map(u64::to_string).collect::<Vec<_>>().join(","),
    }
}
