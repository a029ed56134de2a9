//! Topic exchanges: a trie of the patterns' words, walked by all ways at once.

use std::sync::Arc;

use crate::destination::{Destination, Destinations};
use crate::map::Map;
use crate::name::Name;

/// The patterns of an exchange and where each leads.
#[derive(Clone, Default)]
pub(crate) struct Trie {
    root: Node,
}

#[derive(Clone, Default)]
struct Node {
    words: Map<Name, Arc<Node>>,
    /// `*`: one word.
    star: Option<Arc<Node>>,
    /// `#`: any number of words.
    hash: Option<Arc<Node>>,
    here: Destinations,
}

/// The words of a key. The empty key has none.
fn words(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    let none = key.is_empty();
    key.split(|byte| *byte == b'.').filter(move |_| !none)
}

impl Trie {
    pub(crate) fn add(&mut self, pattern: &[u8], destination: &Destination) {
        let mut node = &mut self.root;
        for word in words(pattern) {
            let next = match word {
                b"*" => node.star.get_or_insert_default(),
                b"#" => node.hash.get_or_insert_default(),
                _ => node.words.entry(&Name::from(word), Arc::default),
            };
            node = Arc::make_mut(next);
        }
        node.here.add(destination);
    }

    pub(crate) fn remove(&mut self, pattern: &[u8], destination: &Destination) {
        self.root.remove(&mut words(pattern), destination);
    }

    /// Hands over everything that the patterns lead to which match the key; the same may come several times. Takes time in
    /// proportion to the words of the key and to the ways through the trie that fit so far, of which there are at most as many as nodes.
    pub(crate) fn find<'a>(&'a self, key: &[u8], mut found: impl FnMut(&'a Destinations)) {
        let mut ways = Ways::default();
        ways.begin(&self.root);
        for word in words(key) {
            ways.step(word);
        }
        for (node, _) in &ways.now {
            if !node.here.is_empty() {
                found(&node.here);
            }
        }
    }
}

impl Node {
    fn remove<'w>(&mut self, words: &mut impl Iterator<Item = &'w [u8]>, destination: &Destination) {
        match words.next() {
            None => self.here.remove(destination),
            Some(b"*") => prune(&mut self.star, |node| node.remove(words, destination)),
            Some(b"#") => prune(&mut self.hash, |node| node.remove(words, destination)),
            Some(word) => {
                let Some(next) = self.words.get_mut(word) else { return };
                let node = Arc::make_mut(next);
                node.remove(words, destination);
                if node.is_empty() {
                    self.words.remove(word);
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.words.is_empty() && self.star.is_none() && self.hash.is_none() && self.here.is_empty()
    }
}

fn prune(slot: &mut Option<Arc<Node>>, change: impl FnOnce(&mut Node)) {
    let Some(next) = slot else { return };
    let node = Arc::make_mut(next);
    change(node);
    if node.is_empty() {
        *slot = None;
    }
}

/// The nodes that the words so far lead to, each with whether a `#` led there, which takes further words too.
#[derive(Default)]
struct Ways<'a> {
    now: Vec<(&'a Node, bool)>,
    next: Vec<(&'a Node, bool)>,
}

impl<'a> Ways<'a> {
    fn begin(&mut self, root: &'a Node) {
        enter(&mut self.next, root, false);
        self.turn();
    }

    fn step(&mut self, word: &[u8]) {
        for (node, is_open) in &self.now {
            if *is_open {
                enter(&mut self.next, node, true);
            }
            if let Some(next) = node.words.get(word) {
                enter(&mut self.next, next, false);
            }
            if let Some(next) = &node.star {
                enter(&mut self.next, next, false);
            }
        }
        self.turn();
    }

    fn turn(&mut self) {
        std::mem::swap(&mut self.now, &mut self.next);
        self.next.clear();
    }
}

/// A node, and what a `#` below it leads to with no word at all. A node has one parent, so one that is there already came as a `#`
/// that stayed open: only those are looked for.
fn enter<'a>(ways: &mut Vec<(&'a Node, bool)>, node: &'a Node, is_open: bool) {
    let mut at = Some((node, is_open));
    while let Some((node, is_open)) = at {
        if is_open && ways.iter().any(|(other, is_open)| *is_open && std::ptr::eq(*other, node)) {
            return;
        }
        ways.push((node, is_open));
        at = node.hash.as_deref().map(|next| (next, true));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn destination(number: usize) -> Destination {
        Destination::Exchange(Name::from(number.to_string().as_str()))
    }

    /// Straight from the definition.
    fn matches(pattern: &[&[u8]], key: &[&[u8]]) -> bool {
        match (pattern, key) {
            ([], []) => true,
            ([b"#", rest @ ..], _) => {
                matches(rest, key) || key.split_first().is_some_and(|(_, key)| matches(pattern, key))
            }
            ([word, pattern @ ..], [found, key @ ..]) => {
                (*word == b"*" || word == found) && matches(pattern, key)
            }
            _ => false,
        }
    }

    fn naive(patterns: &[String], key: &str) -> Vec<Name> {
        let key: Vec<_> = words(key.as_bytes()).collect();
        let found = patterns.iter().enumerate().filter(|(_, pattern)| {
            let pattern: Vec<_> = words(pattern.as_bytes()).collect();
            matches(&pattern, &key)
        });
        found.map(|(number, _)| Name::from(number.to_string().as_str())).collect()
    }

    fn find(trie: &Trie, key: &str) -> Vec<Name> {
        let mut found = Vec::new();
        trie.find(key.as_bytes(), |destinations| {
            found.extend(destinations.iter().map(|destination| match destination {
                Destination::Exchange(name) => name.clone(),
                Destination::Queue(_) => unreachable!("there are none here"),
            }));
        });
        found.sort();
        found.dedup();
        found
    }

    #[test]
    fn patterns_of_the_specification() {
        for (pattern, key, expected) in [
            ("", "", true),
            ("#", "", true),
            ("*", "", false),
            ("", "a", false),
            ("#", "a.b.c", true),
            ("a.#", "a", true),
            ("a.#", "ab", false),
            ("#.c", "c", true),
            ("#.c", "a.b.c", true),
            ("a.*.c", "a.b.c", true),
            ("a.*.c", "a..c", true),
            ("a.*.c", "a.c", false),
            ("*.*", ".", true),
            ("#.#", "", true),
            ("*.#", "", false),
            ("a.#.#.b", "a.b", true),
        ] {
            let mut trie = Trie::default();
            trie.add(pattern.as_bytes(), &destination(0));
            assert_eq!(!find(&trie, key).is_empty(), expected, "{pattern} {key}");
            trie.remove(pattern.as_bytes(), &destination(0));
            assert!(trie.root.is_empty());
        }
    }

    #[test]
    fn many_hashes_do_not_multiply_the_ways() {
        let mut trie = Trie::default();
        trie.add("#.".repeat(100).trim_end_matches('.').as_bytes(), &destination(0));
        let key = "a.".repeat(120);
        let mut ways = Ways::default();
        ways.begin(&trie.root);
        for word in words(key.as_bytes()) {
            ways.step(word);
            assert!(ways.now.len() <= 101, "{}", ways.now.len());
        }
    }

    fn pattern() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "", "*", "#", "#"]), 0..6)
            .prop_map(|words| words.join("."))
    }

    fn key() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "c", ""]), 0..6)
            .prop_map(|words| words.join("."))
    }

    proptest! {
        #[test]
        fn it_finds_what_the_definition_says(
            patterns in prop::collection::vec(pattern(), 0..30),
            removed in prop::collection::vec(any::<prop::sample::Index>(), 0..15),
            keys in prop::collection::vec(key(), 1..10),
        ) {
            let mut trie = Trie::default();
            for (number, pattern) in patterns.iter().enumerate() {
                trie.add(pattern.as_bytes(), &destination(number));
            }
            let mut gone = std::collections::BTreeSet::new();
            for index in removed.iter().filter(|_| !patterns.is_empty()) {
                let number = index.index(patterns.len());
                if gone.insert(number) {
                    trie.remove(patterns[number].as_bytes(), &destination(number));
                }
            }
            for key in keys {
                let mut expected = naive(&patterns, &key);
                expected.retain(|name| !gone.iter().any(|number| *name == *number.to_string().as_str()));
                expected.sort();
                prop_assert_eq!(find(&trie, &key), expected, "{}", key);
            }
        }
    }
}
