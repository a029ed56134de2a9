//! `quorate tree import`.
//!
//! The file is read twice: once before anything else, to see that it is whole, and once to import it, a *round* of znodes
//! at a time. A round is compared with what is there and what differs is written, in transactions that are sent without
//! waiting for each other. When the connection is lost in the middle, or somebody else has written meanwhile, the round is
//! compared again: so nothing is done twice, in one run or in several.

mod apply;
mod plan;
mod round;
mod sequence;
mod source;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Result, bail};
use client::{Acl, ErrorKind};
use serde_json::json;

use super::progress::Progress;
use super::{Session, put, quotas, show, write};
pub(super) use plan::Action;
use plan::Planned;
use round::{Round, Wanted};
pub(super) use source::Source;

#[derive(clap::Args)]
#[command(
    after_help = "The file is checked as a whole before anything is written. What is there already and equal is \
left alone, so an import that was interrupted is simply repeated. Exit status 1 also when there were conflicts: znodes \
that are there, differ, and were left as they are."
)]
pub(super) struct Args {
    /// What `quorate tree export` has written.
    file: PathBuf,
    /// Put the exported znode and all below it here, in place of where it was. Parents are created.
    #[arg(long, value_name = "PATH", value_parser = super::path)]
    to: Option<String>,
    /// Only say what would be created and changed, and what is in the way.
    #[arg(long)]
    dry_run: bool,
    /// What becomes of znodes that are there already: left alone; changed if data or access list differ; or written
    /// in any case.
    #[arg(long, value_enum, default_value_t = Overwrite::Never)]
    overwrite: Overwrite,
    /// Accept a file that was changed after the export: its trailer must be there, but need not agree.
    #[arg(long)]
    edited: bool,
    /// Let names of sequential znodes go on counting where they left off at the source. Takes a create and a delete for
    /// each number that is missing.
    #[arg(long, conflicts_with = "dry_run")]
    keep_sequences: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(super) enum Overwrite {
    Never,
    Different,
    Always,
}

/// Rounds are tried again so often when connections are lost or others write.
const TRIES_MAX: usize = 8;
/// Conflicts that are named one by one.
const CONFLICTS_NAMED: u64 = 20;

#[derive(Default)]
struct Tally {
    created: u64,
    changed: u64,
    same: u64,
    conflicts: u64,
    parents: u64,
    sequences: u64,
    quotas: u64,
}

struct Import<'a> {
    session: &'a Session,
    args: &'a Args,
    tally: Tally,
    /// A znode that this import has created: nothing was below it.
    fresh: Option<String>,
}

pub(super) async fn run(session: &Session, args: &Args, source: Source) -> Result<()> {
    let total = source.znodes();
    let mut progress = Progress::new(&session.runtime.clock);
    let mut import = Import { session, args, tally: Tally::default(), fresh: None };
    let mut rounds = source.open(args)?;
    if session.is_whole_tree && super::format::is_within("/zookeeper", rounds.root()) {
        bail!("{} is the server's own; choose another place with --to", rounds.root());
    }
    if source.left_out() > 0 {
        let left_out = source.left_out();
        eprintln!(
            "quorate: {left_out} znodes could not be read when this was exported; they and all below are missing in it"
        );
    }
    session.client.sync("/").await?;
    import.make_parents(rounds.root()).await?;
    let mut done = 0;
    while let Some(round) = rounds.next()? {
        import.carry_out(&round).await?;
        done += round.len();
        progress.tell(if args.dry_run { "compared" } else { "imported" }, done, Some(total));
    }
    // Last, so that no hard limit is in the way of what it is about.
    for quota in source.quotas() {
        import.set_quota(&rounds.moved(&quota.quota), &quota.limits).await?;
    }
    if args.keep_sequences {
        import.advance_sequences(source.open(args)?).await?;
    }
    progress.clear();
    import.summary(progress.seconds())
}

impl Import<'_> {
    async fn make_parents(&mut self, root: &str) -> Result<()> {
        let client = &self.session.client;
        if !self.args.dry_run {
            self.fresh = write::create_parents(client, root, &Acl::open()).await?;
            return Ok(());
        }
        let missing = write::missing_parents(client, root).await?;
        for parent in missing.iter().rev() {
            self.tally.parents += 1;
            self.tell_action("create", parent, "")?;
        }
        self.fresh = missing.into_iter().next_back();
        Ok(())
    }

    /// Once all is there: what is created counts.
    async fn advance_sequences(&mut self, mut rounds: round::Rounds) -> Result<()> {
        while let Some(round) = rounds.next()? {
            self.tally.sequences += sequence::advance(&self.session.client, &round.wanted).await?;
        }
        Ok(())
    }

    async fn set_quota(&mut self, prefix: &str, limits: &str) -> Result<()> {
        if !self.session.is_whole_tree || prefix == "/" {
            eprintln!("quorate: the quota of {prefix} is left out: there is no place for it here");
            return Ok(());
        }
        let Args { overwrite, dry_run, .. } = self.args;
        let action = quotas::set(&self.session.client, prefix, limits, *overwrite, *dry_run).await?;
        let (verb, counter) = match action {
            Action::Create => ("create", &mut self.tally.quotas),
            Action::Change { .. } => ("change", &mut self.tally.quotas),
            Action::Same => return Ok(()),
            Action::Conflict => ("conflict", &mut self.tally.conflicts),
        };
        *counter += 1;
        if *dry_run {
            // Where nobody reads any more, the summary still tells.
            let _ = self.tell_action(verb, &quotas::limits_path(prefix), limits);
        } else if action == Action::Conflict {
            eprintln!("conflict: {prefix} has another quota; left as it is");
        }
        Ok(())
    }

    /// Brings about what `round` wants, however often that takes.
    async fn carry_out(&mut self, round: &Round) -> Result<()> {
        let mut own = BTreeSet::new();
        for _ in 0..TRIES_MAX {
            let outcome = self.attempt(round, &mut own).await;
            match outcome {
                Ok(()) => return Ok(()),
                Err(error) if is_worth_another_look(&error) => {
                    eprintln!("quorate: {error}; comparing again");
                    self.fresh = None;
                }
                Err(error) => {
                    let place = "; what is done so far stays, and the import may be repeated";
                    return Err(anyhow::anyhow!("{error}{place}"));
                }
            }
        }
        bail!(
            "connections are lost or others write again and again; what is done so far stays, and the import may be repeated"
        )
    }

    async fn attempt(&mut self, round: &Round, own: &mut BTreeSet<usize>) -> Result<(), client::Error> {
        let client = &self.session.client;
        let planned = plan::compare(client, round, self.fresh.as_deref(), self.args.overwrite).await?;
        if !self.args.dry_run {
            // Found equal the next time, these are still ours.
            own.extend(
                planned
                    .iter()
                    .enumerate()
                    .filter(|(_, each)| each.action == Action::Create)
                    .map(|(at, _)| at),
            );
            apply::write(client, round, &planned).await?;
        }
        for (at, each) in planned.iter().enumerate() {
            self.count(&round.wanted[at], each, own.contains(&at));
        }
        Ok(())
    }

    fn count(&mut self, wanted: &Wanted, planned: &Planned, is_own: bool) {
        let (verb, counter) = match &planned.action {
            Action::Create => ("create", &mut self.tally.created),
            Action::Same if is_own => ("create", &mut self.tally.created),
            Action::Same => ("keep", &mut self.tally.same),
            Action::Change { .. } => ("change", &mut self.tally.changed),
            Action::Conflict => ("conflict", &mut self.tally.conflicts),
        };
        *counter += 1;
        if planned.action == Action::Create
            && !self.fresh.as_ref().is_some_and(|fresh| super::format::is_within(fresh, &wanted.path))
        {
            self.fresh = Some(wanted.path.clone());
        }
        let is_conflict = planned.action == Action::Conflict;
        if self.args.dry_run && verb != "keep" {
            // Where nobody reads any more, the summary still tells.
            let _ = self.tell_action(verb, &wanted.path, planned.differs.as_str());
        } else if is_conflict && self.tally.conflicts <= CONFLICTS_NAMED {
            eprintln!(
                "conflict: {} is there with other {}; left as it is",
                wanted.path,
                planned.differs.as_str()
            );
        }
    }

    fn tell_action(&self, verb: &str, path: &str, differs: &str) -> Result<()> {
        if self.session.json {
            put(&show::line(&json!({ "action": verb, "path": path, "differs": differs })))?;
        } else if differs.is_empty() {
            put(format!("{verb:8} {path}\n").as_bytes())?;
        } else {
            put(format!("{verb:8} {path} ({differs})\n").as_bytes())?;
        }
        Ok(())
    }

    fn summary(&self, seconds: f64) -> Result<()> {
        let Tally { created, changed, same, conflicts, parents, sequences, quotas } = self.tally;
        let verb = if self.args.dry_run { "would be " } else { "" };
        if self.session.json {
            put(&show::line(&json!({
                "dry_run": self.args.dry_run, "created": created, "changed": changed, "same": same,
                "conflicts": conflicts, "parents": parents, "numbers_advanced": sequences, "quotas": quotas, "seconds": seconds,
            })))?;
        } else {
            let mut more = if quotas > 0 { format!(", {quotas} quotas set") } else { String::new() };
            if self.args.keep_sequences {
                more += &format!(", {sequences} numbers advanced");
            }
            eprintln!(
                "{verb}created {created}, changed {changed}, same {same}, conflicts {conflicts}{more}, in {seconds:.1} s"
            );
        }
        if conflicts > 0 {
            bail!("{conflicts} znodes or quotas are there and differ; see --overwrite and --dry-run");
        }
        Ok(())
    }
}

/// Whether what failed may succeed after the round is compared again.
fn is_worth_another_look(error: &client::Error) -> bool {
    matches!(error.kind, ErrorKind::ConnectionLost { .. } | ErrorKind::NodeExists | ErrorKind::BadVersion)
}
