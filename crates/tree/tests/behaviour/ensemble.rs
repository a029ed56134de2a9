//! What clients see of the cluster.

use tree::{Acl, ChunkLimits, ErrorCode, Identity, Operation, Permissions, Zxid};

use crate::fixture::{Fixture, events, restore, snapshot};
use crate::model::ensemble::member;

impl Fixture {
    fn config(&self) -> String {
        let data = self.tree.data("/zookeeper/config", &[]).unwrap().data.unwrap();
        String::from_utf8(data.to_vec()).unwrap()
    }

    fn announce(&mut self, node: u64, address: &str) -> tree::Outcome {
        self.apply(Operation::Announce { node, client_address: Some(address.into()) })
    }
}

#[test]
fn the_founders_are_there_before_the_first_transaction() {
    let mut tree = tree::Tree::new();
    let outcome = tree.set_members(&[member(1, true)]);
    assert_eq!((outcome.zxid, outcome.triggers.len()), (Zxid::ZERO, 0));
    let found = tree.data("/zookeeper/config", &[]).unwrap();
    assert_eq!(found.data.unwrap().as_ref(), b"server.1=node-1:7400:0:participant\nversion=0");
    assert_eq!((found.stat.version, found.stat.mzxid), (-1, Zxid::ZERO));
}

#[test]
fn a_change_has_a_zxid_and_an_event_and_no_version() {
    let mut fixture = Fixture::new();
    fixture.tree.set_members(&[member(1, true)]);
    let before = fixture.last_zxid();
    let outcome = fixture.tree.set_members(&[member(1, true), member(2, false)]);
    assert_eq!(outcome.zxid, Zxid(before.0 + 1));
    assert_eq!(events(&outcome), [(3, "/zookeeper/config".to_owned())]);
    let stat = fixture.stat("/zookeeper/config");
    assert_eq!((stat.version, stat.aversion, stat.mzxid, stat.mtime), (-1, -1, outcome.zxid, fixture.now_ms));
    let version = format!("{:x}", outcome.zxid.0);
    assert_eq!(
        fixture.config(),
        format!("server.1=node-1:7400:0:participant\nserver.2=node-2:7400:0:observer\nversion={version}")
    );
}

#[test]
fn what_changes_nothing_burns_no_zxid() {
    let mut fixture = Fixture::new();
    fixture.tree.set_members(&[member(1, true)]);
    assert_eq!(fixture.announce(1, "one:2181").triggers.len(), 1);
    let (zxid, config) = (fixture.last_zxid(), fixture.config());
    fixture.tree.set_members(&[member(1, true)]);
    fixture.announce(1, "one:2181");
    fixture.announce(2, "two:2181");
    assert_eq!((fixture.last_zxid(), fixture.config()), (zxid, config));
    fixture.tree.set_members(&[member(1, true), member(2, true)]);
    assert!(fixture.config().contains("server.2=node-2:7400:0:participant;two:2181\n"));
}

#[test]
fn the_members_are_in_snapshots() {
    let mut fixture = Fixture::new();
    fixture.tree.set_members(&[member(1, true), member(2, false)]);
    fixture.announce(1, "one:2181");
    fixture.announce(3, "three:2181");
    let config = fixture.config();
    fixture.tree = restore(&snapshot(&mut fixture.tree, ChunkLimits::default())).unwrap();
    assert_eq!(fixture.config(), config);
    assert_eq!(fixture.tree.client_address(3).unwrap(), &"three:2181");
    let zxid = fixture.last_zxid();
    fixture.tree.set_members(&[member(1, true), member(2, false)]);
    assert_eq!(fixture.last_zxid(), zxid, "nothing is new");
}

#[test]
fn clients_may_read_and_not_write_it() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.set("/zookeeper/config", "mine"), Err(ErrorCode::NoAuth));
    let (acl, _) = fixture.tree.acl("/zookeeper/config", &[Identity::super_user()]).unwrap();
    assert_eq!(acl, [Acl::anyone(Permissions::READ)]);
}
