//! A state machine that keeps all it was given: in memory, and for its snapshots in files that are attached to them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use consensus::{
    AttachedFile, CannotApply, CommittedEntry, GroupId, Member, SnapshotError, SnapshotSink, SnapshotSource,
    StateMachine, attached_dir,
};
use parking_lot::Mutex;
use runtime::{BoxFuture, Disk, OpenMode};

pub(crate) const SNAPSHOTS: &str = "/data/snapshots";

const COMMAND_BYTES: usize = 64;

/// Everything applied, in order: `(proposer, number)`.
pub(crate) struct Recorder {
    pub(crate) state: Arc<Mutex<Recorded>>,
    files: Files,
}

#[derive(Default, Clone)]
pub(crate) struct Recorded {
    pub(crate) all: Vec<(u64, u64)>,
    pub(crate) own: Vec<u64>,
    pub(crate) restores: u64,
    /// Numbers and votes.
    pub(crate) members: Vec<Vec<(u64, bool)>>,
    /// The level of each entry with commands.
    pub(crate) levels: Vec<u32>,
    /// The files that the newest snapshot needs; together they have the first of `all`.
    attached: Vec<AttachedFile>,
    /// Files ever made by this process.
    made: u64,
}

/// Where attached files are, and what makes their names unlike those of others.
#[derive(Clone)]
struct Files {
    disk: Arc<dyn Disk>,
    prefix: String,
}

pub(crate) fn encode(node: u64, number: u64) -> Bytes {
    let mut bytes = vec![0; COMMAND_BYTES];
    bytes[..8].copy_from_slice(&node.to_be_bytes());
    bytes[8..16].copy_from_slice(&number.to_be_bytes());
    Bytes::from(bytes)
}

fn decode(bytes: &[u8]) -> (u64, u64) {
    let number = |part: &[u8]| u64::from_be_bytes(part.try_into().unwrap());
    (number(&bytes[..8]), number(&bytes[8..16]))
}

fn path_of(name: &str) -> PathBuf {
    attached_dir(Path::new(SNAPSHOTS), GroupId(0)).join(name)
}

impl Recorder {
    /// `prefix` is no other process's.
    pub(crate) fn new(disk: Arc<dyn Disk>, prefix: String) -> Self {
        Self { state: Arc::default(), files: Files { disk, prefix } }
    }
}

impl StateMachine for Recorder {
    fn apply(&self, entry: CommittedEntry) -> Result<(), CannotApply> {
        let mut state = self.state.lock();
        if !entry.commands.is_empty() {
            state.levels.push(entry.level);
        }
        for command in entry.commands {
            state.all.push(decode(&command.bytes));
            state.own.extend(command.own_sequence);
        }
        let vote = |member: &Member| (member.node.0, member.voter);
        state.members.extend(entry.members.map(|members| members.iter().map(vote).collect()));
        Ok(())
    }

    fn begin_snapshot(&self) -> Box<dyn SnapshotSource> {
        let state = self.state.lock();
        let attached = state.attached.clone();
        let written = attached.iter().map(|file| file.length as usize / COMMAND_BYTES).sum();
        let new = state.all[written..].iter().flat_map(|&(node, number)| encode(node, number)).collect();
        Box::new(Frozen { recorder: self.state.clone(), files: self.files.clone(), attached, new, sent: 0 })
    }

    fn begin_restore(&self) -> Box<dyn SnapshotSink> {
        Box::new(Thawing { target: self.state.clone(), files: self.files.clone(), attached: Vec::new() })
    }

    fn restored(&self, own_through: u64) {
        let mut state = self.state.lock();
        state.restores += 1;
        let known = state.own.last().copied().unwrap_or(0);
        state.own.extend(known + 1..=own_through);
    }
}

/// The files of before, and one with what has come since.
struct Frozen {
    recorder: Arc<Mutex<Recorded>>,
    files: Files,
    attached: Vec<AttachedFile>,
    new: Bytes,
    sent: usize,
}

impl SnapshotSource for Frozen {
    fn attach(&mut self) -> BoxFuture<'_, io::Result<Vec<AttachedFile>>> {
        Box::pin(async move {
            let number = {
                let mut recorded = self.recorder.lock();
                recorded.made += 1;
                recorded.made
            };
            let name = format!("{}-{number}.list", self.files.prefix);
            let path = path_of(&name);
            let folder = path.parent().unwrap();
            self.files.disk.create_dir_all(folder).await?;
            let file = self.files.disk.open(&path, OpenMode::CreateNew).await?;
            file.write_and_sync(0, vec![self.new.clone()]).await?;
            self.files.disk.sync_dir(folder).await?;
            let checksum = crc32c::crc32c(&self.new);
            self.attached.push(AttachedFile { name, length: self.new.len() as u64, checksum });
            Ok(self.attached.clone())
        })
    }

    fn next_chunk(&mut self) -> Option<Bytes> {
        let file = self.attached.get(self.sent)?;
        self.sent += 1;
        Some(Bytes::from(format!("{} {} {}", file.name, file.length, file.checksum)))
    }

    fn kept(self: Box<Self>) -> BoxFuture<'static, ()> {
        self.recorder.lock().attached = self.attached;
        Box::pin(async {})
    }
}

struct Thawing {
    target: Arc<Mutex<Recorded>>,
    files: Files,
    attached: Vec<AttachedFile>,
}

impl SnapshotSink for Thawing {
    fn push(&mut self, chunk: Bytes) -> Result<(), SnapshotError> {
        let text = String::from_utf8(chunk.to_vec()).unwrap();
        let mut words = text.split(' ');
        let mut word = || words.next().unwrap();
        let name = word().to_owned();
        let (length, checksum) = (word().parse().unwrap(), word().parse().unwrap());
        self.attached.push(AttachedFile { name, length, checksum });
        Ok(())
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<(), SnapshotError>> {
        Box::pin(async move {
            let mut all = Vec::new();
            for file in &self.attached {
                let opened = self.files.disk.open(&path_of(&file.name), OpenMode::Read).await;
                let opened = opened.map_err(|error| SnapshotError(format!("{}: {error}", file.name)))?;
                let bytes = opened.read_at(0, file.length as usize + 1).await.unwrap();
                assert_eq!(bytes.len() as u64, file.length, "{}", file.name);
                assert_eq!(crc32c::crc32c(&bytes), file.checksum, "{}", file.name);
                all.extend(bytes.chunks(COMMAND_BYTES).map(decode));
            }
            let mut target = self.target.lock();
            target.all = all;
            target.attached = self.attached;
            Ok(())
        })
    }
}
