//! Calls that only Quorate has. Other servers answer them with an error, [`ErrorKind::Unsupported`], and end the
//! connection, which is replaced as ever.
//!
//! [`ErrorKind::Unsupported`]: crate::ErrorKind::Unsupported

use bytes::Bytes;
use jute::{ChildDetail, ListChildren, PathVersion, ReplyBody, Request, Stat};
use tokio::sync::oneshot;

use super::{Client, nonsense};
use crate::acl::Acl;
use crate::error::Error;
use crate::node::{Node, Version};
use crate::path::below;
use crate::session::Registration;
use crate::watch::OneShot;

/// What [`Client::ensure`] does about parents.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parents {
    /// The parent must be there.
    Expect,
    /// Those that are missing are created, with empty data and the list of access of the znode.
    Create,
}

/// What came of [`Client::ensure`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ensured {
    /// Whether the znode was created; otherwise it was there, and nothing has changed.
    pub created: bool,
    /// Its numbers.
    pub stat: Stat,
}

/// Which children [`Client::children_page`] gives, and what of each. By default their names, from the first, as many as the
/// server gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageQuery<'a> {
    /// Only names greater than this. There need not be such a child.
    pub after: Option<&'a str>,
    /// So many at most, 1 or more. Servers give no more than 10,000.
    pub children_max: Option<u32>,
    /// So many bytes of children at most; at least one child comes. Servers give no more than 1,000,000.
    pub bytes_max: Option<u32>,
    /// What is told of each.
    pub detail: ChildDetail,
}

impl Default for PageQuery<'_> {
    fn default() -> Self {
        Self { after: None, children_max: None, bytes_max: None, detail: ChildDetail::Name }
    }
}

/// Some of a znode's children, and the znode, all of one state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChildrenPage {
    /// The numbers of the znode.
    pub stat: Stat,
    /// Children, in the byte order of their names.
    pub children: Vec<Child>,
    /// Whether there are more behind the last.
    pub more: bool,
}

/// A child.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Child {
    /// Its name.
    pub name: String,
    /// What else was told.
    pub content: ChildContent,
}

/// What was told of a child beside its name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ChildContent {
    /// Nothing was asked for.
    Unasked,
    /// The client may not read it.
    Withheld,
    /// Its numbers.
    Stat(Stat),
    /// Its data and numbers.
    Node(Node),
    /// Its numbers; its data, which was asked for, does not fit into a page: get it alone.
    TooLarge(Stat),
}

impl ChildContent {
    /// The numbers, if they were told.
    pub fn stat(&self) -> Option<&Stat> {
        match self {
            ChildContent::Unasked | ChildContent::Withheld => None,
            ChildContent::Stat(stat) | ChildContent::TooLarge(stat) => Some(stat),
            ChildContent::Node(node) => Some(&node.stat),
        }
    }
}

/// What an answer has around the children of a page, generously.
const AROUND_PAGE_BYTES: usize = 256;

impl Client {
    /// Deletes a znode, if it has this version, and all below it, in one step; gives how many that were. An extension of
    /// Quorate's.
    ///
    /// # Errors
    /// [`TooManyZnodes`](crate::ErrorKind::TooManyZnodes) beyond what one step may change;
    /// [`NoAuth`](crate::ErrorKind::NoAuth) if one of the deletes is not permitted. Then nothing is deleted.
    pub async fn delete_recursive(&self, path: &str, version: impl Into<Version>) -> Result<u32, Error> {
        let full = self.full(path);
        let request = Request::DeleteRecursive(PathVersion { path: &full, version: version.into().0 });
        let answer = self.ask_about(path, &request, None).await?;
        match self.body(path, &request, &answer)? {
            ReplyBody::Count(count) => u32::try_from(count).map_err(|_| nonsense(path, &request, &answer)),
            _ => Err(nonsense(path, &request, &answer)),
        }
    }

    /// Creates a persistent znode unless it is there, in one step. An extension of Quorate's.
    ///
    /// # Errors
    /// As of a create, and as of [`exists`](Client::exists) if the znode is there.
    pub async fn ensure(
        &self,
        path: &str,
        data: Option<&[u8]>,
        acl: &[Acl],
        parents: Parents,
    ) -> Result<Ensured, Error> {
        let full = below(&self.chroot, path);
        let acl = acl.iter().map(Acl::on_wire).collect();
        let parents = parents == Parents::Create;
        let request = Request::Ensure(jute::Ensure { path: &full, data, acl, parents });
        let answer = self.ask_about(path, &request, None).await?;
        match self.body(path, &request, &answer)? {
            ReplyBody::Ensured(created, stat) => Ok(Ensured { created, stat }),
            _ => Err(nonsense(path, &request, &answer)),
        }
    }

    /// Some of a znode's children, in the byte order of their names, with what is asked for of each. An extension of
    /// Quorate's.
    pub async fn children_page(&self, path: &str, query: PageQuery<'_>) -> Result<ChildrenPage, Error> {
        self.page_with(path, query, None).await
    }

    /// The same, and a watch that tells when a child next comes or goes, on this page or not, and of the znode's end.
    pub async fn children_page_and_watch(
        &self,
        path: &str,
        query: PageQuery<'_>,
    ) -> Result<(ChildrenPage, OneShot), Error> {
        let (sender, receiver) = oneshot::channel();
        let registration = Registration::Child(self.full(path), sender);
        Ok((self.page_with(path, query, Some(registration)).await?, OneShot(receiver)))
    }

    async fn page_with(
        &self,
        path: &str,
        query: PageQuery<'_>,
        registration: Option<Registration>,
    ) -> Result<ChildrenPage, Error> {
        let full = self.full(path);
        let bytes_max = self.answer_bytes_max.saturating_sub(AROUND_PAGE_BYTES).max(1);
        let bytes_max = query.bytes_max.map_or(bytes_max, |asked| bytes_max.min(asked as usize).max(1));
        let request = Request::ListChildren(ListChildren {
            path: &full,
            watch: registration.is_some(),
            after: query.after,
            children_max: query
                .children_max
                .map_or(0, |asked| i32::try_from(asked.max(1)).unwrap_or(i32::MAX)),
            bytes_max: i32::try_from(bytes_max).unwrap_or(i32::MAX),
            detail: query.detail,
        });
        let answer = self.ask_about(path, &request, registration).await?;
        match self.body(path, &request, &answer)? {
            ReplyBody::Page(page) => Ok(ChildrenPage {
                stat: page.stat,
                children: page.children.iter().map(owned).collect(),
                more: page.more,
            }),
            _ => Err(nonsense(path, &request, &answer)),
        }
    }
}

/// Data is copied, so that one child does not keep the whole page in memory.
fn owned(child: &jute::Child<'_>) -> Child {
    let content = match child.content {
        jute::ChildContent::Unasked => ChildContent::Unasked,
        jute::ChildContent::Withheld => ChildContent::Withheld,
        jute::ChildContent::Stat(stat) => ChildContent::Stat(stat),
        jute::ChildContent::Data(stat, data) => {
            ChildContent::Node(Node { data: data.map(Bytes::copy_from_slice), stat })
        }
        jute::ChildContent::TooLarge(stat) => ChildContent::TooLarge(stat),
    };
    Child { name: child.name.to_owned(), content }
}
