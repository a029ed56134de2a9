//! Through a subtree in order: a znode, then all that is below it, children by name.
//!
//! Many reads are under way at a time, but only among the siblings at hand, so that what is held in memory grows with
//! the depth of the tree and the width of a directory, never with its size. It sees each znode at another time: what
//! comes and goes meanwhile may be seen or not.

use client::{Acl, Client, Error, ErrorKind, Node, Stat};
use futures::future::BoxFuture;
use futures::stream::{FuturesOrdered, StreamExt};

use super::child;
use super::listing::Listing;

/// Znodes whose reads are under way or done, in each directory on the way down.
const AHEAD: usize = 64;

/// How much is read of each znode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Detail {
    /// Its numbers and children.
    Stat,
    /// Data and access list, too.
    Everything,
}

/// A znode, as it was when it was read.
pub(super) struct Found {
    pub(super) path: String,
    pub(super) stat: Stat,
    /// Only with [`Detail::Everything`].
    pub(super) content: Option<(Node, Vec<Acl>)>,
    children: Vec<String>,
}

pub(super) enum Step {
    /// On the way down.
    Entered(Found),
    /// All below it was entered and left.
    Left(String),
    /// It can't be read: what is below is left out.
    Failed(Error),
}

pub(super) struct Walk {
    client: Client,
    listing: Listing,
    detail: Detail,
    /// Is not entered, nor is what is below.
    except: Option<String>,
    /// The directories from the start down to where the walk is.
    stack: Vec<Directory>,
}

struct Directory {
    path: String,
    names: std::vec::IntoIter<String>,
    ahead: FuturesOrdered<BoxFuture<'static, Result<Found, Error>>>,
}

impl Walk {
    /// A walk through `root` and all below it but `except`.
    ///
    /// # Errors
    /// If the server can't be asked how it lists children. What is wrong with `root` is the first step.
    pub(super) async fn begin(
        client: &Client,
        root: &str,
        detail: Detail,
        except: Option<&str>,
    ) -> Result<Self, Error> {
        let listing = Listing::of(client, root).await?;
        let mut start = Directory::new(String::new(), Vec::new());
        start.ahead.push_back(Box::pin(visit(client.clone(), root.to_owned(), detail, listing)));
        let except = except.map(str::to_owned);
        Ok(Self { client: client.clone(), listing, detail, except, stack: vec![start] })
    }

    /// Does not go on below `path`, which was just entered.
    pub(super) fn skip_below(&mut self, path: &str) {
        if let Some(at) = self.stack.last_mut().filter(|at| at.path == path) {
            *at = Directory::new(path.to_owned(), Vec::new());
        }
    }

    pub(super) async fn next(&mut self) -> Option<Step> {
        loop {
            let at = self.stack.last_mut()?;
            while at.ahead.len() < AHEAD
                && let Some(name) = at.names.next()
            {
                let path = child(&at.path, &name);
                if self.except.as_ref() != Some(&path) {
                    at.ahead.push_back(Box::pin(visit(self.client.clone(), path, self.detail, self.listing)));
                }
            }
            match at.ahead.next().await {
                Some(Ok(mut found)) => {
                    let children = std::mem::take(&mut found.children);
                    self.stack.push(Directory::new(found.path.clone(), children));
                    return Some(Step::Entered(found));
                }
                // It was deleted after it was listed.
                Some(Err(error)) if error.kind == ErrorKind::NoNode && self.stack.len() > 1 => {}
                Some(Err(error)) => return Some(Step::Failed(error)),
                None => {
                    let left = self.stack.pop()?;
                    return (!self.stack.is_empty()).then_some(Step::Left(left.path));
                }
            }
        }
    }
}

impl Directory {
    fn new(path: String, mut names: Vec<String>) -> Self {
        names.sort_unstable();
        Self { path, names: names.into_iter(), ahead: FuturesOrdered::new() }
    }
}

async fn visit(client: Client, path: String, detail: Detail, listing: Listing) -> Result<Found, Error> {
    let found = match detail {
        Detail::Stat => listing.children(&client, &path).await.map(|(children, stat)| (children, stat, None)),
        // All three are sent at once.
        Detail::Everything => {
            futures::future::try_join3(client.get(&path), client.acl(&path), listing.children(&client, &path))
                .await
                .map(|(node, (acl, _), (children, _))| (children, node.stat, Some((node, acl))))
        }
    };
    found.map(|(children, stat, content)| Found { path, stat, content, children })
}
