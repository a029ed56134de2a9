//! The frames of one shard's replica: recent ones in memory, older ones in segment files.
//!
//! A shard's log carries frames of many partitions. The state machine keeps what is to be known of each; the frames
//! themselves go to [`Frames`], by partition and offset, and are asked for when they are to be delivered. This crate knows
//! nothing of Raft, protocols or queues: what is still needed ([`Live`]) is told to it.
//!
//! # In memory
//! [`Frames::append`] keeps a frame as it comes, as a part of the log's entry: nothing is copied or written, the log has it
//! already. [`Frames::release`] frees it early; most messages of a busy queue never see a segment.
//!
//! # What a checkpoint does
//! [`Frames::freeze`] sets apart what was appended so far; [`FrozenFrames::write`] writes what is live of it, for all
//! partitions together, into one new file, makes it durable, and gives a [`Manifest`]: the files that hold all that is
//! live. When the manifest is durable, with the state that it belongs to, [`Frames::keep_only`] removes the files that only
//! earlier ones named.
//!
//! A checkpoint also looks at the old files. One with nothing live is left out. The live frames of others are written into
//! the new file too: of those with less than [`Config::live_percent_min`] live, and of those of a *tier* that is full. A
//! file is of the lowest tier with up to 64 KiB that is live, and of the next with up to [`Config::tier_files`] (8) times
//! as much, and so on; a tier is full with as many files, the new one counted.
//!
//! So there are at most 7 files a tier, and one more for each 128 MiB that is live (half of [`Config::rewrite_bytes_max`],
//! beyond which files are not merged): a few dozen, however many checkpoints there were and however many partitions there
//! are. A frame that lives for long is written about once a tier. Of what files hold, at least half is live, but for files
//! whose turn has not come: a checkpoint rewrites no more than [`Config::rewrite_bytes_max`], and it starts with the
//! emptiest.
//!
//! # What is promised
//! - When [`FrozenFrames::write`] has returned, the files of its manifest are whole and durable. Whenever the power goes,
//!   before or after, the files of the newest durable manifest are there, until [`Frames::keep_only`] is called with a
//!   later one.
//! - Every live frame can be read at any moment, by any number of readers, and no reader or checkpoint holds up an append.
//! - A checkpoint that fails changes nothing: not what can be read, not the manifest, not what the next one will write.
//! - Damage is found when it is read, by the checksum of the block, and told with file and position; no damaged frame is
//!   ever given. Opening reads and checks everything but the blocks, [`Manifest::verify`] everything.
//! - No name is given to two files, so copies of files from other replicas can be kept by name ([`Config::origin`]).
//!
//! What is not: frames that were appended after the newest durable checkpoint are lost with the process. The log has them.
//!
//! # Files
//! Described in `format`: blocks of frames sorted by partition and offset, then an index of the blocks, then a footer. The
//! index of a file stays in memory, at 32 bytes a block and 16 a partition in it: for ten million frames of 100 bytes of a
//! few partitions, half a megabyte.

mod config;
mod error;
mod frames;
mod live;
mod manifest;

mod memory;
mod store;

mod checkpoint;
mod open;
mod read;
mod remove;
mod verify;

mod format;
mod name;
mod segment;

pub use checkpoint::FrozenFrames;
pub use config::Config;
pub use error::{CheckpointError, ManifestError, OpenError, ReadError, RemoveError, VerifyError};
pub use frames::{Frames, Stats};
pub use live::Live;
pub use manifest::{Manifest, ManifestFile};
