//! The picture against the definition: whatever happened, in whatever batches it was heard of, routing does what a naive walk over all
//! bindings does, and the picture is the one that is read from nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use amqp091::{Table, TableBuf, Value};
use proptest::prelude::*;

use super::{Topology, Znode};
use crate::binding::{self, Binding, BindingSpec};
use crate::destination::DestinationName;
use crate::exchange::{self, Exchange, ExchangeKind, Rule};
use crate::name::Name;
use crate::place::{FORMAT, Place};
use crate::queue::{self, Queue};
use crate::route::{Message, Routed};

const EXCHANGES: u8 = 5;
const QUEUES: u8 = 4;
const KEYS: [&str; 6] = ["", "a", "a.b", "*.b", "#", "a.#"];
const RULES: [Rule; 4] = [Rule::Direct, Rule::Fanout, Rule::Topic, Rule::Headers];

fn vhost() -> Name {
    "v".into()
}

fn exchange_name(number: u8) -> Name {
    format!("e{number}").as_str().into()
}

fn queue_name(number: u8) -> Name {
    format!("q{number}").as_str().into()
}

/// Something that somebody does to the tree.
#[derive(Clone, Debug)]
enum Step {
    /// Makes an exchange of a rule, perhaps with an alternate; or replaces one by another.
    Exchange(u8, usize, Option<u8>),
    RemoveExchange(u8),
    Queue(u8),
    RemoveQueue(u8),
    Bind(u8, Result<u8, u8>, usize, usize),
    Unbind(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    let exchange = || 0..EXCHANGES;
    let destination = prop_oneof![3 => (0..QUEUES).prop_map(Ok), 2 => exchange().prop_map(Err)];
    prop_oneof![
        3 => (exchange(), 0..RULES.len(), prop::option::of(exchange())).prop_map(|(e, r, a)| Step::Exchange(e, r, a)),
        1 => exchange().prop_map(Step::RemoveExchange),
        3 => (0..QUEUES).prop_map(Step::Queue),
        1 => (0..QUEUES).prop_map(Step::RemoveQueue),
        9 => (exchange(), destination, 0..KEYS.len(), 0..4_usize).prop_map(|(e, d, k, a)| Step::Bind(e, d, k, a)),
        2 => any::<prop::sample::Index>().prop_map(Step::Unbind),
    ]
}

fn arguments(number: usize) -> TableBuf {
    match number {
        0 => TableBuf::new(),
        1 => TableBuf::new().with("x-match", "any").with("kind", "a").with("size", 1),
        2 => TableBuf::new().with("x-match", "all").with("kind", "a").with("size", Value::Void),
        _ => TableBuf::new().with("kind", "b").with("x-other", 1),
    }
}

fn headers() -> impl Strategy<Value = TableBuf> {
    let kind = prop::option::of(prop::sample::select(vec!["a", "b"]));
    (kind, prop::option::of(0..3_i64)).prop_map(|(kind, size)| {
        let mut table = TableBuf::new();
        if let Some(kind) = kind {
            table.push(amqp091::ShortBytes::from_static("kind"), kind);
        }
        if let Some(size) = size {
            table.push(amqp091::ShortBytes::from_static("size"), size);
        }
        table
    })
}

/// The tree, as far as it matters.
#[derive(Default)]
struct Model {
    exchanges: BTreeMap<Name, Exchange>,
    queues: BTreeMap<Name, Queue>,
    bindings: BTreeMap<(Name, String), Binding>,
    next_id: u64,
}

impl Model {
    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// What the tree allows, and the paths that it tells of.
    fn take(&mut self, step: &Step) -> Vec<Place> {
        match step {
            Step::Exchange(number, rule, alternate) => {
                let name = exchange_name(*number);
                let mut touched = self.take(&Step::RemoveExchange(*number));
                let id = self.id();
                let alternate = alternate.map(|number| exchange_name(number).to_string());
                let table =
                    alternate.as_ref().map(|name| TableBuf::new().with("alternate-exchange", name.as_str()));
                let exchange = Exchange {
                    vhost: vhost(),
                    name: name.clone(),
                    id,
                    kind: ExchangeKind::plain(RULES[*rule]),
                    durable: true,
                    auto_delete: false,
                    internal: false,
                    arguments: table.unwrap_or_default().into(),
                    was_bound: false,
                };
                touched.push(Place::Exchange(vhost(), name.clone()));
                self.exchanges.insert(name, exchange);
                touched
            }
            Step::RemoveExchange(number) => {
                let name = exchange_name(*number);
                let own =
                    self.bindings.keys().filter(|(source, _)| *source == name).cloned().collect::<Vec<_>>();
                let mut touched = Vec::new();
                for (source, znode) in own {
                    self.bindings.remove(&(source.clone(), znode.clone()));
                    touched.push(Place::Binding(vhost(), source, znode));
                }
                self.exchanges.remove(&name);
                touched.push(Place::Exchange(vhost(), name));
                touched
            }
            Step::Queue(number) => {
                let (name, id) = (queue_name(*number), self.id());
                let record = queue::Record {
                    format: FORMAT,
                    id,
                    shard: u32::from(*number) + 1,
                    partitions: None,
                    durable: true,
                    auto_delete: false,
                    exclusive: None,
                    arguments: TableBuf::new().into(),
                };
                self.queues.insert(name.clone(), record.into_queue(vhost(), name.clone()));
                vec![Place::Queue(vhost(), name)]
            }
            Step::RemoveQueue(number) => {
                let name = queue_name(*number);
                self.queues.remove(&name);
                vec![Place::Queue(vhost(), name)]
            }
            Step::Bind(source, destination, key, number) => {
                let source = exchange_name(*source);
                let (destination, id) = match destination {
                    Ok(queue) => {
                        let name = queue_name(*queue);
                        let id = self.queues.get(&name).map(|queue| queue.id);
                        (DestinationName::Queue(name), id)
                    }
                    Err(exchange) => {
                        let name = exchange_name(*exchange);
                        let id = self.exchanges.get(&name).map(|exchange| exchange.id);
                        (DestinationName::Exchange(name), id)
                    }
                };
                let Some(id) = id.filter(|_| self.exchanges.contains_key(&source)) else { return Vec::new() };
                let (key, arguments) = (KEYS[*key].into(), arguments(*number).into());
                let binding = BindingSpec { source: source.clone(), destination, key, arguments }.to(id);
                let znode = binding.znode();
                self.bindings.insert((source.clone(), znode.clone()), binding);
                vec![Place::Binding(vhost(), source, znode)]
            }
            Step::Unbind(index) => {
                if self.bindings.is_empty() {
                    return Vec::new();
                }
                let at = index.index(self.bindings.len());
                let (source, znode) =
                    self.bindings.keys().nth(at).expect("the index is below the length").clone();
                self.bindings.remove(&(source.clone(), znode.clone()));
                vec![Place::Binding(vhost(), source, znode)]
            }
        }
    }

    fn znode(&self, place: &Place) -> Option<Znode> {
        let json = match place {
            Place::Vhost(_) => Some(r#"{"format":1}"#.to_owned()),
            Place::Exchange(_, name) => self.exchanges.get(name).map(|it| json(&exchange::Record::of(it))),
            Place::Queue(_, name) => self.queues.get(name).map(|it| json(&queue::Record::of(it))),
            Place::Binding(_, source, znode) => self
                .bindings
                .get(&(source.clone(), znode.clone()))
                .map(|it| json(&binding::Record { format: FORMAT, arguments: it.arguments.clone() })),
            other => unreachable!("{other:?} is not in the model"),
        };
        json.map(|json| Znode { data: Some(Arc::from(json.as_bytes())), version: 0 })
    }

    fn places(&self) -> BTreeSet<String> {
        let exchanges = self.exchanges.keys().map(|name| Place::Exchange(vhost(), name.clone()));
        let queues = self.queues.keys().map(|name| Place::Queue(vhost(), name.clone()));
        let bindings = self
            .bindings
            .keys()
            .map(|(source, znode)| Place::Binding(vhost(), source.clone(), znode.clone()));
        [Place::Vhost(vhost())]
            .into_iter()
            .chain(exchanges)
            .chain(queues)
            .chain(bindings)
            .map(|it| it.path())
            .collect()
    }

    /// Shows a picture these paths as they are now, those above before those below.
    fn show(&self, topology: &mut Topology, paths: &BTreeSet<String>) {
        for path in paths {
            let place = Place::of(path).expect("paths of the model are places");
            topology.set(&place, self.znode(&place).as_ref()).expect("records of the model can be read");
        }
    }

    fn is_live(&self, binding: &Binding) -> bool {
        let id = match &binding.destination {
            DestinationName::Queue(name) => self.queues.get(name).map(|queue| queue.id),
            DestinationName::Exchange(name) => self.exchanges.get(name).map(|exchange| exchange.id),
        };
        id == Some(binding.destination_id)
    }

    /// The definition.
    fn route(&self, from: &Name, key: &str, headers: Table<'_>) -> BTreeSet<Name> {
        let mut queues = BTreeSet::new();
        let mut seen = BTreeSet::from([from.clone()]);
        let mut waiting = vec![from.clone()];
        while let Some(name) = waiting.pop() {
            let Some(exchange) = self.exchanges.get(&name) else { continue };
            let own =
                self.bindings.values().filter(|binding| binding.source == name && self.is_live(binding));
            let matching: Vec<_> =
                own.filter(|binding| matches(exchange.kind.rule, binding, key, headers)).collect();
            let mut next = Vec::new();
            for binding in &matching {
                match &binding.destination {
                    DestinationName::Queue(name) => drop(queues.insert(name.clone())),
                    DestinationName::Exchange(name) => next.push(name.clone()),
                }
            }
            if matching.is_empty() {
                next.extend(exchange.alternate());
            }
            waiting.extend(next.into_iter().filter(|name| seen.insert(name.clone())));
        }
        queues
    }
}

fn json(record: &impl serde::Serialize) -> String {
    serde_json::to_string(record).expect("records are JSON")
}

fn matches(rule: Rule, binding: &Binding, key: &str, headers: Table<'_>) -> bool {
    match rule {
        Rule::Direct => binding.key == *key,
        Rule::Topic => {
            let pattern = binding.key.to_string();
            let split = |text: &str| -> Vec<String> {
                if text.is_empty() { Vec::new() } else { text.split('.').map(str::to_owned).collect() }
            };
            topic(&split(&pattern), &split(key))
        }
        Rule::Headers => {
            let wanted = binding.arguments.table();
            let any = wanted.get("x-match").and_then(Value::text) == Some("any");
            let asked = wanted.iter().filter(|(key, _)| !key.as_bytes().starts_with(b"x-"));
            let mut met = asked.map(|(key, value)| {
                let found = headers.iter().find(|(name, _)| *name == key).map(|(_, found)| found);
                found.is_some_and(|found| match value {
                    Value::Void => true,
                    Value::LongString(_) => found == value,
                    _ => found.integer() == value.integer(),
                })
            });
            if any { met.any(|met| met) } else { met.all(|met| met) }
        }
        _ => true,
    }
}

fn topic(pattern: &[String], key: &[String]) -> bool {
    let Some((word, rest)) = pattern.split_first() else { return key.is_empty() };
    if word == "#" {
        return (0..=key.len()).any(|skipped| topic(rest, &key[skipped..]));
    }
    key.split_first().is_some_and(|(first, key)| (word == "*" || word == first) && topic(rest, key))
}

fn routed(
    topology: &Topology,
    from: &Name,
    key: &str,
    more: &[&[u8]],
    headers: Table<'_>,
) -> Option<Vec<Name>> {
    let mut routed = Routed::new();
    let message = Message { key: key.as_bytes(), more_keys: more, headers, ..Message::default() };
    topology.route(b"v", from, &message, &mut routed).ok()?;
    let mut names: Vec<_> = routed.queues().iter().map(|queue| queue.name.clone()).collect();
    names.sort();
    Some(names)
}

/// Everything that a picture shows.
fn shown(topology: &Topology) -> String {
    let vhost = topology.vhost(b"v").expect("it is always there");
    let bindings: Vec<_> =
        vhost.exchanges().iter().map(|exchange| (exchange.id, vhost.bindings_from(&exchange.name))).collect();
    let to: Vec<_> = vhost
        .queues()
        .iter()
        .map(|queue| vhost.bindings_to(&DestinationName::Queue(queue.name.clone())).len())
        .collect();
    let mut dead: Vec<_> = vhost.dead.keys().collect();
    dead.sort();
    let placed: Vec<_> = (1..=u32::from(QUEUES)).map(|shard| topology.queues_on(shard)).collect();
    format!("{bindings:?} {to:?} {dead:?} {placed:?} {:?} {}", vhost.queues(), topology.queue_count())
}

proptest! {
    #[test]
    fn the_picture_is_what_the_tree_says(
        batches in prop::collection::vec(prop::collection::vec(step(), 1..8), 1..14),
        headers in headers(),
    ) {
        let mut model = Model::default();
        let mut topology = Topology::default();
        model.show(&mut topology, &model.places());
        for batch in batches {
            let before = topology.clone();
            let shown_before = shown(&before);
            let touched: BTreeSet<String> = batch.iter().flat_map(|step| model.take(step)).map(|it| it.path()).collect();
            model.show(&mut topology, &touched);
            prop_assert_eq!(shown(&before), shown_before, "an earlier picture has changed");

            let mut fresh = Topology::default();
            model.show(&mut fresh, &model.places());
            prop_assert_eq!(shown(&topology), shown(&fresh));
            for number in 0..EXCHANGES {
                let from = exchange_name(number);
                for key in ["", "a", "b", "a.b", "b.b", "a.b.c"] {
                    let found = routed(&topology, &from, key, &[], headers.as_table());
                    let is_there = model.exchanges.contains_key(&from);
                    let expected = is_there.then(|| model.route(&from, key, headers.as_table()).into_iter().collect());
                    prop_assert_eq!(found, expected, "{} {}", from, key);
                }
            }
        }
    }

    /// With further keys, a message goes where it would go with any of them, if nothing is bound in turn.
    #[test]
    fn further_keys_add_up(
        binds in prop::collection::vec((0..QUEUES, 0..KEYS.len()), 0..12),
        rule in 0..3_usize,
        keys in prop::collection::vec(prop::sample::select(vec!["", "a", "b", "a.b", "a.b.c"]), 1..4),
    ) {
        let mut model = Model::default();
        let mut topology = Topology::default();
        model.take(&Step::Exchange(0, rule, None));
        (0..QUEUES).for_each(|number| drop(model.take(&Step::Queue(number))));
        for (queue, key) in binds {
            model.take(&Step::Bind(0, Ok(queue), key, 0));
        }
        model.show(&mut topology, &model.places());
        let more: Vec<&[u8]> = keys[1..].iter().map(|key| key.as_bytes()).collect();
        let found = routed(&topology, &exchange_name(0), keys[0], &more, Table::default());
        let each = keys.iter().flat_map(|key| model.route(&exchange_name(0), key, Table::default()));
        prop_assert_eq!(found, Some(each.collect::<BTreeSet<_>>().into_iter().collect()));
    }
}

#[test]
fn a_record_of_a_newer_version_counts_as_absent() {
    let mut topology = Topology::default();
    let znode = |json: &str| Znode { data: Some(Arc::from(json.as_bytes())), version: 0 };
    topology.set(&Place::Vhost(vhost()), Some(&znode(r#"{"format":1}"#))).unwrap();
    let place = Place::Queue(vhost(), "q".into());
    let old = r#"{"format":1,"id":1,"shard":1,"durable":true,"auto_delete":false}"#;
    topology.set(&place, Some(&znode(old))).unwrap();
    assert_eq!(topology.queue_count(), 1);
    let newer = topology.set(&place, Some(&znode(r#"{"format":2,"id":1}"#))).unwrap_err();
    assert_eq!(newer.to_string(), "written in format 2 by a newer version; upgrade this node");
    assert_eq!((topology.queue_count(), topology.queues_on(1)), (0, 0));
    for garbage in ["", "{}", "[1]", r#"{"format":1}"#] {
        assert!(topology.set(&place, Some(&znode(garbage))).is_err(), "{garbage}");
    }
}

#[test]
fn every_partition_leads_to_its_queue_for_as_long_as_that_is_there() {
    let mut topology = Topology::default();
    let znode = |json: &str| Znode { data: Some(Arc::from(json.as_bytes())), version: 0 };
    let place = Place::Queue(vhost(), "q".into());
    topology.set(&Place::Vhost(vhost()), Some(&znode(r#"{"format":1}"#))).unwrap();
    let found = |topology: &Topology| -> Vec<u64> {
        (0..20).filter(|id| topology.queue_of_partition(*id).is_some()).collect()
    };
    for (json, partitions) in [
        (
            r#"{"format":1,"id":3,"shard":1,"partitions":4,"durable":true,"auto_delete":false}"#,
            vec![3, 4, 5, 6],
        ),
        (r#"{"format":1,"id":9,"shard":1,"partitions":2,"durable":true,"auto_delete":false}"#, vec![9, 10]),
        (r#"{"format":1,"id":12,"shard":1,"durable":true,"auto_delete":false}"#, vec![12]),
    ] {
        topology.set(&place, Some(&znode(json))).unwrap();
        assert_eq!(found(&topology), partitions);
        assert_eq!(topology.queue_count(), 1);
    }
    topology.set(&place, None).unwrap();
    assert!(found(&topology).is_empty());
}

#[test]
fn the_picture_knows_that_it_may_lack_queues() {
    let mut topology = Topology::default();
    let znode = |json: &str| Znode { data: Some(Arc::from(json.as_bytes())), version: 0 };
    let (old, newer) = (znode(r#"{"format":1}"#), znode(r#"{"format":2}"#));
    let (host, queue) = (Place::Vhost(vhost()), Place::Queue(vhost(), "q".into()));
    topology.set(&host, Some(&old)).unwrap();
    assert!(topology.set(&Place::User("u".into()), Some(&newer)).is_err());
    assert!(topology.is_whole(), "users have no queues");
    assert!(topology.set(&queue, Some(&newer)).is_err());
    assert!(!topology.is_whole());
    let readable = r#"{"format":1,"id":1,"shard":1,"durable":true,"auto_delete":false}"#;
    topology.set(&queue, Some(&znode(readable))).unwrap();
    assert!(topology.is_whole());
    assert!(topology.set(&host, Some(&newer)).is_err());
    topology.set(&host, Some(&old)).unwrap();
    assert!(!topology.is_whole(), "what was in the virtual host is not known again by that");
    topology.set(&host, None).unwrap();
    assert!(topology.is_whole());
}
