//! Frames of several sources, in order.

use super::source::{Frame, Source};
use crate::ReadError;
use crate::live::Live;

/// Takes from the source whose next frame comes first, as long as it is ready and comes before those of all others.
pub(super) struct Merge {
    sources: Vec<Source>,
    /// The source that frames are taken from, up to this key.
    turn: Option<(usize, Option<(u64, u64)>)>,
}

impl Merge {
    pub(super) fn new(sources: Vec<Source>) -> Self {
        Self { sources, turn: None }
    }

    /// Makes sure that [`Merge::next`] gives frames. False if there are no more.
    pub(super) async fn fill(&mut self, live: &dyn Live) -> Result<bool, ReadError> {
        for source in &mut self.sources {
            source.fill(live).await?;
        }
        self.sources.retain(|source| source.key().is_some());
        let mut keys: Vec<((u64, u64), usize)> = self
            .sources
            .iter()
            .enumerate()
            .filter_map(|(place, source)| Some((source.key()?, place)))
            .collect();
        keys.sort_unstable();
        self.turn = keys.first().map(|(_, place)| (*place, keys.get(1).map(|(key, _)| *key)));
        Ok(self.turn.is_some())
    }

    /// The next frame. After `None`, [`Merge::fill`] tells whether more come.
    pub(super) fn next(&mut self) -> Option<Frame> {
        let (place, limit) = self.turn?;
        let source = &mut self.sources[place];
        let key = source.key()?;
        // Two files may have the same frame; it comes twice.
        if limit.is_some_and(|limit| key > limit) {
            return None;
        }
        source.pop()
    }
}
