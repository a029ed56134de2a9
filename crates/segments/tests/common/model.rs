//! What a frame store should hold.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use segments::{Frames, Live};

/// The live frames.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) frames: BTreeMap<(u64, u64), Bytes>,
    /// The next offset of each partition.
    pub(crate) tails: BTreeMap<u64, u64>,
}

impl Live for Model {
    fn live_within(&self, partition: u64, range: Range<u64>) -> Vec<Range<u64>> {
        let mut live: Vec<Range<u64>> = Vec::new();
        for (_, offset) in
            self.frames.range((partition, range.start)..(partition, range.end)).map(|(key, _)| *key)
        {
            match live.last_mut() {
                Some(last) if last.end == offset => last.end += 1,
                _ => live.push(offset..offset + 1),
            }
        }
        live
    }
}

impl Model {
    pub(crate) fn release(&mut self, partition: u64, range: Range<u64>) {
        self.frames.retain(|(p, offset), _| *p != partition || !range.contains(offset));
    }

    /// All live frames are in `frames`, and whatever else is still there is as it was appended, by `history`.
    pub(crate) async fn check(
        &self,
        frames: &Frames,
        history: &BTreeMap<(u64, u64), Bytes>,
    ) -> Result<(), String> {
        for (&partition, &tail) in &self.tails {
            let offsets: Vec<u64> = (0..tail + 3).collect();
            let read =
                frames.read(partition, &offsets, usize::MAX).await.map_err(|error| error.to_string())?;
            let mut found = BTreeMap::new();
            for (offset, frame) in read {
                if history.get(&(partition, offset)) != Some(&frame) {
                    return Err(format!("frame {partition}/{offset} is not what was appended: {frame:?}"));
                }
                if found.insert((partition, offset), frame).is_some() {
                    return Err(format!("frame {partition}/{offset} came twice"));
                }
            }
            for (key, frame) in self.frames.range((partition, 0)..=(partition, u64::MAX)) {
                if found.get(key) != Some(frame) {
                    return Err(format!("frame {key:?} is lost"));
                }
            }
        }
        Ok(())
    }
}
