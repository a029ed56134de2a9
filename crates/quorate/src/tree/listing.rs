//! The children of a znode, in pages where the server has them: then no directory is too large.

use client::{Client, Error, ErrorKind, PageQuery, Stat};

/// How a server lists children.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Listing {
    InPages,
    AtOnce,
}

impl Listing {
    /// Asks the server, by way of `path`. One that has no pages ends the connection, so it is asked once.
    ///
    /// # Errors
    /// If it can't be asked. What is wrong with `path` is none.
    pub(super) async fn of(client: &Client, path: &str) -> Result<Self, Error> {
        let query = PageQuery { children_max: Some(1), ..PageQuery::default() };
        match client.children_page(path, query).await {
            Err(error) if error.kind == ErrorKind::Unsupported => Ok(Listing::AtOnce),
            Err(error) if error.is_passing() => Err(error),
            _ => Ok(Listing::InPages),
        }
    }

    /// The names of all children, and the znode's numbers.
    pub(super) async fn children(self, client: &Client, path: &str) -> Result<(Vec<String>, Stat), Error> {
        if self == Listing::AtOnce {
            return client.children(path).await;
        }
        let mut page = client.children_page(path, PageQuery::default()).await?;
        let stat = page.stat;
        let mut names: Vec<String> = page.children.into_iter().map(|child| child.name).collect();
        while page.more {
            let query = PageQuery { after: names.last().map(String::as_str), ..PageQuery::default() };
            page = client.children_page(path, query).await?;
            names.extend(page.children.drain(..).map(|child| child.name));
        }
        Ok((names, stat))
    }
}
