//! Damage to the files of a node that does not run.

use std::fmt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rand::Rng;
use rand::seq::IndexedRandom;

use super::target::{Place, used_files};

pub(super) const SECTOR: u64 = 512;

/// How a file is damaged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Damage {
    /// One bit is flipped.
    Bit,
    /// One sector is zero.
    Sector,
    /// All behind a point is gone.
    Truncated,
}

/// What was done.
#[derive(Clone, Debug)]
pub struct Done {
    /// How.
    pub damage: Damage,
    /// To which file.
    pub file: PathBuf,
    /// Where in it.
    pub at: u64,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        match self.damage {
            Damage::Bit => write!(f, "flipped a bit of {name} at byte {}", self.at),
            Damage::Sector => write!(f, "zeroed a sector of {name} at byte {}", self.at),
            Damage::Truncated => write!(f, "truncated {name} to {} bytes", self.at),
        }
    }
}

/// Damages one file in one sector: something there that is not zero, for there is nothing to lose elsewhere.
///
/// # Errors
/// If it can't be read or written.
pub fn damage(place: &Place, damage: Damage, rng: &mut impl Rng) -> Result<Done> {
    let Place { file, sector } = place.clone();
    let sector = sector * SECTOR;
    let handle = std::fs::OpenOptions::new().read(true).write(true).open(&file);
    let handle = handle.with_context(|| format!("open {}", file.display()))?;
    let mut bytes = vec![0; SECTOR as usize];
    let length = handle.read_at(&mut bytes, sector)?;
    bytes.truncate(length);
    let at = match damage {
        Damage::Bit => {
            let set: Vec<usize> = (0..length).filter(|at| bytes[*at] != 0).collect();
            let at = *set.choose(rng).context("the sector has bytes that are not zero")?;
            bytes[at] ^= 1 << rng.random_range(0..8);
            handle.write_all_at(&bytes, sector)?;
            sector + at as u64
        }
        Damage::Sector => {
            bytes.fill(0);
            handle.write_all_at(&bytes, sector)?;
            sector
        }
        Damage::Truncated => {
            handle.set_len(sector)?;
            sector
        }
    };
    handle.sync_all().context("write damage down")?;
    Ok(Done { damage, file, at })
}

/// Writes to the lock file of the data directory `folder`, in which there is nothing that could be damaged.
///
/// # Errors
/// If it can't be written.
pub fn damage_lock(folder: &Path, damage: Damage) -> Result<Done> {
    let file = folder.join("lock");
    let bytes: &[u8] = match damage {
        Damage::Bit => &[1],
        Damage::Sector => &[0; SECTOR as usize],
        Damage::Truncated => &[],
    };
    std::fs::write(&file, bytes).with_context(|| format!("write {}", file.display()))?;
    Ok(Done { damage, file, at: 0 })
}

/// Flips a bit in what was written last to the files below `folder` whose names count up, as a journal's do.
///
/// # Errors
/// If there is no file with anything in it.
pub fn damage_last(folder: &Path) -> Result<Done> {
    let mut files = used_files(folder)?;
    // One that was only begun has a header and nothing else.
    files.retain(|used| used.sectors.iter().any(|sector| *sector > 0));
    let newest = files.into_iter().max().map(|used| used.file);
    let file = newest.with_context(|| format!("{} has nothing to damage", folder.display()))?;
    let mut bytes = std::fs::read(&file).with_context(|| format!("read {}", file.display()))?;
    let at = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .context("a file that is used has bytes that are not zero")?;
    bytes[at] ^= 0x40;
    std::fs::write(&file, bytes).with_context(|| format!("write {}", file.display()))?;
    Ok(Done { damage: Damage::Bit, file, at: at as u64 })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::disk::target::Target;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("quorate-chaos-rot-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("inner")).unwrap();
        let mut bytes = vec![0; 8192];
        bytes[1024..1536].fill(7);
        std::fs::write(folder.join("inner/data"), bytes).unwrap();
        std::fs::write(folder.join("empty"), b"").unwrap();
        folder
    }

    #[test]
    fn only_what_is_used_is_damaged_and_just_so_much() {
        let mut rng = StdRng::seed_from_u64(3);
        for (kind, name) in [(Damage::Bit, "bit"), (Damage::Sector, "sector"), (Damage::Truncated, "cut")] {
            let folder = folder(name);
            let place = Place::choose(&folder, Target::Any, &mut rng).unwrap().unwrap();
            let done = damage(&place, kind, &mut rng).unwrap();
            assert!((1024..1536).contains(&done.at), "{done}");
            let after = std::fs::read(folder.join("inner/data")).unwrap();
            let kept = after.iter().filter(|byte| **byte == 7).count();
            let expected = match kind {
                Damage::Bit => (8192, 511),
                Damage::Sector => (8192, 0),
                Damage::Truncated => (1024, 0),
            };
            assert_eq!((after.len(), kept), expected);
            std::fs::remove_dir_all(folder).unwrap();
        }
    }
}
