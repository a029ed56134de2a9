//! Multi: all or none.

use super::transaction::Transaction;
use crate::command::SubOperation;
use crate::error::ErrorCode;
use crate::outcome::{MultiFailure, Reply};

impl Transaction<'_> {
    /// One zxid and one time for all; each operation sees what those before it did. A failure restores everything, the
    /// sequence counters of parents included.
    pub(super) fn multi(&mut self, operations: &[SubOperation]) -> Reply {
        let mut replies = Vec::with_capacity(operations.len());
        for (at, operation) in operations.iter().enumerate() {
            match self.sub_operation(operation) {
                Ok(reply) => replies.push(reply),
                Err(error) => {
                    self.roll_back();
                    return Reply::Multi(Err(MultiFailure { at, of: operations.len(), error }));
                }
            }
        }
        Reply::Multi(Ok(replies))
    }

    fn sub_operation(&mut self, operation: &SubOperation) -> Result<Reply, ErrorCode> {
        match operation {
            SubOperation::Create(create) => self.create(create),
            SubOperation::Delete(delete) => self.delete(delete),
            SubOperation::SetData(set) => self.set_data(set),
            SubOperation::Check(check) => self.check(check),
        }
    }
}
