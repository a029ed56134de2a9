//! Applying commands: the rules of the protocol, one file an operation.
//!
//! Order of checks: the session (known, owned by the connection that asks), then those of the operation. Every command
//! burns a zxid, also when it fails, with four exceptions: attaching a session, an expiry that comes too late, a reap that
//! does, and an announcement that tells clients nothing new.

mod check;
mod create;
mod delete;
mod delete_recursive;
mod ensemble;
mod ensure;
mod found_anew;
mod multi;
mod quota;
mod reap;
mod session;
mod set_acl;
mod set_data;
mod transaction;
mod undo;

pub use reap::ReapCursor;
pub(crate) use undo::Undo;

use transaction::Transaction;

use crate::command::{ANY_VERSION, Command, DATA_BYTES_MAX, Operation};
use crate::error::ErrorCode;
use crate::outcome::{Outcome, Reply};
use crate::tree::Tree;

impl Tree {
    /// Applies a command. Equal trees, commands and times give equal outcomes and equal trees.
    ///
    /// `time_ms` is the leader's time for the command, milliseconds since the epoch; inside the tree time never goes back.
    ///
    /// A write of a session that is unknown fails with [`ErrorCode::SessionExpired`], one of a session that another
    /// connection owns with [`ErrorCode::SessionMoved`]; the front end answers the latter by closing the connection.
    pub fn apply(&mut self, command: &Command, time_ms: i64) -> Outcome {
        self.time_ms = self.time_ms.max(time_ms);
        match &command.operation {
            Operation::AttachSession { session, password, timeout_ms } => {
                let result = self.attach_session(*session, password, *timeout_ms, command.origin);
                self.outcome(result)
            }
            Operation::ExpireSession { session, generation, epoch } => {
                self.expire_session(*session, *generation, *epoch)
            }
            Operation::Reap { path } => self.reap(path),
            Operation::Announce { node, client_address } => self.announce(*node, client_address.as_ref()),
            Operation::CreateSession { timeout_ms, password } => {
                self.zxid = self.zxid.next();
                let reply = self.create_session(command.origin, *timeout_ms, *password);
                self.outcome(Ok(reply))
            }
            Operation::CloseSession => self.close_session(command),
            Operation::Create(create) => self.write(command, |transaction| transaction.create(create)),
            Operation::Delete(delete) => self.write(command, |transaction| transaction.delete(delete)),
            Operation::DeleteRecursive(delete) => {
                self.write(command, |transaction| transaction.delete_recursive(delete))
            }
            Operation::Ensure(ensure) => self.write(command, |transaction| transaction.ensure(ensure)),
            Operation::SetData(set) => self.write(command, |transaction| transaction.set_data(set)),
            Operation::SetAcl(set) => self.write(command, |transaction| transaction.set_acl(set)),
            Operation::Multi(operations) => {
                self.write(command, |transaction| Ok(transaction.multi(operations)))
            }
        }
    }

    /// What becomes of a command that needs a higher level than there is when it is applied: nothing, on any replica, whether
    /// its version can read the command or not. It burns a zxid and counts as not implemented.
    pub fn refuse(&mut self, time_ms: i64) -> Outcome {
        self.time_ms = self.time_ms.max(time_ms);
        self.zxid = self.zxid.next();
        self.outcome(Err(ErrorCode::Unimplemented))
    }

    /// An outcome that changed no znode.
    fn outcome(&self, result: Result<Reply, ErrorCode>) -> Outcome {
        Outcome { zxid: self.zxid, result, triggers: Vec::new(), ended_session: None, is_over_quota: false }
    }

    fn write(
        &mut self,
        command: &Command,
        operation: impl FnOnce(&mut Transaction<'_>) -> Result<Reply, ErrorCode>,
    ) -> Outcome {
        self.zxid = self.zxid.next();
        if let Err(error) = self.check_owner(command.session, command.origin) {
            return self.outcome(Err(error));
        }
        let mut transaction = Transaction::new(self, command.session, &command.identities);
        transaction.enforce_quotas = command.enforce_quotas;
        let result = operation(&mut transaction);
        let is_over_quota = transaction.is_over_quota;
        let triggers = transaction.commit();
        Outcome { zxid: self.zxid, result, triggers, ended_session: None, is_over_quota }
    }
}

fn check_data(data: Option<&bytes::Bytes>) -> Result<(), ErrorCode> {
    if data.is_some_and(|data| data.len() > DATA_BYTES_MAX) { Err(ErrorCode::BadArguments) } else { Ok(()) }
}

/// Compares an expected version. -1 matches any, also after a version has wrapped to it.
fn check_version(expected: i32, found: i32) -> Result<(), ErrorCode> {
    if expected == ANY_VERSION || expected == found { Ok(()) } else { Err(ErrorCode::BadVersion) }
}

#[cfg(test)]
mod tests;
