//! The record that describes a znode to clients.

use crate::zxid::Zxid;

/// What a client sees about a znode, in the order of the wire record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// Transaction that created the node.
    pub czxid: Zxid,
    /// Transaction that last set the data.
    pub mzxid: Zxid,
    /// Creation time, milliseconds since the epoch.
    pub ctime: i64,
    /// Time of the last change of the data, milliseconds since the epoch.
    pub mtime: i64,
    /// Changes of the data; wraps.
    pub version: i32,
    /// Twice the children ever created less the children that exist; wraps. -1 for a fresh root.
    pub cversion: i32,
    /// Changes of the ACL; wraps.
    pub aversion: i32,
    /// Session id of an ephemeral node, otherwise 0.
    pub ephemeral_owner: i64,
    /// Bytes of data; 0 for null data.
    pub data_length: i32,
    /// Children.
    pub num_children: i32,
    /// Transaction that last created or deleted a child; the creation of the node itself before that.
    pub pzxid: Zxid,
}
