//! Who may do what, and how a connection says who it is.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use support::{Client, Cluster, exists, get, run, set};
use zookeeper::codec::{
    Acl, Auth, ClientInfo, Create, ErrorCode, OpCode, PathOnly, ReplyBody, Request, SetAcl, Xid,
};

fn auth<'a>(scheme: &'a str, proof: &'a [u8]) -> Request<'a> {
    Request::Auth(Auth { kind: 0, scheme, auth: Some(proof) })
}

fn create_with<'a>(path: &'a str, acl: &[Acl<'a>]) -> Request<'a> {
    Request::Create(Create { path, data: Some(b"secret"), acl: acl.to_vec(), flags: 0 })
}

fn entry<'a>(permissions: i32, scheme: &'a str, id: &'a str) -> Acl<'a> {
    Acl { permissions, scheme, id }
}

async fn identities(client: &mut Client) -> Vec<(String, String)> {
    let reply = client.call(&Request::WhoAmI).await;
    let ReplyBody::Identities(identities) = reply.body() else { panic!("not the identities") };
    identities.iter().map(|ClientInfo { scheme, user }| ((*scheme).to_owned(), (*user).to_owned())).collect()
}

#[test]
fn an_identity_opens_what_it_may_and_nothing_else() {
    run(async {
        let cluster = Cluster::start(1);
        let mut owner = cluster.client(1).await;
        let mut stranger = cluster.client(1).await;
        let reply = owner.call(&auth("digest", b"bob:secret")).await;
        assert_eq!((reply.error, reply.zxid), (ErrorCode::OK, 0));
        assert_eq!(owner.call(&create_with("/a", &[entry(31, "auth", "")])).await.error, ErrorCode::OK);
        assert_eq!(owner.get("/a").await.data().unwrap(), b"secret");
        for request in [get("/a", false), set("/a", b""), exists("/a", false)] {
            assert_eq!(stranger.call(&request).await.error, ErrorCode::NO_AUTH, "{request:?}");
        }
        stranger.call(&auth("digest", b"bob:wrong")).await;
        assert_eq!(stranger.get("/a").await.error, ErrorCode::NO_AUTH);
        stranger.call(&auth("digest", b"bob:secret")).await;
        assert_eq!(stranger.get("/a").await.error, ErrorCode::OK);
    });
}

#[test]
fn the_missing_is_told_before_the_forbidden() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        client.call(&create_with("/a", &[entry(31, "digest", "bob:hash")])).await;
        assert_eq!(client.get("/missing").await.error, ErrorCode::NO_NODE);
        assert_eq!(client.get("/a").await.error, ErrorCode::NO_AUTH);
    });
}

#[test]
fn digests_are_shown_to_their_owner_only() {
    run(async {
        let cluster = Cluster::start(1);
        let mut owner = cluster.client(1).await;
        owner.call(&auth("digest", b"super:test")).await;
        let acl = [entry(31, "auth", ""), entry(1, "world", "anyone")];
        owner.call(&create_with("/a", &acl)).await;
        let request = Request::GetAcl(PathOnly { path: "/a" });
        for (client, id) in
            [(&mut owner, "super:D/InIHSb7yEEbrWz8b9l71RjZJU="), (&mut cluster.client(1).await, "super:x")]
        {
            let reply = client.call(&request).await;
            let ReplyBody::Acl(acl, _) = reply.body() else { panic!("not an ACL") };
            assert_eq!(acl, [entry(31, "digest", id), entry(1, "world", "anyone")]);
        }
    });
}

#[test]
fn whoami_lists_the_address_and_what_was_shown() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.connect_from(1, "10.1.2.3:999".parse().unwrap());
        client.begin_session(10_000).await;
        let ip = ("ip".to_owned(), "10.1.2.3".to_owned());
        assert_eq!(identities(&mut client).await, std::slice::from_ref(&ip));
        for _ in 0..2 {
            client.call(&auth("digest", b"bob:secret")).await;
        }
        assert_eq!(identities(&mut client).await, [ip, ("digest".to_owned(), "bob".to_owned())]);
    });
}

#[test]
fn an_address_is_an_identity() {
    run(async {
        let cluster = Cluster::start(1);
        let mut inside = cluster.connect_from(1, "10.1.2.3:999".parse().unwrap());
        inside.begin_session(10_000).await;
        let mut outside = cluster.connect_from(1, "11.1.2.3:999".parse().unwrap());
        outside.begin_session(10_000).await;
        inside.call(&create_with("/a", &[entry(31, "ip", "10.0.0.0/8")])).await;
        assert_eq!(inside.get("/a").await.error, ErrorCode::OK);
        assert_eq!(outside.get("/a").await.error, ErrorCode::NO_AUTH);
    });
}

#[test]
fn a_scheme_that_proves_nothing_ends_the_connection() {
    run(async {
        let cluster = Cluster::start(1);
        for scheme in ["world", "sasl", "x509", ""] {
            let mut client = cluster.client(1).await;
            client.send_as(Xid::AUTH, &auth(scheme, b"anyone")).await;
            let reply = client.reply().await;
            assert_eq!((reply.xid, reply.error, reply.zxid), (Xid::AUTH, ErrorCode::AUTH_FAILED, 0));
            assert!(client.is_closed().await);
        }
    });
}

#[test]
fn lists_that_make_no_sense_are_refused() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        for acl in
            [vec![], vec![entry(31, "auth", "")], vec![entry(31, "nonsense", "x")], vec![entry(1, "ip", "x")]]
        {
            assert_eq!(client.call(&create_with("/a", &acl)).await.error, ErrorCode::INVALID_ACL, "{acl:?}");
        }
    });
}

#[test]
fn set_acl_compares_its_own_version() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        client.create("/a", b"").await;
        client.call(&set("/a", b"1")).await;
        let mut set_acl = async |version| {
            let acl = support::open_acl();
            client.call(&Request::SetAcl(SetAcl { path: "/a", acl, version })).await
        };
        assert_eq!(set_acl(1).await.error, ErrorCode::BAD_VERSION);
        assert_eq!(set_acl(0).await.stat().aversion, 1);
    });
}

#[test]
fn an_identity_belongs_to_the_connection_not_to_the_session() {
    run(async {
        let cluster = Cluster::start(1);
        let mut first = cluster.client(1).await;
        first.call(&auth("digest", b"bob:secret")).await;
        first.call(&create_with("/a", &[entry(31, "auth", "")])).await;
        let mut second = cluster.connect(1);
        (second.session, second.password) = (first.session, first.password);
        assert!(second.begin_session(10_000).await);
        assert_eq!(second.get("/a").await.error, ErrorCode::NO_AUTH);
    });
}

/// The library of Java clients asks before its first request; without a mechanism there is nothing to say.
#[test]
fn sasl_without_a_mechanism_is_answered_with_nothing() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        let reply = client.call(&Request::Sasl(zookeeper::codec::SaslToken { token: Some(b"") })).await;
        assert_eq!((reply.op, reply.zxid), (OpCode::Sasl, 0));
        assert_eq!(reply.body(), ReplyBody::Token(None));
    });
}
