//! Quotas.

use tree::{ANY_VERSION, ChunkLimits, ErrorCode, Identity, Operation, SetData, SubOperation};

use crate::fixture::{Fixture, create, delete, restore, set, snapshot};

impl Fixture {
    fn create_with(&mut self, path: &str, data: &'static str) -> Result<String, ErrorCode> {
        let create = tree::Create { data: Some(data.into()), ..create(path) };
        crate::fixture::created(self.apply(Operation::Create(create)).result)
    }

    /// As `setquota` does it.
    fn set_quota(&mut self, prefix: &str, limits: &'static str) {
        let home = format!("/zookeeper/quota{prefix}");
        self.create_with(&home, "").unwrap();
        self.create_with(&format!("{home}/zookeeper_limits"), limits).unwrap();
        self.create_with(&format!("{home}/zookeeper_stats"), "count=0,bytes=0").unwrap();
    }

    fn text(&self, path: &str) -> String {
        let data = self.tree.data(path, &[Identity::super_user()]).unwrap().data.unwrap();
        String::from_utf8(data.to_vec()).unwrap()
    }

    fn usage(&self, prefix: &str) -> String {
        self.text(&format!("/zookeeper/quota{prefix}/zookeeper_stats"))
    }
}

fn with_quota(limits: &'static str) -> Fixture {
    let mut fixture = Fixture::new();
    fixture.create_with("/a", "12345").unwrap();
    fixture.create_with("/a/b", "").unwrap();
    fixture.set_quota("/a", limits);
    fixture
}

#[test]
fn usage_begins_with_what_is_there_and_follows_every_change() {
    let mut fixture = with_quota("count=-1,bytes=-1");
    assert_eq!(fixture.usage("/a"), "count=2,bytes=5");
    fixture.create_with("/a/c", "123").unwrap();
    assert_eq!(fixture.usage("/a"), "count=3,bytes=8");
    fixture.set("/a/c", "1").unwrap();
    assert_eq!(fixture.usage("/a"), "count=3,bytes=6");
    fixture.delete("/a/c").unwrap();
    assert_eq!(fixture.usage("/a"), "count=2,bytes=5");
    fixture.create_with("/ab", "123").unwrap();
    assert_eq!(fixture.usage("/a"), "count=2,bytes=5", "/ab is not below /a");
}

#[test]
fn a_change_of_usage_has_no_version_no_time_and_no_event() {
    let mut fixture = with_quota("count=-1,bytes=-1");
    let before = fixture.stat("/zookeeper/quota/a/zookeeper_stats");
    let outcome = fixture.apply(Operation::SetData(set("/a", "1234567890", ANY_VERSION)));
    assert_eq!(outcome.triggers.len(), 1);
    let after = fixture.stat("/zookeeper/quota/a/zookeeper_stats");
    assert_eq!(after, tree::Stat { data_length: "count=2,bytes=10".len() as i32, ..before });
}

#[test]
fn a_hard_limit_refuses_what_would_be_beyond_it() {
    let mut fixture = with_quota("count=-1,bytes=-1=;byteHardLimit=10;countHardLimit=3");
    assert_eq!(fixture.create_with("/a/c", "123456"), Err(ErrorCode::QuotaExceeded));
    fixture.create_with("/a/c", "12345").unwrap();
    assert_eq!(fixture.create_with("/a/d", ""), Err(ErrorCode::QuotaExceeded));
    assert_eq!(fixture.set("/a/b", "1"), Err(ErrorCode::QuotaExceeded));
    assert_eq!(fixture.set("/a", "54321").map(|_| ()), Ok(()), "of the same length");
    fixture.delete("/a/c").unwrap();
    fixture.create_with("/a/d", "12345").unwrap();
    assert_eq!(fixture.usage("/a"), "count=3,bytes=10");
}

#[test]
fn the_permission_is_asked_for_before_the_quota_and_the_version_after_it() {
    let mut fixture = with_quota("byteHardLimit=5");
    let wrong_version = |path| Operation::SetData(set(path, "123456", 7));
    assert_eq!(fixture.apply(wrong_version("/a")).result, Err(ErrorCode::QuotaExceeded));
    fixture.set_acl("/a", &[tree::Acl::anyone(tree::Permissions::READ)], ANY_VERSION).unwrap();
    assert_eq!(fixture.apply(wrong_version("/a")).result, Err(ErrorCode::NoAuth));
}

#[test]
fn a_soft_limit_only_says_so() {
    let mut fixture = with_quota("count=2,bytes=5");
    let outcome = fixture.apply(Operation::Create(create("/a/c")));
    assert!(outcome.result.is_ok() && outcome.is_over_quota);
    assert!(!fixture.apply(Operation::Delete(delete("/a/c", ANY_VERSION))).is_over_quota);
}

#[test]
fn nothing_is_refused_unless_the_command_says_so() {
    let mut fixture = with_quota("count=-1,bytes=-1=;byteHardLimit=1;countHardLimit=1");
    fixture.enforce_quotas = false;
    fixture.create_with("/a/c", "123").unwrap();
    assert_eq!(fixture.usage("/a"), "count=3,bytes=8");
}

#[test]
fn a_multi_that_fails_gives_back_what_it_used() {
    let mut fixture = with_quota("count=-1,bytes=-1=;countHardLimit=4");
    let digest = fixture.tree.digest();
    let below = |name: &str| SubOperation::Create(create(&format!("/a/{name}")));
    fixture.enforce_quotas = true;
    let outcome = fixture.multi(vec![below("c"), below("d"), below("e")]);
    assert!(matches!(outcome.result, Ok(tree::Reply::Multi(Err(failure)))
        if failure.at == 2 && failure.error == ErrorCode::QuotaExceeded));
    assert_eq!(fixture.usage("/a"), "count=2,bytes=5");
    assert_ne!(fixture.tree.digest(), digest, "it has burned a zxid");
    fixture
        .multi(vec![below("c"), SubOperation::Delete(delete("/a/b", ANY_VERSION)), below("e")])
        .result
        .unwrap();
    assert_eq!(fixture.usage("/a"), "count=3,bytes=13");
}

#[test]
fn only_the_quota_of_the_longest_prefix_counts() {
    let mut fixture = with_quota("countHardLimit=1");
    fixture.set_quota("/a/b", "countHardLimit=2");
    fixture.create_with("/a/b/c", "12").unwrap();
    assert_eq!(
        (fixture.usage("/a").as_str(), fixture.usage("/a/b").as_str()),
        ("count=2,bytes=5", "count=2,bytes=2")
    );
    assert_eq!(fixture.create("/a/b/d"), Err(ErrorCode::QuotaExceeded));
}

#[test]
fn a_quota_goes_with_its_limits() {
    let mut fixture = with_quota("countHardLimit=2");
    assert_eq!(fixture.create("/a/c"), Err(ErrorCode::QuotaExceeded));
    fixture.delete("/zookeeper/quota/a/zookeeper_limits").unwrap();
    fixture.create("/a/c").unwrap();
    assert_eq!(fixture.usage("/a"), "count=2,bytes=5", "nobody counts any more");
}

#[test]
fn limits_can_be_changed() {
    let mut fixture = with_quota("countHardLimit=2");
    assert_eq!(fixture.create("/a/c"), Err(ErrorCode::QuotaExceeded));
    fixture.set("/zookeeper/quota/a/zookeeper_limits", "countHardLimit=3").unwrap();
    fixture.create("/a/c").unwrap();
}

#[test]
fn the_end_of_a_session_gives_back_what_its_nodes_used() {
    let mut fixture = with_quota("count=-1,bytes=-1");
    fixture.create_mode("/a/e", tree::CreateMode::Ephemeral).unwrap();
    assert_eq!(fixture.usage("/a"), "count=3,bytes=9");
    fixture.apply(Operation::CloseSession);
    assert_eq!(fixture.usage("/a"), "count=2,bytes=5");
}

#[test]
fn limits_without_a_usage_and_texts_without_sense_limit_nothing() {
    let mut fixture = with_quota("count=x");
    fixture.create("/a/c").unwrap();
    fixture.set("/zookeeper/quota/a/zookeeper_limits", "countHardLimit=1").unwrap();
    assert_eq!(fixture.create("/a/d"), Err(ErrorCode::QuotaExceeded));
    let null =
        SetData { path: "/zookeeper/quota/a/zookeeper_stats".into(), data: None, version: ANY_VERSION };
    fixture.apply(Operation::SetData(null)).result.unwrap();
    fixture.create("/a/d").unwrap();
    fixture.delete("/zookeeper/quota/a/zookeeper_stats").unwrap();
    fixture.create("/a/e").unwrap();
}

#[test]
fn there_is_no_quota_on_the_root() {
    let mut fixture = Fixture::new();
    fixture.create_with("/zookeeper/quota/zookeeper_limits", "countHardLimit=1").unwrap();
    fixture.create_with("/zookeeper/quota/zookeeper_stats", "kept").unwrap();
    fixture.create("/a").unwrap();
    assert_eq!(fixture.text("/zookeeper/quota/zookeeper_stats"), "kept");
}

#[test]
fn quotas_are_in_snapshots() {
    let mut fixture = with_quota("countHardLimit=3");
    fixture.tree = restore(&snapshot(&mut fixture.tree, ChunkLimits::default())).unwrap();
    fixture.create("/a/c").unwrap();
    assert_eq!(fixture.usage("/a"), "count=3,bytes=9");
    assert_eq!(fixture.create("/a/d"), Err(ErrorCode::QuotaExceeded));
}
