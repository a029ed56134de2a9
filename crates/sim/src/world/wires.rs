//! What the links between hosts do to what is sent over them, and how often they did it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::Waker;

use parking_lot::Mutex;

use super::Host;

/// A direction between two hosts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Way {
    /// Who sends.
    pub from: Host,
    /// Who should receive.
    pub to: Host,
}

impl Way {
    /// The other direction.
    pub fn back(self) -> Self {
        Self { from: self.to, to: self.from }
    }
}

/// What has happened on a [`Way`] so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// Messages sent.
    pub sent: u64,
    /// Messages that a cut took, attempts to connect included.
    pub dropped: u64,
    /// Messages that were sent while the link was slow or held.
    pub delayed: u64,
    /// Connections that were reset.
    pub resets: u64,
}

/// Why a host takes no connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Down {
    /// Its process is gone: connections are refused.
    Process,
    /// It has no power: nothing answers.
    Power,
}

/// What an attempt to connect meets.
pub(super) enum Reach {
    Open,
    Refused,
    Silent,
}

/// All links of a world. Shared by the streams on them.
#[derive(Default)]
pub struct Wires {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ways: BTreeMap<Way, Link>,
    down: BTreeMap<Host, Down>,
    /// Open streams, by the end that sends.
    streams: Vec<(Way, Weak<End>)>,
}

#[derive(Default)]
struct Link {
    /// How many reasons there are for it to be cut.
    cuts: u32,
    slow: bool,
    traffic: Traffic,
}

/// One end of a stream.
#[derive(Default)]
pub(super) struct End {
    reset: AtomicBool,
    /// Nothing that has arrived is handed out.
    held: AtomicBool,
    /// How often something was there to be handed out, and was not.
    withheld: AtomicU64,
    wakers: Mutex<[Option<Waker>; 2]>,
}

/// Connections that hand out nothing until this is dropped.
pub struct HeldConnections(Vec<Arc<End>>);

impl HeldConnections {
    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How often they handed nothing out when they would have been asked.
    pub fn withheld(&self) -> u64 {
        self.0.iter().map(|end| end.withheld.load(Ordering::Relaxed)).sum()
    }
}

impl Drop for HeldConnections {
    fn drop(&mut self) {
        self.0.iter().for_each(|end| end.release());
    }
}

/// Which half of an [`End`] waits.
#[derive(Clone, Copy)]
pub(super) enum Half {
    Read = 0,
    Write = 1,
}

impl End {
    /// True once the stream was reset; otherwise `waker` is called when it is.
    pub(super) fn is_reset(&self, half: Half, waker: &Waker) -> bool {
        if self.reset.load(Ordering::Relaxed) {
            return true;
        }
        let place = &mut self.wakers.lock()[half as usize];
        match place {
            Some(known) => known.clone_from(waker),
            None => *place = Some(waker.clone()),
        }
        false
    }

    /// True while nothing is handed out. To be asked by who would take something.
    pub(super) fn is_held(&self) -> bool {
        let held = self.held.load(Ordering::Relaxed);
        self.withheld.fetch_add(u64::from(held), Ordering::Relaxed);
        held
    }

    fn release(&self) {
        self.held.store(false, Ordering::Relaxed);
        let wakers = std::mem::take(&mut *self.wakers.lock());
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn reset(&self) {
        self.reset.store(true, Ordering::Relaxed);
        let wakers = std::mem::take(&mut *self.wakers.lock());
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

impl Wires {
    /// Adds a reason to cut a way; true if it was open.
    pub(super) fn cut(&self, way: Way, in_flight: u64) -> bool {
        let mut state = self.state.lock();
        let link = state.ways.entry(way).or_default();
        link.cuts += 1;
        link.traffic.dropped += in_flight;
        link.cuts == 1
    }

    /// Takes a reason away; true if the way is open now.
    pub(super) fn mend(&self, way: Way) -> bool {
        let mut state = self.state.lock();
        let link = state.ways.entry(way).or_default();
        assert!(link.cuts > 0, "{way:?} is mended more often than it was cut");
        link.cuts -= 1;
        link.cuts == 0
    }

    /// Messages on this way are late from now on, or no more.
    pub(super) fn set_slow(&self, way: Way, slow: bool) {
        self.state.lock().ways.entry(way).or_default().slow = slow;
    }

    /// Says whether a host takes connections.
    pub(super) fn set_down(&self, host: Host, down: Option<Down>) {
        let mut state = self.state.lock();
        match down {
            Some(down) => state.down.insert(host, down),
            None => state.down.remove(&host),
        };
    }

    /// What has happened on a way.
    pub fn traffic(&self, way: Way) -> Traffic {
        self.state.lock().ways.get(&way).map(|link| link.traffic).unwrap_or_default()
    }

    /// Resets all streams between two hosts.
    pub(super) fn reset(&self, way: Way) {
        let mut state = self.state.lock();
        let state = &mut *state;
        state.streams.retain(|(_, end)| end.strong_count() > 0);
        for (of, end) in &state.streams {
            if (*of == way || *of == way.back())
                && let Some(end) = end.upgrade()
            {
                state.ways.entry(*of).or_default().traffic.resets += 1;
                end.reset();
            }
        }
    }

    /// Holds some of the connections that bring data this way, as lost packets that are sent again later do.
    pub fn hold(&self, way: Way, choose: &mut dyn FnMut() -> bool) -> HeldConnections {
        let state = self.state.lock();
        let ends =
            state.streams.iter().filter(|(of, _)| *of == way.back()).filter_map(|(_, end)| end.upgrade());
        let held: Vec<Arc<End>> = ends.filter(|_| choose()).collect();
        held.iter().for_each(|end| end.held.store(true, Ordering::Relaxed));
        HeldConnections(held)
    }

    /// Open connections that bring data this way.
    pub fn connections(&self, way: Way) -> usize {
        let state = self.state.lock();
        state.streams.iter().filter(|(of, end)| *of == way.back() && end.strong_count() > 0).count()
    }

    pub(super) fn reach(&self, way: Way) -> Reach {
        let mut state = self.state.lock();
        let cut = |state: &State, way| state.ways.get(&way).is_some_and(|link| link.cuts > 0);
        if cut(&state, way) || cut(&state, way.back()) {
            let link = state.ways.entry(way).or_default();
            link.traffic.sent += 1;
            link.traffic.dropped += 1;
            return Reach::Silent;
        }
        match state.down.get(&way.to) {
            Some(Down::Process) => Reach::Refused,
            Some(Down::Power) => Reach::Silent,
            None => Reach::Open,
        }
    }

    pub(super) fn open(&self, way: Way) -> Arc<End> {
        let end = Arc::new(End::default());
        let mut state = self.state.lock();
        if state.streams.len() > 1000 {
            state.streams.retain(|(_, end)| end.strong_count() > 0);
        }
        state.streams.push((way, Arc::downgrade(&end)));
        end
    }

    /// Counts a message. True if it gets lost.
    pub(super) fn sent(&self, way: Way) -> bool {
        let mut state = self.state.lock();
        let link = state.ways.entry(way).or_default();
        let lost = link.cuts > 0;
        link.traffic.sent += 1;
        link.traffic.dropped += u64::from(lost);
        link.traffic.delayed += u64::from(link.slow && !lost);
        lost
    }
}
