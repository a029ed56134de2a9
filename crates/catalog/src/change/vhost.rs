//! Virtual hosts: made and deleted.

use std::sync::Arc;

use tree::{ANY_VERSION, CreateMode, SubOperation};

use super::{Plan, Then, check_name, create, create_at, data, delete, readable, secret, set};
use crate::arguments::Arguments;
use crate::catalog::Catalog;
use crate::error::CatalogError;
use crate::exchange::{Exchange, ExchangeKind, PREDECLARED, Record};
use crate::limits::{Limit, Limits};
use crate::name::Name;
use crate::place::{FORMAT, Place, VHOST_DIRECTORIES};
use crate::queue::Queue;
use crate::topology::{Topology, Vhost, VhostRecord};

/// A virtual host that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VhostSpec {
    /// For people.
    pub description: String,
    /// For people and tools.
    pub tags: Vec<String>,
    /// The type of queues that are declared without one, for tools that ask.
    pub default_queue_type: Option<String>,
}

impl VhostSpec {
    fn record(&self) -> VhostRecord {
        VhostRecord {
            format: FORMAT,
            description: self.description.clone(),
            tags: self.tags.clone(),
            default_queue_type: self.default_queue_type.clone(),
            limits: Limits::default(),
            deleting: false,
        }
    }

    /// What the znode of one that is there is to hold.
    fn record_over(&self, there: &VhostRecord) -> VhostRecord {
        VhostRecord { limits: there.limits.clone(), ..self.record() }
    }
}

/// So many znodes of a virtual host go in one transaction.
const ZNODES_AT_ONCE: usize = 2_000;

impl Catalog {
    /// Makes a virtual host with its first exchanges, or changes what is known of it. Returns whether it was made.
    ///
    /// # Errors
    /// [`CatalogError::Contended`] while one of that name is being deleted, [`CatalogError::NameTooLong`]; or those of the control plane.
    pub async fn put_vhost(&self, name: &Name, spec: &VhostSpec) -> Result<bool, CatalogError> {
        check_name(name)?;
        let first_id = self.new_ids(PREDECLARED.len() as u64).await?;
        self.change(|topology| match topology.vhosts.get(name) {
            None => Ok(Plan::commit(vhost_operations(name, &spec.record(), first_id), true)),
            Some(there) if there.record.deleting => {
                Err(CatalogError::Contended(format!("virtual host '{name}', which is being deleted,")))
            }
            Some(there) if there.record == spec.record_over(&there.record) => Ok(Plan::Done(false)),
            Some(there) => {
                let place = Place::Vhost(name.clone());
                let record = spec.record_over(&there.record);
                Ok(Plan::commit(vec![set(&place, &record, there.version)], false))
            }
        })
        .await
    }

    /// Limits how much there may be of a virtual host or in it, or lifts a limit.
    ///
    /// # Errors
    /// [`CatalogError::NoVhost`]; or those of the control plane.
    pub async fn set_vhost_limit(
        &self,
        name: &Name,
        limit: Limit,
        number: Option<i64>,
    ) -> Result<(), CatalogError> {
        self.change(|topology| {
            let vhost = topology.entered(name)?;
            let limits = vhost.record.limits.with(limit, number);
            if limits == vhost.record.limits {
                return Ok(Plan::Done(()));
            }
            let record = VhostRecord { limits, ..vhost.record.clone() };
            Ok(Plan::commit(vec![set(&Place::Vhost(name.clone()), &record, vhost.version)], ()))
        })
        .await
    }

    /// Deletes a virtual host with everything in it, and gives back the queues that were in it, for their partitions to be deleted too.
    ///
    /// # Errors
    /// [`CatalogError::NoVhost`]; or those of the control plane: then it is perhaps closed already, and some node will finish it.
    pub async fn delete_vhost(&self, name: &Name) -> Result<Vec<Arc<Queue>>, CatalogError> {
        let queues = self
            .change(|topology| {
                let vhost = topology.entered(name)?;
                let closed = VhostRecord { deleting: true, ..vhost.record.clone() };
                let place = Place::Vhost(name.clone());
                // Every declaration checks the version, so that nothing is made in it from here on.
                let queues = vhost.queues().into_iter().cloned().collect();
                Ok(Plan::commit(vec![set(&place, &closed, vhost.version)], queues))
            })
            .await?;
        self.clear_vhost(name).await?;
        Ok(queues)
    }

    /// Deletes what is in a virtual host that is on its way out, and it.
    pub(crate) async fn clear_vhost(&self, name: &Name) -> Result<(), CatalogError> {
        self.change(|topology| Ok(topology.plan_clear_vhost(name))).await
    }

    /// The first of so many ids in a row.
    async fn new_ids(&self, count: u64) -> Result<u64, CatalogError> {
        Ok(self.change(|topology| Ok(topology.plan_ids(count))).await?.start)
    }
}

impl Topology {
    fn plan_clear_vhost(&self, name: &Name) -> Plan<()> {
        let Some(vhost) = self.vhosts.get(name).filter(|vhost| vhost.record.deleting) else {
            return Plan::Done(());
        };
        let mut operations: Vec<_> =
            vhost.contents().take(ZNODES_AT_ONCE).map(|place| delete(&place, ANY_VERSION)).collect();
        if operations.len() == ZNODES_AT_ONCE {
            return Plan::Commit { operations, session: None, then: Then::LookAgain };
        }
        let place = Place::Vhost(name.clone());
        operations.extend(VHOST_DIRECTORIES.map(|directory| directory_deletion(&place, directory)));
        operations.push(delete(&place, vhost.version));
        Plan::commit(operations, ())
    }
}

impl Vhost {
    /// Everything that is in it, what is below before what is above.
    fn contents(&self) -> impl Iterator<Item = Place> {
        let vhost = &self.name;
        let exchanges = self.exchanges.iter().flat_map(move |(name, routes)| {
            let bindings = routes.bindings.keys().map(move |znode| {
                let znode = String::from_utf8_lossy(znode).into_owned();
                Place::Binding(vhost.clone(), name.clone(), znode)
            });
            bindings.chain([Place::Exchange(vhost.clone(), name.clone())])
        });
        let queues = self.queues.keys().map(|name| Place::Queue(vhost.clone(), name.clone()));
        let policies = self.policies.iter().map(|policy| Place::Policy(vhost.clone(), policy.name.clone()));
        let permissions = self.permissions.keys().map(|user| Place::Permission(vhost.clone(), user.clone()));
        let topics = self
            .topics
            .keys()
            .map(|(user, exchange)| Place::Topic(vhost.clone(), user.clone(), exchange.clone()));
        exchanges.chain(queues).chain(policies).chain(permissions).chain(topics)
    }
}

fn directory_deletion(vhost: &Place, directory: &str) -> SubOperation {
    let path = format!("{vhost}/{directory}").into();
    SubOperation::Delete(tree::Delete { path, version: ANY_VERSION })
}

/// What makes a virtual host.
pub(crate) fn vhost_operations(name: &Name, record: &VhostRecord, first_id: u64) -> Vec<SubOperation> {
    let place = Place::Vhost(name.clone());
    let mut operations = vec![create(&place, record, CreateMode::Persistent)];
    operations.extend(VHOST_DIRECTORIES.map(|directory| {
        let acl = if matches!(directory, "permissions" | "topics") { secret() } else { readable() };
        create_at(format!("{place}/{directory}"), None, CreateMode::Persistent, acl)
    }));
    for ((exchange, rule, internal), id) in PREDECLARED.into_iter().zip(first_id..) {
        let exchange = Exchange {
            vhost: name.clone(),
            name: exchange.into(),
            id,
            kind: ExchangeKind::plain(rule),
            durable: true,
            auto_delete: false,
            internal,
            arguments: Arguments::default(),
            was_bound: false,
        };
        let place = Place::Exchange(name.clone(), exchange.name.clone());
        operations.push(create_at(
            place.path(),
            data(&Record::of(&exchange)),
            CreateMode::Persistent,
            readable(),
        ));
    }
    operations
}
