//! Which file of a node is damaged, and where.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rand::Rng;
use rand::seq::IndexedRandom;

use super::rot::SECTOR;

/// Which file is damaged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// Any one, each kind with the same chance.
    Any,
    /// A segment of the journal behind which there is another.
    OldSegment,
    /// The segment that the journal writes to.
    LastSegment,
    /// What stands before the entries in any segment.
    SegmentHeader,
    /// A snapshot.
    Snapshot,
    /// The file that a process holds while it uses the folder. There is nothing in it; it gets a byte.
    Lock,
}

impl Target {
    /// As it stands behind a fault's name.
    pub fn words(self) -> &'static str {
        match self {
            Target::Any => "any file",
            Target::OldSegment => "old segment",
            Target::LastSegment => "last segment",
            Target::SegmentHeader => "header of a segment",
            Target::Snapshot => "snapshot",
            Target::Lock => "lock file",
        }
    }

    /// Of these files, with the sectors in use, a file and the sectors that may be damaged.
    fn choose(self, files: Vec<Used>, rng: &mut impl Rng) -> Option<Used> {
        let is_segment = |used: &Used| used.file.extension().is_some_and(|extension| extension == "segment");
        let holds_entries = |used: &Used| used.sectors.iter().any(|sector| *sector > 0);
        match self {
            Target::Any => {
                // Each kind of file has a folder: of a few large and many small ones each kind has its turn.
                let mut kinds: Vec<&Path> = files.iter().filter_map(|used| used.file.parent()).collect();
                kinds.dedup();
                let kind = kinds.choose(rng).map(|kind| kind.to_path_buf())?;
                let of_kind = files.into_iter().filter(|used| used.file.parent() == Some(&kind));
                of_kind.collect::<Vec<_>>().choose(rng).cloned()
            }
            Target::OldSegment => {
                let mut segments: Vec<Used> =
                    files.into_iter().filter(is_segment).filter(holds_entries).collect();
                segments.pop();
                segments.choose(rng).cloned().map(Used::behind_header)
            }
            Target::LastSegment => {
                files.into_iter().filter(is_segment).rfind(holds_entries).map(Used::behind_header)
            }
            Target::SegmentHeader => {
                let segments: Vec<Used> =
                    files.into_iter().filter(is_segment).filter(holds_entries).collect();
                segments.choose(rng).map(|used| Used { file: used.file.clone(), sectors: vec![0] })
            }
            Target::Snapshot => {
                let is_snapshot =
                    |used: &Used| used.file.extension().is_some_and(|extension| extension == "snapshot");
                files.into_iter().filter(is_snapshot).collect::<Vec<_>>().choose(rng).cloned()
            }
            Target::Lock => None,
        }
    }
}

/// A file, and the numbers of its sectors that are not zero.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Used {
    pub(super) file: PathBuf,
    pub(super) sectors: Vec<u64>,
}

impl Used {
    fn behind_header(mut self) -> Self {
        self.sectors.retain(|sector| *sector > 0);
        self
    }
}

/// A place in a file that is in use.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The number of the sector.
    pub(super) sector: u64,
}

impl Place {
    /// A place in such a file below the data directory `folder`; `None` if there is no such file with anything in it.
    ///
    /// # Errors
    /// If a file can't be read.
    pub fn choose(folder: &Path, target: Target, rng: &mut impl Rng) -> Result<Option<Self>> {
        let chosen = target.choose(used_files(folder)?, rng);
        Ok(chosen.and_then(|used| Some(Place { sector: *used.sectors.choose(rng)?, file: used.file })))
    }
}

/// All files below a folder that have anything in them, in the order of their names.
///
/// # Errors
/// If one can't be read.
pub(super) fn used_files(folder: &Path) -> Result<Vec<Used>> {
    let mut files = Vec::new();
    list(folder, &mut files)?;
    files.retain(|used| !used.sectors.is_empty());
    files.sort();
    Ok(files)
}

fn list(folder: &Path, files: &mut Vec<Used>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            let bytes = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            let sectors = bytes.chunks(SECTOR as usize).enumerate();
            let used = sectors.filter(|(_, sector)| sector.iter().any(|byte| *byte != 0));
            let sectors = used.map(|(number, _)| number as u64).collect();
            files.push(Used { file: path, sectors });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn a_target_is_the_file_that_it_says() {
        let used =
            |name: &str, sectors: &[u64]| Used { file: PathBuf::from(name), sectors: sectors.to_vec() };
        let files = vec![
            used("data/journal/1.segment", &[0, 8]),
            used("data/journal/2.segment", &[0, 9]),
            used("data/journal/3.segment", &[0]),
            used("data/snapshots/group-0/4.snapshot", &[0, 1]),
        ];
        let mut rng = StdRng::seed_from_u64(3);
        let mut chosen = |target: Target| target.choose(files.clone(), &mut rng).unwrap();
        assert_eq!(chosen(Target::OldSegment), used("data/journal/1.segment", &[8]));
        assert_eq!(chosen(Target::LastSegment), used("data/journal/2.segment", &[9]));
        assert_eq!(chosen(Target::Snapshot), files[3]);
        assert_eq!(chosen(Target::SegmentHeader).sectors, [0]);
        assert_eq!(Target::Snapshot.choose(Vec::new(), &mut StdRng::seed_from_u64(1)), None);
    }
}
