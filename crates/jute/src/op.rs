//! The numbers of operations.

macro_rules! op_codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// What a request asks for, as its header names it.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum OpCode {
            $($(#[$doc])* $name,)*
            /// A number that the protocol does not define.
            Unknown(i32),
        }

        impl OpCode {
            /// Every operation that the protocol defines.
            pub const ALL: &[OpCode] = &[$(OpCode::$name,)*];
        }

        impl From<i32> for OpCode {
            fn from(number: i32) -> Self {
                match number {
                    $($number => OpCode::$name,)*
                    other => OpCode::Unknown(other),
                }
            }
        }

        impl From<OpCode> for i32 {
            fn from(op: OpCode) -> i32 {
                match op {
                    $(OpCode::$name => $number,)*
                    OpCode::Unknown(other) => other,
                }
            }
        }
    };
}

op_codes! {
    /// Sent by servers only.
    Notification = 0,
    /// Create a znode; the reply is its path.
    Create = 1,
    /// Delete a znode.
    Delete = 2,
    /// The stat of a znode, and a watch that works also when there is none.
    Exists = 3,
    /// Data and stat.
    GetData = 4,
    /// Replace the data.
    SetData = 5,
    /// Access control list and stat.
    GetAcl = 6,
    /// Replace the access control list.
    SetAcl = 7,
    /// Names of children.
    GetChildren = 8,
    /// Wait for what was committed before.
    Sync = 9,
    /// Sign of life.
    Ping = 11,
    /// Names of children and stat.
    GetChildren2 = 12,
    /// Compare a version; only inside a multi.
    Check = 13,
    /// Several writes, all or none.
    Multi = 14,
    /// Create a znode; the reply is its path and stat.
    Create2 = 15,
    /// Change the ensemble.
    Reconfig = 16,
    /// Ask whether a watch is set.
    CheckWatches = 17,
    /// Take watches away.
    RemoveWatches = 18,
    /// Create a container.
    CreateContainer = 19,
    /// Delete a container; servers only.
    DeleteContainer = 20,
    /// Create a znode that dies when left alone.
    CreateTtl = 21,
    /// Several reads.
    MultiRead = 22,
    /// Add an identity to the connection.
    Auth = 100,
    /// Register watches again after a reconnect.
    SetWatches = 101,
    /// One step of a SASL exchange.
    Sasl = 102,
    /// The session's ephemerals.
    GetEphemerals = 103,
    /// How many descendants a znode has.
    GetAllChildrenNumber = 104,
    /// As [`OpCode::SetWatches`], with persistent watches.
    SetWatches2 = 105,
    /// Set a persistent watch.
    AddWatch = 106,
    /// The connection's identities.
    WhoAmI = 107,
    /// An extension of Quorate's: delete a znode and all below it.
    DeleteRecursive = 1000,
    /// An extension of Quorate's: create a znode unless it is there.
    Ensure = 1001,
    /// An extension of Quorate's: some of a znode's children.
    ListChildren = 1002,
    /// Servers only: a session begins.
    CreateSession = -10,
    /// The session ends.
    CloseSession = -11,
}

impl OpCode {
    /// Whether this is one of Quorate's extensions, which no ZooKeeper server has.
    pub const fn is_extension(self) -> bool {
        matches!(self, Self::DeleteRecursive | Self::Ensure | Self::ListChildren)
    }

    /// ZooKeeper's short name for it, in lists of connections.
    pub const fn short_name(self) -> &'static str {
        match self {
            Self::Ping => "PING",
            Self::CreateSession => "SESS",
            Self::Multi => "MULT",
            Self::MultiRead => "MLTR",
            Self::Create | Self::Create2 | Self::CreateContainer | Self::CreateTtl | Self::Ensure => "CREA",
            Self::Delete | Self::DeleteContainer | Self::DeleteRecursive => "DELE",
            Self::SetData => "SETD",
            Self::Reconfig => "RECO",
            Self::SetAcl => "SETA",
            Self::CloseSession => "CLOS",
            Self::Sync => "SYNC",
            Self::Check => "CHEC",
            Self::Exists => "EXIS",
            Self::GetData => "GETD",
            Self::SetWatches => "SETW",
            Self::SetWatches2 => "STW2",
            Self::AddWatch => "ADDW",
            Self::GetAcl => "GETA",
            Self::GetChildren | Self::GetChildren2 | Self::ListChildren => "GETC",
            Self::GetAllChildrenNumber => "GETACN",
            Self::CheckWatches => "CHKW",
            Self::RemoveWatches => "REMW",
            Self::WhoAmI => "HOMI",
            Self::GetEphemerals => "GETE",
            Self::Notification | Self::Auth | Self::Sasl | Self::Unknown(_) => "NA",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_agree_both_ways() {
        for &op in OpCode::ALL {
            assert_eq!(OpCode::from(i32::from(op)), op);
        }
        assert_eq!(OpCode::from(4711), OpCode::Unknown(4711));
    }
}
