//! What a new cluster begins with.

use tree::{CreateMode, Operation, SubOperation};

use super::Keeper;
use crate::change::{UserSpec, create, create_at, data, readable, secret, vhost_operations};
use crate::exchange::PREDECLARED;
use crate::name::Name;
use crate::node::{IdsRecord, ShardsRecord};
use crate::permission::Permission;
use crate::place::{FORMAT, NODES, Place, USERS, VHOSTS};
use crate::topology::VhostRecord;
use crate::user::{PasswordHash, Tag};

/// The virtual host and the user that clients know without being told.
const DEFAULT_VHOST: &str = "/";
const DEFAULT_USER: &str = "guest";

#[derive(serde::Serialize)]
struct Root {
    format: u32,
    note: &'static str,
}

impl Keeper {
    /// Everything at once or, if another node was faster, nothing: what operators delete later does not come back.
    pub(super) fn founding(&self) -> Operation {
        let persistent = CreateMode::Persistent;
        let root = Root {
            format: FORMAT,
            note: "the catalog of queues and exchanges; change it with its own commands",
        };
        let config = &self.catalog.config;
        let replication_factor = config.replication_factor;
        let founders = config.founders.now(config.shards.max(1), replication_factor);
        let shards =
            ShardsRecord { format: FORMAT, cluster: config.cluster.clone(), replication_factor, founders };
        let ids = IdsRecord { format: FORMAT, next: 1 + PREDECLARED.len() as u64 };
        let directory = |path: &str, acl| create_at(path.to_owned(), None, persistent, acl);
        let mut operations = vec![
            create(&Place::Root, &root, persistent),
            create(&Place::Shards, &shards, persistent),
            create(&Place::Ids, &ids, persistent),
            directory(NODES, readable()),
            directory(USERS, secret()),
            directory(VHOSTS, readable()),
        ];
        let vhost = Name::from(DEFAULT_VHOST);
        let record = VhostRecord {
            format: FORMAT,
            description: "Default virtual host".to_owned(),
            ..VhostRecord::default()
        };
        operations.extend(vhost_operations(&vhost, &record, 1));
        operations.extend(self.guest(&vhost));
        Operation::Multi(operations)
    }

    fn guest(&self, vhost: &Name) -> [SubOperation; 2] {
        let name = Name::from(DEFAULT_USER);
        let password = PasswordHash::new(DEFAULT_USER.as_bytes(), &*self.catalog.runtime.entropy);
        let spec = UserSpec { password: Some(password), tags: vec![Tag::Administrator], loopback_only: true };
        let everything = Permission::new(".*", ".*", ".*").expect("the pattern is one");
        let put = |place: Place, data| create_at(place.path(), data, CreateMode::Persistent, secret());
        [
            put(Place::User(name.clone()), data(&spec.record())),
            put(Place::Permission(vhost.clone(), name), data(everything.record())),
        ]
    }
}
