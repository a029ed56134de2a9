//! What a change on one node is to the others, and to ZooKeeper's clients.

use tree::{ErrorCode, Identity};

use crate::cluster::{Cluster, bind, durable, name, queue, route, run, slash, until};

#[test]
fn a_new_cluster_has_one_vhost_one_user_and_the_first_exchanges() {
    run(async {
        let cluster = Cluster::of(3).await;
        for node in &cluster.nodes {
            let topology = node.catalog.topology();
            assert_eq!(topology.shards(), 4);
            let vhosts: Vec<_> = topology.vhosts().iter().map(|vhost| vhost.name.to_string()).collect();
            assert_eq!(vhosts, ["/"]);
            let exchanges: Vec<_> =
                topology.vhosts()[0].exchanges().iter().map(|exchange| exchange.name.to_string()).collect();
            assert_eq!(
                exchanges,
                ["amq.direct", "amq.fanout", "amq.headers", "amq.match", "amq.rabbitmq.trace", "amq.topic"]
            );
            let guest = topology.user(b"guest").unwrap();
            assert!(guest.check_password(b"guest") && guest.loopback_only);
            assert!(topology.vhost(b"/").unwrap().permission(b"guest").is_some());
        }
    });
}

#[test]
fn a_change_is_seen_by_its_node_at_once_and_by_all_others_soon() {
    run(async {
        let cluster = Cluster::of(3).await;
        cluster.log.hold(3);
        let made = queue(cluster.catalog(0), "tasks").await;
        bind(cluster.catalog(0), "amq.direct", "tasks", "key").await.unwrap();
        assert_eq!(route(cluster.catalog(0), "amq.direct", "key"), ["tasks"]);
        assert_eq!(route(cluster.catalog(0), "", "tasks"), ["tasks"]);
        until(cluster.catalog(1), |topology| topology.queue_by_id(made.id).is_some()).await;
        until(cluster.catalog(1), |topology| {
            let vhost = topology.vhost(b"/").unwrap();
            !vhost.bindings_from(b"amq.direct").is_empty()
        })
        .await;
        assert_eq!(route(cluster.catalog(1), "amq.direct", "key"), ["tasks"]);
        assert!(route(cluster.catalog(2), "", "tasks").is_empty(), "node 3 has applied nothing yet");
        cluster.log.release(3);
        cluster.catalog(2).sync().await.unwrap();
        assert_eq!(route(cluster.catalog(2), "amq.direct", "key"), ["tasks"]);
    });
}

#[test]
fn nodes_that_declare_at_the_same_time_get_the_same_queue() {
    run(async {
        let cluster = Cluster::of(3).await;
        let (slash, name, durable) = (slash(), name("q"), durable());
        let declared = tokio::join!(
            cluster.catalog(0).declare_queue(&slash, &name, &durable, 1),
            cluster.catalog(1).declare_queue(&slash, &name, &durable, 1),
            cluster.catalog(2).declare_queue(&slash, &name, &durable, 1),
        );
        let declared = [declared.0.unwrap(), declared.1.unwrap(), declared.2.unwrap()];
        assert_eq!(declared.iter().filter(|declared| declared.created).count(), 1);
        assert!(declared.iter().all(|other| other.value == declared[0].value));
    });
}

#[test]
fn records_are_json_that_everybody_reads_and_only_the_cluster_writes() {
    run(async {
        let cluster = Cluster::of(1).await;
        let made = queue(cluster.catalog(0), "a b").await;
        let stranger = [Identity::new("ip", "127.0.0.1"), Identity::new("digest", "u:h")];
        cluster.nodes[0].control.read(|tree| {
            let found = tree.data("/quorate/vhosts/%2F/queues/a%20b", &stranger).unwrap();
            let record: serde_json::Value = serde_json::from_slice(found.data.unwrap()).unwrap();
            assert_eq!((&record["format"], &record["id"]), (&1.into(), &made.id.into()));
            assert_eq!(record["durable"], true);
            assert_eq!(tree.data("/quorate/users/guest", &stranger).map(|_| ()), Err(ErrorCode::NoAuth));
            assert_eq!(tree.children("/quorate/users", &stranger).map(|_| ()), Err(ErrorCode::NoAuth));
            assert_eq!(
                tree.data("/quorate/vhosts/%2F/permissions/guest", &stranger).map(|_| ()),
                Err(ErrorCode::NoAuth)
            );
            for path in ["/quorate", "/quorate/vhosts/%2F/queues", "/quorate/vhosts/%2F/queues/a%20b"] {
                assert_eq!(tree.check_write(path, &stranger), Err(ErrorCode::NoAuth), "{path}");
            }
        });
    });
}

#[test]
fn a_node_that_comes_later_reads_everything() {
    run(async {
        let mut cluster = Cluster::of(1).await;
        for number in 0..700 {
            let queue_name = format!("q{number}");
            queue(cluster.catalog(0), &queue_name).await;
            bind(cluster.catalog(0), "amq.topic", &queue_name, "a.#").await.unwrap();
        }
        cluster.join(2);
        cluster.catalog(1).ready().await;
        cluster.catalog(1).sync().await.unwrap();
        assert_eq!(cluster.catalog(1).topology().queue_count(), 700);
        assert_eq!(
            route(cluster.catalog(1), "amq.topic", "a.b"),
            route(cluster.catalog(0), "amq.topic", "a.b")
        );
        assert_eq!(route(cluster.catalog(1), "amq.topic", "a").len(), 700);
        let topology = cluster.catalog(1).topology();
        let placed: Vec<_> = (1..=4).map(|shard| topology.queues_on(shard)).collect();
        assert_eq!(placed, [175; 4]);
    });
}
