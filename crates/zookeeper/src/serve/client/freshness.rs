//! Linearizable reads: a read is answered from a state that includes all that was committed anywhere before it came.

use std::sync::Arc;

use control::{Control, Unavailable};
use runtime::BoxFuture;

use crate::codec::OpCode;

/// How much of a connection's input came before a barrier that was reached since. Reads in it may be answered from the
/// replica as it is; the next one needs another barrier. So the reads that arrived together share one.
#[derive(Default)]
pub(super) struct Freshness {
    /// Bytes at the front of the input.
    covered: usize,
    wanted: bool,
    /// The barrier under way, and the bytes that it will cover. No input is taken meanwhile.
    barrier: Option<(usize, BoxFuture<'static, Result<(), Unavailable>>)>,
}

impl Freshness {
    /// Whether a request that ends there in the input came before the last barrier.
    pub(super) fn covers(&self, end: usize) -> bool {
        end <= self.covered
    }

    /// A request waits for a barrier.
    pub(super) fn want(&mut self) {
        self.wanted = true;
    }

    /// Whether a request waits for a barrier.
    pub(super) fn is_awaited(&self) -> bool {
        self.wanted || self.barrier.is_some()
    }

    /// So many bytes at the front of the input were taken.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.covered = self.covered.saturating_sub(bytes);
    }

    /// Raises the barrier, if a request waits for it; it covers all that has come.
    pub(super) fn start(&mut self, control: &Arc<Control>, input_bytes: usize) {
        if std::mem::take(&mut self.wanted) {
            self.barrier = Some((input_bytes, control.barrier()));
        }
    }

    /// Completes when the barrier is reached; never, if there is none.
    pub(super) async fn reached(&mut self) -> Result<(), Unavailable> {
        let Some((covers, barrier)) = &mut self.barrier else { return std::future::pending().await };
        let (covers, result) = (*covers, barrier.await);
        self.barrier = None;
        self.covered = covers;
        result
    }
}

/// Whether an answer tells of the state: other requests are about the connection, its watches, or go through the log.
pub(super) const fn tells_of_state(op: OpCode) -> bool {
    matches!(
        op,
        OpCode::Exists
            | OpCode::GetData
            | OpCode::GetAcl
            | OpCode::GetChildren
            | OpCode::GetChildren2
            | OpCode::ListChildren
            | OpCode::GetAllChildrenNumber
            | OpCode::GetEphemerals
            | OpCode::MultiRead
    )
}
