//! Exchanges: declared and deleted.

use std::sync::Arc;

use amqp091::{Table, Value};
use tree::CreateMode;

use super::removal::Removal;
use super::{Declared, Plan, RESERVED, check, check_name, create};
use crate::arguments::Arguments;
use crate::catalog::Catalog;
use crate::error::{CatalogError, Resource};
use crate::exchange::{ALTERNATE, DELAYED_TYPE, Exchange, ExchangeKind, PREDECLARED, Record, Rule};
use crate::name::Name;
use crate::place::Place;
use crate::route::{HASH_HEADER, HASH_PROPERTY, HashOn};
use crate::topology::{Topology, Vhost};

/// An exchange that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExchangeSpec {
    /// The name of its type.
    pub kind: String,
    /// See [`Exchange`].
    pub durable: bool,
    /// See [`Exchange`].
    pub auto_delete: bool,
    /// See [`Exchange`].
    pub internal: bool,
    /// See [`Exchange`].
    pub arguments: Arguments,
}

impl Catalog {
    /// Makes an exchange, or finds it as it is wanted.
    ///
    /// # Errors
    /// [`CatalogError::DefaultExchange`], [`CatalogError::UnknownType`], [`CatalogError::Inequivalent`],
    /// [`CatalogError::ReservedPrefix`], [`CatalogError::InvalidType`], [`CatalogError::BadBinding`] for arguments that make no sense to
    /// the type, [`CatalogError::NoVhost`], [`CatalogError::NameTooLong`]; or those of the control plane.
    pub async fn declare_exchange(
        &self,
        vhost: &Name,
        name: &Name,
        spec: &ExchangeSpec,
    ) -> Result<Declared<Arc<Exchange>>, CatalogError> {
        if name.is_empty() {
            return Err(CatalogError::DefaultExchange);
        }
        check_name(name)?;
        let kind = ExchangeKind::parse(&spec.kind, spec.arguments.table());
        let kind = kind.ok_or_else(|| unknown_type(spec))?;
        let id = match self.topology().vhost(vhost).and_then(|vhost| vhost.exchange(name)) {
            Some(_) => None,
            None => Some(self.new_id().await?),
        };
        let mut id = id;
        loop {
            let planned = self
                .change(|topology| match topology.plan_declare_exchange(vhost, name, spec, kind, id)? {
                    Some(plan) => Ok(plan.map(Some)),
                    None => Ok(Plan::Done(None)),
                })
                .await?;
            match planned {
                Some(declared) => return Ok(declared),
                // It was there, and is no longer.
                None => id = Some(self.new_id().await?),
            }
        }
    }

    /// Deletes an exchange with all bindings that lead from it or to it. One that is not there is deleted already.
    ///
    /// # Errors
    /// [`CatalogError::DefaultExchange`], [`CatalogError::SystemExchange`], [`CatalogError::InUse`] if bindings lead from it and that was
    /// not wanted, [`CatalogError::NoVhost`]; or those of the control plane.
    pub async fn delete_exchange(
        &self,
        vhost: &Name,
        name: &Name,
        if_unused: bool,
    ) -> Result<(), CatalogError> {
        if name.is_empty() {
            return Err(CatalogError::DefaultExchange);
        }
        if is_system(name) {
            return Err(CatalogError::SystemExchange(Resource::exchange(vhost.clone(), name.clone())));
        }
        self.change(|topology| {
            let vhost = topology.entered(vhost)?;
            let Some(routes) = vhost.routes(name) else { return Ok(Plan::Done(())) };
            if if_unused && routes.bindings.iter().any(|(_, bound)| bound.linked.is_some()) {
                return Err(CatalogError::InUse(Resource::exchange(vhost.name.clone(), name.clone())));
            }
            let mut removal = Removal::new(vhost);
            removal.exchange(name);
            Ok(removal.plan(()))
        })
        .await
    }
}

/// A type that is not there, or `x-delayed-message` without one that is.
fn unknown_type(spec: &ExchangeSpec) -> CatalogError {
    let inner = spec.arguments.get(DELAYED_TYPE).and_then(Value::text);
    match (&spec.kind[..], inner) {
        ("x-delayed-message", None) => CatalogError::BadBinding(
            "Invalid argument, 'x-delayed-type' must be an existing exchange type".to_owned(),
        ),
        ("x-delayed-message", Some(inner)) => CatalogError::UnknownType(inner.to_owned()),
        (kind, _) => CatalogError::UnknownType(kind.to_owned()),
    }
}

fn is_system(name: &Name) -> bool {
    PREDECLARED.iter().any(|(known, ..)| *name == **known)
}

impl Topology {
    /// The virtual host, if it is there.
    pub(super) fn entered(&self, vhost: &Name) -> Result<&Vhost, CatalogError> {
        self.vhost(vhost).map(|vhost| &**vhost).ok_or_else(|| CatalogError::NoVhost(vhost.clone()))
    }

    /// `None`: an id is needed.
    fn plan_declare_exchange(
        &self,
        vhost: &Name,
        name: &Name,
        spec: &ExchangeSpec,
        kind: ExchangeKind,
        id: Option<u64>,
    ) -> Result<Option<Plan<Declared<Arc<Exchange>>>>, CatalogError> {
        let vhost = self.entered(vhost)?;
        let resource = || Resource::exchange(vhost.name.clone(), name.clone());
        check_alternate(&spec.arguments, resource)?;
        if let Some(there) = vhost.exchange(name) {
            check_same(there, spec, kind, resource)?;
            return Ok(Some(Plan::Done(Declared { value: Arc::clone(there), created: false })));
        }
        if name.starts_with(RESERVED) {
            return Err(CatalogError::ReservedPrefix { kind: "exchange", name: name.clone() });
        }
        check_hash(kind, spec.arguments.table())?;
        let Some(id) = id else { return Ok(None) };
        let exchange = Exchange {
            vhost: vhost.name.clone(),
            name: name.clone(),
            id,
            kind,
            durable: spec.durable,
            auto_delete: spec.auto_delete,
            internal: spec.internal,
            arguments: spec.arguments.clone(),
            was_bound: false,
        };
        let place = Place::Exchange(vhost.name.clone(), name.clone());
        let operations = vec![
            check(&Place::Vhost(vhost.name.clone()), vhost.version),
            create(&place, &Record::of(&exchange), CreateMode::Persistent),
        ];
        Ok(Some(Plan::commit(operations, Declared { value: Arc::new(exchange), created: true })))
    }
}

fn check_alternate(arguments: &Arguments, resource: impl Fn() -> Resource) -> Result<(), CatalogError> {
    match arguments.get(ALTERNATE) {
        None | Some(Value::LongString(_)) => Ok(()),
        Some(other) => {
            Err(CatalogError::InvalidType { key: ALTERNATE, found: other.type_name(), resource: resource() })
        }
    }
}

/// In the order in which RabbitMQ compares.
fn check_same(
    there: &Exchange,
    spec: &ExchangeSpec,
    kind: ExchangeKind,
    resource: impl Fn() -> Resource,
) -> Result<(), CatalogError> {
    if there.kind.name() != kind.name() {
        let quoted = |kind: ExchangeKind| format!("'{}'", kind.name());
        let (received, current) = (quoted(kind), quoted(there.kind));
        return Err(CatalogError::Inequivalent { key: "type", resource: resource(), received, current });
    }
    for (key, received, current) in [
        ("durable", spec.durable, there.durable),
        ("auto_delete", spec.auto_delete, there.auto_delete),
        ("internal", spec.internal, there.internal),
    ] {
        if received != current {
            return Err(CatalogError::inequivalent_flag(key, resource(), received, current));
        }
    }
    let keys: &[&'static str] = match kind.delayed {
        true => &[ALTERNATE, DELAYED_TYPE],
        false => &[ALTERNATE],
    };
    for key in keys {
        super::queue::compare(key, &spec.arguments, &there.arguments, &resource)?;
    }
    Ok(())
}

/// What a consistent-hash exchange hashes must be known, and one thing.
fn check_hash(kind: ExchangeKind, arguments: Table<'_>) -> Result<(), CatalogError> {
    if kind.rule != Rule::ConsistentHash {
        return Ok(());
    }
    let (header, property) = (arguments.get(HASH_HEADER), arguments.get(HASH_PROPERTY));
    if header.is_some() && property.is_some() {
        return Err(CatalogError::BadBinding(
            "hash-header and hash-property are mutually exclusive".to_owned(),
        ));
    }
    match property {
        Some(Value::LongString(name)) if HashOn::property(name).is_none() => {
            let name = String::from_utf8_lossy(name);
            Err(CatalogError::BadBinding(format!("Unsupported property: {name}")))
        }
        _ => Ok(()),
    }
}
