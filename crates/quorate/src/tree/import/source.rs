//! The file that is imported.
#![expect(clippy::disallowed_methods, reason = "a command of its own, outside of any simulation")]

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Args;
use super::round::Rounds;
use crate::tree::format::{self, QuotaLine, Seal};

/// A file that has been found whole.
pub(in super::super) struct Source {
    file: PathBuf,
    znodes: u64,
    left_out: u64,
    quotas: Vec<QuotaLine>,
}

impl Source {
    /// Reads all of the file, before anything is done.
    ///
    /// # Errors
    /// When it can't be read, or is not all of an export.
    pub(in super::super) fn check(args: &Args) -> Result<Self> {
        let mut reader = reader(&args.file, args)?;
        let mut znodes = 0;
        while let Some(_node) = reader.next().with_context(|| args.file.display().to_string())? {
            znodes += 1;
        }
        let left_out = reader.trailer().map_or(0, |trailer| trailer.unreadable_left_out);
        let quotas = reader.quotas().to_vec();
        Ok(Self { file: args.file.clone(), znodes, left_out, quotas })
    }

    /// How many there are.
    pub(super) fn znodes(&self) -> u64 {
        self.znodes
    }

    /// The quotas of what was exported, where it was.
    pub(super) fn quotas(&self) -> &[QuotaLine] {
        &self.quotas
    }

    /// Znodes that the export could not read.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The znodes, where `args` wants them.
    pub(super) fn open(&self, args: &Args) -> Result<Rounds> {
        let reader = reader(&self.file, args)?;
        Ok(Rounds::new(reader, self.file.clone(), args.to.clone()))
    }
}

fn reader(file: &Path, args: &Args) -> Result<format::Reader<BufReader<File>>> {
    let seal = if args.edited { Seal::MayBeBroken } else { Seal::Unbroken };
    let opened = File::open(file).with_context(|| format!("open {}", file.display()))?;
    format::Reader::new(BufReader::new(opened), seal).with_context(|| file.display().to_string())
}
