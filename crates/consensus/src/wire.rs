//! What is written to disk and to peers; see `proto/consensus.proto`.

#![allow(missing_docs, clippy::all, unreachable_pub)]

include!(concat!(env!("OUT_DIR"), "/quorate.consensus.rs"));
