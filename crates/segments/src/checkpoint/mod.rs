//! From frozen frames to a file and a manifest.

mod choose;
mod merge;
mod shares;
mod source;
mod writer;

use std::collections::BTreeSet;
use std::sync::Arc;

use self::choose::Choice;
use self::merge::Merge;
use self::source::Source;
use self::writer::SegmentWriter;
use crate::CheckpointError;
use crate::live::Live;
use crate::manifest::Manifest;
use crate::memory::Layer;
use crate::name::SegmentId;
use crate::segment::Segment;
use crate::store::{Segments, Shared};

/// What a store held when [`Frames::freeze`](crate::Frames::freeze) was called. Dropping it gives the checkpoint up; the
/// frames stay in the store.
pub struct FrozenFrames {
    shared: Arc<Shared>,
    layers: Vec<Arc<Layer>>,
    number: u64,
}

impl FrozenFrames {
    pub(crate) fn new(shared: Arc<Shared>, layers: Vec<Arc<Layer>>, number: u64) -> Self {
        Self { shared, layers, number }
    }

    /// Writes what is live of the frozen frames into one new file, together with what is live in old files that are
    /// rewritten. With nothing live there is no new file. When it returns, all that the manifest names is on disk, and
    /// reads are served from there; files that it does not name any more stay until
    /// [`Frames::keep_only`](crate::Frames::keep_only). One checkpoint is written at a time; others wait.
    ///
    /// `live` must be what was live when the frames were frozen.
    ///
    /// # Errors
    /// See [`CheckpointError`]. The store and its manifest are then as before, and the frames are part of the next
    /// checkpoint. The same holds if the future is dropped.
    pub async fn write(self, live: &dyn Live) -> Result<Manifest, CheckpointError> {
        let Self { shared, layers, number } = self;
        let turn = shared.writing.lock().await;
        let segments = begin(&shared, number)?;
        let (segment, choice) = write_live(&shared, &layers, &segments, live).await?;
        let gone = choice.gone().map(|place| segments[place].id).collect();
        let (manifest, written) =
            install(&shared, number, segment, &Gone { layers: &layers, segments: gone });
        drop(turn);
        drop(layers);
        for layer in written.into_iter().filter_map(Arc::into_inner) {
            layer.dispose().await;
        }
        Ok(manifest)
    }
}

/// The files that there are.
fn begin(shared: &Shared, number: u64) -> Result<Segments, CheckpointError> {
    let state = shared.state();
    if number < state.written {
        return Err(CheckpointError::Superseded);
    }
    Ok(Arc::clone(&state.segments))
}

fn sources(layers: &[Arc<Layer>], segments: &Segments, choice: &Choice) -> Vec<Source> {
    let rewritten = choice.rewritten.iter().map(|&place| Source::of_segment(Arc::clone(&segments[place])));
    let layers = layers.iter().map(|layer| Source::of_layer(Arc::clone(layer)));
    rewritten.chain(layers).collect()
}

/// Writes what is live of the layers and of those segments that are chosen. Gives the new one, and what becomes of the others.
async fn write_live(
    shared: &Arc<Shared>,
    layers: &[Arc<Layer>],
    segments: &Segments,
    live: &dyn Live,
) -> Result<(Option<Segment>, Choice), CheckpointError> {
    let shares = shares::of(segments, live).await;
    let fresh = layers.iter().map(|layer| layer.held().bytes).sum();
    let mut choice = choose::choose(&shares, fresh, &shared.config);
    let mut written = write_segment(shared, sources(layers, segments, &choice), live).await;
    if matches!(written, Err(CheckpointError::Full { .. })) && !choice.rewritten.is_empty() {
        // There may be room for what must be written, and then for more when files of before have gone.
        tracing::warn!(dir = %shared.dir.display(), "no room to rewrite old segments: the checkpoint leaves them as they are");
        choice.rewritten.clear();
        written = write_segment(shared, sources(layers, segments, &choice), live).await;
    }
    let segment = written?;
    let rewritten = choice.rewritten.iter().map(|&place| shares[place].live_bytes).sum();
    shared.counters.count_checkpoint(segment.as_ref().map_or(0, |segment| segment.length), rewritten);
    Ok((segment, choice))
}

async fn write_segment(
    shared: &Arc<Shared>,
    sources: Vec<Source>,
    live: &dyn Live,
) -> Result<Option<Segment>, CheckpointError> {
    let mut writer = SegmentWriter::new(Arc::clone(shared), shared.state().new_id(shared.config.origin));
    let mut merge = Merge::new(sources);
    while merge.fill(live).await? {
        while let Some(frame) = merge.next() {
            writer.push(frame.partition, frame.offset, frame.bytes);
            if writer.is_full() {
                break;
            }
        }
        if let Err(error) = writer.write_out().await {
            writer.discard().await;
            return Err(error);
        }
    }
    match writer.finish().await {
        Ok(segment) => Ok(segment),
        Err((writer, error)) => {
            writer.discard().await;
            Err(error)
        }
    }
}

/// What the new file replaces.
struct Gone<'a> {
    layers: &'a [Arc<Layer>],
    segments: BTreeSet<SegmentId>,
}

/// From here on reads are served from the new file. Gives the layers that are in it.
fn install(
    shared: &Shared,
    number: u64,
    segment: Option<Segment>,
    gone: &Gone<'_>,
) -> (Manifest, Vec<Arc<Layer>>) {
    let mut guard = shared.state();
    let state = &mut *guard;
    let (leaving, mut segments): (Vec<_>, Vec<_>) =
        state.segments.iter().cloned().partition(|segment| gone.segments.contains(&segment.id));
    segments.extend(segment.map(Arc::new));
    segments.sort_by_key(|segment| segment.id);
    state.segments = Arc::new(segments);
    state.leaving.extend(leaving);
    let is_written = |layer: &Arc<Layer>| gone.layers.iter().any(|written| Arc::ptr_eq(written, layer));
    let (written, frozen) = std::mem::take(&mut state.frozen).into_iter().partition(is_written);
    state.frozen = frozen;
    state.written = number;
    let manifest = state.manifest(shared.config.shard);
    drop(guard);
    shared.cache.lock().retain(|id| !gone.segments.contains(&id));
    (manifest, written)
}
