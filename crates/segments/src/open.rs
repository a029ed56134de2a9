//! From a folder and a manifest to a store.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtime::Disk;

use crate::manifest::Manifest;
use crate::name::SegmentId;
use crate::segment::Segment;
use crate::store::Shared;
use crate::{Config, OpenError};

pub(crate) async fn open(
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    manifest: Option<&Manifest>,
    config: Config,
) -> Result<Shared, OpenError> {
    config.check().map_err(OpenError::Config)?;
    let none = Manifest { shard: config.shard, next: 0, files: Vec::new() };
    let manifest = manifest.unwrap_or(&none);
    if manifest.shard != config.shard {
        return Err(OpenError::OtherShard { found: manifest.shard, expected: config.shard });
    }
    make_dir(&*disk, &dir).await?;
    let found = list(&*disk, &dir).await?;
    let mut segments = Vec::with_capacity(manifest.files.len());
    for entry in &manifest.files {
        segments.push(Arc::new(Segment::open(&*disk, &dir, config.shard, entry).await?));
    }
    // All is well: from here on files are changed.
    for id in found.iter().filter(|id| !manifest.names(**id)) {
        let path = id.path(&dir);
        disk.remove(&path).await.map_err(|error| OpenError::io("remove", &path, error))?;
    }
    // A name that was seen here is not given again: a crash may bring a removed file back.
    let above = found.iter().map(|id| id.number.saturating_add(1)).max().unwrap_or(0);
    let next = above.max(manifest.next);
    Ok(Shared::new(disk, dir, config, segments, next))
}

/// Makes the folder, durably if the one above it is durable.
async fn make_dir(disk: &dyn Disk, dir: &Path) -> Result<(), OpenError> {
    disk.create_dir_all(dir).await.map_err(|error| OpenError::io("create", dir, error))?;
    match dir.parent() {
        Some(above) if !above.as_os_str().is_empty() => {
            disk.sync_dir(above).await.map_err(|error| OpenError::io("sync", above, error))
        }
        _ => Ok(()),
    }
}

/// The segment files in the folder, whatever is in them.
async fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<SegmentId>, OpenError> {
    let paths = disk.list(dir).await.map_err(|error| OpenError::io("list", dir, error))?;
    Ok(paths.iter().filter_map(|path| SegmentId::of(path)).collect())
}
