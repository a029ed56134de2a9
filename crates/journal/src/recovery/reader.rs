//! A file read from the front in large pieces.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use runtime::File;

use crate::OpenError;

/// Bytes read at once.
const WINDOW_BYTES: usize = 1 << 20;

pub(super) struct Reader {
    path: PathBuf,
    file: Arc<dyn File>,
    length: u64,
    start: u64,
    window: Bytes,
}

impl Reader {
    pub(super) async fn new(path: &Path, file: Arc<dyn File>) -> Result<Self, OpenError> {
        let length = file.len().await.map_err(|error| OpenError::io("measure", path, error))?;
        Ok(Self { path: path.to_owned(), file, length, start: 0, window: Bytes::new() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Of the file.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// `count` bytes at `offset`; `None` if the file ends before.
    pub(super) async fn bytes(&mut self, offset: u64, count: usize) -> Result<Option<Bytes>, OpenError> {
        let Some(end) = offset.checked_add(count as u64).filter(|&end| end <= self.length) else {
            return Ok(None);
        };
        if offset < self.start || end > self.start + self.window.len() as u64 {
            self.fill(offset, count).await?;
        }
        let from = (offset - self.start) as usize;
        Ok(Some(self.window.slice(from..from + count)))
    }

    async fn fill(&mut self, offset: u64, count: usize) -> Result<(), OpenError> {
        let left = usize::try_from(self.length - offset).unwrap_or(usize::MAX);
        let wanted = count.max(WINDOW_BYTES).min(left);
        let window = self.file.read_at(offset, wanted).await;
        let window = window.map_err(|error| OpenError::io("read", &self.path, error))?;
        if window.len() < wanted {
            // The file has these bytes, so this is no torn tail: it must not be cut.
            return Err(OpenError::io("read", &self.path, std::io::ErrorKind::UnexpectedEof.into()));
        }
        self.start = offset;
        self.window = window;
        Ok(())
    }
}
