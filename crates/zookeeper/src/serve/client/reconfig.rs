//! `reconfig`: the requests behind it wait until the members are changed, and this node knows.

use std::sync::Arc;

use bytes::BytesMut;
use control::View;
use runtime::BoxFuture;
use tree::EnsembleMember;

use crate::codec::{ErrorCode, ReplyBody, Xid, put_error_frame};
use crate::ensemble::{Ensemble, ReshapeError};
use crate::errors::{Ending, wire_code};
use crate::serve::auth::Who;
use crate::serve::request::{Wanted, convert};

/// Where clients see the members.
const CONFIG: &str = "/zookeeper/config";

type Outcome = Result<(), ReshapeError>;

/// The reconfiguration at the head of a connection's requests.
#[derive(Default)]
pub(super) enum Reconfig {
    #[default]
    None,
    /// What was asked before is not all answered yet.
    Asked(Xid, Wanted),
    /// It is made.
    UnderWay(Xid, BoxFuture<'static, Outcome>),
    /// What came of it.
    Done(Xid, Outcome),
}

impl Reconfig {
    pub(super) fn is_none(&self) -> bool {
        matches!(self, Reconfig::None)
    }

    /// Completes when it is made, or not; never, if there is none.
    pub(super) async fn made(&mut self) {
        let Reconfig::UnderWay(xid, outcome) = self else { return std::future::pending().await };
        *self = Reconfig::Done(*xid, outcome.await);
    }

    /// Goes on, as everything before it is answered: begins, or answers and returns true.
    pub(super) fn go_on(
        &mut self,
        ensemble: &Arc<dyn Ensemble>,
        who: &Who,
        view: &View<'_>,
        out: &mut BytesMut,
    ) -> Result<bool, Ending> {
        match std::mem::take(self) {
            Reconfig::Asked(xid, wanted) => match plan(&wanted, who, view) {
                Ok((before, after)) => *self = Reconfig::UnderWay(xid, ensemble.reshape(before, after)),
                Err(code) => {
                    put_error_frame(xid, view.zxid().0, code, out);
                    return Ok(true);
                }
            },
            Reconfig::Done(xid, outcome) => {
                match outcome {
                    Ok(()) => answer(xid, who, view, out),
                    Err(ReshapeError::Unavailable(why)) => return Err(Ending::ReconfigUnknown { why }),
                    Err(error) => {
                        tracing::warn!(%error, "reconfig was refused");
                        put_error_frame(xid, view.zxid().0, code(&error), out);
                    }
                }
                return Ok(true);
            }
            other => *self = other,
        }
        Ok(false)
    }
}

type Members = Vec<EnsembleMember>;

/// The members that there are and those that there are to be. Errors in the order in which ZooKeeper looks for them.
fn plan(wanted: &Wanted, who: &Who, view: &View<'_>) -> Result<(Members, Members), ErrorCode> {
    if wanted.version.is_some_and(|version| version != view.tree().members_version().0) {
        return Err(ErrorCode::BAD_VERSION);
    }
    let before: Members = view.tree().members().map(|(member, _)| member.clone()).collect();
    let after = wanted.applied_to(&before).map_err(|error| {
        tracing::info!(%error, "reconfig makes no sense");
        ErrorCode::BAD_ARGUMENTS
    })?;
    view.tree().check_write(CONFIG, &who.identities).map_err(wire_code)?;
    Ok((before, after))
}

fn code(error: &ReshapeError) -> ErrorCode {
    match error {
        ReshapeError::OtherMembers => ErrorCode::RECONFIG_IN_PROGRESS,
        ReshapeError::NotInStep(_) => ErrorCode::NEW_CONFIG_NO_QUORUM,
        ReshapeError::Refused(_) => ErrorCode::BAD_ARGUMENTS,
        ReshapeError::Unavailable(_) => ErrorCode::CONNECTION_LOSS,
    }
}

fn answer(xid: Xid, who: &Who, view: &View<'_>, out: &mut BytesMut) {
    match view.tree().data(CONFIG, &who.identities) {
        Ok(node) => {
            let data = node.data.map(|data| &data[..]);
            ReplyBody::Data(data, convert::stat(&node.stat)).put_frame(xid, view.zxid().0, out);
        }
        Err(error) => put_error_frame(xid, view.zxid().0, wire_code(error), out),
    }
}
