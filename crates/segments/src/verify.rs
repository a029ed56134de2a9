//! Whether a copy of files is whole.

use std::path::Path;

use runtime::{Disk, OpenMode};

use crate::{Manifest, VerifyError};

const READ_BYTES: usize = 1 << 20;

impl Manifest {
    /// Reads every file that it names in folder `dir`, and compares length and checksum. For copies from another node and
    /// for backups: [`Frames::open`](crate::Frames::open) does not read so much.
    ///
    /// # Errors
    /// A file is not there, can't be read, or is not the one that the manifest names.
    pub async fn verify(&self, disk: &dyn Disk, dir: &Path) -> Result<(), VerifyError> {
        for entry in &self.files {
            let path = entry.id.path(dir);
            let (length, checksum) =
                sum(disk, &path).await.map_err(|source| VerifyError::Io { path: path.clone(), source })?;
            if (length, checksum) != (entry.length, entry.checksum) {
                return Err(VerifyError::Differs { path });
            }
        }
        Ok(())
    }
}

/// Length and CRC-32C of a file.
async fn sum(disk: &dyn Disk, path: &Path) -> std::io::Result<(u64, u32)> {
    let file = disk.open(path, OpenMode::Read).await?;
    let (mut length, mut checksum) = (0, 0);
    loop {
        let bytes = file.read_at(length, READ_BYTES).await?;
        length += bytes.len() as u64;
        checksum = crc32c::crc32c_append(checksum, &bytes);
        if bytes.len() < READ_BYTES {
            return Ok((length, checksum));
        }
    }
}
