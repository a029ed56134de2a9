//! The generated protobuf records.

#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]

pub(crate) mod command {
    include!(concat!(env!("OUT_DIR"), "/quorate.tree.command.rs"));
}

pub(crate) mod snapshot {
    include!(concat!(env!("OUT_DIR"), "/quorate.tree.snapshot.rs"));
}
