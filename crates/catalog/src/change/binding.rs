//! Bindings: made and ended.

use amqp091::Value;
use tree::CreateMode;

use super::removal::Removal;
use super::{Plan, Then, check, check_name, check_there, create, set};
use crate::binding::{Binding, BindingSpec, Record};
use crate::catalog::Catalog;
use crate::destination::DestinationName;
use crate::error::{CatalogError, Resource};
use crate::exchange::{self, Exchange, Rule};
use crate::name::Name;
use crate::place::{FORMAT, Place};
use crate::queue::ExclusiveOwner;
use crate::route::{Match, X_MATCH, parse_weight};
use crate::topology::Vhost;

impl Catalog {
    /// Binds a queue or exchange to an exchange, unless it is. `by` is the asking connection: only its owner binds an exclusive queue.
    ///
    /// # Errors
    /// [`CatalogError::DefaultExchange`], [`CatalogError::NotFound`], [`CatalogError::Locked`], [`CatalogError::BadBinding`] for what the
    /// exchange's type does not understand, [`CatalogError::NoVhost`], [`CatalogError::NameTooLong`]; or those of the control plane.
    pub async fn bind(
        &self,
        vhost: &Name,
        spec: &BindingSpec,
        by: Option<ExclusiveOwner>,
    ) -> Result<(), CatalogError> {
        check_not_default(spec)?;
        check_name(&spec.key)?;
        self.change(|topology| {
            let vhost = topology.entered(vhost)?;
            let found = vhost.ends(spec, by)?;
            check_understood(found.source, spec)?;
            let binding = spec.to(found.destination_id);
            let znode = binding.znode();
            let routes = vhost.routes(&spec.source).expect("its exchange was found above");
            if routes.bindings.contains(znode.as_bytes()) {
                return Ok(Plan::Done(()));
            }
            let mut operations = vec![check(&Place::Vhost(vhost.name.clone()), vhost.version)];
            operations.push(check_there(&destination_place(vhost, &spec.destination)));
            if found.source.auto_delete && !found.source.was_bound {
                let record = exchange::Record::of(&Exchange { was_bound: true, ..found.source.clone() });
                let place = Place::Exchange(vhost.name.clone(), spec.source.clone());
                operations.push(set(&place, &record, routes.version));
            }
            let mode = if found.owner.is_some() { CreateMode::Ephemeral } else { CreateMode::Persistent };
            let record = Record { format: FORMAT, arguments: binding.arguments };
            let place = Place::Binding(vhost.name.clone(), spec.source.clone(), znode);
            operations.push(create(&place, &record, mode));
            let session = found.owner.map(|owner| owner.session);
            // The destination may be another one now, of the same name: then this binding counts for nothing.
            Ok(Plan::Commit { operations, session, then: Then::LookAgain })
        })
        .await
    }

    /// Ends a binding. One that is not there has ended already.
    ///
    /// # Errors
    /// [`CatalogError::DefaultExchange`], [`CatalogError::Locked`], [`CatalogError::NoVhost`]; or those of the control plane.
    pub async fn unbind(
        &self,
        vhost: &Name,
        spec: &BindingSpec,
        by: Option<ExclusiveOwner>,
    ) -> Result<(), CatalogError> {
        check_not_default(spec)?;
        self.change(|topology| {
            let vhost = topology.entered(vhost)?;
            let found = match vhost.ends(spec, by) {
                Ok(found) => found,
                Err(CatalogError::NotFound(_)) => return Ok(Plan::Done(())),
                Err(error) => return Err(error),
            };
            let znode = Name::from(spec.to(found.destination_id).znode().as_str());
            let routes = vhost.routes(&spec.source).expect("its exchange was found above");
            if !routes.bindings.contains(&znode) {
                return Ok(Plan::Done(()));
            }
            let mut removal = Removal::new(vhost);
            removal.binding(&spec.source, &znode);
            Ok(removal.plan(()))
        })
        .await
    }
}

fn check_not_default(spec: &BindingSpec) -> Result<(), CatalogError> {
    let is_default = |name: &Name| name.is_empty();
    let leads_to_default = !spec.destination.is_queue() && is_default(spec.destination.name());
    if is_default(&spec.source) || leads_to_default { Err(CatalogError::DefaultExchange) } else { Ok(()) }
}

fn destination_place(vhost: &Vhost, destination: &DestinationName) -> Place {
    match destination {
        DestinationName::Queue(name) => Place::Queue(vhost.name.clone(), name.clone()),
        DestinationName::Exchange(name) => Place::Exchange(vhost.name.clone(), name.clone()),
    }
}

/// What a binding is to connect.
struct Ends<'v> {
    source: &'v Exchange,
    destination_id: u64,
    /// Of an exclusive queue.
    owner: Option<ExclusiveOwner>,
}

impl Vhost {
    fn ends(&self, spec: &BindingSpec, by: Option<ExclusiveOwner>) -> Result<Ends<'_>, CatalogError> {
        let no_exchange =
            |name: &Name| CatalogError::NotFound(Resource::exchange(self.name.clone(), name.clone()));
        let no_queue = |name: &Name| CatalogError::NotFound(Resource::queue(self.name.clone(), name.clone()));
        let (destination_id, owner) = match &spec.destination {
            DestinationName::Queue(name) => {
                let queue = self.queue(name).ok_or_else(|| no_queue(name))?;
                if let Some(by) = by {
                    queue.check_access(by)?;
                }
                (queue.id, queue.exclusive)
            }
            DestinationName::Exchange(name) => {
                (self.exchange(name).ok_or_else(|| no_exchange(name))?.id, None)
            }
        };
        let source = self.exchange(&spec.source).ok_or_else(|| no_exchange(&spec.source))?;
        Ok(Ends { source, destination_id, owner })
    }

    /// A binding as it would be now, if both its ends are there.
    pub fn binding(&self, spec: &BindingSpec) -> Option<Binding> {
        let binding = spec.to(self.ends(spec, None).ok()?.destination_id);
        let routes = self.routes(&spec.source)?;
        routes.bindings.contains(binding.znode().as_bytes()).then_some(binding)
    }
}

/// Whether the exchange's type can make sense of a binding.
fn check_understood(source: &Exchange, spec: &BindingSpec) -> Result<(), CatalogError> {
    match source.kind.rule {
        Rule::Headers => check_x_match(spec.arguments.get(X_MATCH)),
        Rule::ConsistentHash if parse_weight(&spec.key).is_none() => {
            let key = &spec.key;
            Err(CatalogError::BadBinding(match &**key {
                b"0" => "The binding key must be greater than 0".to_owned(),
                _ => format!("The binding key must be an integer: {key}"),
            }))
        }
        _ => Ok(()),
    }
}

fn check_x_match(value: Option<Value<'_>>) -> Result<(), CatalogError> {
    if Match::parse(value).is_some() {
        return Ok(());
    }
    Err(CatalogError::BadBinding(match value {
        Some(Value::LongString(other)) => format!(
            "Invalid x-match field value <<\"{}\">>; expected all, any, all-with-x, or any-with-x",
            String::from_utf8_lossy(other)
        ),
        other => format!(
            "Invalid x-match field type {} (value {:?}); expected longstr",
            other.map_or("void", Value::type_name),
            other.unwrap_or(Value::Void)
        ),
    }))
}
