//! A hundred partitions are shared by a few workers, whatever happens to them: never had by two, and had by all that are there.
#![allow(clippy::unwrap_used, reason = "tests")]

mod world;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client::Sessions;
use embedded::Host;
use recipes::partition::{PartitionError, Partitioner};
use runtime::{Pool, Task};
use world::World;

const PARTITIONS: usize = 100;

/// Who has what, and the highest epoch that it was had with.
type Table = Arc<Mutex<BTreeMap<String, (Option<u64>, i64)>>>;

struct Worker {
    host: Host,
    sessions: Sessions,
    task: Task,
}

impl Worker {
    async fn start(world: &World, number: u64, table: &Table) -> Self {
        let host = world.ensemble.host();
        let sessions = world.sessions(&host).await;
        let (table, theirs, runtime) = (Arc::clone(table), sessions.clone(), host.runtime().clone());
        let task = host.runtime().spawn(Pool::Clients, async move {
            let names = (0..PARTITIONS).map(|number| format!("p{number:03}"));
            let settle = Duration::from_secs(5);
            let name = format!("worker-{number}");
            let partitioner = Partitioner::join(&theirs, "/work", &name, names, settle).await.unwrap();
            loop {
                let mut allocation = match partitioner.allocation().await {
                    Ok(allocation) => allocation,
                    Err(PartitionError::Client(_) | PartitionError::Cache(_)) => return,
                    Err(error) => panic!("{error}"),
                };
                for partition in allocation.partitions() {
                    let mut table = table.lock().unwrap();
                    let (owner, epoch) = table.entry(partition.clone()).or_default();
                    assert_eq!(owner.replace(number), None, "{partition} is had by two");
                    assert!(*epoch < allocation.epoch());
                    *epoch = allocation.epoch();
                }
                allocation.revoked().await;
                for partition in allocation.partitions() {
                    table.lock().unwrap().get_mut(partition).unwrap().0 = None;
                }
                if runtime.entropy.next_u64().is_multiple_of(2) {
                    allocation.release().await;
                }
            }
        });
        Self { host, sessions, task }
    }
}

fn shares(table: &Table) -> BTreeMap<u64, usize> {
    let mut shares = BTreeMap::new();
    for (owner, _) in table.lock().unwrap().values() {
        *shares.entry(owner.unwrap()).or_default() += 1;
    }
    shares
}

#[test]
fn partitions_are_had_by_one_at_a_time_and_by_all_that_are_there() {
    for seed in 0..12 {
        embedded::run(async move {
            let mut world = World::start(2, seed);
            let table = Table::default();
            let mut workers = Vec::new();
            for number in 0..4 {
                workers.push(Worker::start(&world, number, &table).await);
            }
            for _ in 0..10 {
                let at = usize::try_from(world.dice.below(4)).unwrap();
                world.disturb(&workers[at].host, &workers[at].sessions).await;
                let seconds = world.dice.below(20);
                world.pause(seconds).await;
            }
            world.pause(120).await;
            assert!(workers.iter().all(|worker| !worker.task.is_finished()), "seed {seed}");
            assert_eq!(shares(&table), BTreeMap::from([(0, 25), (1, 25), (2, 25), (3, 25)]), "seed {seed}");
            // One dies, another comes.
            workers[1].host.take_down();
            workers.push(Worker::start(&world, 9, &table).await);
            world.pause(120).await;
            assert_eq!(shares(&table), BTreeMap::from([(0, 25), (2, 25), (3, 25), (9, 25)]), "seed {seed}");
            workers.pop().unwrap().sessions.close().await.unwrap();
            world.pause(60).await;
            assert_eq!(shares(&table), BTreeMap::from([(0, 34), (2, 33), (3, 33)]), "seed {seed}");
        });
    }
}
