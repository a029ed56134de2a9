//! Children in pages, an extension: what a directory costs a request does not grow with the directory.

use std::iter::Peekable;

use bytes::BytesMut;
use control::View;
use tree::WatchKind;

use super::convert::stat;
use super::watches::no_room;
use crate::codec::{Child, ChildContent, ChildDetail, ErrorCode, JuteWrite, ListChildren, Record};
use crate::errors::wire_code;
use crate::serve::auth::Who;

/// A page has so many children at most: looking so many up takes a few milliseconds, in which nothing is applied.
const CHILDREN_MAX: usize = 10_000;

/// A page has so many bytes of children at most, so that the whole answer stays below the largest that ZooKeeper's clients
/// take by default (`jute.maxbuffer`, a byte less than 1 MiB).
const BYTES_MAX: usize = 1_000_000;

/// Answers with the stat, the children of the page, and whether there are more.
pub(super) fn list_children(
    list: &ListChildren<'_>,
    who: &Who,
    view: &View<'_>,
    out: &mut BytesMut,
) -> Result<(), ErrorCode> {
    let (names, node) = view.tree().children(list.path, &who.identities).map_err(wire_code)?;
    if list.watch {
        view.watch(list.path, WatchKind::Child).map_err(no_room)?;
    }
    stat(&node).encode(out);
    // Before all names, none of which is empty.
    let after = list.after.unwrap_or_default();
    match list.detail {
        ChildDetail::Name => {
            let unasked = |name| Child { name, content: ChildContent::Unasked };
            put_page(names.iter_after(after).map(unasked), list, out);
        }
        ChildDetail::Stat => put_page(names.nodes_after(after, &who.identities).map(with_stat), list, out),
        ChildDetail::Data => put_page(names.nodes_after(after, &who.identities).map(with_data), list, out),
    }
    Ok(())
}

fn with_stat(child: tree::Child<'_>) -> Child<'_> {
    let content = child.node.map_or(ChildContent::Withheld, |node| ChildContent::Stat(stat(&node.stat)));
    Child { name: child.name, content }
}

fn with_data(child: tree::Child<'_>) -> Child<'_> {
    let content = child.node.map_or(ChildContent::Withheld, |node| {
        ChildContent::Data(stat(&node.stat), node.data.map(|data| &data[..]))
    });
    Child { name: child.name, content }
}

fn put_page<'a>(children: impl Iterator<Item = Child<'a>>, list: &ListChildren<'_>, out: &mut BytesMut) {
    let mut page = Page {
        children: children.peekable(),
        children_left: limit(list.children_max, CHILDREN_MAX),
        bytes_left: limit(list.bytes_max, BYTES_MAX),
        is_begun: false,
    };
    out.put_vector(&mut page, |out, child| child.encode(out));
    out.put_bool(page.children.peek().is_some());
}

fn limit(asked: i32, max: usize) -> usize {
    usize::try_from(asked).ok().filter(|asked| *asked > 0).map_or(max, |asked| asked.min(max))
}

/// Takes children as long as there is room, the first in any case.
struct Page<I: Iterator> {
    children: Peekable<I>,
    children_left: usize,
    bytes_left: usize,
    is_begun: bool,
}

impl<'a, I: Iterator<Item = Child<'a>>> Iterator for Page<I> {
    type Item = Child<'a>;

    fn next(&mut self) -> Option<Child<'a>> {
        if self.children_left == 0 {
            return None;
        }
        let mut child = *self.children.peek()?;
        if child.encoded_len() > self.bytes_left {
            if self.is_begun {
                return None;
            }
            child = without_data(child);
        }
        self.children.next();
        self.is_begun = true;
        self.children_left -= 1;
        self.bytes_left = self.bytes_left.saturating_sub(child.encoded_len());
        Some(child)
    }
}

fn without_data(child: Child<'_>) -> Child<'_> {
    match child.content {
        ChildContent::Data(stat, _) => Child { content: ChildContent::TooLarge(stat), ..child },
        _ => child,
    }
}
