//! Znodes of the file, as many at a time as are compared and written together.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use client::{Acl, CreateMode};

use crate::tree::format::{Kind, NodeLine, Reader};

/// A znode as it shall be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wanted {
    pub(super) path: String,
    pub(super) data: Option<Vec<u8>>,
    pub(super) acl: Vec<Acl>,
    pub(super) mode: CreateMode,
    /// The number that the next sequential child shall get, where the file tells.
    pub(super) next_sequence: Option<i32>,
}

impl Wanted {
    /// About what it takes to send it.
    pub(super) fn bytes(&self) -> usize {
        let acl: usize = self.acl.iter().map(|entry| entry.scheme.len() + entry.id.len() + 12).sum();
        self.path.len() + self.data.as_ref().map_or(0, Vec::len) + acl + 64
    }
}

pub(super) struct Round {
    /// Parents before children.
    pub(super) wanted: Vec<Wanted>,
}

impl Round {
    pub(super) fn len(&self) -> u64 {
        self.wanted.len() as u64
    }
}

/// A round ends with so many znodes, or so many bytes.
const ROUND_ZNODES: usize = 2000;
const ROUND_BYTES: usize = 4 << 20;

pub(super) struct Rounds {
    reader: Reader<BufReader<File>>,
    file: PathBuf,
    /// Where the topmost znode comes to.
    root: String,
}

impl Rounds {
    pub(super) fn new(reader: Reader<BufReader<File>>, file: PathBuf, to: Option<String>) -> Self {
        let root = to.unwrap_or_else(|| reader.header().root.clone());
        Self { reader, file, root }
    }

    pub(super) fn root(&self) -> &str {
        &self.root
    }

    /// Where a path of the file comes to.
    pub(super) fn moved(&self, path: &str) -> String {
        moved(&self.reader.header().root, &self.root, path)
    }

    /// `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Round>> {
        let (mut wanted, mut bytes) = (Vec::new(), 0);
        while wanted.len() < ROUND_ZNODES && bytes < ROUND_BYTES {
            let node = self.reader.next().with_context(|| self.file.display().to_string())?;
            let Some(node) = node else { break };
            let node = self.wanted(&node)?;
            bytes += node.bytes();
            wanted.push(node);
        }
        Ok((!wanted.is_empty()).then_some(Round { wanted }))
    }

    fn wanted(&self, node: &NodeLine) -> Result<Wanted> {
        let acl: Result<Vec<Acl>, _> = node.acl.iter().map(|entry| entry.parse()).collect();
        let data = node.bytes().context("the data of every line was decoded before")?;
        let mode = match (node.kind, node.ttl_ms) {
            (Kind::Persistent, _) => CreateMode::Persistent,
            (Kind::Container, _) => CreateMode::Container,
            (Kind::Ttl, ttl_ms) => CreateMode::Ttl(Duration::from_millis(ttl_ms.unwrap_or(1))),
        };
        Ok(Wanted {
            path: self.moved(&node.path),
            data: data.map(|data| data.into_owned()),
            acl: acl?,
            mode,
            next_sequence: node.stat.as_ref().map(|stat| stat.next_sequence),
        })
    }
}

/// Where `path`, at or below `from`, comes to when `from` comes to `to`.
fn moved(from: &str, to: &str, path: &str) -> String {
    let below = path.strip_prefix(from.trim_end_matches('/')).unwrap_or(path).trim_start_matches('/');
    match (below, to) {
        ("", to) => to.to_owned(),
        (below, "/") => format!("/{below}"),
        (below, to) => format!("{to}/{below}"),
    }
}

#[cfg(test)]
mod tests {
    use super::moved;

    #[test]
    fn a_subtree_moves_as_a_whole() {
        for (from, to, path, moved_to) in [
            ("/", "/", "/", "/"),
            ("/", "/", "/a/b", "/a/b"),
            ("/", "/x", "/", "/x"),
            ("/", "/x", "/a/b", "/x/a/b"),
            ("/a", "/a", "/a/b", "/a/b"),
            ("/a", "/", "/a", "/"),
            ("/a", "/", "/a/b", "/b"),
            ("/a", "/x/y", "/a", "/x/y"),
            ("/a", "/x/y", "/a/b/c", "/x/y/b/c"),
        ] {
            assert_eq!(moved(from, to, path), moved_to, "{path} from {from} to {to}");
        }
    }
}
