//! Sessions: made, attached, closed, expired.

use std::collections::BTreeSet;

use super::transaction::Transaction;
use crate::command::Command;
use crate::error::ErrorCode;
use crate::outcome::{Outcome, Reply};
use crate::session::{Owner, Password, Session, SessionId};
use crate::text::Text;
use crate::tree::Tree;

impl Tree {
    /// Whether a connection may write for a session.
    pub(super) fn check_owner(&self, session: SessionId, origin: Owner) -> Result<(), ErrorCode> {
        if session == SessionId::NONE {
            return Ok(());
        }
        match self.store.sessions.get(session) {
            None => Err(ErrorCode::SessionExpired),
            Some(session) if session.owner != origin => Err(ErrorCode::SessionMoved),
            Some(_) => Ok(()),
        }
    }

    pub(super) fn create_session(&mut self, owner: Owner, timeout_ms: u32, password: Password) -> Reply {
        self.session_counter += 1;
        let id = SessionId::new(owner.node, self.session_counter);
        let ephemerals = BTreeSet::new();
        self.store.sessions.insert(Session { id, owner, generation: 0, timeout_ms, password, ephemerals });
        Reply::SessionCreated { session: id, timeout_ms }
    }

    /// The password is checked before anything changes, so that a stranger can not cut the owner off.
    pub(super) fn attach_session(
        &mut self,
        id: SessionId,
        password: &Password,
        timeout_ms: u32,
        origin: Owner,
    ) -> Result<Reply, ErrorCode> {
        let known = self.store.sessions.get(id).is_some_and(|session| session.password.matches(password));
        let session = self.store.sessions.get_mut(id).filter(|_| known).ok_or(ErrorCode::SessionExpired)?;
        session.generation += 1;
        session.timeout_ms = timeout_ms;
        let previous = std::mem::replace(&mut session.owner, origin);
        Ok(Reply::SessionAttached { session: id, generation: session.generation, timeout_ms, previous })
    }

    pub(super) fn close_session(&mut self, command: &Command) -> Outcome {
        self.zxid = self.zxid.next();
        if command.session == SessionId::NONE {
            return self.outcome(Err(ErrorCode::SessionExpired));
        }
        match self.check_owner(command.session, command.origin) {
            Ok(()) => self.end_session(command.session, Reply::SessionClosed),
            Err(error) => self.outcome(Err(error)),
        }
    }

    /// Without effect, and without a zxid, if the session is gone, was attached since, or has another leader's patience.
    pub(super) fn expire_session(&mut self, id: SessionId, generation: u64, epoch: u32) -> Outcome {
        let is_stale = |found: u64| found != generation || epoch != self.zxid.epoch();
        match self.store.sessions.get(id) {
            None => self.outcome(Err(ErrorCode::SessionExpired)),
            Some(session) if is_stale(session.generation) => self.outcome(Err(ErrorCode::SessionMoved)),
            Some(_) => {
                self.zxid = self.zxid.next();
                self.end_session(id, Reply::SessionExpired)
            }
        }
    }

    /// Deletes the session and, in the order of their paths, its ephemerals.
    fn end_session(&mut self, id: SessionId, reply: Reply) -> Outcome {
        let session = self.store.sessions.remove(id);
        let slots = session.map(|session| session.ephemerals).unwrap_or_default();
        let mut doomed: Vec<_> = slots.into_iter().map(|slot| (self.store.path(slot), slot)).collect();
        doomed.sort_unstable();
        let mut transaction = Transaction::new(self, id, &[]);
        for (path, slot) in doomed {
            let slash = path.rfind('/').expect("paths of nodes are absolute");
            transaction.remove(slot, Text::from(path), slash);
        }
        let triggers = transaction.commit();
        Outcome { triggers, ended_session: Some(id), ..self.outcome(Ok(reply)) }
    }
}
