//! A map that shares what two versions of it have in common.
//!
//! A clone costs a reference count. A change copies the path to one leaf: some hundred bytes, however large the map is. What is not
//! shared with a clone is changed in place, so that a batch of changes copies each part once.
//!
//! It is a trie over the hashes of the keys, of nodes with sixteen children. The order of iteration is that of the hashes: the same in
//! every process of this version, and of no meaning.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use rapidhash::quality::SeedableState;

/// A leaf with more entries becomes a branch.
const LEAF_MAX: usize = 12;
const BITS: u32 = 4;
const FAN: usize = 1 << BITS;
/// Below that, the hash is used up, and leaves take whatever collides.
const DEPTH_MAX: u32 = u64::BITS / BITS;

pub(crate) struct Map<K, V> {
    root: Option<Arc<Node<K, V>>>,
    len: usize,
}

type Child<K, V> = Option<Arc<Node<K, V>>>;

#[derive(Clone)]
enum Node<K, V> {
    Leaf(Vec<Entry<K, V>>),
    Branch([Child<K, V>; FAN]),
}

#[derive(Clone)]
struct Entry<K, V> {
    hash: u64,
    key: K,
    value: V,
}

impl<K, V> Clone for Map<K, V> {
    fn clone(&self) -> Self {
        Self { root: self.root.clone(), len: self.len }
    }
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self { root: None, len: 0 }
    }
}

fn hash_of<Q: Hash + ?Sized>(key: &Q) -> u64 {
    SeedableState::fixed().hash_one(key)
}

fn slot(hash: u64, depth: u32) -> usize {
    (hash >> (depth * BITS)) as usize % FAN
}

impl<K, V> Map<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn iter(&self) -> Iter<'_, K, V> {
        let mut iter = Iter { leaf: [].iter(), branches: Vec::new() };
        if let Some(root) = &self.root {
            iter.enter(root);
        }
        iter
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Map<K, V> {
    pub(crate) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let mut node = self.root.as_deref()?;
        let hash = hash_of(key);
        let mut depth = 0;
        loop {
            match node {
                Node::Leaf(entries) => {
                    let is_it = |entry: &&Entry<K, V>| entry.hash == hash && entry.key.borrow() == key;
                    return entries.iter().find(is_it).map(|entry| &entry.value);
                }
                Node::Branch(children) => node = children[slot(hash, depth)].as_deref()?,
            }
            depth += 1;
        }
    }

    pub(crate) fn contains<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// For a change in place. Copies what is shared on the way, whether anything is found or not.
    pub(crate) fn get_mut<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let hash = hash_of(key);
        let mut node = Arc::make_mut(self.root.as_mut()?);
        let mut depth = 0;
        loop {
            match node {
                Node::Leaf(entries) => {
                    let is_it = |entry: &&mut Entry<K, V>| entry.hash == hash && entry.key.borrow() == key;
                    return entries.iter_mut().find(is_it).map(|entry| &mut entry.value);
                }
                Node::Branch(children) => node = Arc::make_mut(children[slot(hash, depth)].as_mut()?),
            }
            depth += 1;
        }
    }

    /// The value of a key, which is put in if it is not there.
    pub(crate) fn entry(&mut self, key: &K, new: impl FnOnce() -> V) -> &mut V {
        if !self.contains(key) {
            self.insert(key.clone(), new());
        }
        self.get_mut(key).expect("the key was put in above")
    }

    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let hash = hash_of(&key);
        let root = self.root.get_or_insert_with(|| Arc::new(Node::Leaf(Vec::new())));
        let before = Arc::make_mut(root).insert(Entry { hash, key, value }, 0);
        self.len += usize::from(before.is_none());
        before
    }

    pub(crate) fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        if !self.contains(key) {
            return None;
        }
        let root = self.root.as_mut()?;
        let removed = Arc::make_mut(root).remove(hash_of(key), key, 0);
        if root.is_empty() {
            self.root = None;
        }
        self.len -= 1;
        removed
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Node<K, V> {
    fn insert(&mut self, entry: Entry<K, V>, depth: u32) -> Option<V> {
        match self {
            Node::Leaf(entries) => {
                let same = |old: &&mut Entry<K, V>| old.hash == entry.hash && old.key == entry.key;
                if let Some(old) = entries.iter_mut().find(same) {
                    return Some(std::mem::replace(&mut old.value, entry.value));
                }
                entries.push(entry);
                if entries.len() > LEAF_MAX && depth < DEPTH_MAX {
                    *self = Self::split(std::mem::take(entries), depth);
                }
                None
            }
            Node::Branch(children) => {
                let child = children[slot(entry.hash, depth)]
                    .get_or_insert_with(|| Arc::new(Node::Leaf(Vec::with_capacity(1))));
                Arc::make_mut(child).insert(entry, depth + 1)
            }
        }
    }

    fn split(entries: Vec<Entry<K, V>>, depth: u32) -> Self {
        let mut parts = [const { Vec::new() }; FAN];
        for entry in entries {
            parts[slot(entry.hash, depth)].push(entry);
        }
        Node::Branch(parts.map(|part| (!part.is_empty()).then(|| Arc::new(Node::Leaf(part)))))
    }

    /// Removes what is known to be there.
    fn remove<Q: Hash + Eq + ?Sized>(&mut self, hash: u64, key: &Q, depth: u32) -> Option<V>
    where
        K: Borrow<Q>,
    {
        match self {
            Node::Leaf(entries) => {
                let at = entries.iter().position(|entry| entry.hash == hash && entry.key.borrow() == key)?;
                Some(entries.swap_remove(at).value)
            }
            Node::Branch(children) => {
                let child = &mut children[slot(hash, depth)];
                let node = Arc::make_mut(child.as_mut()?);
                let removed = node.remove(hash, key, depth + 1);
                if node.is_empty() {
                    *child = None;
                }
                removed
            }
        }
    }
}

impl<K, V> Node<K, V> {
    fn is_empty(&self) -> bool {
        match self {
            Node::Leaf(entries) => entries.is_empty(),
            Node::Branch(children) => children.iter().all(Option::is_none),
        }
    }
}

/// The entries, in the order of the hashes.
pub(crate) struct Iter<'a, K, V> {
    leaf: std::slice::Iter<'a, Entry<K, V>>,
    branches: Vec<std::slice::Iter<'a, Child<K, V>>>,
}

impl<'a, K, V> Iter<'a, K, V> {
    fn enter(&mut self, node: &'a Node<K, V>) {
        match node {
            Node::Leaf(entries) => self.leaf = entries.iter(),
            Node::Branch(children) => self.branches.push(children.iter()),
        }
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.leaf.next() {
                return Some((&entry.key, &entry.value));
            }
            match self.branches.last_mut()?.next() {
                Some(Some(child)) => self.enter(child),
                Some(None) => {}
                None => {
                    self.branches.pop();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::hash::Hasher;

    use proptest::prelude::*;

    use super::*;

    /// A key most of whose hashes collide.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    struct Key(u16);

    impl Hash for Key {
        fn hash<H: Hasher>(&self, state: &mut H) {
            state.write_u16(self.0 % 61);
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u16, u8),
        Remove(u16),
        Change(u16),
        Keep,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..400_u16, any::<u8>()).prop_map(|(key, value)| Step::Insert(key, value)),
            3 => (0..400_u16).prop_map(Step::Remove),
            2 => (0..400_u16).prop_map(Step::Change),
            1 => Just(Step::Keep),
        ]
    }

    fn sorted(map: &Map<Key, u8>) -> Vec<(Key, u8)> {
        let mut entries: Vec<_> = map.iter().map(|(key, value)| (*key, *value)).collect();
        entries.sort_unstable();
        entries
    }

    proptest! {
        #[test]
        fn it_is_a_map_and_clones_stay_as_they_were(steps in prop::collection::vec(step(), 0..600)) {
            let mut map = Map::default();
            let mut model = BTreeMap::new();
            let mut kept = Vec::new();
            for step in steps {
                match step {
                    Step::Insert(key, value) => {
                        prop_assert_eq!(map.insert(Key(key), value), model.insert(Key(key), value));
                    }
                    Step::Remove(key) => prop_assert_eq!(map.remove(&Key(key)), model.remove(&Key(key))),
                    Step::Change(key) => {
                        let (new, expected) = (map.get_mut(&Key(key)), model.get_mut(&Key(key)));
                        prop_assert_eq!(&new, &expected);
                        if let (Some(new), Some(expected)) = (new, expected) {
                            *new = new.wrapping_add(1);
                            *expected = expected.wrapping_add(1);
                        }
                    }
                    Step::Keep => kept.push((map.clone(), model.clone())),
                }
                prop_assert_eq!(map.len(), model.len());
            }
            kept.push((map, model));
            for (map, model) in kept {
                prop_assert_eq!(sorted(&map), model.clone().into_iter().collect::<Vec<_>>());
                for key in 0..400 {
                    prop_assert_eq!(map.get(&Key(key)), model.get(&Key(key)));
                }
            }
        }
    }
}
