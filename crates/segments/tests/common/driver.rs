//! Makes calls on a store as a shard does: a log, a state, checkpoints of both; and starts again from them.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use runtime::SimDisk;
use segments::{CheckpointError, Frames, FrozenFrames, Manifest, OpenError};

use super::model::Model;
use super::{frame, open};

/// An entry of the log.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Append {
        partition: u64,
        count: u64,
        len: usize,
    },
    /// Of all offsets from the first to the tail, in percent.
    Release {
        partition: u64,
        from: u64,
        to: u64,
    },
    ReleaseEverySecond {
        partition: u64,
    },
    Drop {
        partition: u64,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Call {
    Log(Entry),
    Freeze,
    /// Writes what was frozen, or what there is now.
    Write,
    KeepOnly,
    /// The process ends and starts again.
    Reopen,
    Check,
}

pub(crate) fn calls(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Call>> {
    let partition = 0..4_u64;
    let len = prop_oneof![4 => 0..120_usize, 1 => 400..2000_usize];
    let append = (partition.clone(), 1..12_u64, len)
        .prop_map(|(partition, count, len)| Call::Log(Entry::Append { partition, count, len }));
    let release = (partition.clone(), 0..100_u64, 0..=100_u64)
        .prop_map(|(partition, from, to)| Call::Log(Entry::Release { partition, from, to }));
    let second = partition.clone().prop_map(|partition| Call::Log(Entry::ReleaseEverySecond { partition }));
    let drop = partition.prop_map(|partition| Call::Log(Entry::Drop { partition }));
    let call = prop_oneof![
        8 => append, 3 => release, 1 => second, 1 => drop,
        2 => Just(Call::Freeze), 4 => Just(Call::Write), 2 => Just(Call::KeepOnly),
        1 => Just(Call::Reopen), 1 => Just(Call::Check),
    ];
    prop::collection::vec(call, count)
}

/// The newest durable checkpoint.
#[derive(Clone, Default)]
struct Checkpoint {
    manifest: Option<Manifest>,
    state: Model,
    log: usize,
}

pub(crate) struct Driver {
    pub(crate) disk: SimDisk,
    pub(crate) frames: Frames,
    pub(crate) model: Model,
    pub(crate) history: BTreeMap<(u64, u64), Bytes>,
    log: Vec<Entry>,
    durable: Checkpoint,
    frozen: Option<(FrozenFrames, Model, usize)>,
}

impl Driver {
    pub(crate) async fn new(disk: SimDisk) -> Result<Self, OpenError> {
        let frames = open(disk.clone(), None).await?;
        Ok(Self {
            disk,
            frames,
            model: Model::default(),
            history: BTreeMap::new(),
            log: Vec::new(),
            durable: Checkpoint::default(),
            frozen: None,
        })
    }

    /// Makes calls until one fails, as the disk wills.
    pub(crate) async fn run(&mut self, calls: &[Call]) -> Result<(), String> {
        for call in calls {
            self.call(call).await?;
        }
        Ok(())
    }

    async fn call(&mut self, call: &Call) -> Result<(), String> {
        match call {
            Call::Log(entry) => {
                self.log.push(entry.clone());
                self.apply(entry);
            }
            Call::Freeze => {
                self.freeze();
            }
            Call::Write => self.write().await.map_err(|error| error.to_string())?,
            Call::KeepOnly => self.keep_only().await?,
            Call::Reopen => self.restart(self.disk.clone()).await.map_err(|error| error.to_string())?,
            Call::Check => self.check().await?,
        }
        Ok(())
    }

    pub(crate) async fn check(&self) -> Result<(), String> {
        self.model.check(&self.frames, &self.history).await
    }

    fn freeze(&mut self) {
        self.frozen = Some((self.frames.freeze(), self.model.clone(), self.log.len()));
    }

    pub(crate) async fn write(&mut self) -> Result<(), CheckpointError> {
        if self.frozen.is_none() {
            self.freeze();
        }
        let (frozen, state, log) = self.frozen.take().expect("there is one");
        let manifest = frozen.write(&state).await?;
        self.durable = Checkpoint { manifest: Some(manifest), state, log };
        Ok(())
    }

    pub(crate) async fn keep_only(&self) -> Result<(), String> {
        let Some(manifest) = &self.durable.manifest else { return Ok(()) };
        self.frames.keep_only(manifest).await.map_err(|error| error.to_string())
    }

    /// Starts again from the newest durable checkpoint, on what a crash has left of the disk or on the same.
    pub(crate) async fn restart(&mut self, disk: SimDisk) -> Result<(), OpenError> {
        self.frozen = None;
        self.disk = disk;
        self.frames = open(self.disk.clone(), self.durable.manifest.as_ref()).await?;
        self.model = self.durable.state.clone();
        let log = std::mem::take(&mut self.log);
        for entry in &log[self.durable.log..] {
            self.apply(entry);
        }
        self.log = log;
        Ok(())
    }

    fn apply(&mut self, entry: &Entry) {
        let tail = |model: &Model, partition| model.tails.get(&partition).copied().unwrap_or(0);
        match *entry {
            Entry::Append { partition, count, len } => {
                for _ in 0..count {
                    // Partitions may start anywhere.
                    let offset = *self.model.tails.entry(partition).or_insert(partition * 5);
                    let frame = frame(partition, offset, len);
                    self.frames.append(partition, offset, frame.clone());
                    self.history.insert((partition, offset), frame.clone());
                    self.model.frames.insert((partition, offset), frame);
                    self.model.tails.insert(partition, offset + 1);
                }
            }
            Entry::Release { partition, from, to } => {
                let tail = tail(&self.model, partition);
                let range = tail * from / 100..tail * to / 100;
                self.frames.release(partition, range.clone());
                self.model.release(partition, range);
            }
            Entry::ReleaseEverySecond { partition } => {
                for offset in (0..tail(&self.model, partition)).step_by(2) {
                    self.frames.release(partition, offset..offset + 1);
                    self.model.release(partition, offset..offset + 1);
                }
            }
            Entry::Drop { partition } => {
                self.frames.drop_partition(partition);
                self.model.release(partition, 0..u64::MAX);
            }
        }
    }
}
