//! Where a node's data is, and what can go wrong there.

mod image;
pub mod rot;
mod target;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Serialize;

pub use image::Image;
pub use target::{Place, Target};

/// A file system whose power can be cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileSystem {
    /// ext4.
    Ext4,
    /// XFS.
    Xfs,
}

impl FileSystem {
    /// Its name, as mkfs and mount know it.
    pub fn name(self) -> &'static str {
        match self {
            FileSystem::Ext4 => "ext4",
            FileSystem::Xfs => "xfs",
        }
    }
}

/// A node's disk.
#[derive(Debug)]
pub enum Disk {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A disk of its own.
    Image(Image),
}

impl Disk {
    /// Where the node's files are.
    pub fn folder(&self) -> &Path {
        match self {
            Disk::Folder(folder) => folder,
            Disk::Image(image) => image.folder(),
        }
    }

    /// The disk of its own, if it has one.
    pub fn image(&mut self) -> Option<&mut Image> {
        match self {
            Disk::Folder(_) => None,
            Disk::Image(image) => Some(image),
        }
    }

    /// Lets a stuck disk go on, so that processes that wait for it can end.
    pub fn thaw(&mut self) {
        if let Some(image) = self.image() {
            image.thaw();
        }
    }
}
