//! Files that snapshots need beside their own, and the order in which the bytes of all of them go to another node.
//!
//! A name is given once, on one node, to bytes that never change. So a node that is sent a snapshot skips the files that it
//! holds already, and what it is sent can't be mistaken for what it made itself.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use journal::GroupId;
use runtime::{Disk, File, OpenMode};

use super::snapshot_file::group_dir;
use crate::state_machine::AttachedFile;
use crate::wire;

const UNFINISHED: &str = "partial";
const NAME_BYTES_MAX: usize = 128;

/// The folder of the files that a group's snapshots need, among the snapshots of a node.
pub fn attached_dir(snapshot_dir: &Path, group: GroupId) -> PathBuf {
    folder(&group_dir(snapshot_dir, group))
}

pub(super) fn folder(group_dir: &Path) -> PathBuf {
    group_dir.join("attached")
}

impl From<AttachedFile> for wire::AttachedFile {
    fn from(file: AttachedFile) -> Self {
        Self { name: file.name, length: file.length, checksum: file.checksum }
    }
}

/// All bytes of a snapshot as one run: its attached files, then its own file.
pub(crate) struct Parts {
    attached: Vec<wire::AttachedFile>,
    own_length: u64,
}

/// A part of the run that lies in one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which attached file; their number means the snapshot's own.
    pub(crate) part: usize,
    /// Where in that file.
    pub(crate) offset: u64,
    /// How much of that file is left from there.
    pub(crate) left: u64,
}

impl Parts {
    /// # Errors
    /// If the names can't be those of files in a folder: they come from another node.
    pub(crate) fn new(header: &wire::SnapshotHeader, own_length: u64) -> Result<Self, String> {
        let is_plain = |name: &str| {
            let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(is_usual)
        };
        match header.attached.iter().find(|file| !is_plain(&file.name)) {
            Some(file) => Err(format!("{:?} can't be the name of an attached file", file.name)),
            None => Ok(Self { attached: header.attached.clone(), own_length }),
        }
    }

    pub(crate) fn attached(&self) -> &[wire::AttachedFile] {
        &self.attached
    }

    fn lengths(&self) -> impl Iterator<Item = u64> {
        self.attached.iter().map(|file| file.length).chain([self.own_length])
    }

    /// Bytes of all parts.
    pub(crate) fn total(&self) -> u64 {
        self.lengths().fold(0, u64::saturating_add)
    }

    /// Where in the run a part begins.
    pub(crate) fn start_of(&self, part: usize) -> u64 {
        self.lengths().take(part).fold(0, u64::saturating_add)
    }

    /// What lies at a position before the end.
    pub(crate) fn at(&self, position: u64) -> Option<Place> {
        let mut start = 0_u64;
        for (part, length) in self.lengths().enumerate() {
            let end = start.saturating_add(length);
            if position < end {
                return Some(Place { part, offset: position - start, left: end - position });
            }
            start = end;
        }
        None
    }
}

/// The folder of attached files, for those that move them between nodes.
#[derive(Clone)]
pub(crate) struct Attachments {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
}

impl Attachments {
    pub(super) fn new(disk: Arc<dyn Disk>, group_dir: &Path) -> Self {
        Self { disk, dir: folder(group_dir) }
    }

    pub(crate) async fn open(&self, file: &wire::AttachedFile) -> io::Result<Arc<dyn File>> {
        self.disk.open(&self.dir.join(&file.name), OpenMode::Read).await
    }

    /// Prepares to receive, and tells how many of `files`, from the first on, are here already.
    pub(crate) async fn prepare(&self, files: &[wire::AttachedFile]) -> io::Result<usize> {
        if files.is_empty() {
            return Ok(0);
        }
        self.disk.create_dir_all(&self.dir).await?;
        let present = self.disk.list(&self.dir).await?;
        for path in present.iter().filter(|path| path.extension().is_some_and(|it| it == UNFINISHED)) {
            self.disk.remove(path).await?;
        }
        let mut known = 0;
        for file in files {
            let path = self.dir.join(&file.name);
            if !present.contains(&path) || self.open(file).await?.len().await? != file.length {
                break;
            }
            known += 1;
        }
        Ok(known)
    }

    /// Begins to receive a file.
    pub(crate) async fn begin(&self, file: &wire::AttachedFile) -> io::Result<IncomingFile> {
        let path = self.dir.join(format!("{}.{UNFINISHED}", file.name));
        let written = self.disk.open(&path, OpenMode::CreateNew).await?;
        Ok(IncomingFile { path, file: written, received: 0, checksum: 0 })
    }

    /// Gives a file that has arrived its name. Durable with [`Attachments::sync`].
    pub(crate) async fn finish(&self, file: &wire::AttachedFile, incoming: IncomingFile) -> io::Result<()> {
        if incoming.received != file.length || incoming.checksum != file.checksum {
            self.disk.remove(&incoming.path).await?;
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the attached file {} arrived damaged", file.name),
            ));
        }
        incoming.file.sync_data().await?;
        self.disk.rename(&incoming.path, &self.dir.join(&file.name)).await
    }

    /// Makes the names of the files that have arrived durable.
    pub(crate) async fn sync(&self) -> io::Result<()> {
        self.disk.sync_dir(&self.dir).await
    }
}

/// A file of which the first bytes have arrived.
pub(crate) struct IncomingFile {
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn File>,
    pub(crate) received: u64,
    pub(crate) checksum: u32,
}

impl IncomingFile {
    pub(crate) async fn push(&mut self, data: Bytes) -> io::Result<()> {
        let (offset, length) = (self.received, data.len() as u64);
        let checksum = crc32c::crc32c_append(self.checksum, &data);
        self.file.write_at(offset, vec![data]).await?;
        self.received += length;
        self.checksum = checksum;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(files: &[(&str, u64)]) -> wire::SnapshotHeader {
        let file =
            |&(name, length): &(&str, u64)| wire::AttachedFile { name: name.into(), length, checksum: 0 };
        wire::SnapshotHeader { attached: files.iter().map(file).collect(), ..Default::default() }
    }

    #[test]
    fn parts_follow_each_other_and_empty_ones_take_no_place() {
        let parts = Parts::new(&header(&[("a", 3), ("b", 0), ("c", 2)]), 4).unwrap();
        assert_eq!(parts.total(), 9);
        let places: Vec<_> = (0..10).map(|position| parts.at(position)).collect();
        let place = |part, offset, left| Some(Place { part, offset, left });
        assert_eq!(places[0], place(0, 0, 3));
        assert_eq!(places[2], place(0, 2, 1));
        assert_eq!(places[3], place(2, 0, 2));
        assert_eq!(places[5], place(3, 0, 4));
        assert_eq!(places[8], place(3, 3, 1));
        assert_eq!(places[9], None);
        assert_eq!(parts.start_of(2), 3);
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["", ".", "..", "../x", "a/b", ".hidden", "a\0b", &"x".repeat(129)] {
            assert!(Parts::new(&header(&[(name, 1)]), 1).is_err(), "{name:?}");
        }
        assert!(Parts::new(&header(&[("1-2_3.segment", 1)]), 1).is_ok());
    }
}
