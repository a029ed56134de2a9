//! The control plane on one node: the tree's replica, local watches, proposals, session liveness.
