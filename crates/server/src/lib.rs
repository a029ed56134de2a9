//! Assembles a node: configuration, listeners, lifecycle, admin HTTP, metrics.
