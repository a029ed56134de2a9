//! A mirror against a tree whose server tells of changes and answers in one order, of which the mirror hears events early.

use std::collections::VecDeque;

use client::Stat;
use runtime::{Entropy, SeededEntropy};

use super::super::changes::{Change, Changes};
use super::*;

const PATHS: [&str; 7] = ["/r", "/r/a", "/r/b", "/r/a/x", "/r/a/y", "/r/b/x", "/r/a/x/1"];

/// What comes from the server, in its order.
enum Sent {
    Event(EventType, Arc<str>),
    Answer(Read, Found),
}

struct Server {
    tree: BTreeMap<Arc<str>, Stat>,
    zxid: i64,
    reads: VecDeque<Read>,
    sent: VecDeque<Sent>,
    dice: SeededEntropy,
}

impl Server {
    fn new(seed: u64) -> Self {
        let (tree, reads, sent) = Default::default();
        Self { tree, zxid: 0, reads, sent, dice: SeededEntropy::new(seed) }
    }

    fn roll(&self, sides: usize) -> usize {
        usize::try_from(self.dice.next_u64() % sides as u64).expect("it is below a usize")
    }

    /// A random write, if the tree permits it. Tells of it, unless nobody watches.
    fn write(&mut self, is_watched: bool) {
        let path: Arc<str> = PATHS[self.roll(PATHS.len())].into();
        let parent = paths::parent(&path).expect("none is the root").to_owned();
        self.zxid += 1;
        let zxid = self.zxid;
        let has_children = paths::children(&self.tree, &path).next().is_some();
        let (may_be, is_set) = (*path == *"/r" || self.tree.contains_key(&*parent), self.roll(2) == 0);
        let kind = match (self.tree.get_mut(&path), is_set) {
            (None, _) if may_be => {
                let stat = Stat { czxid: zxid, mzxid: zxid, ..Stat::default() };
                self.tree.insert(Arc::clone(&path), stat);
                EventType::NodeCreated
            }
            (Some(stat), true) => {
                (stat.mzxid, stat.version) = (zxid, stat.version + 1);
                EventType::NodeDataChanged
            }
            (Some(_), _) if !has_children => {
                self.tree.remove(&path);
                EventType::NodeDeleted
            }
            _ => return,
        };
        if is_watched {
            self.sent.push_back(Sent::Event(kind, path));
        }
    }

    /// Answers the read that was asked first.
    fn answer(&mut self) {
        let Some(read) = self.reads.pop_front() else { return };
        let names = |path: &str| -> Vec<String> {
            paths::children(&self.tree, path).map(|(path, _)| paths::name(path).to_owned()).collect()
        };
        let found = match &read {
            Read::Node(path) => Found::Node(self.tree.get(path).map(|stat| {
                let children = i32::try_from(names(path).len()).expect("there are few");
                Node { data: None, stat: Stat { children, ..*stat } }
            })),
            Read::Names(path) => Found::Names(self.tree.contains_key(path).then(|| names(path))),
        };
        self.sent.push_back(Sent::Answer(read, found));
    }

    /// Hands in what comes next, or an event that came behind answers that were not handed in.
    fn deliver(&mut self, mirror: &mut Mirror, entries: &mut Entries) {
        let ahead = self.roll(2) == 0;
        let event = self.sent.iter().position(|sent| matches!(sent, Sent::Event(..)));
        let next = event.filter(|_| ahead).unwrap_or(0);
        match self.sent.remove(next) {
            Some(Sent::Event(kind, path)) => mirror.on_event(kind, &path, entries),
            Some(Sent::Answer(read, found)) => mirror.on_answer(read, found, entries),
            None => {}
        }
        while let Some(read) = mirror.next_read() {
            self.reads.push_back(read);
        }
    }
}

/// Applies what a listener is told, which has to be a history that can have been.
fn follow(
    changes: &mut Changes,
    content: &mut BTreeMap<Arc<str>, Stat>,
    newest: &mut BTreeMap<Arc<str>, i64>,
) {
    use futures::FutureExt as _;
    while let Some(Some(change)) = changes.next().now_or_never() {
        let (path, node) = match change {
            Change::Created { path, node } => {
                assert!(!content.contains_key(&path), "{path} was there");
                (path, node)
            }
            Change::Changed { path, new, .. } => {
                assert_eq!(content[&path].czxid, new.stat.czxid);
                (path, new)
            }
            Change::Deleted { path, .. } => {
                assert!(content.remove(&path).is_some(), "{path} was not there");
                continue;
            }
            Change::Initialized => continue,
        };
        let before = newest.insert(Arc::clone(&path), node.stat.mzxid);
        assert!(before < Some(node.stat.mzxid), "{path} went from {before:?} to {:?}", node.stat.mzxid);
        content.insert(path, node.stat);
    }
}

fn states<'a>(all: impl Iterator<Item = (&'a Arc<str>, &'a Stat)>) -> Vec<(Arc<str>, i64, i64)> {
    all.map(|(path, stat)| (Arc::clone(path), stat.czxid, stat.mzxid)).collect()
}

#[test]
fn a_mirror_becomes_what_the_tree_is_however_early_it_hears_of_events() {
    for seed in 0..2000 {
        let mut server = Server::new(seed);
        let mut entries = Entries::default();
        let mut changes = Changes::new(entries.listen());
        let (mut content, mut newest) = Default::default();
        for _session in 0..3 {
            for _ in 0..server.roll(20) {
                // Nobody was watching.
                server.write(false);
            }
            server.reads.clear();
            server.sent.clear();
            let mut mirror = Mirror::new(&"/r".into(), Scope::Tree, Watching::All);
            server.deliver(&mut mirror, &mut entries);
            for _ in 0..server.roll(200) {
                match server.roll(6) {
                    0 => server.write(true),
                    1 | 2 => server.answer(),
                    _ => server.deliver(&mut mirror, &mut entries),
                }
                if server.roll(4) == 0 {
                    follow(&mut changes, &mut content, &mut newest);
                }
            }
            while !(server.reads.is_empty() && server.sent.is_empty()) {
                server.answer();
                server.deliver(&mut mirror, &mut entries);
            }
            assert!(mirror.has_walked(), "seed {seed}");
            follow(&mut changes, &mut content, &mut newest);
            let held = entries.nodes().iter().map(|(path, node)| (path, &node.stat));
            assert_eq!(states(held), states(server.tree.iter()), "seed {seed}");
            assert_eq!(states(content.iter()), states(server.tree.iter()), "seed {seed}");
        }
    }
}
