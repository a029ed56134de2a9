//! Quorate's extensions, and servers that do not have them.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, BytesMut};
use client::{
    Acl, AnyVersion, ChildContent, ChildDetail, Client, CreateMode, Effect, Ensured, ErrorKind, Options,
    PageQuery, Parents,
};
use embedded::{Ensemble, run};
use jute::{
    ConnectRequest, ConnectResponse, ErrorCode, OpCode, PASSWORD_BYTES, Reader, Record, ReplyBody,
    RequestHeader, Stat, first_frame, put_error_frame, put_frame,
};
use runtime::{BoxFuture, BoxStream, Listener, Network, Runtime};
use support::connect;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

async fn create(client: &Client, path: &str) {
    client.create(path, Some(b"x"), &Acl::open(), CreateMode::Persistent).await.unwrap();
}

#[test]
fn a_subtree_is_deleted_in_one_step() {
    run(async {
        let world = Ensemble::start(1);
        let root = connect(&world, "n1").await;
        create(&root, "/app").await;
        let client = connect(&world, "n1/app").await;
        for path in ["/a", "/a/b", "/a/b/c", "/d"] {
            create(&client, path).await;
        }
        let stale = client.delete_recursive("/a", 7).await.unwrap_err();
        assert_eq!((stale.kind, stale.effect), (ErrorKind::BadVersion, Effect::None));
        assert_eq!(client.delete_recursive("/a", 0).await.unwrap(), 3);
        assert_eq!(root.children("/app").await.unwrap().0, ["d"]);
        let missing = client.delete_recursive("/a", AnyVersion).await.unwrap_err();
        assert_eq!(missing.kind, ErrorKind::NoNode);
    });
}

#[test]
fn an_extension_that_older_members_do_not_have_is_unsupported_until_they_are_gone() {
    run(async {
        let world = Ensemble::start(1);
        world.log().set_level(1);
        let client = connect(&world, "n1").await;
        create(&client, "/a").await;
        let refused = client.delete_recursive("/a", AnyVersion).await.unwrap_err();
        assert_eq!((refused.kind, refused.effect), (ErrorKind::Unsupported, Effect::None));
        assert!(client.exists("/a").await.unwrap().is_some());
        world.log().set_level(2);
        assert_eq!(client.delete_recursive("/a", AnyVersion).await.unwrap(), 1);
    });
}

#[test]
fn a_znode_is_ensured() {
    run(async {
        let world = Ensemble::start(1);
        let client = connect(&world, "n1").await;
        let ensure = |parents| client.ensure("/a/b", Some(b"1"), &[], parents);
        assert_eq!(ensure(Parents::Create).await.unwrap_err().kind, ErrorKind::InvalidAcl);
        let open = Acl::open();
        let ensure = |parents| client.ensure("/a/b", Some(b"1"), &open, parents);
        assert_eq!(ensure(Parents::Expect).await.unwrap_err().kind, ErrorKind::NoNode);
        let made = ensure(Parents::Create).await.unwrap();
        assert!(made.created);
        let again = ensure(Parents::Expect).await.unwrap();
        assert_eq!(again, Ensured { created: false, stat: made.stat });
    });
}

#[test]
fn a_directory_is_read_in_pages() {
    run(async {
        let world = Ensemble::start(1);
        let client = connect(&world, "n1").await;
        create(&client, "/d").await;
        let expected: Vec<String> = (0..25).map(|number| format!("n{number:02}")).collect();
        for name in &expected {
            create(&client, &format!("/d/{name}")).await;
        }
        let (mut found, mut after, mut pages) = (Vec::new(), None::<String>, 0);
        loop {
            let query = PageQuery {
                after: after.as_deref(),
                children_max: Some(10),
                detail: ChildDetail::Data,
                ..PageQuery::default()
            };
            let page = client.children_page("/d", query).await.unwrap();
            assert_eq!(page.stat.children, 25);
            for child in &page.children {
                let ChildContent::Node(node) = &child.content else { panic!("{child:?}") };
                assert_eq!((node.data.as_deref(), child.content.stat()), (Some(&b"x"[..]), Some(&node.stat)));
            }
            found.extend(page.children.into_iter().map(|child| child.name));
            (after, pages) = (found.last().cloned(), pages + 1);
            if !page.more {
                break;
            }
        }
        assert_eq!((found, pages), (expected, 3));
        let (page, watch) = client.children_page_and_watch("/d", PageQuery::default()).await.unwrap();
        assert_eq!((page.children.len(), page.more), (25, false));
        client.delete("/d/n07", AnyVersion).await.unwrap();
        assert_eq!(&*watch.fired().await.unwrap().path, "/d");
    });
}

#[test]
fn a_server_without_extensions_is_told_apart_and_the_session_goes_on() {
    run(async {
        let world = Ensemble::start(1);
        let plain = Arc::new(Plain { runtime: world.runtime().clone(), connects: AtomicU64::new(0) });
        let runtime = Runtime { network: plain.clone(), ..world.runtime().clone() };
        let client = Client::connect(&runtime, "zk", Options::default()).await.unwrap();
        // The refusal overtakes the answer to what was asked before, which is asked again on the next connection.
        let (before, refused) =
            tokio::join!(client.exists("/before"), client.children_page("/", PageQuery::default()));
        assert!(before.unwrap().is_some());
        let refused = refused.unwrap_err();
        assert_eq!((refused.kind, refused.effect), (ErrorKind::Unsupported, Effect::None));
        for outcome in [
            client.delete_recursive("/a", AnyVersion).await.map(drop),
            client.ensure("/a", None, &Acl::open(), Parents::Expect).await.map(drop),
        ] {
            assert_eq!(outcome.unwrap_err().kind, ErrorKind::Unsupported);
        }
        assert!(client.exists("/after").await.unwrap().is_some());
        assert_eq!(plain.connects.load(Ordering::Relaxed), 4);
    });
}

/// A server that does with unknown operations what ZooKeeper does: answers them at once and closes.
struct Plain {
    runtime: Runtime,
    connects: AtomicU64,
}

impl Network for Plain {
    fn listen<'a>(&'a self, _address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }

    fn connect<'a>(&'a self, _address: &'a str) -> BoxFuture<'a, io::Result<BoxStream>> {
        self.connects.fetch_add(1, Ordering::Relaxed);
        let (near, far) = tokio::io::duplex(64 << 10);
        self.runtime.spawn(runtime::Pool::Clients, serve(far)).detach();
        Box::pin(async move { Ok(Box::new(near) as BoxStream) })
    }
}

async fn serve(mut stream: DuplexStream) {
    let mut input = BytesMut::new();
    let mut is_new = true;
    while stream.read_buf(&mut input).await.is_ok_and(|received| received > 0) {
        let mut out = BytesMut::new();
        while let Some(length) = first_frame(&input, usize::MAX).unwrap().map(<[u8]>::len) {
            input.advance(4);
            let payload = input.split_to(length);
            let mut reader = Reader::new(&payload);
            if is_new {
                let request = ConnectRequest::decode(&mut reader).unwrap();
                let response = ConnectResponse {
                    protocol_version: 0,
                    timeout_ms: request.timeout_ms,
                    session_id: 1,
                    password: Some(&[0; PASSWORD_BYTES]),
                    read_only: Some(false),
                };
                put_frame(&mut out, |out| response.encode(out));
                is_new = false;
                continue;
            }
            let header: RequestHeader = reader.record().unwrap();
            if header.op.is_extension() {
                out.clear();
                put_error_frame(header.xid, -1, ErrorCode::UNIMPLEMENTED, &mut out);
                stream.write_all(&out).await.unwrap();
                return;
            }
            assert_eq!(header.op, OpCode::Exists, "that is all that is asked here");
            ReplyBody::Stat(Stat::default()).put_frame(header.xid, 1, &mut out);
        }
        stream.write_all(&out).await.unwrap();
    }
}
