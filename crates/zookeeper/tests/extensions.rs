//! Operations that ZooKeeper does not have: docs/extensions.md.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Client, Cluster, Reply, children, create, exists, open_acl, run, set};
use zookeeper::codec::{
    Acl, AddWatch, AddWatchMode, Auth, Child, ChildContent, ChildDetail, ChildrenPage, Create, Ensure,
    ErrorCode, EventType, ListChildren, Multi, PathVersion, ReplyBody, Request, SetAcl, WritePart,
};

fn delete_recursive(path: &str) -> Request<'_> {
    Request::DeleteRecursive(PathVersion { path, version: -1 })
}

fn ensure(path: &str, parents: bool) -> Request<'_> {
    Request::Ensure(Ensure { path, data: Some(b"new"), acl: open_acl(), parents })
}

fn list(path: &str, detail: ChildDetail) -> ListChildren<'_> {
    ListChildren { path, watch: false, after: None, children_max: 0, bytes_max: 0, detail }
}

fn page(reply: &Reply) -> ChildrenPage<'_> {
    match reply.body() {
        ReplyBody::Page(page) => page,
        other => panic!("{other:?} is no page"),
    }
}

fn names<'a>(page: &ChildrenPage<'a>) -> Vec<&'a str> {
    page.children.iter().map(|child| child.name).collect()
}

async fn plant(client: &mut Client, paths: &[&str]) {
    for path in paths {
        assert_eq!(client.create(path, b"x").await.error, ErrorCode::OK, "{path}");
    }
}

#[test]
fn a_subtree_goes_in_one_transaction_and_every_watcher_hears_of_its_part() {
    run(async {
        let cluster = Cluster::start(2);
        let (mut client, mut watcher) = (cluster.client(1).await, cluster.client(2).await);
        plant(&mut client, &["/a", "/a/b", "/a/b/c", "/a/d"]).await;
        watcher.call(&support::sync("/")).await;
        let recursive = AddWatch { path: "/a", mode: AddWatchMode::PersistentRecursive };
        watcher.call(&Request::AddWatch(recursive)).await;
        watcher.call(&children("/a/b", true)).await;
        watcher.call(&exists("/a/d", true)).await;
        let reply = client.call(&delete_recursive("/a")).await;
        assert_eq!(reply.body(), ReplyBody::Count(4));
        use EventType::{NodeChildrenChanged, NodeDeleted};
        for expected in [
            (NodeDeleted, "/a/b/c"),
            (NodeChildrenChanged, "/a/b"),
            (NodeDeleted, "/a/b"),
            (NodeDeleted, "/a/d"),
            (NodeDeleted, "/a"),
        ] {
            let (kind, path) = watcher.event().await;
            assert_eq!((kind, path.as_str()), expected);
        }
        assert!(watcher.is_quiet().await);
        assert!(!watcher.exists("/a").await);
    });
}

#[test]
fn what_older_members_can_not_apply_is_not_implemented_until_they_are_gone() {
    run(async {
        let cluster = Cluster::start(2);
        cluster.log.set_level(1);
        let mut client = cluster.client(1).await;
        plant(&mut client, &["/a", "/a/b"]).await;
        let logged = cluster.log.len();
        for request in [delete_recursive("/a"), ensure("/new", false)] {
            assert_eq!(client.call(&request).await.error, ErrorCode::UNIMPLEMENTED);
        }
        assert_eq!(cluster.log.len(), logged, "nothing was proposed");
        // In order behind a write, and the connection goes on.
        client.send_all(&[set("/a", b"1"), delete_recursive("/a"), exists("/a", false)]).await;
        for expected in [ErrorCode::OK, ErrorCode::UNIMPLEMENTED, ErrorCode::OK] {
            assert_eq!(client.reply().await.error, expected);
        }
        // Reading is nobody else's matter.
        let listed = client.call(&Request::ListChildren(list("/a", ChildDetail::Name))).await;
        assert_eq!(names(&page(&listed)), ["b"]);
        cluster.log.set_level(2);
        assert_eq!(client.call(&ensure("/new", false)).await.error, ErrorCode::OK);
        assert_eq!(client.call(&delete_recursive("/a")).await.body(), ReplyBody::Count(2));
    });
}

#[test]
fn a_subtree_with_a_forbidden_part_or_too_much_in_it_stays_whole() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        plant(&mut client, &["/a", "/a/b", "/a/b/c", "/big"]).await;
        let readable = vec![Acl { permissions: 1, ..Acl::OPEN }];
        client.call(&Request::SetAcl(SetAcl { path: "/a/b", acl: readable, version: -1 })).await;
        assert_eq!(client.call(&delete_recursive("/a")).await.error, ErrorCode::NO_AUTH);
        assert!(client.exists("/a/b/c").await);
        fill(&mut client, "/big", 5_000).await;
        assert_eq!(client.call(&delete_recursive("/big")).await.error, ErrorCode::TOO_MANY_ZNODES);
        assert_eq!(client.call(&delete_recursive("/big/00000")).await.body(), ReplyBody::Count(1));
        assert_eq!(client.call(&delete_recursive("/big")).await.body(), ReplyBody::Count(5_000));
        assert_eq!(client.call(&delete_recursive("/")).await.error, ErrorCode::BAD_ARGUMENTS);
        assert_eq!(client.call(&delete_recursive("/zookeeper/quota")).await.error, ErrorCode::BAD_ARGUMENTS);
    });
}

/// Creates children with names of five digits.
async fn fill(client: &mut Client, path: &str, count: usize) {
    let paths: Vec<_> = (0..count).map(|number| format!("{path}/{number:05}")).collect();
    for some in paths.chunks(2_000) {
        let part = |path| WritePart::Create(Create { path, data: None, acl: open_acl(), flags: 0 });
        let parts = some.iter().map(|path| part(path)).collect();
        assert_eq!(client.call(&Request::Multi(Multi { parts })).await.error, ErrorCode::OK);
    }
}

#[test]
fn a_znode_is_created_once_with_its_parents() {
    run(async {
        let cluster = Cluster::start(1);
        let (mut one, mut other) = (cluster.client(1).await, cluster.client(1).await);
        assert_eq!(one.call(&ensure("/a/b", false)).await.error, ErrorCode::NO_NODE);
        let made = one.call(&ensure("/a/b", true)).await;
        let ReplyBody::Ensured(true, stat) = made.body() else { panic!("{made:?}") };
        assert_eq!((stat.czxid, stat.data_length), (made.zxid, 3));
        let found = other.call(&ensure("/a/b", true)).await;
        assert_eq!(found.body(), ReplyBody::Ensured(false, stat));
        other.call(&set("/a/b", b"changed")).await;
        one.call(&ensure("/a/b", false)).await;
        assert_eq!(one.get("/a/b").await.data().unwrap(), b"changed");
        let secret = vec![Acl { permissions: 2, ..Acl::OPEN }];
        one.call(&Request::SetAcl(SetAcl { path: "/a/b", acl: secret, version: -1 })).await;
        assert_eq!(one.call(&ensure("/a/b", false)).await.error, ErrorCode::NO_AUTH, "as exists answers");
    });
}

#[test]
fn children_come_in_pages_with_what_was_asked_for_and_may_be_read() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        plant(&mut client, &["/p", "/p/c", "/p/a", "/p/b", "/p/d"]).await;
        let secret = vec![Acl { permissions: 2, ..Acl::OPEN }];
        client.call(&Request::SetAcl(SetAcl { path: "/p/b", acl: secret, version: -1 })).await;
        let asked = ListChildren { children_max: 3, ..list("/p", ChildDetail::Data) };
        let reply = client.call(&Request::ListChildren(asked)).await;
        let first = page(&reply);
        assert_eq!((names(&first), first.more), (vec!["a", "b", "c"], true));
        assert_eq!(first.stat, client.call(&exists("/p", false)).await.stat());
        let stat = client.call(&exists("/p/a", false)).await.stat();
        assert_eq!(first.children[0].content, ChildContent::Data(stat, Some(b"x")));
        assert_eq!(first.children[1].content, ChildContent::Withheld);
        let rest = ListChildren { after: Some("c"), children_max: 3, ..list("/p", ChildDetail::Stat) };
        let reply = client.call(&Request::ListChildren(rest)).await;
        let ChildrenPage { children, more: false, .. } = page(&reply) else { panic!("{reply:?}") };
        assert!(matches!(children[..], [Child { name: "d", content: ChildContent::Stat(_) }]));
        // The name to go on after need not be there.
        let between = ListChildren { after: Some("bb"), ..list("/p", ChildDetail::Name) };
        let reply = client.call(&Request::ListChildren(between)).await;
        assert_eq!(names(&page(&reply)), ["c", "d"]);
        let missing = client.call(&Request::ListChildren(list("/q", ChildDetail::Name))).await;
        assert_eq!(missing.error, ErrorCode::NO_NODE);
        let hidden = client.call(&Request::ListChildren(list("/p/b", ChildDetail::Name))).await;
        assert_eq!(hidden.error, ErrorCode::NO_AUTH);
    });
}

#[test]
fn a_page_keeps_its_bounds_and_has_at_least_a_child() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        plant(&mut client, &["/p", "/empty", "/big"]).await;
        for name in ["a", "b", "c"] {
            client.create(&format!("/p/{name}"), &[7; 400_000]).await;
        }
        let mut after = None;
        let mut seen = Vec::new();
        // Two fit into what a server gives, the third does not.
        for (expected, more) in [(vec!["a", "b"], true), (vec!["c"], false)] {
            let asked = ListChildren { after: after.as_deref(), ..list("/p", ChildDetail::Data) };
            let reply = client.call(&Request::ListChildren(asked)).await;
            let page = page(&reply);
            assert_eq!((names(&page), page.more), (expected, more));
            seen.extend(page.children.iter().map(|child| child.name.to_owned()));
            after = seen.last().cloned();
        }
        let small = ListChildren { bytes_max: 1, ..list("/p", ChildDetail::Data) };
        let reply = client.call(&Request::ListChildren(small)).await;
        let [Child { name: "a", content: ChildContent::TooLarge(stat) }] = page(&reply).children[..] else {
            panic!("{:?}", names(&page(&reply)))
        };
        assert_eq!(stat.data_length, 400_000);
        let none = client.call(&Request::ListChildren(list("/empty", ChildDetail::Data))).await;
        assert_eq!((page(&none).children.len(), page(&none).more), (0, false));
        fill(&mut client, "/big", 10_001).await;
        let reply = client.call(&Request::ListChildren(list("/big", ChildDetail::Name))).await;
        assert_eq!((page(&reply).children.len(), page(&reply).more), (10_000, true));
    });
}

#[test]
fn a_page_can_be_watched_and_sees_the_writes_before_it() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        plant(&mut client, &["/p"]).await;
        let watching = ListChildren { watch: true, ..list("/p", ChildDetail::Name) };
        client.send_all(&[create("/p/a", b"", 0), Request::ListChildren(watching)]).await;
        client.reply().await;
        let reply = client.reply().await;
        assert_eq!(names(&page(&reply)), ["a"]);
        client.send(&create("/p/b", b"", 0)).await;
        assert_eq!(client.event().await, (EventType::NodeChildrenChanged, "/p".to_owned()));
    });
}

#[test]
fn a_page_is_linearizable_for_those_who_asked_for_that() {
    run(async {
        let cluster = Cluster::start(2);
        let (mut writer, mut reader) = (cluster.client(1).await, cluster.client(2).await);
        let auth = Auth { kind: 0, scheme: "reads", auth: Some(b"linearizable") };
        assert_eq!(reader.call(&Request::Auth(auth)).await.error, ErrorCode::OK);
        plant(&mut writer, &["/p"]).await;
        cluster.log.hold(2);
        plant(&mut writer, &["/p/a"]).await;
        reader.send(&Request::ListChildren(list("/p", ChildDetail::Name))).await;
        assert!(reader.is_quiet().await);
        cluster.log.release(2);
        let reply = reader.reply().await;
        assert_eq!(names(&page(&reply)), ["a"]);
    });
}
