//! Changes of who belongs to the ensemble, which clients ask for and the node above makes.

use runtime::BoxFuture;
use tree::EnsembleMember;

/// Makes the members those that are wanted.
pub trait Ensemble: Send + Sync {
    /// Makes the members `after`, all at once, if they are `before` now. Completes when this node knows.
    fn reshape(
        &self,
        before: Vec<EnsembleMember>,
        after: Vec<EnsembleMember>,
    ) -> BoxFuture<'static, Result<(), ReshapeError>>;
}

/// The members were not changed, or nobody knows whether they were.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReshapeError {
    /// The members are others by now.
    #[error("the members have changed meanwhile")]
    OtherMembers,
    /// There would be no quorum that keeps up; who does not, and what to do.
    #[error("{0}")]
    NotInStep(String),
    /// It can't be done; why.
    #[error("{0}")]
    Refused(String),
    /// Whether it was done is not known.
    #[error("{0}")]
    Unavailable(String),
}
