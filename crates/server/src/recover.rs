//! A survivor of a lost majority founds the cluster anew: on its data directory, while no node runs on it.

use std::path::Path;

pub use consensus::recovery::Remains;
use consensus::{ConsensusError, recovery};
pub use consensus::{EntryId, Member, NodeId};
use journal::Journal;
use runtime::Runtime;

use crate::StartError;
use crate::data_dir::DataDir;
use crate::node::CONTROL;

/// What a data directory has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Of the control plane's group.
    pub control: Remains,
    /// Of the shards, by number.
    pub shards: Vec<Remains>,
}

impl Found {
    /// Of all groups, by number.
    fn of(all: Vec<Remains>) -> Result<Self, StartError> {
        let (control, shards) = all.into_iter().partition::<Vec<_>, _>(|remains| remains.group == CONTROL);
        let control = control.into_iter().next().ok_or_else(|| {
            ConsensusError::Identity("the data directory has nothing of the control plane".into())
        })?;
        Ok(Self { control, shards })
    }
}

/// What a data directory has. Changes nothing but what every start does: a torn tail of the journal is cut.
///
/// # Errors
/// If another process uses the directory, or it can't be read.
pub async fn look(runtime: &Runtime, data_dir: &Path) -> Result<Found, StartError> {
    let held = Held::open(runtime, data_dir).await?;
    let found = Found::of(recovery::look_at_all(&held.journal).await?)?;
    held.close().await?;
    Ok(found)
}

/// Makes the node of this directory the only member of a cluster with a new id, in all groups that it has; other nodes reach it at
/// `peer`. Says what was there before. Broken off, it is to be repeated.
///
/// # Errors
/// As [`look`]; or if it can't be written.
pub async fn found_anew(runtime: &Runtime, data_dir: &Path, peer: &str) -> Result<Found, StartError> {
    let held = Held::open(runtime, data_dir).await?;
    let found = Found::of(recovery::found_anew(runtime, &held.journal, peer).await?)?;
    held.close().await?;
    Ok(found)
}

/// A directory that no node uses meanwhile.
struct Held {
    journal: Journal,
    _data_dir: DataDir,
}

impl Held {
    async fn open(runtime: &Runtime, dir: &Path) -> Result<Self, StartError> {
        let failed = |source| StartError::DataDir { dir: dir.display().to_string(), source };
        let data_dir = DataDir::open_existing(&*runtime.disk, dir).await.map_err(failed)?;
        let journal = Journal::open(runtime, &data_dir.journal(), journal::Config::default()).await?;
        Ok(Self { journal, _data_dir: data_dir })
    }

    async fn close(self) -> Result<(), StartError> {
        self.journal.close().await.map_err(|error| StartError::Consensus(error.into()))
    }
}
