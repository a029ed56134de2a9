//! Several clients contend while connections and servers come and go; then who believed to hold what, and when, is checked
//! against what must never be, and what was left behind against nothing.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use client::{Client, Sessions};
use embedded::{Ensemble, Host, run};
use futures::future::{join, join_all};
use recipes::{Latch, Led, Lock, Loss, MultiLock, Naming, ReadWriteLock, Selector, Semaphore, Token};
use runtime::{Instant, SeededEntropy};
use support::dice::{Dice, with_seeds};
use support::history::{History, Holding, How, Rule};
use support::nemesis::torment;
use support::resource::Resource;
use support::{TIMEOUT, children, connect, ms, pause, sessions_apart};

const PATH: &str = "/contended";
const CLIENTS: u64 = 4;
const TORMENT: Duration = Duration::from_secs(150);
/// Within this, once all is well, everybody is through.
const RECOVERY: Duration = Duration::from_secs(120);

/// What holders do when they are told that they have lost what they held.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Obedience {
    Stops,
    /// A mistake, planted to see that it is found.
    GoesOn,
}

/// One client's part.
struct Contender {
    who: u64,
    ensemble: Rc<Ensemble>,
    sessions: Sessions,
    dice: Dice,
    history: History,
    obedience: Obedience,
    is_over: Rc<Cell<bool>>,
}

impl Contender {
    async fn pause(&self, longest: Duration) {
        pause(&self.ensemble, self.dice.between(ms(0), longest)).await;
    }

    /// Holds something for a while, and notes for how long it believed to, also if the future is dropped.
    async fn hold(&self, how: How, token: Token, lost: impl Future<Output = Loss>) {
        let from = self.ensemble.runtime().clock.now();
        let _until_then = Holds { contender: self, how, token, from };
        let for_long = self.dice.roll(4) == 0;
        let done = self.pause(if for_long { TIMEOUT * 2 } else { ms(300) });
        match self.obedience {
            Obedience::GoesOn => done.await,
            Obedience::Stops => tokio::select! {
                biased;
                _ = lost => {}
                () = done => {}
            },
        }
    }
}

/// Notes a holding when it ends.
struct Holds<'a> {
    contender: &'a Contender,
    how: How,
    token: Token,
    from: Instant,
}

impl Drop for Holds<'_> {
    fn drop(&mut self) {
        let Contender { who, ensemble, history, .. } = self.contender;
        let until = ensemble.runtime().clock.now();
        history.note(Holding { who: *who, how: self.how, token: self.token, from: self.from, until });
    }
}

/// Runs `part` for each of several clients under torment of `seed`, again and again, then checks what they noted.
fn contend<P>(seed: u64, obedience: Obedience, rule: Rule, part: P) -> Result<usize, String>
where
    P: AsyncFn(&Contender, Client),
{
    run(async {
        let ensemble = Rc::new(Ensemble::start_with(3, Arc::new(SeededEntropy::new(seed))));
        let (history, is_over) = (History::default(), Rc::new(Cell::new(false)));
        let (mut hosts, mut contenders) = (Vec::new(), Vec::new());
        for who in 0..CLIENTS {
            let (host, sessions) = sessions_apart(&ensemble).await;
            hosts.push(Rc::<Host>::new(host));
            contenders.push(Contender {
                who,
                ensemble: Rc::clone(&ensemble),
                sessions,
                dice: Dice::of(seed * CLIENTS + who + 1000),
                history: history.clone(),
                obedience,
                is_over: Rc::clone(&is_over),
            });
        }
        let dice = Dice::of(seed);
        let nemesis = async {
            torment(&ensemble, &hosts, &dice, TORMENT).await;
            is_over.set(true);
        };
        let parts = contenders.iter().map(async |contender| {
            while !contender.is_over.get() {
                let client = contender.sessions.client().await.unwrap();
                part(contender, client).await;
                contender.pause(ms(200)).await;
            }
            // All is well: everybody comes through once more.
            let client = contender.sessions.client().await.unwrap();
            part(contender, client).await;
        });
        let all = join(nemesis, join_all(parts));
        let clock = &ensemble.runtime().clock;
        clock.timeout(TORMENT + RECOVERY, all).await.map_err(|_| "somebody waits for ever".to_owned())?;
        // Sessions live on, so whatever is left behind would stay.
        pause(&ensemble, TIMEOUT * 2).await;
        let witness = connect(&ensemble).await;
        for path in ["", "/locks", "/leases", "-__lock__"] {
            let left = children(&witness, &format!("{PATH}{path}")).await;
            let left: Vec<String> =
                left.into_iter().filter(|name| name != "locks" && name != "leases").collect();
            if !left.is_empty() {
                return Err(format!("left behind at {PATH}{path}: {left:?}"));
            }
        }
        history.check(rule)?;
        Ok(history.len())
    })
}

/// Acquires in one of the ways there are, and holds.
async fn lock_once(contender: &Contender, lock: Lock, how: How) {
    let patience = contender.dice.between(ms(0), TIMEOUT * 3);
    let guard = match contender.dice.roll(4) {
        0 => lock.try_acquire().await.ok().flatten(),
        1 => lock.acquire_within(patience).await.ok().flatten(),
        2 => {
            let clock = &contender.ensemble.runtime().clock;
            clock.timeout(patience, lock.acquire()).await.ok().and_then(Result::ok)
        }
        _ => lock.acquire().await.ok(),
    };
    let Some(guard) = guard else { return };
    contender.hold(how, guard.token(), guard.lost()).await;
    if contender.dice.roll(2) == 0 {
        drop(guard);
    } else {
        let _ = guard.release().await;
    }
}

fn naming(dice: &Dice) -> Naming {
    if dice.roll(2) == 0 { Naming::Curator } else { Naming::Kazoo }
}

#[track_caller]
fn assert_holds(outcome: Result<usize, String>, least: usize) {
    let held = outcome.unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(held >= least, "only {held} were held: this tests nothing");
}

async fn mutex(contender: &Contender, client: Client) {
    let lock = Lock::new(&client, PATH).named(naming(&contender.dice));
    lock_once(contender, lock, How::Alone).await;
}

#[test]
fn a_lock_has_one_holder() {
    with_seeds(40, |seed| assert_holds(contend(seed, Obedience::Stops, Rule::Lock, mutex), 20));
}

#[test]
fn holders_that_do_not_stop_when_they_are_told_are_found_out() {
    let found = (0..8).filter(|seed| contend(*seed, Obedience::GoesOn, Rule::Lock, mutex).is_err()).count();
    assert!(found > 0);
}

/// Sessions end without a warning, as when a process was stopped for longer than they last; its orders arrive late, and the
/// holder goes on giving them.
fn orders_to(resource: &Resource, seed: u64) {
    run(async {
        let ensemble = Rc::new(Ensemble::start_with(3, Arc::new(SeededEntropy::new(seed))));
        let dice = Dice::of(seed);
        let sessions = [sessions_apart(&ensemble).await.1, sessions_apart(&ensemble).await.1];
        let stopped = async {
            for _ in 0..30 {
                pause(&ensemble, dice.between(ms(1), ms(2000))).await;
                let of = &sessions[usize::try_from(dice.roll(2)).unwrap()];
                ensemble.expire(of.client().await.unwrap().session());
            }
        };
        let gives_orders = sessions.iter().map(async |sessions| {
            for _ in 0..30 {
                let client = sessions.client().await.unwrap();
                let Ok(guard) = Lock::new(&client, PATH).acquire().await else { continue };
                for _ in 0..5 {
                    pause(&ensemble, ms(200)).await;
                    resource.order(guard.token());
                }
            }
        });
        join(stopped, join_all(gives_orders)).await;
    });
}

#[test]
fn a_resource_that_looks_at_tokens_is_safe_from_holders_that_do_not_know() {
    let resource = Resource::default();
    with_seeds(10, |seed| {
        let resource = Resource::default();
        orders_to(&resource, seed);
        resource.check().unwrap_or_else(|wrong| panic!("{wrong}"));
    });
    orders_to(&resource, 1);
    assert!(resource.refused() > 0, "nobody gave orders too late: this tests nothing");
}

#[test]
fn a_seed_decides_everything() {
    let held = || contend(3, Obedience::Stops, Rule::Lock, mutex).unwrap();
    assert_eq!(held(), held());
}

#[test]
fn a_read_write_lock_has_readers_or_a_writer() {
    let part = async |contender: &Contender, client: Client| {
        let lock = ReadWriteLock::new(&client, PATH).named(naming(&contender.dice));
        match contender.dice.roll(3) {
            0 => lock_once(contender, lock.write().clone(), How::Alone).await,
            _ => lock_once(contender, lock.read().clone(), How::Shared).await,
        }
    };
    with_seeds(40, |seed| assert_holds(contend(seed, Obedience::Stops, Rule::Lock, part), 20));
}

async fn lease_once(contender: &Contender, semaphore: Semaphore) {
    let patience = contender.dice.between(ms(0), TIMEOUT * 3);
    let lease = match contender.dice.roll(3) {
        0 => semaphore.acquire_within(patience).await.ok().flatten(),
        _ => semaphore.acquire().await.ok(),
    };
    let Some(lease) = lease else { return };
    contender.hold(How::Alone, lease.token(), lease.lost()).await;
    if contender.dice.roll(2) == 0 {
        drop(lease);
    } else {
        let _ = lease.release().await;
    }
}

#[test]
fn a_semaphore_has_no_more_holders_than_leases() {
    for naming in [Naming::Curator, Naming::Kazoo] {
        let part = async |contender: &Contender, client: Client| {
            lease_once(contender, Semaphore::new(&client, PATH, 2).named(naming)).await;
        };
        with_seeds(25, |seed| assert_holds(contend(seed, Obedience::Stops, Rule::AtMost(2), part), 20));
    }
}

#[test]
fn several_locks_as_one_have_one_holder() {
    let part = async |contender: &Contender, client: Client| {
        let mut paths = [PATH, "/contended-too"];
        if contender.dice.roll(2) == 0 {
            paths.reverse();
        }
        let Ok(held) = MultiLock::new(paths.map(|path| Lock::new(&client, path))).acquire().await else {
            return;
        };
        contender.hold(How::Alone, held.guards()[0].token(), held.lost()).await;
    };
    with_seeds(15, |seed| assert_holds(contend(seed, Obedience::Stops, Rule::Lock, part), 20));
}

#[test]
fn a_selector_has_one_leader() {
    let part = async |contender: &Contender, _: Client| {
        let naming = naming(&contender.dice);
        let selector = Selector::new(&contender.sessions, PATH, "me").named(naming);
        let work = async |leadership: recipes::Leadership| {
            contender.hold(How::Alone, leadership.token(), leadership.lost()).await;
        };
        let led = selector.lead(work).await.unwrap();
        assert!(matches!(led, Led::Done(()) | Led::Lost(_)));
    };
    with_seeds(25, |seed| assert_holds(contend(seed, Obedience::Stops, Rule::Lock, part), 20));
}

#[test]
fn a_latch_has_one_leader() {
    let part = async |contender: &Contender, _: Client| {
        let latch = Latch::join(&contender.sessions, PATH, "me");
        for _ in 0..contender.dice.roll(3) + 1 {
            let leadership = latch.leader().await.unwrap();
            contender.hold(How::Alone, leadership.token(), leadership.lost()).await;
            if leadership.check().is_ok() {
                break;
            }
        }
        if contender.dice.roll(2) == 0 {
            latch.leave().await;
        } else {
            drop(latch);
        }
    };
    with_seeds(25, |seed| assert_holds(contend(seed, Obedience::Stops, Rule::Lock, part), 20));
}
