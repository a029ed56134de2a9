//! What the client says of its requests, compared with what has happened, while everything between it and the servers breaks.
//!
//! `TRUTH_FIRST` and `TRUTH_SEEDS` choose the seeds, for longer runs: `TRUTH_SEEDS=10000 cargo test --release -p quorate-client
//! --test truth`.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use client::{
    Acl, AnyVersion, Client, CreateMode, Effect, Error, Options, Parents, PartAnswer, Sessions, Transaction,
};
use embedded::{Ensemble, Host, run};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use runtime::{Clock, SeededEntropy};
use support::connect;

const WRITERS: u64 = 3;
const ROUNDS: u64 = 40;
/// Requests of a writer that are asked at once.
const BURST: u64 = 6;
const FAULTY_FOR: Duration = Duration::from_secs(120);

/// What a client was told of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    /// In this transaction, if the answer says which.
    Done {
        zxid: Option<i64>,
    },
    NotDone,
    Unknown,
}

impl Told {
    fn of<T>(outcome: &Result<T, Error>, zxid: impl FnOnce(&T) -> Option<i64>) -> Self {
        match outcome {
            Ok(answer) => Told::Done { zxid: zxid(answer) },
            Err(error) if error.effect == Effect::None => Told::NotDone,
            Err(_) => Told::Unknown,
        }
    }

    /// Whether it can be, now that the znode is or is not there.
    fn allows(self, is_there: bool) -> bool {
        match self {
            Told::Done { .. } => is_there,
            Told::NotDone => !is_there,
            Told::Unknown => true,
        }
    }
}

/// Writes by what they leave: a znode whose name nobody else uses, or one less.
struct Claims {
    created: BTreeMap<String, Told>,
    deleted: BTreeMap<String, Told>,
    /// Of one znode: sets that happened, and that may have.
    sets: (u64, u64),
    unknown: u64,
}

async fn fault(rng: &mut StdRng, ensemble: &Ensemble, hosts: &[Host], sessions: &[Sessions], clock: &Clock) {
    let host = &hosts[rng.random_range(0..hosts.len())];
    let node = rng.random_range(1..=3);
    let lasts = Duration::from_millis(rng.random_range(1..6_000));
    match rng.random_range(0..8) {
        0 => ensemble.cut(),
        1 => host.cut(),
        2 => host.lose_answers(),
        3 => ensemble.lose_answers(),
        4 => {
            host.take_down();
            clock.sleep(lasts).await;
            host.bring_up();
        }
        5 => {
            ensemble.take_down_node(node);
            clock.sleep(lasts).await;
            ensemble.bring_up_node(node);
        }
        6 => {
            ensemble.isolate_node(2 + node % 2);
            clock.sleep(lasts).await;
            ensemble.rejoin_node(2 + node % 2);
        }
        _ => {
            let client = sessions[rng.random_range(0..sessions.len())].client().await.unwrap();
            ensemble.expire(client.session());
        }
    }
}

/// Writes in bursts, in the session that there is.
async fn write(writer: u64, mut rng: StdRng, sessions: Sessions, clock: Clock) -> Claims {
    let mut claims = Claims { created: BTreeMap::new(), deleted: BTreeMap::new(), sets: (0, 0), unknown: 0 };
    let counter = format!("/counter-{writer}");
    for round in 0..ROUNDS {
        clock.sleep(Duration::from_millis(rng.random_range(0..6_000))).await;
        let client = sessions.client().await.unwrap();
        let mut bursts = Vec::new();
        for number in 0..BURST {
            let name = format!("/truth/{writer}-{round:03}-{number}");
            let kind = rng.random_range(0..5);
            let (client, counter) = (client.clone(), counter.clone());
            bursts.push(async move { (name.clone(), kind, one(&client, kind, &name, &counter).await) });
        }
        let mut last = 0;
        for (name, kind, told) in futures::future::join_all(bursts).await {
            claims.unknown += u64::from(told == Told::Unknown);
            if let Told::Done { zxid: Some(zxid) } = told {
                assert!(zxid > last, "{name} happened out of the order in which it was asked");
                last = zxid;
            }
            match (kind, told) {
                (3, Told::Done { .. }) => claims.sets = (claims.sets.0 + 1, claims.sets.1 + 1),
                (3, Told::Unknown) => claims.sets.1 += 1,
                (3, Told::NotDone) => {}
                (4, told) => drop(claims.deleted.insert(name.replacen("truth", "doomed", 1), told)),
                _ => drop(claims.created.insert(name, told)),
            }
        }
        see_own_writes(&client, &claims, &mut rng).await;
    }
    claims
}

async fn one(client: &Client, kind: u32, name: &str, counter: &str) -> Told {
    let open = Acl::open();
    match kind {
        0 => Told::of(&client.create(name, None, &open, CreateMode::Persistent).await, |made| {
            Some(made.1.czxid)
        }),
        1 => Told::of(&client.ensure(name, None, &open, Parents::Expect).await, |made| Some(made.stat.czxid)),
        2 => {
            let mut transaction = Transaction::new();
            transaction.check("/truth", AnyVersion).create(name, None, &open, CreateMode::Persistent);
            let done = client.multi(&transaction).await;
            Told::of(&done, |parts| match &parts[1] {
                PartAnswer::Created(_, stat) => Some(stat.czxid),
                other => panic!("{other:?}"),
            })
        }
        3 => Told::of(&client.set(counter, Some(name.as_bytes()), AnyVersion).await, |stat| Some(stat.mzxid)),
        _ => {
            let done = client.delete(&name.replacen("truth", "doomed", 1), AnyVersion).await;
            Told::of(&done, |()| None)
        }
    }
}

/// A client that was told that its write is done never again sees a state without it.
async fn see_own_writes(client: &Client, claims: &Claims, rng: &mut StdRng) {
    let at = rng.random_range(0..claims.created.len().max(1));
    let Some((name, told)) = claims.created.iter().nth(at) else { return };
    match client.exists(name).await {
        Ok(found) => assert!(told.allows(found.is_some()), "{name}: {told:?}, and it is {found:?}"),
        Err(error) => assert_eq!(error.effect, Effect::None, "a read has no effect: {error}"),
    }
}

fn check(seed: u64) -> u64 {
    run(async {
        let ensemble = Ensemble::start_with(3, Arc::new(SeededEntropy::new(seed)));
        let clock = ensemble.runtime().clock.clone();
        let mut rng = StdRng::seed_from_u64(seed);
        let witness = connect(&ensemble, "n1").await;
        let open = Acl::open();
        for parent in ["/truth", "/doomed"] {
            witness.create(parent, None, &open, CreateMode::Persistent).await.unwrap();
        }
        let (mut hosts, mut sessions, mut writers) = (Vec::new(), Vec::new(), Vec::new());
        for writer in 0..WRITERS {
            witness.create(&format!("/counter-{writer}"), None, &open, CreateMode::Persistent).await.unwrap();
            for round in 0..ROUNDS {
                for number in 0..BURST {
                    let doomed = format!("/doomed/{writer}-{round:03}-{number}");
                    witness.create(&doomed, None, &open, CreateMode::Persistent).await.unwrap();
                }
            }
            let host = ensemble.host();
            let options = Options { session_timeout: Duration::from_secs(6), ..Options::default() };
            let opened = Sessions::open(host.runtime(), &ensemble.target(), options).await.unwrap();
            let own = StdRng::seed_from_u64(seed * 1_000 + writer);
            writers.push(write(writer, own, opened.clone(), clock.clone()));
            hosts.push(host);
            sessions.push(opened);
        }
        let until = clock.now() + FAULTY_FOR;
        let faults = async {
            while clock.now() < until {
                clock.sleep(Duration::from_millis(rng.random_range(0..4_000))).await;
                fault(&mut rng, &ensemble, &hosts, &sessions, &clock).await;
            }
        };
        let ((), claims) = tokio::join!(faults, futures::future::join_all(writers));
        // What was on its way has arrived, or never will.
        clock.sleep(Duration::from_secs(60)).await;
        let witness = connect(&ensemble, "n1").await;
        let mut unknown = 0;
        for (writer, claims) in claims.iter().enumerate() {
            for (name, told) in &claims.created {
                let is_there = witness.exists(name).await.unwrap().is_some();
                assert!(told.allows(is_there), "{name} was told {told:?}, and is there: {is_there}");
            }
            for (name, told) in &claims.deleted {
                let is_gone = witness.exists(name).await.unwrap().is_none();
                assert!(
                    told.allows(is_gone),
                    "the end of {name} was told {told:?}, and it is gone: {is_gone}"
                );
            }
            let version = witness.get(&format!("/counter-{writer}")).await.unwrap().stat.version;
            let (least, most) = claims.sets;
            assert!((least..=most).contains(&(version as u64)), "{version} sets, told {least} to {most}");
            unknown += claims.unknown;
        }
        unknown
    })
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn what_the_client_says_of_its_writes_is_true() {
    let first = number("TRUTH_FIRST", 1);
    let mut unknown = 0;
    for seed in first..first + number("TRUTH_SEEDS", 40) {
        println!("seed {seed}: repeat it with TRUTH_FIRST={seed} TRUTH_SEEDS=1");
        unknown += check(seed);
    }
    assert!(unknown > 0, "no fault has left a client in doubt: nothing was tested");
}
