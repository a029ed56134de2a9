//! Names of segment files.

use std::path::{Path, PathBuf};

const EXTENSION: &str = "frames";

/// Which file: a name is given once, and what it names never changes once a manifest names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct SegmentId {
    /// Grows from file to file of a folder.
    pub(crate) number: u64,
    /// [`Config::origin`](crate::Config::origin) of the replica that wrote it.
    pub(crate) origin: u64,
}

impl SegmentId {
    pub(crate) fn name(self) -> String {
        format!("{:016x}-{:016x}.{EXTENSION}", self.number, self.origin)
    }

    pub(crate) fn path(self, dir: &Path) -> PathBuf {
        dir.join(self.name())
    }

    /// `None` if the file is not a segment, by its name.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let (number, rest) = name.split_once('-')?;
        let (origin, _) = rest.split_once('.')?;
        let id = Self {
            number: u64::from_str_radix(number, 16).ok()?,
            origin: u64::from_str_radix(origin, 16).ok()?,
        };
        (id.name() == name).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_what_they_name() {
        let dir = Path::new("/data");
        for id in [SegmentId { number: u64::MAX, origin: 0 }, SegmentId { number: 1, origin: u64::MAX }] {
            assert_eq!(SegmentId::of(&id.path(dir)), Some(id));
        }
        for foreign in [
            "lock",
            "1-2.frames",
            "0000000000000001.frames",
            "0000000000000001-0000000000000002.part",
            "000000000000000A-0000000000000002.frames",
            "0000000000000001-0000000000000002.frames.part",
            "+000000000000001-0000000000000002.frames",
        ] {
            assert_eq!(SegmentId::of(&dir.join(foreign)), None, "{foreign}");
        }
    }
}
