//! Policies and shards: what operators set.

use tree::{ANY_VERSION, CreateMode, SubOperation};

use super::{Plan, check, check_name, create, delete, set};
use crate::catalog::Catalog;
use crate::error::CatalogError;
use crate::name::Name;
use crate::node::{Founder, ShardsRecord};
use crate::place::{FORMAT, Place};
use crate::policy::{ApplyTo, Definition, Record};
use crate::topology::Topology;

/// The most shards that a cluster may have.
const SHARDS_MAX: u32 = 256;

/// The most nodes that can vote in a shard.
pub const REPLICATION_FACTOR_MAX: u32 = 9;

/// A policy that is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicySpec {
    /// See [`Policy`](crate::Policy).
    pub pattern: String,
    /// See [`Policy`](crate::Policy).
    pub apply_to: ApplyTo,
    /// See [`Policy`](crate::Policy).
    pub priority: i64,
    /// See [`Policy`](crate::Policy).
    pub definition: Definition,
}

impl Catalog {
    /// Makes a policy or replaces one. Returns whether it was made.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] for a pattern or a definition, [`CatalogError::NoVhost`], [`CatalogError::NameTooLong`]; or those of the
    /// control plane.
    pub async fn put_policy(
        &self,
        vhost: &Name,
        name: &Name,
        spec: &PolicySpec,
    ) -> Result<bool, CatalogError> {
        check_name(name)?;
        if let Some(fault) = spec.definition.fault() {
            return Err(CatalogError::Invalid(fault.to_owned()));
        }
        let record = Record {
            format: FORMAT,
            pattern: spec.pattern.clone(),
            apply_to: spec.apply_to,
            priority: spec.priority,
            definition: spec.definition.clone(),
        };
        if let Err(error) = regex::bytes::Regex::new(&spec.pattern) {
            return Err(CatalogError::Invalid(format!("this is no pattern that can be used: {error}")));
        }
        self.change(|topology| {
            let vhost = topology.entered(vhost)?;
            let there = vhost.policies().iter().any(|policy| policy.name == *name);
            let place = Place::Policy(vhost.name.clone(), name.clone());
            let operation = match there {
                true => set(&place, &record, ANY_VERSION),
                false => create(&place, &record, CreateMode::Persistent),
            };
            let vhost_check = check(&Place::Vhost(vhost.name.clone()), vhost.version);
            Ok(Plan::commit(vec![vhost_check, operation], !there))
        })
        .await
    }

    /// Deletes a policy.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`], [`CatalogError::NoVhost`]; or those of the control plane.
    pub async fn delete_policy(&self, vhost: &Name, name: &Name) -> Result<(), CatalogError> {
        self.change(|topology| {
            let vhost = topology.entered(vhost)?;
            if !vhost.policies().iter().any(|policy| policy.name == *name) {
                return Err(CatalogError::Unknown { what: "policy", name: name.clone() });
            }
            Ok(Plan::commit(vec![delete(&Place::Policy(vhost.name.clone(), name.clone()), ANY_VERSION)], ()))
        })
        .await
    }

    /// Lets the cluster have more shards. Queues stay where they are; new ones go where there are fewest.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] for fewer than there are, or more than 256; or those of the control plane.
    pub async fn set_shards(&self, count: u32) -> Result<(), CatalogError> {
        self.change(|topology| {
            if topology.shards_cluster != self.config.cluster {
                return Err(CatalogError::Unavailable);
            }
            let there = topology.shards();
            if !(there..=SHARDS_MAX).contains(&count) {
                return Err(CatalogError::Invalid(format!(
                    "there are {there} shards, and there can be no fewer, nor more than {SHARDS_MAX}"
                )));
            }
            if count == there {
                return Ok(Plan::Done(()));
            }
            let replication_factor = topology.replication_factor;
            let mut founders = topology.founders().to_vec();
            founders
                .extend(self.config.founders.now(count, replication_factor).into_iter().skip(there as usize));
            Ok(Plan::commit(vec![self.set_shards_record(topology, founders, replication_factor)], ()))
        })
        .await
    }

    /// Makes `founder` the one who has founded all shards, if it was done in another cluster: this one was founded anew from the
    /// log or a backup of that one, by `founder`, and nobody else has anything of the shards.
    ///
    /// # Errors
    /// Those of the control plane.
    pub async fn take_over_shards(&self, founder: Founder) -> Result<(), CatalogError> {
        self.change(|topology| {
            if topology.shards_cluster == self.config.cluster {
                return Ok(Plan::Done(()));
            }
            let founders = vec![vec![founder.clone()]; topology.founders().len()];
            Ok(Plan::commit(
                vec![self.set_shards_record(topology, founders, topology.replication_factor)],
                (),
            ))
        })
        .await
    }

    /// Has so many nodes vote in each shard: voters come and go then, one after another.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] for none or more than [`REPLICATION_FACTOR_MAX`]; or those of the control plane.
    pub async fn set_replication_factor(&self, replication_factor: u32) -> Result<(), CatalogError> {
        self.change(|topology| {
            if !(1..=REPLICATION_FACTOR_MAX).contains(&replication_factor) {
                return Err(CatalogError::Invalid(format!(
                    "so many nodes can't vote in a shard; give 1 to {REPLICATION_FACTOR_MAX}"
                )));
            }
            if topology.shards_cluster != self.config.cluster {
                return Err(CatalogError::Unavailable);
            }
            if topology.replication_factor == replication_factor {
                return Ok(Plan::Done(()));
            }
            let founders = topology.founders().to_vec();
            Ok(Plan::commit(vec![self.set_shards_record(topology, founders, replication_factor)], ()))
        })
        .await
    }

    fn set_shards_record(
        &self,
        topology: &Topology,
        founders: Vec<Vec<Founder>>,
        replication_factor: u32,
    ) -> SubOperation {
        let cluster = self.config.cluster.clone();
        let record = ShardsRecord { format: FORMAT, cluster, replication_factor, founders };
        set(&Place::Shards, &record, topology.shards_version)
    }
}
