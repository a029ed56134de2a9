//! Which names lead to which files, cached and durable.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rand::Rng;
use rand::rngs::StdRng;

use super::counts::FaultCounts;
use super::crash::Crash;
use super::image::Image;

/// A file, whatever its name; lives while a name or a handle leads to it.
pub(super) struct Inode {
    id: u64,
    pub(super) image: Mutex<Image>,
}

type Table = BTreeMap<PathBuf, Arc<Inode>>;

#[derive(Default)]
pub(super) struct Names {
    pub(super) folders: BTreeSet<PathBuf>,
    cached: Table,
    durable: Table,
    /// Changes of `cached` that `durable` does not have, in order, with their numbers.
    unsynced: Vec<(u64, Change)>,
    /// Changes ever made.
    changes: u64,
    created: u64,
}

enum Change {
    Create { path: PathBuf, inode: Arc<Inode> },
    Rename { from: PathBuf, to: PathBuf, inode: Arc<Inode> },
    Remove { path: PathBuf, inode: Arc<Inode> },
}

impl Names {
    pub(super) fn find(&self, path: &Path) -> Option<&Arc<Inode>> {
        self.cached.get(path)
    }

    pub(super) fn in_folder<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = &'a PathBuf> {
        self.cached.keys().filter(move |path| path.parent() == Some(folder))
    }

    /// All files by path, with their lengths.
    pub(super) fn lengths(&self) -> Vec<(PathBuf, u64)> {
        let length = |(path, inode): (&PathBuf, &Arc<Inode>)| (path.clone(), inode.image.lock().len() as u64);
        self.cached.iter().map(length).collect()
    }

    /// Empties all files that have a name, and takes the names away.
    pub(super) fn forget(&mut self) {
        let tables = [std::mem::take(&mut self.cached), std::mem::take(&mut self.durable)];
        for inode in tables.iter().flat_map(BTreeMap::values) {
            *inode.image.lock() = Image::default();
        }
        self.unsynced.clear();
    }

    /// Bytes of all files that have a name.
    pub(super) fn bytes(&self) -> u64 {
        self.cached.values().map(|inode| inode.image.lock().len() as u64).sum()
    }

    pub(super) fn create(&mut self, path: &Path) -> Arc<Inode> {
        self.created += 1;
        let inode = Arc::new(Inode { id: self.created, image: Mutex::default() });
        self.change(Change::Create { path: path.to_owned(), inode: Arc::clone(&inode) });
        inode
    }

    /// False if there is no such file.
    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> bool {
        let Some(inode) = self.cached.get(from).cloned() else { return false };
        self.change(Change::Rename { from: from.to_owned(), to: to.to_owned(), inode });
        true
    }

    /// False if there is no such file.
    pub(super) fn remove(&mut self, path: &Path) -> bool {
        let Some(inode) = self.cached.get(path).cloned() else { return false };
        self.change(Change::Remove { path: path.to_owned(), inode });
        true
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.cached);
        self.unsynced.push((self.changes, change));
        self.changes += 1;
    }

    /// How many changes were made before a sync that begins now.
    pub(super) fn begin_sync(&self) -> u64 {
        self.changes
    }

    /// Makes the changes in `folder` durable that were among the first `count`.
    pub(super) fn finish_sync(&mut self, folder: &Path, count: u64) {
        self.settle(folder, count, || true);
    }

    /// Makes the first few of them durable; the others stay unsynced.
    pub(super) fn fail_sync(&mut self, folder: &Path, count: u64, rng: &mut StdRng) {
        let mut reaches_disk = true;
        self.settle(folder, count, || {
            reaches_disk = reaches_disk && rng.random_bool(0.5);
            reaches_disk
        });
    }

    fn settle(&mut self, folder: &Path, count: u64, mut reaches_disk: impl FnMut() -> bool) {
        let durable = &mut self.durable;
        self.unsynced.retain(|(number, change)| {
            let settled = *number < count && change.is_in(folder) && reaches_disk();
            if settled {
                change.apply(durable);
            }
            !settled
        });
    }

    /// The names after a crash, leading to what the crash leaves of the files.
    pub(super) fn crash(&self, crash: Crash, rng: &mut StdRng, counts: &mut FaultCounts) -> Names {
        let mut survivors = Survivors::default();
        let mut durable: Table = self
            .durable
            .iter()
            .map(|(path, inode)| (path.clone(), survivors.of(inode, crash, rng, counts)))
            .collect();
        let mut left = Names {
            folders: self.folders.clone(),
            changes: self.changes,
            created: self.created,
            ..Names::default()
        };
        if crash == Crash::Process {
            left.cached = self
                .cached
                .iter()
                .map(|(path, inode)| (path.clone(), survivors.of(inode, crash, rng, counts)))
                .collect();
            left.unsynced = self
                .unsynced
                .iter()
                .map(|(number, change)| {
                    (*number, change.with(survivors.of(change.inode(), crash, rng, counts)))
                })
                .collect();
            left.durable = durable;
            return left;
        }
        for (_, change) in &self.unsynced {
            let kept = match crash {
                Crash::KeepUnsynced | Crash::Process => true,
                Crash::LoseUnsynced => false,
                Crash::Random => rng.random_bool(0.5),
            };
            if kept {
                counts.names_kept += 1;
                change.with(survivors.of(change.inode(), crash, rng, counts)).apply(&mut durable);
            } else {
                counts.names_lost += 1;
            }
        }
        left.cached = durable.clone();
        left.durable = durable;
        left
    }
}

impl Change {
    fn inode(&self) -> &Arc<Inode> {
        match self {
            Change::Create { inode, .. } | Change::Rename { inode, .. } | Change::Remove { inode, .. } => {
                inode
            }
        }
    }

    fn with(&self, inode: Arc<Inode>) -> Change {
        match self {
            Change::Create { path, .. } => Change::Create { path: path.clone(), inode },
            Change::Rename { from, to, .. } => Change::Rename { from: from.clone(), to: to.clone(), inode },
            Change::Remove { path, .. } => Change::Remove { path: path.clone(), inode },
        }
    }

    fn is_in(&self, folder: &Path) -> bool {
        match self {
            Change::Create { path, .. } | Change::Remove { path, .. } => path.parent() == Some(folder),
            Change::Rename { from, to, .. } => from.parent() == Some(folder) || to.parent() == Some(folder),
        }
    }

    /// Applies the change if the name leads where it did when the change was made; else an earlier change was lost and
    /// this one has nothing to work on.
    fn apply(&self, table: &mut Table) {
        let leads = |table: &Table, path: &Path, inode: &Inode| {
            table.get(path).is_some_and(|found| found.id == inode.id)
        };
        match self {
            Change::Create { path, inode } => {
                table.insert(path.clone(), Arc::clone(inode));
            }
            Change::Rename { from, to, inode } => {
                if leads(table, from, inode) {
                    table.remove(from);
                    table.insert(to.clone(), Arc::clone(inode));
                }
            }
            Change::Remove { path, inode } => {
                if leads(table, path, inode) {
                    table.remove(path);
                }
            }
        }
    }
}

/// What a crash leaves of each file: decided once a file, however many names lead to it.
#[derive(Default)]
struct Survivors(BTreeMap<u64, Arc<Inode>>);

impl Survivors {
    fn of(&mut self, inode: &Inode, crash: Crash, rng: &mut StdRng, counts: &mut FaultCounts) -> Arc<Inode> {
        let survivor = self.0.entry(inode.id).or_insert_with(|| {
            let image = inode.image.lock().crash(crash, rng, counts);
            Arc::new(Inode { id: inode.id, image: Mutex::new(image) })
        });
        Arc::clone(survivor)
    }
}
