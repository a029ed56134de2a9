//! Raft groups over the journal and the peer links (openraft).
