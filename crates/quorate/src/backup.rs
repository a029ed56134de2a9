//! `quorate backup`: all that a cluster has, in a file.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use runtime::{Runtime, SystemDisk};
use serde_json::{Value, json};
use server::backup::{BackupFile, Contents, Header};

use crate::failure::Failure;
use crate::whole_file::WholeFile;
use crate::{admin, identities, put};

/// Saves all that a running cluster has to a file: the whole tree with access lists, numbers and quotas, as of one moment; and the
/// queues with their messages, each shard as of a moment of its own shortly before. It has everything that was acknowledged before
/// the command was given. The file appears when it is whole and was checked.
///
/// Whoever has it can read everything in it: keep it where only those look who may. Only the superuser may take one
/// (`serve --super-digest`). `quorate restore` makes a new cluster of it; `quorate tree export` saves a part as text.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    save: Save,
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "Examples:
  quorate backup --auth-file super.txt monday.backup
  quorate backup verify monday.backup";

#[derive(clap::Args)]
struct Save {
    /// Where to; replaced if it is there.
    #[arg(required = true)]
    file: Option<PathBuf>,
    /// Admin address of any node of the cluster. It is plain HTTP: ask a node on this machine, or through a tunnel.
    #[arg(long, env = "QUORATE_ADMIN", default_value = "127.0.0.1:7070", value_name = "ADDR")]
    admin: String,
    /// The superuser's name and password; other users of this machine can read them here, so rather give them in the variable
    /// or in a file.
    #[arg(long, env = "QUORATE_AUTH", hide_env_values = true, value_name = "USER:PASSWORD")]
    auth: Option<String>,
    /// File with the superuser's USER:PASSWORD.
    #[arg(long, env = "QUORATE_AUTH_FILE", value_name = "FILE")]
    auth_file: Option<PathBuf>,
    /// What was saved, as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Read a backup to its end, as a restore would, and say what it has.
    Verify {
        file: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let tokio =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
    Ok(tokio.block_on(async {
        match (&args.command, &args.save.file) {
            (Some(Command::Verify { file, json }), _) => verify(file, *json).await,
            (None, Some(file)) => save(&args.save, file).await,
            (None, None) => unreachable!("without a subcommand the file is required"),
        }
    })?)
}

async fn save(args: &Save, path: &Path) -> Result<()> {
    let authorization = authorization(args)?;
    let clock = Runtime::system().clock;
    let begun = clock.now();
    let mut file = WholeFile::create(path)?;
    let mut bytes = 0;
    admin::download(&args.admin, "/backup", authorization.as_deref(), |piece| {
        bytes += piece.len() as u64;
        file.write_all(piece).with_context(|| format!("write {}", path.display()))
    })
    .await?;
    let header = BackupFile::open(&SystemDisk, file.partial()).await?.header().clone();
    file.finish()?;
    let seconds = clock.now().saturating_since(begun).as_secs_f64();
    if args.json {
        let mut saved = as_json(&header);
        saved["bytes"] = json!(bytes);
        saved["seconds"] = json!(seconds);
        put(&format!("{saved}\n"));
    } else {
        let mib = bytes as f64 / f64::from(1 << 20);
        eprintln!("saved {} as of zxid {}: {mib:.1} MiB in {seconds:.1} s", path.display(), header.zxid);
    }
    Ok(())
}

/// As ZooKeeper's AdminServer takes it.
fn authorization(args: &Save) -> Result<Option<String>> {
    let shown = identities::read(args.auth_file.as_deref(), args.auth.as_deref())?;
    match &shown[..] {
        [] => Ok(None),
        [(user, password)] => Ok(Some(format!("digest {user}:{password}"))),
        _ => bail!("there are several identities; give only the superuser's"),
    }
}

async fn verify(path: &Path, is_json: bool) -> Result<()> {
    let backup = BackupFile::open(&SystemDisk, path).await?;
    let contents = backup.contents().await?;
    let header = backup.header();
    put(&if is_json {
        format!("{}\n", contents_json(header, &contents))
    } else {
        as_text(header, &contents)
    });
    Ok(())
}

fn as_json(header: &Header) -> Value {
    json!(header)
}

fn contents_json(header: &Header, contents: &Contents) -> Value {
    let member =
        |it: &server::recover::Member| json!({"node": it.node.0, "address": it.address, "role": role(it)});
    let mut found = as_json(header);
    found["znodes"] = json!(contents.counters.nodes);
    found["ephemerals"] = json!(contents.counters.ephemerals);
    found["sessions"] = json!(contents.counters.sessions);
    found["data_bytes"] = json!(contents.counters.data_bytes);
    found["queues"] = json!(contents.queues.partitions);
    found["messages"] = json!(contents.queues.messages);
    found["members"] = contents.members.iter().map(member).collect();
    found
}

fn as_text(header: &Header, contents: &Contents) -> String {
    let Header { version, cluster, node, zxid, taken_at_ms, .. } = header;
    let counters = &contents.counters;
    let mut text = format!("taken      {} from node {node}, version {version}\n", utc(*taken_at_ms));
    text += &format!("cluster    {cluster}\n");
    text += &format!("zxid       {zxid}\n");
    text += &format!("znodes     {}, of them {} ephemeral\n", counters.nodes, counters.ephemerals);
    text += &format!("sessions   {}\n", counters.sessions);
    text += &format!("bytes      {} of paths and data\n", counters.data_bytes);
    if !header.shards.is_empty() {
        let server::backup::Queues { partitions, messages } = contents.queues;
        text +=
            &format!("queues     {partitions} with {messages} messages, on {} shards\n", header.shards.len());
    }
    for member in &contents.members {
        text += &format!("{:10} node {} at {}\n", role(member), member.node, member.address);
    }
    text + "It is whole.\n"
}

fn role(member: &server::recover::Member) -> &'static str {
    if member.voter { "voter" } else { "observer" }
}

/// A moment as `2026-01-31 12:00:00 UTC`.
fn utc(ms: i64) -> String {
    let (days, seconds) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000) / 1000);
    // Years that begin in March end with the leap day; 146,097 days are 400 years.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, year) = if month < 10 { (month + 3, year) } else { (month - 9, year + 1) };
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC", era * 400 + year)
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn moments_are_dates() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
            (1_795_291_273, "2026-11-21 20:01:13 UTC"),
        ] {
            assert_eq!(utc(seconds * 1000 + 999), text);
        }
    }
}
