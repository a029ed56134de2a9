//! One append-only, checksummed, group-committed log a node.
