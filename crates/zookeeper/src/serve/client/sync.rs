//! `sync`: the requests behind it wait until this node has applied all that was committed anywhere before it.

use std::sync::Arc;

use bytes::BytesMut;
use control::{Control, Unavailable, View};
use runtime::BoxFuture;

use crate::codec::{ErrorCode, ReplyBody, Xid, put_error_frame};

/// The syncs at the head of a connection's requests. Those that arrived together share a barrier.
#[derive(Default)]
pub(super) struct Syncs {
    /// A path that did not parse is none.
    asked: Vec<(Xid, Option<String>)>,
    barrier: Option<BoxFuture<'static, Result<(), Unavailable>>>,
    is_reached: bool,
}

impl Syncs {
    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    /// Whether another sync may join those that wait: only before their barrier is raised.
    pub(super) fn may_join(&self) -> bool {
        self.barrier.is_none() && !self.is_reached
    }

    pub(super) fn push(&mut self, xid: Xid, path: Option<&str>) {
        self.asked.push((xid, path.map(str::to_owned)));
    }

    pub(super) fn len(&self) -> usize {
        self.asked.len()
    }

    /// Raises the barrier for what was asked.
    pub(super) fn start(&mut self, control: &Arc<Control>) {
        if !self.asked.is_empty() && self.may_join() {
            self.barrier = Some(control.barrier());
        }
    }

    /// Completes when the barrier is reached; never, if there is none.
    pub(super) async fn reached(&mut self) -> Result<(), Unavailable> {
        let Some(barrier) = &mut self.barrier else { return std::future::pending().await };
        let result = barrier.await;
        self.barrier = None;
        self.is_reached = result.is_ok();
        result
    }

    /// Answers, if the barrier is reached, and returns how many.
    pub(super) fn answer(&mut self, view: &View<'_>, out: &mut BytesMut) -> u64 {
        if !std::mem::take(&mut self.is_reached) {
            return 0;
        }
        let answered = self.asked.len();
        for (xid, path) in self.asked.drain(..) {
            match path {
                Some(path) => ReplyBody::Path(&path).put_frame(xid, view.zxid().0, out),
                None => put_error_frame(xid, view.zxid().0, ErrorCode::MARSHALLING_ERROR, out),
            }
        }
        answered as u64
    }
}
