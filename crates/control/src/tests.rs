//! The control plane over a log in memory, without a protocol.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use runtime::{BoxFuture, Runtime, SeededEntropy, SystemClock, SystemDisk, SystemNetwork, TokioPools};
use tree::{
    Acl, ChunkLimits, Command, Create, CreateMode, DeleteRecursive, EnsembleMember, ErrorCode, EventKind,
    Identity, Operation, Password, Permissions, Reply, SessionId, SetData, WatchKind, Zxid,
};

use crate::loopback::Loopback;
use crate::{
    AppliedCommand, AppliedEntry, CloseReason, Connection, Control, ControlConfig, Delivery, LogStatus,
    ReplicatedLog, Role, Unavailable,
};

fn runtime() -> Runtime {
    let handle = tokio::runtime::Handle::current();
    Runtime {
        network: Arc::new(SystemNetwork),
        disk: Arc::new(SystemDisk),
        clock: SystemClock::clock(),
        entropy: Arc::new(SeededEntropy::new(7)),
        pools: Arc::new(TokioPools::new(handle.clone(), handle)),
    }
}

fn run<F: Future>(test: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

/// In a time that passes as soon as everybody waits.
fn run_at_once<F: Future>(test: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(test)
}

/// A log that keeps what is proposed until the test applies or loses it.
#[derive(Default)]
struct ByHand {
    next: AtomicU64,
    proposed: Mutex<Vec<(u64, Bytes)>>,
    /// No report reaches the leader, and none is known to be lost.
    cut_off: AtomicBool,
}

impl ByHand {
    /// Applies what was proposed, as one entry.
    fn apply(&self, control: &Control) {
        let proposed = std::mem::take(&mut *self.proposed.lock());
        let commands = proposed.into_iter().map(|(own, bytes)| AppliedCommand { own: Some(own), bytes });
        control.apply(entry(tree::LEVEL_MAX, commands)).unwrap();
    }
}

impl ReplicatedLog for ByHand {
    fn propose(&self, command: Bytes) -> u64 {
        let sequence = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        self.proposed.lock().push((sequence, command));
        sequence
    }

    fn barrier(&self) -> BoxFuture<'static, Result<(), Unavailable>> {
        Box::pin(async { Ok(()) })
    }

    fn report_active(&self, _: Vec<SessionId>) -> BoxFuture<'static, Result<Zxid, Unavailable>> {
        match self.cut_off.load(Ordering::Relaxed) {
            true => Box::pin(std::future::pending()),
            false => Box::pin(async { Ok(Zxid(0)) }),
        }
    }

    fn level(&self) -> u32 {
        tree::LEVEL_MAX
    }

    fn status(&self) -> LogStatus {
        LogStatus { role: Role::Standalone, term: 1, leader: Some(1), voters: 1, ..LogStatus::default() }
    }
}

fn by_hand(config: ControlConfig) -> (Arc<Control>, Arc<ByHand>, runtime::Task) {
    let control = Control::new(runtime(), config);
    let log = Arc::new(ByHand::default());
    let task = control.start(Arc::clone(&log) as Arc<dyn ReplicatedLog>);
    (control, log, task)
}

fn connect(control: &Arc<Control>) -> Connection {
    control.connect(Arc::new([Identity::new("ip", "127.0.0.1")]))
}

fn command(connection: &Connection, operation: Operation) -> Command {
    Command {
        session: connection.session().unwrap_or(SessionId::NONE),
        origin: connection.owner(),
        identities: vec![],
        enforce_quotas: false,
        operation,
    }
}

fn create_session(connection: &Connection) -> Command {
    command(connection, Operation::CreateSession { timeout_ms: 10_000, password: Password([1; 16]) })
}

fn create(connection: &Connection, path: &str) -> Command {
    command(
        connection,
        Operation::Create(Create {
            path: path.into(),
            data: Some(Bytes::from_static(b"0")),
            acl: vec![Acl::anyone(Permissions::ALL)],
            mode: CreateMode::Persistent,
            want_stat: false,
        }),
    )
}

fn set(connection: &Connection, path: &str, data: &'static [u8]) -> Command {
    let data = Some(Bytes::from_static(data));
    command(connection, Operation::SetData(SetData { path: path.into(), data, version: -1 }))
}

fn propose(connection: &mut Connection, command: &Command) -> u64 {
    connection.turn(|turn| turn.propose(command)).unwrap()
}

fn hear(connection: &mut Connection) -> Vec<Delivery> {
    connection.turn(|turn| std::iter::from_fn(|| turn.next_delivery()).collect())
}

/// A connection with a session.
fn client(control: &Arc<Control>, log: &ByHand) -> Connection {
    let mut connection = connect(control);
    let command = create_session(&connection);
    propose(&mut connection, &command);
    log.apply(control);
    assert!(matches!(
        hear(&mut connection)[..],
        [Delivery::Done { result: Ok(Reply::SessionCreated { .. }), .. }]
    ));
    connection
}

#[test]
fn a_command_is_answered_once_with_its_ticket() {
    run(async {
        let (control, log, _task) = by_hand(ControlConfig::default());
        let mut connection = client(&control, &log);
        let commands = [create(&connection, "/a"), create(&connection, "/a")];
        let tickets: Vec<_> = commands.iter().map(|command| propose(&mut connection, command)).collect();
        assert!(hear(&mut connection).is_empty());
        log.apply(&control);
        let heard = hear(&mut connection);
        let [
            Delivery::Done { ticket: first, result: Ok(_), .. },
            Delivery::Done { ticket: second, result, .. },
        ] = &heard[..]
        else {
            panic!("{heard:?}");
        };
        assert_eq!([*first, *second], tickets[..]);
        assert_eq!(*result, Err(ErrorCode::NodeExists));
        assert!(hear(&mut connection).is_empty());
        assert_eq!(control.pending_count(), 0);
    });
}

#[test]
fn commands_of_other_nodes_are_nobodys_answers() {
    run(async {
        let (control, log, _task) = by_hand(ControlConfig::default());
        let mut connection = client(&control, &log);
        let command = create(&connection, "/a");
        propose(&mut connection, &command);
        let (_, bytes) = log.proposed.lock().pop().unwrap();
        let foreign = [AppliedCommand { own: None, bytes }];
        control.apply(entry(tree::LEVEL_MAX, foreign)).unwrap();
        assert!(hear(&mut connection).is_empty());
        assert_eq!(control.read(|tree| tree.counters().nodes), 5);
    });
}

#[test]
fn a_command_whose_fate_is_unknown_ends_its_connection_and_no_other() {
    run(async {
        let (control, log, _task) = by_hand(ControlConfig::default());
        let mut first = client(&control, &log);
        let mut second = client(&control, &log);
        let lost = create(&first, "/lost");
        let kept = create(&second, "/kept");
        let through = propose(&mut first, &lost);
        propose(&mut second, &kept);
        control.lost_through(through);
        assert!(matches!(hear(&mut first)[..], [Delivery::Closed(CloseReason::Unknown)]));
        log.proposed.lock().remove(0);
        log.apply(&control);
        assert!(matches!(hear(&mut second)[..], [Delivery::Done { result: Ok(_), .. }]));
    });
}

/// The log skips a command: its number is missing among those that come back.
#[test]
fn a_command_that_the_log_skipped_counts_as_lost() {
    run(async {
        let (control, log, _task) = by_hand(ControlConfig::default());
        let mut first = client(&control, &log);
        let mut second = client(&control, &log);
        let (skipped, kept) = (create(&first, "/skipped"), create(&second, "/kept"));
        propose(&mut first, &skipped);
        propose(&mut second, &kept);
        log.proposed.lock().remove(0);
        log.apply(&control);
        assert!(matches!(hear(&mut first)[..], [Delivery::Closed(CloseReason::Unknown)]));
        assert!(matches!(hear(&mut second)[..], [Delivery::Done { result: Ok(_), .. }]));
    });
}

#[test]
fn a_deferred_read_sees_the_state_right_behind_its_command() {
    run(async {
        let (control, log, _task) = by_hand(ControlConfig::default());
        let mut connection = client(&control, &log);
        let commands =
            [create(&connection, "/a"), set(&connection, "/a", b"1"), set(&connection, "/a", b"2")];
        for command in &commands {
            connection.turn(|turn| {
                turn.propose(command).unwrap();
                turn.defer(Box::new(|view| {
                    let node = view.tree().data("/a", &[]).unwrap();
                    Bytes::copy_from_slice(node.data.unwrap())
                }));
            });
        }
        log.apply(&control);
        let heard = hear(&mut connection);
        let seen = heard.iter().filter_map(|delivery| match delivery {
            Delivery::Deferred(data) => Some(&data[..]),
            _ => None,
        });
        assert_eq!(seen.collect::<Vec<_>>(), [b"0", b"1", b"2"]);
        assert_eq!(heard.len(), 6);
        connection.turn(|turn| assert!(turn.is_caught_up()));
    });
}

#[test]
fn an_event_stands_before_the_answer_of_its_command_and_after_earlier_answers() {
    run(async {
        let (control, log, _task) = by_hand(ControlConfig::default());
        let mut connection = client(&control, &log);
        connection.turn(|turn| turn.view().watch("/b", WatchKind::Exists)).unwrap();
        let commands = [create(&connection, "/a"), create(&connection, "/b")];
        for command in &commands {
            propose(&mut connection, command);
        }
        log.apply(&control);
        let heard = hear(&mut connection);
        let [
            Delivery::Done { .. },
            Delivery::Event { zxid: event, path, .. },
            Delivery::Done { zxid: done, .. },
        ] = &heard[..]
        else {
            panic!("{heard:?}");
        };
        assert_eq!((path.as_str(), event), ("/b", done));
    });
}

#[test]
fn a_change_of_the_members_is_a_transaction_that_watchers_hear_of() {
    run(async {
        let (control, log, _task) = by_hand(ControlConfig::default());
        let members = |count: u64| {
            let member = |node| EnsembleMember { node, address: format!("{node}:1").into(), is_voter: true };
            Some((1..=count).map(member).collect())
        };
        let apply = |members| {
            let entry =
                AppliedEntry { time_ms: 1, level: tree::LEVEL_MAX, new_epoch: false, members, commands: [] };
            control.apply(entry).unwrap();
        };
        apply(members(1));
        let mut connection = client(&control, &log);
        connection.turn(|turn| turn.view().watch("/zookeeper/config", WatchKind::Data)).unwrap();
        let before = control.zxid();
        apply(members(2));
        assert_eq!(control.zxid().0, before.0 + 1);
        let heard = hear(&mut connection);
        let [Delivery::Event { zxid, kind: EventKind::NodeDataChanged, path }] = &heard[..] else {
            panic!("{heard:?}");
        };
        assert_eq!((path.as_str(), *zxid), ("/zookeeper/config", control.zxid()));
        apply(members(2));
        assert_eq!(control.zxid(), *zxid, "nothing has changed");
    });
}

#[test]
fn where_clients_reach_a_node_is_announced_once() {
    run(async {
        let (control, log, _task) = by_hand(ControlConfig::default());
        let address = || Some("here:2181".to_owned());
        for _ in 0..2 {
            control.announce(address());
            log.apply(&control);
        }
        assert_eq!(log.next.load(Ordering::Relaxed), 1);
        control.announce(None);
        log.apply(&control);
        assert_eq!(control.read(|tree| tree.client_address(control.node()).cloned()), None);
        control.announce(None);
        assert_eq!(log.next.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn what_is_under_way_is_bounded_and_room_comes_back() {
    run(async {
        let (control, log, _task) =
            by_hand(ControlConfig { proposed_bytes_max: 1, ..ControlConfig::default() });
        let mut connection = client(&control, &log);
        assert!(control.has_room());
        let command = create(&connection, "/a");
        propose(&mut connection, &command);
        assert!(!control.has_room());
        let room = {
            let control = Arc::clone(&control);
            async move { control.room().await }
        };
        let applied = async { log.apply(&control) };
        tokio::join!(biased; room, applied);
        assert!(control.has_room());
    });
}

#[test]
fn a_connection_that_does_not_take_its_deliveries_is_closed() {
    run(async {
        let (control, log, _task) =
            by_hand(ControlConfig { outbox_bytes_max: 1 << 10, ..ControlConfig::default() });
        let mut slow = client(&control, &log);
        let mut other = client(&control, &log);
        for _ in 0..100 {
            let command = create(&slow, "/a");
            propose(&mut slow, &command);
        }
        log.apply(&control);
        assert!(matches!(hear(&mut slow)[..], [Delivery::Closed(CloseReason::TooSlow)]));
        let command = set(&other, "/a", b"1");
        propose(&mut other, &command);
        log.apply(&control);
        assert!(matches!(hear(&mut other)[..], [Delivery::Done { result: Ok(_), .. }]));
    });
}

#[test]
fn a_client_of_a_node_that_is_cut_off_has_a_third_of_its_timeout_to_find_another() {
    run_at_once(async {
        let (control, log, _task) = by_hand(ControlConfig::default());
        let mut connection = client(&control, &log);
        let clock = runtime().clock;
        clock.sleep(Duration::from_millis(2_050)).await;
        log.cut_off.store(true, Ordering::Relaxed);
        let cut_off = clock.now();
        let step = Duration::from_millis(50);
        while hear(&mut connection).is_empty() {
            clock.sleep(step).await;
        }
        // A session of ten seconds, and two thirds of that. The last report was taken within a second before.
        let after = clock.now().saturating_since(cut_off);
        let patience = Duration::from_millis(10_000 * 2 / 3);
        assert!(after + Duration::from_secs(1) > patience, "{after:?}: that is too early");
        assert!(after < patience + Duration::from_millis(200), "{after:?}: that is too late");
    });
}

#[test]
fn a_snapshot_taken_while_commands_go_on_restores_the_frozen_state_and_ends_connections() {
    run(async {
        let (control, log, _task) = by_hand(ControlConfig::default());
        let mut connection = client(&control, &log);
        for number in 0..100 {
            let command = create(&connection, &format!("/{number}"));
            propose(&mut connection, &command);
        }
        log.apply(&control);
        let frozen = control.digest();
        let mut source =
            control.begin_snapshot(ChunkLimits { records: 7, ..ChunkLimits::default() }).unwrap();
        assert!(control.begin_snapshot(ChunkLimits::default()).is_err());
        let mut chunks = Vec::new();
        while let Some(chunk) = source.next_chunk() {
            chunks.push(chunk);
            let command = set(&connection, "/5", b"changed");
            propose(&mut connection, &command);
            log.apply(&control);
        }
        drop(source);
        assert!(chunks.len() > 5);
        assert_ne!(control.digest(), frozen);
        assert!(control.begin_snapshot(ChunkLimits::default()).is_ok(), "the first is done with");

        let (copy, copy_log, _copy_task) = by_hand(ControlConfig { node: 2, ..ControlConfig::default() });
        let mut watcher = client(&copy, &copy_log);
        watcher.turn(|turn| turn.view().watch("/5", WatchKind::Exists)).unwrap();
        let mut target = copy.begin_restore();
        for chunk in chunks {
            target.push(chunk).unwrap();
        }
        target.finish().unwrap();
        assert_eq!(copy.digest(), frozen);
        assert_eq!(copy.zxid(), copy.read(tree::Tree::zxid));
        assert!(matches!(hear(&mut watcher).last(), Some(Delivery::Closed(CloseReason::Replaced))));
        assert_eq!(copy.watch_counts().watches, 0);
    });
}

#[test]
fn a_restore_that_fails_changes_nothing() {
    run(async {
        let (control, log, _task) = by_hand(ControlConfig::default());
        let mut connection = client(&control, &log);
        let before = control.digest();
        let mut target = control.begin_restore();
        assert!(target.push(Bytes::from_static(b"garbage")).is_err());
        assert!(control.begin_restore().finish().is_err());
        assert_eq!(control.digest(), before);
        assert!(hear(&mut connection).is_empty());
    });
}

#[test]
fn a_command_that_does_not_decode_stops_the_node() {
    run(async {
        let (control, _log, _task) = by_hand(ControlConfig::default());
        let commands = [AppliedCommand { own: None, bytes: Bytes::from_static(b"\xff\xff\xff") }];
        assert!(
            control
                .apply(AppliedEntry {
                    time_ms: 1,
                    level: tree::LEVEL_MAX,
                    new_epoch: false,
                    members: None,
                    commands
                })
                .is_err()
        );
    });
}

fn entry<C>(level: u32, commands: C) -> AppliedEntry<C> {
    AppliedEntry { time_ms: 1, level, new_epoch: false, members: None, commands }
}

#[test]
fn what_needs_a_higher_level_is_refused_by_those_who_can_read_it_and_those_who_can_not() {
    run(async {
        let (control, log, _task) = by_hand(ControlConfig::default());
        let mut connection = client(&control, &log);
        let at = control.zxid();
        let delete = DeleteRecursive { path: "/a".into(), version: -1, limit: tree::Extent::MAX };
        let command = command(&connection, Operation::DeleteRecursive(delete.clone()));
        let ticket = propose(&mut connection, &command);
        let (own, known) = log.proposed.lock().pop().unwrap();
        control.apply(entry(1, vec![AppliedCommand { own: Some(own), bytes: known.clone() }])).unwrap();
        let refused = Err(ErrorCode::Unimplemented);
        assert!(matches!(&hear(&mut connection)[..], [Delivery::Done { ticket: t, zxid, result }]
                if (*t, *zxid, result) == (ticket, Zxid(at.0 + 1), &refused)));
        // Field 1, the format, is that of a version to come, and the rest is not for this one.
        let to_come = tree::LEVEL_MAX + 1;
        let unknown = Bytes::from(vec![0x08, to_come as u8, 0xfa, 0x3f, 1, b'?']);
        control
            .apply(entry(tree::LEVEL_MAX, vec![AppliedCommand { own: None, bytes: unknown.clone() }]))
            .unwrap();
        assert_eq!(control.zxid(), Zxid(at.0 + 2));
        // At their level the first has an effect, and the second can't be gone without.
        control.apply(entry(2, vec![AppliedCommand { own: None, bytes: known }])).unwrap();
        assert_eq!(control.zxid(), Zxid(at.0 + 3));
        assert!(control.apply(entry(to_come, vec![AppliedCommand { own: None, bytes: unknown }])).is_err());
    });
}

#[test]
fn nodes_that_share_a_log_become_equal() {
    run(async {
        let runtime = runtime();
        let log = Loopback::new(runtime.clone());
        let mut nodes = Vec::new();
        for node in 1..=3 {
            let control = Control::new(runtime.clone(), ControlConfig { node, ..ControlConfig::default() });
            let task = log.join(&control);
            nodes.push((control, task));
        }
        for (control, _) in &nodes {
            let mut connection = connect(control);
            let command = create_session(&connection);
            propose(&mut connection, &command);
            connection.notified().await;
            hear(&mut connection);
            let path = format!("/{}", control.node());
            let command = create(&connection, &path);
            propose(&mut connection, &command);
        }
        for (control, _) in &nodes {
            control.barrier().await.unwrap();
            assert_eq!(control.digest(), nodes[0].0.digest());
            assert_eq!(control.read(|tree| tree.counters().nodes), 4 + 3);
        }
        runtime.clock.sleep(Duration::ZERO).await;
    });
}
