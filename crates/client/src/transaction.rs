//! Several writes, all or none.

use std::sync::Arc;

use jute::{Create, CreateTtl, Multi, PartReply, PathVersion, SetData, Stat, WritePart};

use crate::acl::Acl;
use crate::node::{CreateMode, Version};
use crate::path::{PathError, above, below, check_path, check_sequential};

/// Writes that happen all or not at all, in their order. Each sees the effects of those before it.
#[derive(Clone, Default, Debug)]
pub struct Transaction {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
struct Part {
    path: String,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Create { data: Option<Vec<u8>>, acl: Vec<Acl>, mode: CreateMode },
    Set { data: Option<Vec<u8>>, version: Version },
    Delete { version: Version },
    Check { version: Version },
}

/// What came of one part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PartAnswer {
    /// The znode was created under this path, which a sequential one is told here.
    Created(Arc<str>, Stat),
    /// Its data was set.
    Set(Stat),
    /// It was deleted.
    Deleted,
    /// It has the version.
    Checked,
}

impl Transaction {
    /// One without parts: it succeeds.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a znode.
    pub fn create(&mut self, path: &str, data: Option<&[u8]>, acl: &[Acl], mode: CreateMode) -> &mut Self {
        self.push(path, What::Create { data: data.map(<[u8]>::to_vec), acl: acl.to_vec(), mode })
    }

    /// Replaces a znode's data.
    pub fn set(&mut self, path: &str, data: Option<&[u8]>, version: impl Into<Version>) -> &mut Self {
        self.push(path, What::Set { data: data.map(<[u8]>::to_vec), version: version.into() })
    }

    /// Deletes a znode.
    pub fn delete(&mut self, path: &str, version: impl Into<Version>) -> &mut Self {
        self.push(path, What::Delete { version: version.into() })
    }

    /// Fails all unless the znode is there in this version.
    pub fn check(&mut self, path: &str, version: impl Into<Version>) -> &mut Self {
        self.push(path, What::Check { version: version.into() })
    }

    /// How many parts there are.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The path of a part.
    pub(crate) fn path(&self, part: usize) -> &str {
        &self.parts[part].path
    }

    fn push(&mut self, path: &str, what: What) -> &mut Self {
        self.parts.push(Part { path: path.to_owned(), what });
        self
    }

    pub(crate) fn check_paths(&self) -> Result<(), PathError> {
        self.parts.iter().try_for_each(|part| match &part.what {
            What::Create { mode, .. } if mode.is_sequential() => check_sequential(&part.path),
            _ => check_path(&part.path),
        })
    }

    /// The server's paths of the parts.
    pub(crate) fn full_paths(&self, chroot: &str) -> Vec<String> {
        self.parts.iter().map(|part| below(chroot, &part.path)).collect()
    }

    /// The request, with the paths of [`Transaction::full_paths`].
    pub(crate) fn on_wire<'a>(&'a self, paths: &'a [String]) -> Multi<'a> {
        let parts = self.parts.iter().zip(paths).map(|(part, path)| part.what.on_wire(path));
        Multi { parts: parts.collect() }
    }
}

impl What {
    fn on_wire<'a>(&'a self, path: &'a str) -> WritePart<'a> {
        match self {
            What::Create { data, acl, mode } => {
                let acl = acl.iter().map(Acl::on_wire).collect();
                let create = Create { path, data: data.as_deref(), acl, flags: mode.flags() };
                match (mode, mode.ttl_ms()) {
                    (_, Some(ttl_ms)) => WritePart::CreateTtl(CreateTtl { create, ttl_ms }),
                    (CreateMode::Container, None) => WritePart::CreateContainer(create),
                    _ => WritePart::Create2(create),
                }
            }
            What::Set { data, version } => {
                WritePart::SetData(SetData { path, data: data.as_deref(), version: version.0 })
            }
            What::Delete { version } => WritePart::Delete(PathVersion { path, version: version.0 }),
            What::Check { version } => WritePart::Check(PathVersion { path, version: version.0 }),
        }
    }
}

/// `None` for an answer that none of our parts has.
pub(crate) fn part_answer(chroot: &str, reply: &PartReply<'_>) -> Option<PartAnswer> {
    Some(match reply {
        PartReply::Create2(path, stat) => PartAnswer::Created(above(chroot, path).into(), *stat),
        PartReply::SetData(stat) => PartAnswer::Set(*stat),
        PartReply::Delete => PartAnswer::Deleted,
        PartReply::Check => PartAnswer::Checked,
        _ => return None,
    })
}
