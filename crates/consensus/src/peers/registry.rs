//! The links of this node, and who may use them.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use runtime::Runtime;

use super::link::Link;
use super::{Lane, introduction};
use crate::Refused;
use crate::identity::{Identity, NodeId, PEER_FORMAT};
use crate::known_peers::KnownPeers;
use crate::level::{Gate, Level};
use crate::wire;

/// Says who we are, and judges what others say they are.
pub(crate) struct Greeter {
    identity: Identity,
    /// Drawn at the starts before this one.
    boots: Vec<u64>,
    gate: Arc<Gate>,
    known: Mutex<KnownPeers>,
}

impl Greeter {
    pub(crate) fn new(identity: Identity, boots: Vec<u64>, gate: Arc<Gate>, known: KnownPeers) -> Self {
        Self { identity, boots, gate, known: Mutex::new(known) }
    }

    fn own_hello(&self) -> wire::Hello {
        let level = Some(self.gate.own().to_wire());
        wire::Hello { boots: self.boots.clone(), level, ..self.identity.hello() }
    }

    pub(crate) fn hello(&self, target: NodeId, lane: Lane) -> wire::Hello {
        wire::Hello { lane: lane as u32, target: target.0, ..self.own_hello() }
    }

    /// The caller's side: is this the node that was meant, and may we talk to it? Gives what its binary can apply.
    pub(crate) fn check_welcome(&self, meant: NodeId, welcome: wire::Welcome) -> Result<Level, Refused> {
        if !welcome.refusal.is_empty() {
            let is_of_us = welcome.hello.is_some_and(|hello| hello.cluster[..] == self.identity.cluster.0);
            if is_of_us && let Some(needed) = welcome.needed {
                self.gate.note_refusal(&Level::from_wire(Some(needed)));
            }
            return Err(Refused::Malformed(format!("refused by the peer: {}", welcome.refusal)));
        }
        let hello = welcome.hello.ok_or_else(|| Refused::Malformed("no greeting in the answer".into()))?;
        if meant != ANYONE && hello.node != meant.0 {
            return Err(Refused::WrongNode { meant, reached: NodeId(hello.node) });
        }
        self.known.lock().admit(&hello)?;
        let level = Level::from_wire(hello.level);
        self.gate.check(NodeId(hello.node), &level)?;
        Ok(level)
    }

    /// The called side: may this node talk to us? Gives the answer to send. No lane: a stranger who asked for the cluster's
    /// id, and nothing more.
    pub(crate) fn welcome(&self, hello: &wire::Hello) -> (wire::Welcome, Result<Option<Lane>, Refused>) {
        let verdict = self.judge(hello);
        let refusal = verdict.as_ref().err().map(ToString::to_string).unwrap_or_default();
        let is_too_old = matches!(verdict, Err(Refused::Level { .. }));
        let needed = is_too_old.then(|| self.gate.needed().to_wire());
        (wire::Welcome { hello: Some(self.own_hello()), refusal, needed }, verdict)
    }

    /// What to tell a peer of the others, if it is not what it was told before.
    pub(crate) fn news(&self, told: Option<u64>) -> Option<(u64, wire::Starts)> {
        self.known.lock().news(told)
    }

    /// A peer tells of the others.
    pub(crate) fn learn(&self, starts: &wire::Starts) {
        self.known.lock().learn(starts);
    }

    fn judge(&self, hello: &wire::Hello) -> Result<Option<Lane>, Refused> {
        if hello.lane == introduction::LANE {
            return self.judge_stranger(hello).map(|()| None);
        }
        if hello.format == PEER_FORMAT && ![self.identity.node, ANYONE].contains(&NodeId(hello.target)) {
            return Err(Refused::WrongNode { meant: NodeId(hello.target), reached: self.identity.node });
        }
        self.known.lock().admit(hello)?;
        self.gate.check(NodeId(hello.node), &Level::from_wire(hello.level.clone()))?;
        let lane = Lane::ALL.into_iter().find(|lane| *lane as u32 == hello.lane);
        lane.map(Some).ok_or_else(|| Refused::Malformed(format!("unknown lane {}", hello.lane)))
    }

    fn judge_stranger(&self, hello: &wire::Hello) -> Result<(), Refused> {
        let node = NodeId(hello.node);
        if hello.format != PEER_FORMAT {
            return Err(Refused::Format { node, theirs: hello.format, ours: PEER_FORMAT });
        }
        let is_free = node != self.identity.node && self.known.lock().is_free(node);
        is_free.then_some(()).ok_or(Refused::NumberTaken { node })?;
        self.gate.check(node, &Level::from_wire(hello.level.clone()))
    }
}

/// Stands for whichever node is reached at an address.
const ANYONE: NodeId = NodeId(0);

/// By node and lane: the address it was opened to, and the link.
type Links = BTreeMap<(NodeId, Lane), (String, Arc<Link>)>;

/// The links to all nodes this one has ever had to talk to.
pub(crate) struct Peers {
    runtime: Runtime,
    greeter: Arc<Greeter>,
    links: Mutex<Links>,
}

impl Peers {
    pub(crate) fn new(runtime: Runtime, greeter: Greeter) -> Self {
        Self { runtime, greeter: Arc::new(greeter), links: Mutex::default() }
    }

    pub(crate) fn greeter(&self) -> &Arc<Greeter> {
        &self.greeter
    }

    /// The link to a node at an address; a new one if the address has changed.
    pub(crate) fn link(&self, target: NodeId, address: &str, lane: Lane) -> Arc<Link> {
        let mut links = self.links.lock();
        if let Some((known_address, link)) = links.get(&(target, lane))
            && known_address == address
        {
            return link.clone();
        }
        let link =
            Arc::new(Link::open(&self.runtime, self.greeter.clone(), target, address.to_owned(), lane));
        links.insert((target, lane), (address.to_owned(), link.clone()));
        link
    }

    /// A link to whichever node is at an address, for a node that does not know the members yet.
    pub(crate) fn contact(&self, address: &str) -> Link {
        Link::open(&self.runtime, self.greeter.clone(), ANYONE, address.to_owned(), Lane::Control)
    }

    /// The link to a node whose address was learnt before.
    pub(crate) fn known_link(&self, target: NodeId, lane: Lane) -> Option<Arc<Link>> {
        self.links.lock().get(&(target, lane)).map(|(_, link)| link.clone())
    }
}
