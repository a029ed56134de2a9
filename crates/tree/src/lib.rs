//! The control-plane state machine: znodes, sessions, watches; pure and deterministic.
