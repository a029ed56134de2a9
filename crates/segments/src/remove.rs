//! Removal of files that no checkpoint needs any more.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::RemoveError;
use crate::manifest::Manifest;
use crate::segment::Segment;
use crate::store::Shared;

/// Does what [`Frames::keep_only`](crate::Frames::keep_only) promises.
pub(crate) async fn keep_only(shared: &Shared, manifest: &Manifest) -> Result<(), RemoveError> {
    let mut failed = None;
    for (path, segment) in take(shared, manifest) {
        match shared.disk.remove(&path).await {
            Ok(()) => {}
            // Its making failed before it had a name.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => {
                put_back(shared, &path, segment);
                failed.get_or_insert(RemoveError { path, source });
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

type Unneeded = (PathBuf, Option<Arc<Segment>>);

/// What was given up by this checkpoint or by one before it: the numbers of files that came after it are higher.
fn take(shared: &Shared, manifest: &Manifest) -> Vec<Unneeded> {
    let mut state = shared.state();
    let is_unneeded =
        |segment: &Arc<Segment>| segment.id.number < manifest.next && !manifest.names(segment.id);
    let (unneeded, leaving): (Vec<_>, Vec<_>) =
        std::mem::take(&mut state.leaving).into_iter().partition(is_unneeded);
    state.leaving = leaving;
    let abandoned = std::mem::take(&mut state.abandoned).into_iter().map(|path| (path, None));
    let unneeded = unneeded.into_iter().map(|segment| (segment.path.clone(), Some(segment)));
    abandoned.chain(unneeded).collect()
}

fn put_back(shared: &Shared, path: &std::path::Path, segment: Option<Arc<Segment>>) {
    let mut state = shared.state();
    match segment {
        Some(segment) => state.leaving.push(segment),
        None => state.abandoned.push(path.to_owned()),
    }
}
