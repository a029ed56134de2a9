//! This node's session: made, taken up again, lost.

use control::{CloseReason, Connection, Delivery};
use tree::{Command, ErrorCode, Operation, Reply, SessionId};

use super::{Keeper, new_password};

impl Keeper {
    /// Takes the session up that there was, or makes another.
    pub(super) async fn take_session(&mut self, link: &mut Connection) -> Result<(), CloseReason> {
        let timeout_ms = u32::try_from(self.catalog.config.session_timeout.as_millis()).unwrap_or(u32::MAX);
        if let Some(session) = self.session {
            let attach = Operation::AttachSession { session, password: self.password, timeout_ms };
            match self.ask(link, attach).await? {
                Ok(_) => return Ok(()),
                Err(error) => {
                    tracing::warn!(%session, %error, "this node's session has ended, and with it its exclusive queues");
                    self.lose_session();
                }
            }
        }
        self.password = new_password(&*self.catalog.runtime.entropy);
        let create = Operation::CreateSession { timeout_ms, password: self.password };
        match self.ask(link, create).await? {
            Ok(Reply::SessionCreated { session, .. }) => {
                tracing::info!(%session, "this node has a session");
                self.session = Some(session);
                Ok(())
            }
            // Not to be expected, and to be tried again like everything that has an end.
            _ => Err(CloseReason::Unknown),
        }
    }

    /// It is known to have ended.
    pub(super) fn lose_session(&mut self) {
        self.session = None;
        self.catalog.session.send_if_modified(|session| session.take().is_some());
    }

    /// A command of this connection that has a session, or wants one.
    pub(super) fn command(&self, link: &Connection, operation: Operation) -> Command {
        Command {
            session: link.session().unwrap_or(SessionId::NONE),
            origin: link.owner(),
            identities: self.identities.to_vec(),
            enforce_quotas: false,
            operation,
        }
    }

    /// The answer to a command of a connection that has nothing else under way.
    async fn ask(
        &mut self,
        link: &mut Connection,
        operation: Operation,
    ) -> Result<Result<Reply, ErrorCode>, CloseReason> {
        let command = self.command(link, operation);
        link.turn(|turn| turn.propose(&command)).expect("sessions are let in however full the tree is");
        loop {
            link.notified().await;
            let heard = link.turn(|turn| {
                let mut answer = None;
                while let Some(delivery) = turn.next_delivery() {
                    match delivery {
                        Delivery::Done { result, .. } => answer = Some(result),
                        Delivery::Closed(reason) => return Err(reason),
                        Delivery::Event { .. } | Delivery::Deferred(_) => {}
                    }
                }
                Ok(answer)
            });
            if let Some(answer) = heard? {
                return Ok(answer);
            }
        }
    }
}
