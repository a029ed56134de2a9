//! Bytes of old files that go bad while their node is down: it must refuse to start, and another comes in for it.
//!
//! Only what lies before the end of the journal is damaged: the last batch that was written can't be told from one that a
//! power loss tore.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use runtime::SimDisk;
use runtime::disk::sim::{Crash, SECTOR_BYTES};
use tracing::info;

use super::{Active, Roster, Scene};
use crate::world::{End, Phase, World};

/// How bytes go bad.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Flip,
    Zero,
    Stale,
    Misdirect,
}

/// A node whose files go bad.
struct Damage {
    node: u64,
    way: Way,
    /// What was on the disk before.
    backup: SimDisk,
    stage: Stage,
    complaint: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It works until then.
    Before(Duration),
    /// It has been started on the damaged disk; if it is up then, the damage hit nothing that it needs.
    Judged(Duration),
    /// It refused to start.
    Refused,
    /// Nothing came of it.
    Harmless,
}

/// A node that is up for so long has read all that it needs.
const READ_WITHIN: Duration = Duration::from_millis(1500);
/// The newest segments may hold the end of the journal, or nothing yet.
const NEWEST_SEGMENTS: usize = 3;
/// A snapshot is taken within this time, most often.
const SNAPSHOT_WITHIN: Duration = Duration::from_millis(200);
/// Something must have changed for a sector to be stale.
const STALE_AFTER: Duration = Duration::from_secs(3);
const TRIES: u32 = 300;

impl Damage {
    fn begin(scene: Scene<'_>, way: Way) -> Option<Box<dyn Active>> {
        // Not while another fault is about to lose a node, even this one.
        scene.roster.may_change().then_some(())?;
        let may = |node: &u64| scene.roster.can_lose(scene.world, *node);
        let nodes: Vec<u64> = scene.free_nodes().into_iter().filter(may).collect();
        let node = nodes.choose(scene.rng).copied()?;
        scene.roster.spare(scene.world)?;
        scene.roster.begin_loss(node);
        let backup = scene.world.machine(node).disk.borrow().backup();
        // So that there is a file that is old.
        scene.world.machine(node).requests.take_snapshot();
        let works_for = if way == Way::Stale { STALE_AFTER } else { SNAPSHOT_WITHIN };
        let stage = Stage::Before(scene.world.elapsed() + works_for);
        Some(Box::new(Damage { node, way, backup, stage, complaint: None }))
    }

    /// Takes the node down and damages it, if the cluster can do without it now.
    fn strike(&mut self, world: &mut World, roster: &Roster, rng: &mut StdRng) -> Stage {
        let runs = matches!(*world.machine(self.node).phase.borrow(), Phase::Running(_));
        if !runs || !roster.can_lose(world, self.node) {
            return Stage::Harmless;
        }
        world.end(self.node, End::PowerLoss(Crash::LoseUnsynced));
        let disk = world.machine(self.node).disk.borrow().clone();
        let hit = (0..TRIES).any(|_| spoil(&disk, &self.backup, self.way, rng).is_some());
        world.start(self.node);
        if hit { Stage::Judged(world.elapsed() + READ_WITHIN) } else { Stage::Harmless }
    }

    fn judge(&mut self, world: &mut World, roster: &mut Roster, by: Duration) -> Stage {
        let why = match &*world.machine(self.node).phase.borrow() {
            Phase::Failed(why) => why.clone(),
            Phase::Running(_) if world.elapsed() >= by => return Stage::Harmless,
            _ => return Stage::Judged(by),
        };
        info!(node = self.node, %why, "refused to start");
        if !why.contains("damaged") && !why.contains("missing") {
            self.complaint = Some(format!("node {} does not say that its disk is damaged: {why}", self.node));
        }
        roster.replace(world, self.node);
        Stage::Refused
    }
}

impl Active for Damage {
    fn watch_with(&mut self, world: &mut World, roster: &mut Roster, rng: &mut StdRng) -> bool {
        self.stage = match self.stage {
            Stage::Before(until) if world.elapsed() >= until => self.strike(world, roster, rng),
            Stage::Judged(by) => self.judge(world, roster, by),
            stage => stage,
        };
        matches!(self.stage, Stage::Refused | Stage::Harmless)
    }

    fn holds_on(&self, _world: &World, _roster: &Roster) -> bool {
        true
    }

    fn complaint(&self, _world: &World) -> Option<String> {
        self.complaint.clone()
    }

    fn end(self: Box<Self>, world: &mut World, roster: &mut Roster) -> u64 {
        roster.end_loss();
        if let Stage::Judged(_) = self.stage {
            // Nobody waits to see whether it starts.
            roster.replace(world, self.node);
        }
        u64::from(self.stage == Stage::Refused)
    }

    fn nodes(&self) -> Vec<u64> {
        match self.stage {
            Stage::Before(_) => Vec::new(),
            _ => vec![self.node],
        }
    }
}

/// Damages some sector that is not needed at the end of the journal. `None` if the place that was drawn can't be.
fn spoil(disk: &SimDisk, backup: &SimDisk, way: Way, rng: &mut StdRng) -> Option<()> {
    let (path, length) = old_files(disk).choose(rng).cloned()?;
    let sectors = usize::try_from(length).ok()?.div_ceil(SECTOR_BYTES);
    let number = rng.random_range(0..sectors.max(1));
    let present = disk.sector(&path, number).filter(|bytes| !bytes.is_empty())?;
    let bytes = match way {
        Way::Flip => {
            let offset = number * SECTOR_BYTES + rng.random_range(0..present.len());
            info!(path = %path.display(), offset, "a bit flips");
            return disk.corrupt(&path, offset as u64, rng.random_range(0..8)).ok();
        }
        Way::Zero => vec![0; present.len()],
        Way::Stale => backup.sector(&path, number)?.to_vec(),
        Way::Misdirect => disk.sector(&path, rng.random_range(0..sectors))?.to_vec(),
    };
    let is_other = bytes.len() == present.len() && bytes[..] != present[..];
    info!(path = %path.display(), number, ?way, is_other, "a sector goes bad");
    is_other.then(|| disk.replace_sector(&path, number, &bytes).ok())?
}

/// Segments that are full, the first half of what is in the first segment, and snapshots; with the length that is meant.
fn old_files(disk: &SimDisk) -> Vec<(PathBuf, u64)> {
    let files = disk.files();
    let of = |extension: &str| -> Vec<(PathBuf, u64)> {
        let is_it = |(path, _): &&(PathBuf, u64)| path.extension().is_some_and(|found| found == extension);
        files.iter().filter(is_it).cloned().collect()
    };
    let mut segments = of("segment");
    let first = segments.first().filter(|(path, _)| path.ends_with(FIRST_SEGMENT)).cloned();
    segments.truncate(segments.len().saturating_sub(NEWEST_SEGMENTS));
    if segments.is_empty() {
        let half = |(path, length): (PathBuf, u64)| (path.clone(), first_half(disk, &path, length));
        segments.extend(first.map(half).filter(|(_, half)| *half > 0));
    }
    segments.extend(of("snapshot"));
    segments
}

/// The only segment that was never used for anything else: behind its batches it is empty.
const FIRST_SEGMENT: &str = "0000000000000001.segment";

fn first_half(disk: &SimDisk, path: &Path, length: u64) -> u64 {
    let sectors = usize::try_from(length).unwrap_or(0) / SECTOR_BYTES;
    let is_used =
        |number: &usize| disk.sector(path, *number).is_some_and(|bytes| bytes.iter().any(|byte| *byte != 0));
    let used = (0..sectors).rev().find(is_used).unwrap_or(0);
    (used / 2 * SECTOR_BYTES) as u64
}

pub(super) fn flipped_bit(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    Damage::begin(scene, Way::Flip)
}

pub(super) fn zeroed_sector(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    Damage::begin(scene, Way::Zero)
}

pub(super) fn stale_sector(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    Damage::begin(scene, Way::Stale)
}

pub(super) fn misdirected_write(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    Damage::begin(scene, Way::Misdirect)
}
