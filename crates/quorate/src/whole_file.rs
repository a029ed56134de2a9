//! A file that is there only when it is whole.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A file in the making. It has another name until [`WholeFile::finish`], and goes if it is not finished.
pub(crate) struct WholeFile {
    file: File,
    partial: PathBuf,
    path: PathBuf,
    is_finished: bool,
}

impl WholeFile {
    /// Begins `path`. What has that name stays meanwhile.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        // It holds what access lists keep from others.
        let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial);
        let file = opened.with_context(|| format!("create {}", partial.display()))?;
        Ok(Self { file, partial, path: path.to_owned(), is_finished: false })
    }

    /// The name that it has so far.
    pub(crate) fn partial(&self) -> &Path {
        &self.partial
    }

    /// All is written: makes it durable, and gives it its name.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.put_in_place().with_context(|| format!("write {}", self.path.display()))?;
        self.is_finished = true;
        Ok(())
    }

    fn put_in_place(&self) -> io::Result<()> {
        self.file.sync_all()?;
        std::fs::rename(&self.partial, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        OpenOptions::new().read(true).open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if !self.is_finished {
            // What remains is of no use; that it remains is no further error.
            let _ = std::fs::remove_file(&self.partial);
        }
    }
}
