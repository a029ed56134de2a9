//! A survivor of a lost majority founds the cluster anew: on its data directory, while no node runs on it.

use std::path::Path;

use consensus::recovery;
pub use consensus::recovery::Remains;
pub use consensus::{EntryId, Member, NodeId};
use journal::Journal;
use runtime::Runtime;

use crate::StartError;
use crate::data_dir::DataDir;
use crate::node::CONTROL;

/// What a data directory has. Changes nothing but what every start does: a torn tail of the journal is cut.
///
/// # Errors
/// If another process uses the directory, or it can't be read.
pub async fn look(runtime: &Runtime, data_dir: &Path) -> Result<Remains, StartError> {
    let held = Held::open(runtime, data_dir).await?;
    let remains = recovery::look(&held.journal, CONTROL).await?;
    held.close().await?;
    Ok(remains)
}

/// Makes the node of this directory the only member of a cluster with a new id; other nodes reach it at `peer`. Says what was
/// there before.
///
/// # Errors
/// As [`look`]; or if it can't be written.
pub async fn found_anew(runtime: &Runtime, data_dir: &Path, peer: &str) -> Result<Remains, StartError> {
    let held = Held::open(runtime, data_dir).await?;
    let remains = recovery::found_anew(runtime, &held.journal, CONTROL, peer).await?;
    held.close().await?;
    Ok(remains)
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
