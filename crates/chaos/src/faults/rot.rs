//! Files that are not as they were written.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::stage::list;
use super::{Bite, Fault, Stage, Who};
use crate::disk::rot::{self, Damage, Done};
use crate::net::HostId;
use crate::time;

/// A node that is down has one of its files damaged, and is started. It must refuse to run, or come to no harm. Then its
/// operator brings the file back, or gives the node up and lets another join in its place.
pub struct Rot {
    damage: Damage,
    replace: bool,
    host: Option<HostId>,
    done: Option<Done>,
    before: Vec<u8>,
    refused: Option<String>,
}

/// How long a node may take to find damage when it starts.
const REFUSAL_MAX: Duration = Duration::from_secs(10);
/// How long a node that joins may take to serve.
const JOIN_MAX: Duration = Duration::from_secs(30);

impl Rot {
    /// Damage of this kind. A node that refuses is replaced if `replace`, as long as there are hosts for others.
    pub fn new(damage: Damage, replace: bool) -> Self {
        Self { damage, replace, host: None, done: None, before: Vec::new(), refused: None }
    }

    fn replace(&mut self, stage: &mut Stage, host: HostId, spare: HostId) -> Result<()> {
        stage.given_up.insert(host);
        let member = stage.world.leader()?.context("somebody leads, so that another can join")?;
        let node = stage.world.node(spare);
        node.join(member);
        node.start()?;
        if time::wait_for(JOIN_MAX, || Ok(node.srvr()))?.is_none() {
            let words = node.last_words();
            stage
                .complaints
                .push(format!("node {} joined and did not serve within {JOIN_MAX:?}:\n{words}", spare.0));
        }
        Ok(())
    }
}

impl Fault for Rot {
    fn name(&self) -> String {
        match self.damage {
            Damage::Bit => "bit rot",
            Damage::Sector => "lost sector",
            Damage::Truncated => "truncated file",
        }
        .into()
    }

    fn detail(&self) -> String {
        let hosts: Vec<HostId> = self.host.into_iter().collect();
        let done = self.done.as_ref().map_or_else(|| "nothing to damage".into(), ToString::to_string);
        format!("{}: {done}", list(&hosts))
    }

    fn begin(&mut self, stage: &mut Stage) -> Result<()> {
        // Two nodes that are not up to date are no minority.
        if !stage.settle()? {
            return Ok(());
        }
        let Some(host) = stage.choose(Who::Any)?.first().copied() else { return Ok(()) };
        self.host = Some(host);
        let data = stage.world.node(host).data();
        stage.world.node(host).kill()?;
        let files = contents(&data)?;
        let done = rot::damage(&data, self.damage, &mut stage.rng)?;
        self.before = files.get(&done.file).cloned().unwrap_or_default();
        self.done = Some(done);
        stage.excused.insert(host);
        let node = stage.world.node(host);
        node.start()?;
        let ended = time::wait_for(REFUSAL_MAX, || match node.ended()? {
            Some(status) => Ok(Some(Some(status))),
            None => Ok(node.srvr().map(|_| None)),
        })?;
        if let Some(Some(status)) = ended {
            let words = node.last_words();
            self.refused = Some(format!("{status}: {}", words.lines().last().unwrap_or("no word")));
        }
        stage.excused.remove(&host);
        Ok(())
    }

    fn end(&mut self, stage: &mut Stage) -> Result<Bite> {
        let (Some(host), Some(done)) = (self.host, self.done.clone()) else {
            return Ok(Bite::Toothless("the nodes did not settle, so none was damaged".into()));
        };
        let Some(refused) = self.refused.clone() else {
            // Nothing that it serves may be wrong; the clients see to that.
            return Ok(Bite::Bit(format!("{done}; the node came to no harm")));
        };
        match stage.world.spare().filter(|_| self.replace) {
            Some(spare) => {
                self.replace(stage, host, spare)?;
                Ok(Bite::Bit(format!("{done}; refused ({refused}); node {} joined instead", spare.0)))
            }
            None => {
                std::fs::write(&done.file, &self.before).context("bring a damaged file back")?;
                stage.world.node(host).start()?;
                Ok(Bite::Bit(format!("{done}; refused ({refused}); the file was brought back")))
            }
        }
    }
}

/// What is in all files below.
fn contents(folder: &std::path::Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files.append(&mut contents(&path)?);
        } else {
            let bytes = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            files.insert(path, bytes);
        }
    }
    Ok(files)
}
