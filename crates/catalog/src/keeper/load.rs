//! Reads the whole catalog, in small steps, while it goes on changing.
//!
//! The watch is set first. What a step reads is right as of then, and whatever changes later comes as an event, so that in the end all of
//! it is right as of the last step.

use control::{CloseReason, Connection, Turn};
use tree::{Identity, WatchKind};

use super::{Change, Heard, Keeper, hear, look_up, set};
use crate::place::ROOT;
use crate::topology::{Topology, Znode};

/// So many znodes are read at once: everybody waits meanwhile.
const ZNODES_AT_ONCE: usize = 256;

/// Where a walk through the tree stands.
struct Walk {
    /// Directories to be read, the last from behind that name.
    directories: Vec<(String, String)>,
}

impl Keeper {
    /// Makes a picture from nothing, and shows it when it is whole.
    pub(super) async fn load(&mut self, link: &mut Connection) -> Result<(), CloseReason> {
        let mut topology = Topology::default();
        let mut walk = Walk { directories: vec![(ROOT.to_owned(), String::new())] };
        let heard = link.turn(|turn| {
            let heard = hear(turn, &mut self.waiting);
            turn.view().watch_unchecked(ROOT, WatchKind::PersistentRecursive);
            heard
        });
        if let Some(reason) = heard.closed {
            return Err(reason);
        }
        while !walk.directories.is_empty() {
            let (heard, found) = link.turn(|turn| {
                let heard = hear(turn, &mut self.waiting);
                let found = if heard.closed.is_none() { walk.step(turn) } else { Vec::new() };
                (heard, found)
            });
            let Heard { changes, closed, .. } = heard;
            if let Some(reason) = closed {
                return Err(reason);
            }
            for (path, znode) in changes.iter().chain(&found) {
                set(&mut topology, path, znode.as_ref());
            }
            link.mark_active();
            tokio::task::yield_now().await;
        }
        self.topology = topology;
        self.publish();
        Ok(())
    }
}

impl Walk {
    fn step(&mut self, turn: &Turn<'_>) -> Vec<Change> {
        let super_user = [Identity::super_user()];
        let tree = turn.view().tree();
        let mut found = Vec::new();
        while found.len() < ZNODES_AT_ONCE {
            let Some((directory, after)) = self.directories.pop() else { break };
            if after.is_empty() {
                found.extend(
                    look_up(tree, &directory, &super_user).map(|znode| (directory.clone(), Some(znode))),
                );
            }
            let Ok((children, _)) = tree.children(&directory, &super_user) else { continue };
            let room = ZNODES_AT_ONCE - found.len().min(ZNODES_AT_ONCE - 1);
            let mut below = Vec::new();
            let mut last = None;
            for child in children.nodes_after(&after, &super_user).take(room) {
                last = Some(child.name.to_owned());
                let Some(node) = child.node else { continue };
                let path = format!("{directory}/{}", child.name);
                if node.stat.num_children > 0 {
                    below.push((path, String::new()));
                } else {
                    found.push((path, Some(Znode { data: node.data.cloned(), version: node.stat.version })));
                }
            }
            if let Some(last) = last {
                self.directories.push((directory, last));
            }
            self.directories.append(&mut below);
        }
        found
    }
}
