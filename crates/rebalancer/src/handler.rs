//! What the application does.

use crate::core::{Grant, ResourceId};

/// Why the application could not do it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What the application does with its resources.
///
/// Calls for one member come one after the other, with one exception: a member that is cut off gives up an
/// [`on_start`](Self::on_start) in the middle, by dropping its future, and stops everything at once, also beside an
/// [`on_stop`](Self::on_stop) that is under way.
pub trait Handler: Send + Sync + 'static {
    /// Begins to use resources, and returns when they are in use. Show each grant's token wherever the resource is changed.
    ///
    /// # Errors
    /// Any error ends the membership: the resources are stopped and handed over.
    fn on_start(&self, grants: Vec<Grant>) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Stops using resources, and returns when they certainly are not used any more: others get them then. Some may be ones whose
    /// [`on_start`](Self::on_start) was given up.
    ///
    /// # Errors
    /// Any error ends the membership, and nothing that was to be stopped is handed over before the session ends.
    fn on_stop(&self, resources: Vec<ResourceId>) -> impl Future<Output = Result<(), Failure>> + Send;
}
