//! Users and their permissions.

use tree::{ANY_VERSION, CreateMode, SubOperation};

use super::{Plan, check, check_name, create_at, data, delete, secret, set};
use crate::catalog::Catalog;
use crate::error::CatalogError;
use crate::limits::Limit;
use crate::name::Name;
use crate::permission::{Permission, TopicPermission};
use crate::place::Place;
use crate::topology::{Topology, Vhost};
use crate::user::{PasswordHash, Record, Tag};

/// A user that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSpec {
    /// Nothing: it can not log in with a password.
    pub password: Option<PasswordHash>,
    /// What it may do beside its permissions.
    pub tags: Vec<Tag>,
    /// May connect from this machine only.
    pub loopback_only: bool,
}

impl UserSpec {
    pub(crate) fn record(&self) -> Record {
        Record::new(self.password.as_ref(), &self.tags, self.loopback_only)
    }
}

/// Makes a znode that only the cluster reads, or replaces what it holds.
fn put_secret(place: &Place, record: &impl serde::Serialize, is_there: bool) -> SubOperation {
    match is_there {
        true => set(place, record, ANY_VERSION),
        false => create_at(place.path(), data(record), CreateMode::Persistent, secret()),
    }
}

impl Catalog {
    /// Makes a user or replaces one. Returns whether it was made.
    ///
    /// # Errors
    /// [`CatalogError::NameTooLong`]; or those of the control plane.
    pub async fn put_user(&self, name: &Name, spec: &UserSpec) -> Result<bool, CatalogError> {
        check_name(name)?;
        self.change(|topology| {
            let place = Place::User(name.clone());
            Ok(match topology.user(name) {
                None => Plan::commit(vec![put_secret(&place, &spec.record(), false)], true),
                Some(there) => {
                    let record = spec.record().limited(there.limits.clone());
                    Plan::commit(vec![set(&place, &record, there.version)], false)
                }
            })
        })
        .await
    }

    /// Limits how much a user may have, or lifts a limit.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`]; or those of the control plane.
    pub async fn set_user_limit(
        &self,
        name: &Name,
        limit: Limit,
        number: Option<i64>,
    ) -> Result<(), CatalogError> {
        self.change(|topology| {
            let there = topology.user(name).ok_or_else(|| unknown("user", name))?;
            let limits = there.limits.with(limit, number);
            if limits == there.limits {
                return Ok(Plan::Done(()));
            }
            let record = there.record().limited(limits);
            Ok(Plan::commit(vec![set(&Place::User(name.clone()), &record, there.version)], ()))
        })
        .await
    }

    /// Deletes a user with all its permissions.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`]; or those of the control plane.
    pub async fn delete_user(&self, name: &Name) -> Result<(), CatalogError> {
        self.change(|topology| {
            let user = topology.user(name).ok_or_else(|| unknown("user", name))?;
            let mut operations: Vec<_> =
                topology.permissions_of(name).iter().map(|place| delete(place, ANY_VERSION)).collect();
            operations.push(delete(&Place::User(name.clone()), user.version));
            Ok(Plan::commit(operations, ()))
        })
        .await
    }

    /// Lets a user into a virtual host, or changes what it may do there. The patterns are those of
    /// [`Permission::permits`]. Returns whether it was let in.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] for a pattern, [`CatalogError::NoVhost`], [`CatalogError::Unknown`]; or those of the control plane.
    pub async fn set_permission(
        &self,
        vhost: &Name,
        user: &Name,
        configure: &str,
        write: &str,
        read: &str,
    ) -> Result<bool, CatalogError> {
        let permission = Permission::new(configure, write, read).map_err(|error| bad_pattern(&error))?;
        self.change(|topology| {
            let vhost = topology.entered(vhost)?;
            let there = vhost.permission(user).is_some();
            let place = Place::Permission(vhost.name.clone(), user.clone());
            let operations = checked(topology, vhost, user, put_secret(&place, permission.record(), there))?;
            Ok(Plan::commit(operations, !there))
        })
        .await
    }

    /// Shuts a user out of a virtual host. Returns whether it was in.
    ///
    /// # Errors
    /// [`CatalogError::NoVhost`]; or those of the control plane.
    pub async fn clear_permission(&self, vhost: &Name, user: &Name) -> Result<bool, CatalogError> {
        self.change(|topology| {
            let vhost = topology.entered(vhost)?;
            let place = Place::Permission(vhost.name.clone(), user.clone());
            Ok(match vhost.permission(user) {
                Some(_) => Plan::commit(vec![delete(&place, ANY_VERSION)], true),
                None => Plan::Done(false),
            })
        })
        .await
    }

    /// Limits what a user may do with the routing keys of an exchange. Returns whether it was not limited before.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] for a pattern, [`CatalogError::NoVhost`], [`CatalogError::Unknown`]; or those of the control plane.
    pub async fn set_topic_permission(
        &self,
        vhost: &Name,
        user: &Name,
        exchange: &Name,
        write: &str,
        read: &str,
    ) -> Result<bool, CatalogError> {
        let permission = TopicPermission::new(write, read).map_err(|error| bad_pattern(&error))?;
        self.change(|topology| {
            let vhost = topology.entered(vhost)?;
            let there = vhost.topic_permission(user, exchange).is_some();
            let place = Place::Topic(vhost.name.clone(), user.clone(), exchange.clone());
            let operations = checked(topology, vhost, user, put_secret(&place, permission.record(), there))?;
            Ok(Plan::commit(operations, !there))
        })
        .await
    }

    /// Lifts such a limit; of all exchanges, if none is named. Returns whether there was one.
    ///
    /// # Errors
    /// [`CatalogError::NoVhost`]; or those of the control plane.
    pub async fn clear_topic_permission(
        &self,
        vhost: &Name,
        user: &Name,
        exchange: Option<&Name>,
    ) -> Result<bool, CatalogError> {
        self.change(|topology| {
            let vhost = topology.entered(vhost)?;
            let is_meant =
                |(of, at): &&(Name, Name)| of == user && exchange.is_none_or(|exchange| exchange == at);
            let limits = vhost.topics.keys().filter(is_meant);
            let limits = limits.map(|(of, at)| Place::Topic(vhost.name.clone(), of.clone(), at.clone()));
            let operations: Vec<_> = limits.map(|place| delete(&place, ANY_VERSION)).collect();
            Ok(if operations.is_empty() { Plan::Done(false) } else { Plan::commit(operations, true) })
        })
        .await
    }
}

/// With what it relies on: the user and the virtual host.
fn checked(
    topology: &Topology,
    vhost: &Vhost,
    user: &Name,
    operation: SubOperation,
) -> Result<Vec<SubOperation>, CatalogError> {
    let known = topology.user(user).ok_or_else(|| unknown("user", user))?;
    let user = check(&Place::User(user.clone()), known.version);
    Ok(vec![check(&Place::Vhost(vhost.name.clone()), vhost.version), user, operation])
}

impl Topology {
    /// Where a user's permissions are.
    fn permissions_of(&self, user: &Name) -> Vec<Place> {
        let mut places = Vec::new();
        for vhost in self.vhosts.values() {
            if vhost.permissions.contains(user) {
                places.push(Place::Permission(vhost.name.clone(), user.clone()));
            }
            let limits = vhost.topics.keys().filter(|(of, _)| of == user);
            places.extend(
                limits.map(|(_, exchange)| Place::Topic(vhost.name.clone(), user.clone(), exchange.clone())),
            );
        }
        places
    }
}

fn unknown(what: &'static str, name: &Name) -> CatalogError {
    CatalogError::Unknown { what, name: name.clone() }
}

fn bad_pattern(error: &regex::Error) -> CatalogError {
    CatalogError::Invalid(format!("this is no pattern that can be used: {error}"))
}
