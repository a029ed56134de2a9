//! How long a command may be, checked against everything on its way when this is compiled.

use crate::peers::FRAME_BYTES_MAX;
use crate::proposer::ENTRY_BYTES_MAX;
use crate::storage::READ_BYTES_MAX;

/// The longest command that can be proposed, in bytes. Alone in an entry it fits into a message between nodes and into the
/// journal.
pub const COMMAND_BYTES_MAX: usize = 72 << 20;

/// Numbers and lengths around the commands of an entry, and around the entries of a message. Each command costs at most 6,
/// which an entry of many tiny ones doubles at worst: [`ENTRY_BYTES_MAX`] more.
const AROUND: usize = ENTRY_BYTES_MAX + (64 << 10);

/// An entry is one proposal, of one long command or of several that are short, and what fits beside it.
const LONGEST_ENTRY: usize = COMMAND_BYTES_MAX + ENTRY_BYTES_MAX + AROUND;

const _: () = assert!(LONGEST_ENTRY + READ_BYTES_MAX <= FRAME_BYTES_MAX);
const _: () = assert!(LONGEST_ENTRY <= journal::ENTRY_BYTES_MAX);
