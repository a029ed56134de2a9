//! Which answers a run has seen: a property that never meets an error proves nothing about errors.

use std::collections::BTreeMap;

use tree::{Command, ErrorCode, Operation, Outcome, Reply, SubOperation};

#[derive(Debug, Default)]
pub struct Coverage {
    seen: BTreeMap<(&'static str, Option<ErrorCode>), usize>,
    rollbacks: usize,
    ephemerals_ended: usize,
    deleted_families: usize,
    parents_made: usize,
    were_there: usize,
}

impl Coverage {
    pub fn note(&mut self, command: &Command, outcome: &Outcome) {
        self.count(operation_name(&command.operation), outcome.result.as_ref().err().copied());
        if let (Operation::Multi(operations), Ok(Reply::Multi(Err(failure)))) =
            (&command.operation, &outcome.result)
        {
            self.rollbacks += usize::from(failure.at > 1);
            self.count(sub_operation_name(&operations[failure.at]), Some(failure.error));
        }
        match outcome.result {
            Ok(Reply::DeletedAll { znodes }) => self.deleted_families += usize::from(znodes > 2),
            Ok(Reply::Ensured { created: true, .. }) => {
                self.parents_made += usize::from(outcome.triggers.len() > 2);
            }
            Ok(Reply::Ensured { created: false, .. }) => self.were_there += 1,
            _ => {}
        }
        if outcome.ended_session.is_some() {
            self.ephemerals_ended += outcome.triggers.len() / 2;
        }
    }

    fn count(&mut self, name: &'static str, error: Option<ErrorCode>) {
        *self.seen.entry((name, error)).or_default() += 1;
    }

    /// Every error of every operation must have come up often.
    pub fn assert_everything_was_reached(&self) {
        use ErrorCode::{
            BadArguments, BadVersion, InvalidAcl, NoAuth, NoChildrenForEphemerals, NoNode, NodeExists,
            NotEmpty, QuotaExceeded, SessionExpired, SessionMoved, TooManyZnodes,
        };
        let expected: [(&str, &[ErrorCode]); 12] = [
            (
                "create",
                &[
                    BadArguments,
                    InvalidAcl,
                    NoNode,
                    NoAuth,
                    NodeExists,
                    NoChildrenForEphemerals,
                    QuotaExceeded,
                    SessionExpired,
                    SessionMoved,
                ],
            ),
            ("delete", &[BadArguments, NoNode, NoAuth, BadVersion, NotEmpty, SessionExpired, SessionMoved]),
            (
                "set data",
                &[BadArguments, NoNode, NoAuth, QuotaExceeded, BadVersion, SessionExpired, SessionMoved],
            ),
            ("set ACL", &[BadArguments, InvalidAcl, NoNode, NoAuth, BadVersion]),
            ("check", &[BadArguments, NoNode, NoAuth, BadVersion]),
            ("multi", &[SessionExpired, SessionMoved]),
            ("attach", &[SessionExpired]),
            ("close", &[SessionExpired]),
            ("expire", &[SessionExpired, SessionMoved]),
            ("reap", &[NoNode, NotEmpty]),
            (
                "delete recursive",
                &[BadArguments, NoNode, NoAuth, BadVersion, TooManyZnodes, SessionExpired, SessionMoved],
            ),
            (
                "ensure",
                &[
                    BadArguments,
                    InvalidAcl,
                    NoNode,
                    NoAuth,
                    NoChildrenForEphemerals,
                    QuotaExceeded,
                    TooManyZnodes,
                    SessionExpired,
                    SessionMoved,
                ],
            ),
        ];
        for (name, errors) in expected {
            for error in errors {
                assert!(
                    self.seen.contains_key(&(name, Some(*error))),
                    "no {name} failed with {error:?}: {self:?}"
                );
            }
            assert!(
                name == "check" || self.seen.contains_key(&(name, None)),
                "no {name} succeeded: {self:?}"
            );
        }
        assert!(self.rollbacks > 50, "only {} multis were rolled back", self.rollbacks);
        assert!(self.parents_made > 50, "only {} were created with their parents", self.parents_made);
        assert!(self.were_there > 50, "only {} were there already", self.were_there);
        assert!(self.ephemerals_ended > 50, "only {} ephemerals ended with a session", self.ephemerals_ended);
    }

    pub fn assert_families_were_deleted(&self) {
        assert!(self.deleted_families > 50, "only {} subtrees were deleted at once", self.deleted_families);
    }
}

fn operation_name(operation: &Operation) -> &'static str {
    match operation {
        Operation::Create(_) => "create",
        Operation::Delete(_) => "delete",
        Operation::SetData(_) => "set data",
        Operation::SetAcl(_) => "set ACL",
        Operation::Multi(_) => "multi",
        Operation::DeleteRecursive(_) => "delete recursive",
        Operation::Ensure(_) => "ensure",
        Operation::CreateSession { .. } => "create session",
        Operation::AttachSession { .. } => "attach",
        Operation::CloseSession => "close",
        Operation::ExpireSession { .. } => "expire",
        Operation::Reap { .. } => "reap",
        Operation::Announce { .. } => "announce",
    }
}

fn sub_operation_name(operation: &SubOperation) -> &'static str {
    match operation {
        SubOperation::Create(_) => "create",
        SubOperation::Delete(_) => "delete",
        SubOperation::SetData(_) => "set data",
        SubOperation::Check(_) => "check",
    }
}
