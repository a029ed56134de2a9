//! Files that are not as they were written.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::stage::list;
use super::trouble::Trouble;
use super::{Bite, Fault, Stage, Who, operator};
use crate::disk::rot::{self, Damage, Done};
use crate::disk::{Place, Target};
use crate::net::HostId;
use crate::node::Request;
use crate::time;

/// What the operator of a node does that refuses its files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Repair {
    /// Brings the file back.
    BringBack,
    /// Takes the node out, removes its data, and lets it join under a new number: its peers have all that it had.
    Rejoin,
}

/// A node that is down has one of its files damaged, and is started. It must refuse to run and name the file, or come to no
/// harm. Then it is repaired.
pub struct Rot {
    damage: Damage,
    target: Target,
    repair: Repair,
    host: Option<HostId>,
    done: Option<Done>,
    before: Vec<u8>,
    refused: Option<String>,
}

/// How long a node may take to find damage when it starts.
const REFUSAL_MAX: Duration = Duration::from_secs(10);

impl Rot {
    /// Damage of this kind.
    pub fn new(damage: Damage, target: Target, repair: Repair) -> Self {
        Self { damage, target, repair, host: None, done: None, before: Vec::new(), refused: None }
    }

    /// Starts the damaged node, and looks what it makes of that.
    fn look(&mut self, stage: &mut Stage, host: HostId, done: &Done) -> Result<()> {
        let node = stage.world.node(host);
        node.start()?;
        let ended = time::wait_for(REFUSAL_MAX, || match node.ended()? {
            Some(status) => Ok(Some(Some(status))),
            None => Ok(node.srvr().map(|_| None)),
        })?;
        match ended {
            Some(Some(status)) => {
                let words = node.last_words();
                let last = words.lines().last().unwrap_or("no word").to_owned();
                let file = done.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if status.success() || !last.contains(&file) {
                    stage.complaints.push(format!(
                        "{done}; node {} ended with {status} and did not name the file: {last}",
                        host.0
                    ));
                }
                self.refused = Some(format!("{status}: {last}"));
            }
            Some(None) => {}
            None => stage
                .complaints
                .push(format!("{done}; within {REFUSAL_MAX:?} node {} neither refused nor served", host.0)),
        }
        Ok(())
    }

    fn rejoin(stage: &mut Stage, host: HostId) -> Result<Result<u8, String>> {
        let number = stage.world.node(host).number();
        stage.world.node(host).retire()?;
        if let Err(why) = operator::ask(stage, Request::Remove(number), &mut Trouble::default())? {
            return Ok(Err(why));
        }
        operator::let_in(stage, host, true, &mut Trouble::default())
    }
}

impl Fault for Rot {
    fn name(&self) -> String {
        let damage = match self.damage {
            Damage::Bit => "bit rot",
            Damage::Sector => "lost sector",
            Damage::Truncated => "truncated file",
        };
        match self.target {
            Target::Any => damage.into(),
            target => format!("{damage}: {}", target.words()),
        }
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
        if self.target == Target::Snapshot {
            let snapshots = data.join("snapshots");
            stage.fill_logs_until(|_| has_snapshot(&snapshots))?;
            stage.settle()?;
        }
        stage.world.node(host).kill()?;
        let done = match self.target {
            Target::Lock => rot::damage_lock(&data, self.damage)?,
            target => {
                let Some(place) = Place::choose(&data, target, &mut stage.rng)? else {
                    return stage.world.node(host).start();
                };
                self.before = std::fs::read(&place.file).context("keep a file that is to be damaged")?;
                rot::damage(&place, self.damage, &mut stage.rng)?
            }
        };
        stage.excused.insert(host);
        let looked = self.look(stage, host, &done);
        stage.excused.remove(&host);
        self.done = Some(done);
        looked
    }

    fn end(&mut self, stage: &mut Stage) -> Result<Bite> {
        let (Some(host), Some(done)) = (self.host, self.done.clone()) else {
            return Ok(Bite::Toothless(
                "nothing was damaged: there is no such file, or no node was ready".into(),
            ));
        };
        let Some(refused) = self.refused.clone() else {
            // Nothing that it serves may be wrong; the clients see to that.
            return Ok(Bite::Bit(format!("{done}; the node came to no harm")));
        };
        let repaired = match self.repair {
            Repair::BringBack => {
                std::fs::write(&done.file, &self.before).context("bring a damaged file back")?;
                stage.world.node(host).start()?;
                "the file was brought back".into()
            }
            Repair::Rejoin => match Self::rejoin(stage, host)? {
                Ok(number) => format!("its peers gave all to node {number} on the same host"),
                Err(why) => {
                    stage.complaints.push(why);
                    "and not repaired".into()
                }
            },
        };
        Ok(Bite::Bit(format!("{done}; refused ({refused}); {repaired}")))
    }
}

/// Whether there is a snapshot in one of the folders below. It is finished: others are called otherwise.
fn has_snapshot(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().map(|entry| entry.path()).any(|path| {
        path.extension().is_some_and(|extension| extension == "snapshot")
            || (path.is_dir() && has_snapshot(&path))
    })
}
