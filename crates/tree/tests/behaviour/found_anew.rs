//! The tree of a backup as the beginning of another cluster.

use tree::{CreateMode, EnsembleMember, EpochsUsedUp, SessionId, Text};

use crate::fixture::{Fixture, restore, snapshot};

/// Two sessions, an ephemeral of each, and a member.
fn lived_in() -> Fixture {
    let mut f = Fixture::new();
    f.create("/p").unwrap();
    f.create("/p/kept").unwrap();
    f.create_mode("/p/one", CreateMode::Ephemeral).unwrap();
    f.session = f.create_session();
    f.create_mode("/p/two", CreateMode::Ephemeral).unwrap();
    f.tree.set_members(&[EnsembleMember { node: 1, address: Text::from("a:1"), is_voter: true }]);
    f
}

#[test]
fn sessions_and_their_ephemerals_end_and_the_rest_stays() {
    let mut f = lived_in();
    let kept = f.stat("/p/kept");
    let parent = f.stat("/p");
    assert_eq!(f.tree.found_anew(0), Ok(2));
    assert_eq!(f.names("/p"), ["kept"]);
    assert_eq!(f.stat("/p/kept"), kept);
    assert_eq!((f.tree.counters().sessions, f.tree.counters().ephemerals), (0, 0));
    assert_eq!(f.stat("/p").cversion, parent.cversion + 2, "as when sessions expire");
    assert_eq!(f.tree.members().count(), 0);
}

#[test]
fn it_goes_on_above_all_that_the_other_cluster_may_have_done() {
    let mut f = lived_in();
    let before = f.last_zxid();
    f.tree.found_anew(1000).unwrap();
    assert_eq!(f.last_zxid().epoch(), before.epoch() + 1000);
    let known = f.session;
    f.session = SessionId::NONE;
    f.tree.begin_epoch();
    let next = f.create_session();
    assert!(f.last_zxid().epoch() > before.epoch() + 1000);
    let number = |session: SessionId| session.0 & ((1 << 56) - 1);
    assert!(
        number(next) - number(known) > u32::MAX.into(),
        "numbers of sessions in between are not given again"
    );
    let chunks = snapshot(&mut f.tree, tree::ChunkLimits::default());
    assert_eq!(restore(&chunks).unwrap().digest(), f.tree.digest());
}

#[test]
fn without_epochs_to_skip_zxids_go_on() {
    let mut f = lived_in();
    let before = f.last_zxid();
    f.tree.found_anew(0).unwrap();
    assert_eq!(f.last_zxid().0, before.0 + 2, "one for each session");
}

#[test]
fn epochs_do_not_overflow() {
    let mut f = lived_in();
    let digest = f.tree.digest();
    let epoch = f.last_zxid().epoch();
    for skipped in [u32::MAX, i32::MAX as u32 - epoch] {
        assert_eq!(f.tree.found_anew(skipped), Err(EpochsUsedUp { epoch, skipped }));
    }
    assert_eq!(f.tree.digest(), digest);
    f.tree.found_anew(i32::MAX as u32 - epoch - 1).unwrap();
    f.tree.begin_epoch();
    assert!(f.last_zxid().0 > 0);
}
