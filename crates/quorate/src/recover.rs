//! `quorate recover`: the way back when a majority of the voters is lost for ever.

use std::path::PathBuf;

use anyhow::{Context, Result};
use runtime::Runtime;
use serde_json::json;
use server::recover::{EntryId, Found, Member, Remains};

use crate::failure::Failure;
use crate::put;

/// Makes a survivor go on alone when a majority of the voters is lost for ever. Without --yes it only shows what the data
/// directory has.
///
/// What the lost voters had acknowledged and this node lacks is lost, of znodes and of messages. So: stop all survivors, run this
/// without --yes on each, and choose the one whose last entry has the highest term and, of those, the highest index; shards
/// may differ, and the node brings its own of each. The cluster gets a new id: nodes of
/// the old one are refused for ever. Then start the survivor with --peer and without --cluster, and let others join it with
/// --join, under numbers that were never used and with empty data directories.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The data directory of a node that does not run.
    #[arg(long, env = "QUORATE_DATA_DIR", default_value = "./quorate-data", value_name = "DIR")]
    data_dir: PathBuf,
    /// Where other nodes will reach this one, HOST:PORT.
    #[arg(long, env = "QUORATE_PEER", default_value = "127.0.0.1:7400", value_name = "ADDR")]
    peer: String,
    /// Do it: there is no way back.
    #[arg(long)]
    yes: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    check_peer(&args.peer)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
    Ok(runtime.block_on(carry_out(args))?)
}

/// An address that others will be told, found wrong before anything is written.
pub(crate) fn check_peer(peer: &str) -> Result<(), Failure> {
    let parts = peer.rsplit_once(':');
    let is_sound = parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    let wrong = || Failure::Usage(format!("--peer {peer:?} is no address; give HOST:PORT"));
    is_sound.then_some(()).ok_or_else(wrong)
}

async fn carry_out(args: &Args) -> Result<()> {
    let runtime = Runtime::system();
    let found = if args.yes {
        server::recover::found_anew(&runtime, &args.data_dir, &args.peer).await?
    } else {
        server::recover::look(&runtime, &args.data_dir).await?
    };
    let text = if args.json { as_json(&found, args.yes) } else { as_text(&found, args) };
    put(&text);
    Ok(())
}

fn as_json(found: &Found, recovered: bool) -> String {
    let remains = &found.control;
    let entry = |entry: Option<EntryId>| entry.map(|it| json!({"term": it.term, "index": it.index}));
    let members = remains.members.as_ref().map(|members| {
        let member = |it: &Member| {
            json!({"node": it.node.0, "address": it.address, "role": if it.voter { "voter" } else { "observer" }})
        };
        members.iter().map(member).collect::<Vec<_>>()
    });
    let shard = |it: &Remains| {
        let (last, committed) = (entry(it.last), entry(it.committed));
        json!({"shard": it.group.0, "last": last, "committed": committed})
    };
    let shown = json!({
        "node": remains.node.0,
        "cluster": remains.cluster.to_string(),
        "term": remains.term,
        "last": entry(remains.last),
        "committed": entry(remains.committed),
        "members": members,
        "shards": found.shards.iter().map(shard).collect::<Vec<_>>(),
        "recovered": recovered,
    });
    format!("{shown}\n")
}

fn as_text(found: &Found, args: &Args) -> String {
    let remains = &found.control;
    let entry = |entry: Option<EntryId>| {
        entry.map_or("none".into(), |it| format!("term {}, index {}", it.term, it.index))
    };
    let mut text = format!("node       {}\n", remains.node);
    text += &format!("cluster    {}\n", remains.cluster);
    text += &format!("last entry {}\n", entry(remains.last));
    text += &format!("committed  {} or later\n", entry(remains.committed));
    for shard in &found.shards {
        text += &format!("shard {:<4} last entry {}\n", shard.group.0, entry(shard.last));
    }
    for member in remains.members.iter().flatten() {
        let role = if member.voter { "voter" } else { "observer" };
        text += &format!("{role:10} node {} at {}\n", member.node, member.address);
    }
    text += &if args.yes {
        format!(
            "\nNode {} is alone in a new cluster now. Start it with --peer {} and without --cluster.\n",
            remains.node, args.peer
        )
    } else {
        "\nNothing was changed. With --yes this node goes on alone, and the others are refused for ever.\n"
            .into()
    };
    text
}
