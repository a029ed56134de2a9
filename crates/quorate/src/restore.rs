//! `quorate restore`: a new cluster from a backup.

use std::path::PathBuf;

use anyhow::Context;
use runtime::{Runtime, SystemDisk};
use serde_json::json;
use server::backup::{BackupFile, Header, Restored, Target};
use server::recover::NodeId;

use crate::failure::Failure;
use crate::{put, recover};

/// Makes the data directory of the first node of a new cluster, with all znodes and messages of a backup.
///
/// Start the node with the same --node-id and --peer and without --cluster, and let others join it with --join. The cluster has
/// a new id: nodes of the old one are refused for ever, and go on by themselves if they are not stopped. Sessions of the old
/// cluster are over: clients that come back learn that theirs has expired, and begin anew; ephemerals are gone.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What `quorate backup` has saved.
    file: PathBuf,
    /// The data directory: a new one.
    #[arg(long, env = "QUORATE_DATA_DIR", default_value = "./quorate-data", value_name = "DIR")]
    data_dir: PathBuf,
    /// The node's number.
    #[arg(long, env = "QUORATE_NODE_ID", default_value_t = 1, value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=127))]
    node_id: u64,
    /// Where other nodes will reach this one, HOST:PORT.
    #[arg(long, env = "QUORATE_PEER", default_value = "127.0.0.1:7400", value_name = "ADDR")]
    peer: String,
    /// Epochs of zxids to leave out, more than the old cluster had changes of leader since the backup. Clients refuse a
    /// server whose zxids are behind what they have seen.
    #[arg(long, default_value_t = 65_536, value_name = "COUNT")]
    skip_epochs: u32,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    recover::check_peer(&args.peer)?;
    let tokio =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
    Ok(tokio.block_on(carry_out(args))?)
}

async fn carry_out(args: &Args) -> anyhow::Result<()> {
    let backup = BackupFile::open(&SystemDisk, &args.file).await?;
    let target = Target {
        data_dir: &args.data_dir,
        node: NodeId(args.node_id),
        peer: &args.peer,
        epochs_skipped: args.skip_epochs,
    };
    let restored = server::backup::restore(&Runtime::system(), &backup, target).await?;
    put(&if args.json {
        format!("{}\n", as_json(args, backup.header(), &restored))
    } else {
        as_text(args, backup.header(), &restored)
    });
    Ok(())
}

fn as_json(args: &Args, header: &Header, restored: &Restored) -> serde_json::Value {
    json!({
        "node": args.node_id,
        "cluster": restored.cluster.to_string(),
        "zxid": restored.zxid.to_string(),
        "znodes": restored.counters.nodes,
        "sessions_ended": restored.sessions_ended,
        "shards": restored.shards,
        "backup": header,
    })
}

fn as_text(args: &Args, header: &Header, restored: &Restored) -> String {
    let Restored { cluster, zxid, sessions_ended, counters, shards } = restored;
    format!(
        "{} znodes as of zxid {} and the queues of {shards} shards are in {}; {sessions_ended} sessions ended.\n\
         Node {} is alone in a new cluster, {cluster}, which goes on behind zxid {zxid}.\n\
         Start it with --node-id {} --peer {} --data-dir {} and without --cluster; others join it with --join {}.\n",
        counters.nodes,
        header.zxid,
        args.data_dir.display(),
        args.node_id,
        args.node_id,
        args.peer,
        args.data_dir.display(),
        args.peer,
    )
}
