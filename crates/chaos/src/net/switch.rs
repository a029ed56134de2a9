//! The switch between the hosts of a run.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::link::Link;
use super::tap::receiver;
use super::{Counts, HostId, Quality, Tap};
use crate::time::elapsed;

/// From a host to another.
pub type Way = (HostId, HostId);

/// Longest Ethernet frame that a device hands out.
const FRAME_BYTES_MAX: usize = 2048;
/// Frames on their way at most; more are lost, as in any switch.
const FRAMES_MAX: usize = 100_000;
/// Frames taken from one host before the others get their turn.
const TURN: usize = 64;
/// How soon the switch hears that it shall end.
const LOOK: Duration = Duration::from_millis(20);

/// Passes frames between hosts, on a thread of its own. Stops when dropped.
pub struct Switch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    links: Mutex<Links>,
    stop: AtomicBool,
}

#[derive(Default)]
struct Links {
    links: BTreeMap<Way, Link>,
    overlays: BTreeMap<u64, Vec<(Way, Quality)>>,
    next: u64,
}

/// A fault that lies on links until it is taken off. Several may lie on one: it then has the worst of each.
#[derive(Debug)]
pub struct Overlay {
    number: u64,
    ways: Vec<Way>,
    before: Counts,
}

impl Switch {
    /// Begins to pass frames between the hosts of these devices. `seed` decides by chance.
    ///
    /// # Errors
    /// If its thread can't be started.
    pub fn start(taps: Vec<Tap>, seed: u64) -> Result<Self> {
        let hosts: Vec<HostId> = taps.iter().map(Tap::host).collect();
        let ways = hosts.iter().flat_map(|from| hosts.iter().map(move |to| (*from, *to)));
        let links = ways.filter(|(from, to)| from != to).map(|way| (way, Link::default())).collect();
        let links = Mutex::new(Links { links, ..Links::default() });
        let shared = Arc::new(Shared { links, stop: AtomicBool::new(false) });
        let forwarder = Forwarder {
            shared: Arc::clone(&shared),
            taps: taps.into_iter().map(|tap| (tap.host(), tap)).collect(),
            rng: StdRng::seed_from_u64(seed),
            under_way: BinaryHeap::new(),
            count: 0,
        };
        let thread = std::thread::Builder::new().name("switch".into()).spawn(move || forwarder.run());
        Ok(Self { shared, thread: Some(thread.context("start the switch's thread")?) })
    }

    /// Lays a fault on links.
    pub fn lay(&self, faults: Vec<(Way, Quality)>) -> Overlay {
        let mut links = self.shared.links.lock();
        let number = links.next;
        links.next += 1;
        let ways: Vec<Way> = faults.iter().map(|(way, _)| *way).collect();
        links.overlays.insert(number, faults);
        links.settle();
        let before = links.counts(&ways);
        Overlay { number, ways, before }
    }

    /// What links with this fault did to frames since it lies there.
    pub fn counts(&self, overlay: &Overlay) -> Counts {
        self.shared.links.lock().counts(&overlay.ways).since(overlay.before)
    }

    /// Takes a fault off, and tells what happened under it.
    pub fn lift(&self, overlay: &Overlay) -> Counts {
        let counts = self.counts(overlay);
        let mut links = self.shared.links.lock();
        links.overlays.remove(&overlay.number);
        links.settle();
        counts
    }

    /// What all links did to frames.
    pub fn total(&self) -> Counts {
        let links = self.shared.links.lock();
        links.links.values().fold(Counts::default(), |sum, link| sum.plus(link.counts))
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A switch that panicked has said so already.
            let _ = thread.join();
        }
    }
}

impl Links {
    /// Gives every link the quality that the faults on it make.
    fn settle(&mut self) {
        for (way, link) in &mut self.links {
            let faults = self.overlays.values().flatten().filter(|(on, _)| on == way);
            link.quality = faults.fold(Quality::default(), |sum, (_, quality)| sum.and(*quality));
        }
    }

    fn counts(&self, ways: &[Way]) -> Counts {
        let links = ways.iter().filter_map(|way| self.links.get(way));
        links.fold(Counts::default(), |sum, link| sum.plus(link.counts))
    }
}

/// The switch's thread.
struct Forwarder {
    shared: Arc<Shared>,
    taps: BTreeMap<HostId, Tap>,
    rng: StdRng,
    under_way: BinaryHeap<Reverse<Frame>>,
    count: u64,
}

/// A frame on its way; the earliest comes first, and of those due together the first that was sent.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Frame {
    due: Duration,
    number: u64,
    to: HostId,
    bytes: Vec<u8>,
}

impl Forwarder {
    fn run(mut self) {
        while !self.shared.stop.load(Ordering::Relaxed) {
            self.wait();
            let hosts: Vec<HostId> = self.taps.keys().copied().collect();
            hosts.into_iter().for_each(|host| self.take_from(host));
            self.deliver_due();
        }
    }

    /// Until a host sends, a frame is due, or it is time to look whether to stop.
    fn wait(&self) {
        let next = self.under_way.peek().map(|Reverse(frame)| frame.due.saturating_sub(elapsed()));
        let wait = next.unwrap_or(LOOK).min(LOOK);
        let timeout = Timespec { tv_sec: 0, tv_nsec: wait.subsec_nanos().into() };
        let mut ends: Vec<PollFd<'_>> =
            self.taps.values().map(|tap| PollFd::new(tap, PollFlags::IN)).collect();
        // An interrupted wait is over early, and that is all.
        let _ = poll(&mut ends, Some(&timeout));
    }

    fn take_from(&mut self, from: HostId) {
        let mut buffer = [0; FRAME_BYTES_MAX];
        for _ in 0..TURN {
            let Some(length) = self.taps.get(&from).and_then(|tap| tap.receive(&mut buffer)) else { return };
            let frame = &mut buffer[..length];
            // Nobody needs to ask for addresses, so what is for all is for nobody.
            let Some(to) = receiver(frame) else { continue };
            let now = elapsed();
            let arrivals = match self.shared.links.lock().links.get_mut(&(from, to)) {
                Some(link) => link.carry(now, frame, &mut self.rng),
                None => continue,
            };
            for due in arrivals.into_iter().flatten() {
                if due <= now {
                    self.taps.get(&to).into_iter().for_each(|tap| tap.deliver(frame));
                } else if self.under_way.len() < FRAMES_MAX {
                    self.count += 1;
                    let number = self.count;
                    self.under_way.push(Reverse(Frame { due, number, to, bytes: frame.to_vec() }));
                }
            }
        }
    }

    fn deliver_due(&mut self) {
        let now = elapsed();
        while self.under_way.peek().is_some_and(|Reverse(frame)| frame.due <= now) {
            let Some(Reverse(frame)) = self.under_way.pop() else { return };
            if let Some(tap) = self.taps.get(&frame.to) {
                tap.deliver(&frame.bytes);
            }
        }
    }
}
