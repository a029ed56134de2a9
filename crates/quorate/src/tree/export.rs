//! `quorate tree export`.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use client::{Acl, Client, ErrorKind, Node};
use serde_json::json;

use super::format::{self, DataText, Header, Kind, NodeLine, QuotaLine, StatLine, Trailer};
use super::progress::Progress;
use super::walk::{Detail, Found, Step, Walk};
use super::{Session, quotas};
use crate::whole_file::WholeFile;

#[derive(clap::Args)]
#[command(
    after_help = "Of the server's own /zookeeper only the quotas of what is exported come along. Ephemeral znodes are left \
out and counted. Servers \
show containers and znodes with a time to live as persistent ones, so they become such. Znodes are read one after \
another while others may write: let nobody write if all has to be of one moment."
)]
pub(super) struct Args {
    #[arg(value_parser = super::path, default_value = "/")]
    path: String,
    /// Write to this file, which appears when it is whole, in place of standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Leave out what can't be read in full with the identities given, with all below it, and count it. A list of access
    /// whose secrets the server does not show counts as unreadable.
    #[arg(long)]
    skip_unreadable: bool,
    /// Leave out versions and times, so that exports of equal trees have equal lines.
    #[arg(long)]
    without_stat: bool,
}

pub(super) async fn run(session: &Session, args: &Args) -> Result<()> {
    if session.is_whole_tree && format::is_within("/zookeeper", &args.path) {
        bail!("{} is the server's own and is not exported", args.path);
    }
    let mut progress = Progress::new(&session.runtime.clock);
    let trailer = match &args.output {
        None => export(session, args, &mut progress, BufWriter::new(io::stdout().lock())).await?.1,
        Some(file) => to_file(session, args, &mut progress, file).await?,
    };
    progress.clear();
    summary(session, args, &trailer, progress.seconds());
    Ok(())
}

async fn to_file(session: &Session, args: &Args, progress: &mut Progress, file: &Path) -> Result<Trailer> {
    let (out, trailer) = export(session, args, progress, BufWriter::new(WholeFile::create(file)?)).await?;
    out.into_inner().map_err(io::IntoInnerError::into_error).context("write the export")?.finish()?;
    Ok(trailer)
}

async fn export<W: Write>(
    session: &Session,
    args: &Args,
    progress: &mut Progress,
    out: W,
) -> Result<(W, Trailer)> {
    let client = &session.client;
    let zxid = client.sync(&args.path).await?;
    let quotas = if session.is_whole_tree { quotas_of(client, args).await? } else { Vec::new() };
    let version = format::version_for(&quotas);
    let taken_at_ms = session.runtime.clock.wall_ms();
    let header = Header::new(version, &session.servers, zxid, &args.path, taken_at_ms);
    let except = (session.is_whole_tree && args.path == "/").then_some("/zookeeper");
    let mut walk = Walk::begin(client, &args.path, Detail::Everything, except).await?;
    let mut writer = format::Writer::new(out, &header).context("write the export")?;
    quotas.iter().try_for_each(|quota| writer.quota(quota)).context("write the export")?;
    let (mut ephemerals, mut unreadable) = (0, 0);
    while let Some(step) = walk.next().await {
        match step {
            Step::Left(_) => {}
            Step::Entered(found) if found.stat.ephemeral_owner != 0 => ephemerals += 1,
            Step::Entered(found) => match line(found, !args.without_stat) {
                Ok(line) => writer.node(&line).context("write the export")?,
                Err(path) if args.skip_unreadable => {
                    unreadable += 1;
                    walk.skip_below(&path);
                }
                Err(path) => bail!(
                    "{path}: the server does not show the secrets of its access list to these identities; add one with the ADMIN permission, or the superuser, or give --skip-unreadable"
                ),
            },
            Step::Failed(error) if error.kind == ErrorKind::NoAuth && args.skip_unreadable => unreadable += 1,
            Step::Failed(error) if error.kind == ErrorKind::NoAuth => {
                bail!("{error}, or give --skip-unreadable to leave it out")
            }
            Step::Failed(error) => return Err(error.into()),
        }
        progress.tell("exported", writer.znodes(), None);
    }
    writer.finish(ephemerals, unreadable).context("write the export")
}

async fn quotas_of(client: &Client, args: &Args) -> Result<Vec<QuotaLine>> {
    match quotas::below(client, &args.path).await {
        Err(error) if error.kind == ErrorKind::NoAuth && args.skip_unreadable => Ok(Vec::new()),
        found => Ok(found?),
    }
}

/// The line of a znode, or its path if its access list is not all there.
fn line(found: Found, with_stat: bool) -> Result<NodeLine, String> {
    let Found { path, stat, content, .. } = found;
    let (Node { data, .. }, acl) = content.expect("the walk reads everything");
    if acl.iter().any(Acl::is_masked) {
        return Err(path);
    }
    let DataText { data, encoding } = DataText::of(data.as_deref());
    Ok(NodeLine {
        path,
        data,
        encoding,
        acl: acl.iter().map(Acl::to_string).collect(),
        kind: Kind::Persistent,
        ttl_ms: None,
        stat: with_stat.then(|| StatLine::from(&stat)),
    })
}

fn summary(session: &Session, args: &Args, trailer: &Trailer, seconds: f64) {
    let Trailer { znodes, ephemerals_left_out, unreadable_left_out, .. } = trailer;
    if session.json && args.output.is_some() {
        let summary = json!({
            "exported": znodes,
            "ephemerals_left_out": ephemerals_left_out,
            "unreadable_left_out": unreadable_left_out,
            "seconds": seconds,
        });
        // A reader that has gone is no error.
        let _ = super::put(&super::show::line(&summary));
        return;
    }
    eprintln!(
        "exported {znodes} znodes in {seconds:.1} s; left out: {ephemerals_left_out} ephemeral, {unreadable_left_out} unreadable"
    );
}
