//! Services are found while they live, and picked as asked for.
#![allow(clippy::unwrap_used, reason = "tests")]

mod world;

use recipes::discovery::{
    Discovery, DiscoveryError, Instance, Provider, ProviderOptions, ServiceType, Strategy,
};
use world::{World, create};

fn instance(id: &str, port: u16) -> Instance {
    let mut instance = Instance::new("shop", id);
    (instance.address, instance.port) = (Some("10.0.0.1".into()), Some(port));
    instance
}

fn ids(provider: &Provider) -> Vec<String> {
    provider.all().iter().map(|instance| instance.id.clone()).collect()
}

#[test]
fn instances_are_found_while_their_sessions_live() {
    embedded::run(async {
        let world = World::start(3, 1);
        let (here, there, client) = (world.ensemble.host(), world.ensemble.host(), world.ensemble.host());
        let first = Discovery::new(&world.sessions(&here).await, "/services");
        let second = Discovery::new(&world.sessions(&there).await, "/services");
        let finder = Discovery::new(&world.sessions(&client).await, "/services");
        assert_eq!(finder.services().await.unwrap(), [""; 0]);
        let provider = finder.provider("shop", ProviderOptions::default()).await.unwrap();
        assert_eq!(provider.pick(), None);
        let a = first.register(&instance("a", 1)).await.unwrap();
        let b = second.register(&instance("b", 2)).await.unwrap();
        assert_eq!(finder.services().await.unwrap(), ["shop"]);
        let found = finder.instances("shop").await.unwrap();
        assert!(found[0].registration_time_ms > 0 && found[1].endpoint().unwrap() == "10.0.0.1:2");
        world.pause(1).await;
        assert_eq!(ids(&provider), ["a", "b"]);
        assert_ne!(provider.pick().unwrap().id, provider.pick().unwrap().id);
        there.take_down();
        world.pause(40).await;
        assert_eq!(ids(&provider), ["a"]);
        // A session that never comes back to this machine; its program starts anew on another, under the same id.
        let elsewhere = world.ensemble.host();
        let third = Discovery::new(&world.sessions(&elsewhere).await, "/services");
        let moved = third.register(&instance("b", 3)).await.unwrap();
        there.bring_up();
        world.pause(40).await;
        let b_now = finder.instances("shop").await.unwrap().remove(1);
        // The one whose session began later.
        assert!(b_now.port == Some(2) && b.is_registered() && !moved.is_registered());
        client.take_down();
        world.pause(120).await;
        assert_eq!(ids(&provider), ["a", "b"]);
        client.bring_up();
        let mut updated = instance("a", 1);
        updated.enabled = false;
        a.update(&updated).await.unwrap();
        b.close().await.unwrap();
        world.pause(60).await;
        assert_eq!(provider.pick().unwrap().port, Some(3));
        assert_eq!(ids(&provider), ["a", "b"]);
        a.close().await.unwrap();
        assert_eq!(finder.instances("shop").await.unwrap().len(), 1);
    });
}

#[test]
fn an_instance_that_fails_is_left_out_for_a_while() {
    embedded::run(async {
        let world = World::start(1, 1);
        let host = world.ensemble.host();
        let discovery = Discovery::new(&world.sessions(&host).await, "/services");
        let _a = discovery.register(&instance("a", 1)).await.unwrap();
        let b = discovery.register(&instance("b", 2)).await.unwrap();
        let options = ProviderOptions { strategy: Strategy::Sticky, ..ProviderOptions::default() };
        let provider = discovery.provider("shop", options).await.unwrap();
        let first = provider.pick().unwrap();
        provider.note_failure(&first);
        assert_eq!(provider.pick().unwrap(), first);
        provider.note_failure(&first);
        let second = provider.pick().unwrap();
        assert_ne!(second.id, first.id);
        provider.note_failure(&second);
        provider.note_failure(&second);
        assert_eq!(provider.pick(), None);
        world.pause(31).await;
        assert_eq!(provider.pick(), Some(second.clone()));
        if second.id == "b" {
            b.close().await.unwrap();
            world.pause(1).await;
            assert_eq!(provider.pick(), Some(first));
        }
    });
}

#[test]
fn what_is_no_instance_is_left_out_and_other_types_last_as_they_say() {
    embedded::run(async {
        let world = World::start(1, 1);
        let (here, there) = (world.ensemble.host(), world.ensemble.host());
        let sessions = world.sessions(&here).await;
        let discovery = Discovery::new(&sessions, "/services");
        let finder = Discovery::new(&world.sessions(&there).await, "/services");
        let mut lasting = instance("lasting", 1);
        lasting.service_type = ServiceType::Permanent;
        let mut numbered = instance("numbered", 2);
        numbered.service_type = ServiceType::DynamicSequential;
        drop(discovery.register(&lasting).await.unwrap());
        let _numbered = discovery.register(&numbered).await.unwrap();
        create(&world.witness().await, "/services/shop/junk", b"{").await;
        let found = finder.instances("shop").await.unwrap();
        let ids: Vec<&str> = found.iter().map(|instance| instance.id.as_str()).collect();
        assert_eq!(ids, ["numbered", "lasting"]);
        sessions.close().await.unwrap();
        assert_eq!(finder.instances("shop").await.unwrap().len(), 1);
        finder.remove("shop", "lasting").await.unwrap();
        finder.remove("shop", "lasting").await.unwrap();
        assert_eq!(finder.instances("shop").await.unwrap(), []);
        assert!(matches!(finder.remove("a/b", "c").await, Err(DiscoveryError::BadName { .. })));
        assert!(matches!(finder.instances("").await, Err(DiscoveryError::BadName { .. })));
    });
}
