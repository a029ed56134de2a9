//! Records about watches: events, and requests that manage them.

use bytes::BytesMut;

use super::{DecodeError, JuteWrite, Reader, Record};

/// What happened to a watched path.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EventType {
    /// It was created.
    NodeCreated,
    /// It was deleted.
    NodeDeleted,
    /// Its data was set.
    NodeDataChanged,
    /// A child came or went.
    NodeChildrenChanged,
}

impl EventType {
    fn number(self) -> i32 {
        match self {
            EventType::NodeCreated => 1,
            EventType::NodeDeleted => 2,
            EventType::NodeDataChanged => 3,
            EventType::NodeChildrenChanged => 4,
        }
    }

    fn from_number(value: i32) -> Result<Self, DecodeError> {
        match value {
            1 => Ok(EventType::NodeCreated),
            2 => Ok(EventType::NodeDeleted),
            3 => Ok(EventType::NodeDataChanged),
            4 => Ok(EventType::NodeChildrenChanged),
            _ => Err(DecodeError::UnknownValue { field: "event type", value }),
        }
    }
}

/// The only keeper state that a server sends: connected and in step.
const SYNC_CONNECTED: i32 = 3;

/// A watch fired. Its header carries [`Xid::EVENT`](super::Xid::EVENT).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WatcherEvent<'a> {
    /// What happened.
    pub kind: EventType,
    /// Where.
    pub path: &'a str,
}

impl<'a> Record<'a> for WatcherEvent<'a> {
    fn encode(&self, out: &mut BytesMut) {
        out.put_int(self.kind.number());
        out.put_int(SYNC_CONNECTED);
        out.put_string(self.path);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let kind = EventType::from_number(input.int()?)?;
        let _keeper_state = input.int()?;
        Ok(Self { kind, path: input.string()? })
    }
}

/// The one-shot watches of a client that has reconnected.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SetWatches<'a> {
    /// What the client had seen when it set them: later changes are events at once.
    pub relative_zxid: i64,
    /// Paths whose data it watches.
    pub data: Vec<&'a str>,
    /// Paths whose creation it waits for.
    pub exist: Vec<&'a str>,
    /// Paths whose children it watches.
    pub child: Vec<&'a str>,
}

impl<'a> Record<'a> for SetWatches<'a> {
    fn encode(&self, out: &mut BytesMut) {
        out.put_long(self.relative_zxid);
        put_strings(out, &self.data);
        put_strings(out, &self.exist);
        put_strings(out, &self.child);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            relative_zxid: input.long()?,
            data: input.strings()?,
            exist: input.strings()?,
            child: input.strings()?,
        })
    }
}

/// As [`SetWatches`], with persistent ones.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SetWatches2<'a> {
    /// The one-shot ones.
    pub one_shot: SetWatches<'a>,
    /// Paths with a persistent watch.
    pub persistent: Vec<&'a str>,
    /// Paths with a persistent watch that covers their descendants.
    pub persistent_recursive: Vec<&'a str>,
}

impl<'a> Record<'a> for SetWatches2<'a> {
    fn encode(&self, out: &mut BytesMut) {
        self.one_shot.encode(out);
        put_strings(out, &self.persistent);
        put_strings(out, &self.persistent_recursive);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            one_shot: input.record()?,
            persistent: input.strings()?,
            persistent_recursive: input.strings()?,
        })
    }
}

/// A kind of persistent watch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AddWatchMode {
    /// The path itself, data and children.
    Persistent,
    /// The path and every descendant.
    PersistentRecursive,
}

/// Sets a persistent watch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AddWatch<'a> {
    /// Where.
    pub path: &'a str,
    /// Which kind.
    pub mode: AddWatchMode,
}

impl<'a> Record<'a> for AddWatch<'a> {
    fn encode(&self, out: &mut BytesMut) {
        out.put_string(self.path);
        out.put_int(match self.mode {
            AddWatchMode::Persistent => 0,
            AddWatchMode::PersistentRecursive => 1,
        });
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let path = input.string()?;
        let mode = match input.int()? {
            0 => AddWatchMode::Persistent,
            1 => AddWatchMode::PersistentRecursive,
            value => return Err(DecodeError::UnknownValue { field: "watch mode", value }),
        };
        Ok(Self { path, mode })
    }
}

/// Which of a path's watches are meant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WatcherType {
    /// One-shot, of children.
    Children,
    /// One-shot, of data or existence.
    Data,
    /// All.
    Any,
    /// Persistent.
    Persistent,
    /// Persistent with descendants.
    PersistentRecursive,
}

/// Checks or removes watches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PathWatcherType<'a> {
    /// Where.
    pub path: &'a str,
    /// Which.
    pub kind: WatcherType,
}

impl<'a> Record<'a> for PathWatcherType<'a> {
    fn encode(&self, out: &mut BytesMut) {
        out.put_string(self.path);
        out.put_int(match self.kind {
            WatcherType::Children => 1,
            WatcherType::Data => 2,
            WatcherType::Any => 3,
            WatcherType::Persistent => 4,
            WatcherType::PersistentRecursive => 5,
        });
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let path = input.string()?;
        let kind = match input.int()? {
            1 => WatcherType::Children,
            2 => WatcherType::Data,
            3 => WatcherType::Any,
            4 => WatcherType::Persistent,
            5 => WatcherType::PersistentRecursive,
            value => return Err(DecodeError::UnknownValue { field: "watcher type", value }),
        };
        Ok(Self { path, kind })
    }
}

fn put_strings(out: &mut BytesMut, strings: &[&str]) {
    out.put_vector(strings, |out, string| out.put_string(string));
}
