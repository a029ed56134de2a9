//! Joins ZooKeeper's `reconfig` to the control plane's group.

use consensus::{Group, Member, MemberChange, MembershipError, NodeId};
use runtime::BoxFuture;
use tree::EnsembleMember;
use zookeeper::{Ensemble, ReshapeError};

/// The members of a group, as ZooKeeper clients change them.
pub(crate) struct GroupEnsemble(pub(crate) Group);

impl Ensemble for GroupEnsemble {
    fn reshape(
        &self,
        before: Vec<EnsembleMember>,
        after: Vec<EnsembleMember>,
    ) -> BoxFuture<'static, Result<(), ReshapeError>> {
        let group = self.0.clone();
        let members = |all: Vec<EnsembleMember>| all.iter().map(member).collect::<Vec<_>>();
        let change = MemberChange::Reshape { before: members(before), after: members(after) };
        tracing::info!(?change, "asked to change the members");
        Box::pin(async move {
            group.change_members(change).await.map_err(|error| match error {
                MembershipError::OtherMembers => ReshapeError::OtherMembers,
                MembershipError::NotInStep(why) => ReshapeError::NotInStep(why),
                MembershipError::Refused(why) => ReshapeError::Refused(why),
                MembershipError::Unavailable(why) => ReshapeError::Unavailable(why.to_string()),
            })?;
            group.barrier().await.map_err(|why| ReshapeError::Unavailable(why.to_string()))
        })
    }
}

fn member(member: &EnsembleMember) -> Member {
    Member { node: NodeId(member.node), address: member.address.as_str().to_owned(), voter: member.is_voter }
}
