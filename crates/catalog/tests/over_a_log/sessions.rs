//! A node's session, and what goes with it.

use std::time::Duration;

use crate::cluster::{CONNECTION, Cluster, bind, exclusive, name, owner, queue, route, run, slash, until};

async fn pass(duration: Duration) {
    runtime::SystemClock::clock().sleep(duration).await;
}

#[test]
fn a_session_lives_as_long_as_its_node() {
    run(async {
        let cluster = Cluster::of(3).await;
        let sessions: Vec<_> = cluster.nodes.iter().map(|node| owner(&node.catalog).session).collect();
        pass(Duration::from_secs(60)).await;
        let after: Vec<_> = cluster.nodes.iter().map(|node| owner(&node.catalog).session).collect();
        assert_eq!(sessions, after);
        cluster.catalog(0).sync().await.unwrap();
        let known = cluster.catalog(0).sessions().borrow().clone();
        let expected = sessions.into_iter().zip(1..).collect();
        assert_eq!(*known, expected);
    });
}

#[test]
fn exclusive_queues_and_their_bindings_go_with_the_session_and_it_is_made_anew() {
    run(async {
        let cluster = Cluster::of(2).await;
        let (first, second) = (cluster.catalog(0), cluster.catalog(1));
        second.declare_queue(&slash(), &name("mine"), &exclusive(), CONNECTION).await.unwrap();
        bind(second, "amq.fanout", "mine", "").await.unwrap();
        queue(second, "kept").await;
        bind(second, "amq.fanout", "kept", "").await.unwrap();
        let before = owner(second).session;
        let mut session = second.session();
        session.borrow_and_update();
        assert!(cluster.log.expire(tree::SessionId(before)));
        session.wait_for(|session| session.is_none()).await.unwrap();
        second.ready().await;
        assert_ne!(owner(second).session, before);
        first.sync().await.unwrap();
        assert_eq!(route(first, "amq.fanout", ""), ["kept"]);
        assert!(!first.sessions().borrow().contains_key(&before));
        assert_eq!(first.topology().node_of_session(owner(second).session), Some(2));
        assert_eq!(first.topology().node_of_session(before), None);
        // And it serves as before.
        queue(second, "new").await;
    });
}

#[test]
fn a_node_that_is_cut_off_loses_its_session_and_learns_of_it_when_it_is_back() {
    run(async {
        let cluster = Cluster::of(3).await;
        let third = cluster.catalog(2);
        third.declare_queue(&slash(), &name("mine"), &exclusive(), CONNECTION).await.unwrap();
        let before = owner(third).session;
        cluster.log.isolate(3);
        until(cluster.catalog(0), |topology| topology.node_of_session(before).is_none()).await;
        assert_eq!(cluster.catalog(0).topology().queue_count(), 0);
        let (vhost, late, spec) = (slash(), name("late"), crate::cluster::durable());
        let declaring = third.declare_queue(&vhost, &late, &spec, CONNECTION);
        let rejoining = async {
            pass(Duration::from_secs(5)).await;
            cluster.log.rejoin(3);
        };
        let (declared, ()) = tokio::join!(declaring, rejoining);
        assert!(
            declared.is_ok(),
            "what was asked while it was cut off is done when it is back: {declared:?}"
        );
        let mut session = third.session();
        session.wait_for(|session| session.is_some_and(|session| session != before)).await.unwrap();
        assert!(third.topology().vhost(b"/").unwrap().queue(b"mine").is_none());
    });
}

#[test]
fn the_session_of_an_earlier_life_is_ended_at_once() {
    run(async {
        let mut cluster = Cluster::of(2).await;
        let second = cluster.nodes.pop().unwrap();
        second.catalog.declare_queue(&slash(), &name("mine"), &exclusive(), CONNECTION).await.unwrap();
        let before = owner(&second.catalog).session;
        drop(second);
        cluster.join(2);
        let began = runtime::SystemClock::clock().now();
        let clock = runtime::SystemClock::clock();
        cluster.catalog(1).ready().await;
        assert_ne!(owner(cluster.catalog(1)).session, before);
        assert!(
            clock.now().saturating_since(began) < Duration::from_secs(2),
            "it did not wait for the timeout"
        );
        assert!(cluster.catalog(1).topology().vhost(b"/").unwrap().queue(b"mine").is_none());
        assert_eq!(cluster.catalog(1).topology().nodes().keys().copied().collect::<Vec<_>>(), [1, 2]);
    });
}
