//! Items go to one taker each, in their order, and none is lost.
#![allow(clippy::unwrap_used, reason = "tests")]

mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client::Client;
use recipes::queue::{HoldingQueue, Layout, Queue, QueueError, Rank};
use runtime::Pool;
use world::{World, create};

const LAYOUTS: [Layout; 5] =
    [Layout::Simple, Layout::Curator, Layout::CuratorPriority, Layout::CuratorDelay, Layout::Kazoo];

async fn waiting(client: &Client, path: &str) -> usize {
    client.sync(path).await.unwrap();
    client.children(path).await.map(|(names, _)| names.len()).unwrap_or(0)
}

#[test]
fn items_come_out_by_rank_and_then_in_the_order_in_which_they_went_in() {
    embedded::run(async {
        let world = World::start(1, 1);
        let sessions = world.sessions(&world.ensemble.host()).await;
        let now = world.ensemble.runtime().clock.wall_ms();
        for (number, layout) in LAYOUTS.into_iter().enumerate() {
            let queue = Queue::new(&sessions, &format!("/q/{number}"), layout);
            let ranks = match layout {
                Layout::CuratorPriority => [5, -5, 5, 0].map(Rank::Priority),
                Layout::Kazoo => [500, 1, 500, 100].map(Rank::Priority),
                Layout::CuratorDelay => {
                    [30_000, 10_000, 30_000, 20_000].map(|after| Rank::NotBefore(now + after))
                }
                Layout::Simple | Layout::Curator => [Rank::Usual; 4],
            };
            for (data, rank) in ["a", "b", "c", "d"].iter().zip(ranks) {
                queue.put(data.as_bytes(), rank).await.unwrap();
            }
            let mut taken = String::new();
            for _ in 0..4 {
                let item = queue.take().await.unwrap();
                assert!(item.is_certain);
                taken.push_str(std::str::from_utf8(&item.items[0]).unwrap());
            }
            let in_order = matches!(layout, Layout::Simple | Layout::Curator);
            assert_eq!(taken, if in_order { "abcd" } else { "bdac" }, "{layout:?}");
        }
        assert!(world.ensemble.runtime().clock.wall_ms() >= now + 30_000);
        let kazoo = Queue::new(&sessions, "/q/4", Layout::Kazoo);
        assert!(matches!(kazoo.put(b"", Rank::Priority(1000)).await, Err(QueueError::BadRank { .. })));
    });
}

#[test]
fn an_item_that_a_dropped_future_has_taken_is_given_by_the_next() {
    embedded::run(async {
        let world = World::start(1, 1);
        let sessions = world.sessions(&world.ensemble.host()).await;
        let clock = world.ensemble.runtime().clock.clone();
        for spell in 0..40 {
            let queue = Queue::new(&sessions, "/q", Layout::Simple);
            let holding = HoldingQueue::kazoo(&sessions, "/h");
            queue.put(b"x", Rank::Usual).await.unwrap();
            holding.put(b"y", Rank::Usual).await.unwrap();
            let mut first = Box::pin(queue.take());
            let mut other = Box::pin(holding.take());
            let mut done = None;
            for _ in 0..spell {
                if done.is_none() && futures::poll!(&mut first).is_ready() {
                    done = Some(());
                }
                if let std::task::Poll::Ready(held) = futures::poll!(&mut other) {
                    held.unwrap().done().await.unwrap();
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(first);
            drop(other);
            if done.is_none() {
                let item = clock.timeout(Duration::from_secs(5), queue.take()).await.unwrap().unwrap();
                assert_eq!(item.items[0].as_ref(), b"x", "{spell}");
            }
            drop(holding);
            // Whatever was held is let go, or was dealt with.
            let next = HoldingQueue::kazoo(&sessions, "/h");
            if let Ok(held) = clock.timeout(Duration::from_secs(5), next.take()).await {
                held.unwrap().done().await.unwrap();
            }
            assert_eq!(waiting(&world.witness().await, "/h/taken").await, 0, "{spell}");
            assert_eq!(waiting(&world.witness().await, "/h/entries").await, 0, "{spell}");
        }
    });
}

/// What takers have got: how often each item, and how often for certain.
type Got = Arc<Mutex<BTreeMap<String, (u32, u32)>>>;

#[test]
fn every_item_is_taken_once_for_certain_or_by_somebody_who_is_not() {
    for seed in 0..60 {
        embedded::run(async move {
            let mut world = World::start(2, seed);
            let layout = LAYOUTS[usize::try_from(seed % 5).unwrap()];
            let got = Got::default();
            let mut takers = Vec::new();
            for _ in 0..3 {
                let host = world.ensemble.host();
                let sessions = world.sessions(&host).await;
                let (queue, got) = (Queue::new(&sessions, "/q", layout), Arc::clone(&got));
                let task = host.runtime().spawn(Pool::Clients, async move {
                    loop {
                        let item = queue.take().await.unwrap();
                        let mut got = got.lock().unwrap();
                        let count =
                            got.entry(String::from_utf8(item.items[0].to_vec()).unwrap()).or_default();
                        count.0 += 1;
                        count.1 += u32::from(item.is_certain);
                    }
                });
                takers.push((host, sessions, task));
            }
            let putter = world.sessions(&world.ensemble.host()).await;
            let queue = Queue::new(&putter, "/q", layout);
            let mut put = BTreeSet::new();
            for number in 0..60 {
                if world.dice.below(4) == 0 {
                    let at = usize::try_from(world.dice.below(3)).unwrap();
                    let (host, sessions, _) = &takers[at];
                    world.disturb(host, sessions).await;
                }
                queue.put(number.to_string().as_bytes(), Rank::Usual).await.unwrap();
                put.insert(number.to_string());
            }
            world.pause(60).await;
            // What fails in a taker ends it.
            assert!(takers.iter().all(|(.., task)| !task.is_finished()), "seed {seed}");
            let got = got.lock().unwrap().clone();
            assert_eq!(got.keys().cloned().collect::<BTreeSet<_>>(), put, "seed {seed}");
            assert!(got.values().all(|(_, certain)| *certain <= 1), "seed {seed}: {got:?}");
            // Whoever is certain is the only one, but for those who had to be told that they might have been it.
            assert!(got.values().filter(|(all, _)| *all > 1).count() < 10, "seed {seed}: {got:?}");
            assert_eq!(waiting(&world.witness().await, "/q").await, 0);
        });
    }
}

#[test]
fn held_items_are_dealt_with_by_one_at_a_time_and_never_lost() {
    for seed in 0..60 {
        embedded::run(async move {
            let mut world = World::start(2, seed);
            let holders: Arc<Mutex<BTreeMap<String, u64>>> = Arc::default();
            let done: Arc<Mutex<BTreeSet<String>>> = Arc::default();
            let mut takers = Vec::new();
            for taker in 0..3 {
                let host = world.ensemble.host();
                let sessions = world.sessions(&host).await;
                let queue = match seed % 2 {
                    0 => HoldingQueue::kazoo(&sessions, "/q"),
                    _ => HoldingQueue::curator(&sessions, "/q/entries", "/q/taken", Layout::Curator),
                };
                let (holders, done, runtime) =
                    (Arc::clone(&holders), Arc::clone(&done), host.runtime().clone());
                let task = host.runtime().spawn(Pool::Clients, async move {
                    loop {
                        let held = queue.take().await.unwrap();
                        let item = String::from_utf8(held.data().to_vec()).unwrap();
                        let before = holders.lock().unwrap().insert(item.clone(), taker);
                        assert_eq!(before, None, "{item} is held by two");
                        let work =
                            runtime.clock.sleep(Duration::from_millis(runtime.entropy.next_u64() % 9000));
                        let is_lost = tokio::select! {
                            biased;
                            () = held.lost() => true,
                            () = work => false,
                        };
                        holders.lock().unwrap().remove(&item);
                        if is_lost || runtime.entropy.next_u64() % 4 == 0 {
                            drop(held);
                        } else if held.done().await.is_ok() {
                            assert!(done.lock().unwrap().insert(item.clone()), "{item} was done twice");
                        }
                    }
                });
                takers.push((host, sessions, task));
            }
            let putter = world.sessions(&world.ensemble.host()).await;
            let layout = if seed % 2 == 0 { Layout::Kazoo } else { Layout::Curator };
            let queue = Queue::new(&putter, "/q/entries", layout);
            for number in 0..20 {
                queue.put(number.to_string().as_bytes(), Rank::Usual).await.unwrap();
                let at = usize::try_from(world.dice.below(3)).unwrap();
                if world.dice.below(2) == 0 {
                    world.disconnect(&takers[at].0).await;
                }
            }
            world.pause(600).await;
            assert!(takers.iter().all(|(.., task)| !task.is_finished()), "seed {seed}");
            let witness = world.witness().await;
            assert_eq!(
                (waiting(&witness, "/q/entries").await, waiting(&witness, "/q/taken").await),
                (0, 0),
                "seed {seed}"
            );
        });
    }
}

#[test]
fn what_is_no_item_is_left_where_it_is() {
    embedded::run(async {
        let world = World::start(1, 1);
        let sessions = world.sessions(&world.ensemble.host()).await;
        let client = world.witness().await;
        let queue = Queue::new(&sessions, "/q", Layout::Curator);
        queue.put(b"x", Rank::Usual).await.unwrap();
        create(&client, "/q/other", b"").await;
        create(&client, "/q/queue-0000000000x", b"").await;
        assert_eq!(queue.take().await.unwrap().items[0].as_ref(), b"x");
        create(&client, "/q/queue-0000000009", b"no items").await;
        assert!(matches!(queue.take().await, Err(QueueError::BadItem { .. })));
        assert_eq!(waiting(&client, "/q").await, 3);
    });
}
