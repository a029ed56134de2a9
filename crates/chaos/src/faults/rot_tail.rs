//! Rot where it can't be told from a write that a power cut tore: in what was written last.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::stage::list;
use super::{Bite, Fault, Stage};
use crate::disk::rot::{self, Done};
use crate::net::{HostId, Overlay, Quality};
use crate::time;

/// Of three nodes one is cut off, so that the leader and the other hold all that is acknowledged. Both are killed; the
/// follower loses a bit of what it wrote last, and must go on with the one that was cut off, while the leader stays down.
/// Only one disk is damaged and a quorum is up: nothing that was acknowledged may be lost. A node that takes the damage for
/// a torn write, cuts it off and votes as if nothing had been there loses it.
#[derive(Default)]
pub struct RotTail {
    leader: Option<HostId>,
    damaged: Option<HostId>,
    done: Option<Done>,
    refused: Option<String>,
}

/// How long the cut lasts: writes must be acknowledged meanwhile.
const APART: Duration = Duration::from_millis(1500);
/// What the follower's answer takes to the leader, and the leader's to a client.
const ANSWERED: Duration = Duration::from_millis(10);
/// How long a node may take to refuse.
const REFUSAL_MAX: Duration = Duration::from_secs(3);

impl RotTail {
    fn cut_off(stage: &Stage, lonely: HostId, others: [HostId; 2]) -> Overlay {
        let ways = others.into_iter().flat_map(|other| [(lonely, other), (other, lonely)]);
        stage.world.switch.lay(ways.map(|way| (way, Quality::cut())).collect())
    }
}

impl Fault for RotTail {
    fn name(&self) -> String {
        "rot in what was written last".into()
    }

    fn detail(&self) -> String {
        let damaged: Vec<HostId> = self.damaged.into_iter().collect();
        let done = self.done.as_ref().map_or_else(|| "nothing to damage".into(), ToString::to_string);
        format!("{}: {done}", list(&damaged))
    }

    fn begin(&mut self, stage: &mut Stage) -> Result<()> {
        let settled = stage.settle()?;
        let leader = stage.world.leader()?;
        let others: Vec<HostId> = stage.shuffled().into_iter().filter(|host| Some(*host) != leader).collect();
        let (Some(leader), [damaged, lonely], true) = (leader, others.as_slice(), settled) else {
            return Ok(());
        };
        let (damaged, lonely) = (*damaged, *lonely);
        let cut = Self::cut_off(stage, lonely, [leader, damaged]);
        time::pause(APART)?;
        stage.world.node(damaged).kill()?;
        time::nap(ANSWERED);
        stage.world.node(leader).kill()?;
        let journal = stage.world.node(damaged).data().join("journal");
        self.done = Some(rot::damage_last(&journal)?);
        (self.leader, self.damaged) = (Some(leader), Some(damaged));
        stage.world.switch.lift(&cut);
        stage.excused.insert(damaged);
        let node = stage.world.node(damaged);
        node.start()?;
        if let Some(status) = time::wait_for(REFUSAL_MAX, || node.ended())? {
            self.refused =
                Some(format!("{status}: {}", node.last_words().lines().last().unwrap_or("no word")));
        }
        Ok(())
    }

    fn end(&mut self, stage: &mut Stage) -> Result<Bite> {
        let (Some(leader), Some(damaged), Some(done)) = (self.leader, self.damaged, self.done.clone()) else {
            return Ok(Bite::Toothless("this needs three nodes of which one leads".into()));
        };
        stage.world.node(leader).start()?;
        stage.excused.remove(&damaged);
        let Some(refused) = self.refused.clone() else {
            return Ok(Bite::Bit(format!("{done}; the node took no notice and went on without its leader")));
        };
        // The bit is flipped back, as from a copy.
        let again = rot::damage_last(&stage.world.node(damaged).data().join("journal"))?;
        ensure!(again.file == done.file && again.at == done.at, "the damage was undone where it was done");
        stage.world.node(damaged).start()?;
        Ok(Bite::Bit(format!("{done}; refused ({refused}); the file was brought back")))
    }
}
