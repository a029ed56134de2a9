//! All that a run is made of on this machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::disk::{Disk, FileSystem, Image};
use crate::net::{CLIENTS, HostId, Namespace, Switch, Tap};
use crate::node::{ClockSetting, Kind, Node, Place, Program};
use crate::{names, time};

/// What a world is like.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Nodes that found the cluster.
    pub nodes: u8,
    /// Hosts for more nodes, which join later.
    pub spares: u8,
    /// Whether each node has a disk of its own.
    pub disks: Option<FileSystem>,
    /// Whether those say that they synced and did not.
    pub lying_disks: bool,
    /// Whether devices are to fail: then they are not in memory.
    pub failing_devices: bool,
    /// Decides what the switch does by chance.
    pub seed: u64,
}

/// The highest number that a node can have.
const NUMBER_MAX: u8 = 127;
/// How long a leader is waited for, when one is asked for.
const LEADER_MAX: Duration = Duration::from_secs(5);

/// Hosts, nodes, and the network between them. Dropped, all of it is gone.
pub struct World {
    nodes: Vec<Node>,
    founders: u8,
    /// The number that was given last.
    newest_number: u8,
    /// The network.
    pub switch: Switch,
    /// Where the clients are.
    pub clients: Namespace,
    program: Program,
    home: Home,
}

impl World {
    /// Makes everything; no node runs yet.
    ///
    /// # Errors
    /// If the machine can't do something of it; what was made is gone again then.
    pub fn create(shape: &Shape, program: Program) -> Result<Self> {
        let home = Home::create()?;
        let hosts: Vec<HostId> = (0..=shape.nodes + shape.spares).map(HostId).collect();
        let mut taps = Vec::new();
        let mut host = |id: HostId| -> Result<Namespace> {
            let namespace = Namespace::create(names::namespace(id))?;
            taps.push(Tap::create(&namespace, id, &hosts)?);
            Ok(namespace)
        };
        let clients = host(CLIENTS)?;
        let founders: Vec<HostId> = (1..=shape.nodes).map(HostId).collect();
        let mut nodes = Vec::new();
        for id in hosts.iter().copied().filter(|id| *id != CLIENTS) {
            let namespace = host(id)?;
            let folder = home.0.join(format!("node-{}", id.0));
            std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
            let disk = match shape.disks {
                Some(file_system) => Disk::Image({
                    Image::create(&folder, file_system, shape.lying_disks, !shape.failing_devices)?
                }),
                None => Disk::Folder(folder.clone()),
            };
            let founders = founders.clone();
            let place = Place { host: id, number: id.0, founders, joins: None, home: folder };
            place.set_clock(ClockSetting::default())?;
            nodes.push(Node::new(id, namespace, disk, program.clone(), place));
        }
        let switch = Switch::start(taps, shape.seed)?;
        let newest_number = shape.nodes + shape.spares;
        Ok(Self { nodes, founders: shape.nodes, newest_number, switch, clients, program, home })
    }

    /// Which server runs here.
    pub fn kind(&self) -> Kind {
        self.program.kind
    }

    /// The folder with everything in it.
    pub fn home(&self) -> &Path {
        &self.home.0
    }

    /// How many nodes founded the cluster.
    pub fn founders(&self) -> u8 {
        self.founders
    }

    /// All nodes, those that wait to join among them.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// All nodes, to change them.
    pub fn nodes_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.nodes.iter_mut()
    }

    /// A node.
    pub fn node(&mut self, host: HostId) -> &mut Node {
        self.nodes.iter_mut().find(|node| node.host == host).expect("only hosts of nodes are asked for")
    }

    /// Nodes that run and are not stopped.
    pub fn running(&self) -> Vec<HostId> {
        self.nodes.iter().filter(|node| node.is_up() && !node.is_paused()).map(|node| node.host).collect()
    }

    /// A host on which no node has been started, or whose node was taken out of the cluster.
    pub fn spare(&self) -> Option<HostId> {
        self.nodes.iter().find(|node| node.starts() == 0).map(|node| node.host)
    }

    /// A number that no node has had.
    ///
    /// # Errors
    /// If there were too many nodes.
    pub fn new_number(&mut self) -> Result<u8> {
        ensure!(self.newest_number < NUMBER_MAX, "all {NUMBER_MAX} numbers of nodes were given");
        self.newest_number += 1;
        Ok(self.newest_number)
    }

    /// Where clients find the nodes.
    pub fn addresses(&self) -> Vec<(HostId, String)> {
        self.nodes.iter().map(|node| (node.host, node.client_address())).collect()
    }

    /// Starts the nodes that found the cluster.
    ///
    /// # Errors
    /// If one can't be started.
    pub fn start(&mut self) -> Result<()> {
        let founders = self.founders;
        self.nodes.iter_mut().filter(|node| node.host.0 <= founders).try_for_each(Node::start)
    }

    /// The node that says that it leads. It is waited for a while.
    ///
    /// # Errors
    /// If somebody wants the program to end.
    pub fn leader(&self) -> Result<Option<HostId>> {
        time::wait_for(LEADER_MAX, || Ok(self.leaders().first().copied()))
    }

    /// The nodes that say that they lead: one that was cut off may not know better.
    pub fn leaders(&self) -> Vec<HostId> {
        let running = self.nodes.iter().filter(|node| node.is_up() && !node.is_paused());
        let leads = |node: &&Node| node.srvr().is_some_and(|srvr| srvr.mode == "leader");
        running.filter(leads).map(|node| node.host).collect()
    }
}

/// The folder of a run. It is gone when dropped.
struct Home(PathBuf);

impl Home {
    fn create() -> Result<Self> {
        let folder = names::home();
        std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What can't be removed now is found by `quorate-chaos clean`.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
