//! Queues: declared and deleted.

use std::sync::Arc;

use amqp091::Value;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tree::CreateMode;

use super::removal::Removal;
use super::{Declared, Plan, RESERVED, Then, check, check_name, create};
use crate::arguments::Arguments;
use crate::catalog::Catalog;
use crate::error::{CatalogError, Resource};
use crate::limits::Limit;
use crate::name::Name;
use crate::options::{BadArgument, QueueOptions, QueueType};
use crate::place::Place;
use crate::queue::{ExclusiveOwner, Queue, Record};
use crate::topology::Topology;

/// A queue that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueSpec {
    /// See [`Queue`].
    pub durable: bool,
    /// Whether it is to be the asking connection's alone. It is not durable then, whatever else was said.
    pub exclusive: bool,
    /// See [`Queue`].
    pub auto_delete: bool,
    /// See [`Queue`].
    pub arguments: Arguments,
}

/// How a queue is to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// Whatever its name stands for.
    ByName,
    /// Only if it is the one with this id.
    ById(u64),
}

impl Catalog {
    /// Makes a queue, or finds it as it is wanted. `connection` is the number of the asking connection on this node. An empty name asks for
    /// one from the server.
    ///
    /// The queue's partitions are not made here: whoever asked has their ids and their shard.
    ///
    /// # Errors
    /// [`CatalogError::ReservedPrefix`], [`CatalogError::InvalidArgument`], [`CatalogError::Locked`], [`CatalogError::Inequivalent`],
    /// [`CatalogError::NoVhost`], [`CatalogError::NoSession`] for exclusive queues, [`CatalogError::NameTooLong`]; or those of the control
    /// plane.
    pub async fn declare_queue(
        &self,
        vhost: &Name,
        name: &Name,
        spec: &QueueSpec,
        connection: u64,
    ) -> Result<Declared<Arc<Queue>>, CatalogError> {
        let generated = name.is_empty().then(|| self.generate_name());
        if name.starts_with(RESERVED) {
            return Err(CatalogError::ReservedPrefix { kind: "queue", name: name.clone() });
        }
        check_name(name)?;
        let name = generated.as_ref().unwrap_or(name);
        let options = QueueOptions::parse(spec.arguments.table()).map_err(|BadArgument { key, why }| {
            CatalogError::InvalidArgument { key, resource: Resource::queue(vhost.clone(), name.clone()), why }
        })?;
        let mut asking = Asking { spec, options: &options, session: None, connection, id: None, salt: 0 };
        let is_there = self.topology().vhost(vhost).is_some_and(|vhost| vhost.queue(name).is_some());
        let mut needs_id = !is_there;
        loop {
            if needs_id {
                asking.id = Some(self.take_ids(options.partitions.unwrap_or(1)).await?);
                asking.salt = self.runtime.entropy.next_u64();
            }
            asking.session = *self.session.borrow();
            let declared = self
                .change(|topology| {
                    let plan = topology.plan_declare_queue(vhost, name, &asking)?;
                    Ok(plan.map_or(Plan::Done(None), |plan| plan.map(Some)))
                })
                .await?;
            match declared {
                Some(declared) => return Ok(declared),
                // It was there, and is no longer.
                None => needs_id = true,
            }
        }
    }

    /// Deletes a queue with its bindings, and gives back which one, for its partitions to be deleted too. `None`: it is not there.
    ///
    /// Whether it is unused and empty the caller asks its shard, before.
    ///
    /// # Errors
    /// [`CatalogError::Locked`] if it is another connection's alone, [`CatalogError::NoVhost`]; or those of the control plane.
    pub async fn delete_queue(
        &self,
        vhost: &Name,
        name: &Name,
        which: Deletion,
        by: Option<ExclusiveOwner>,
    ) -> Result<Option<Arc<Queue>>, CatalogError> {
        self.change(|topology| {
            let vhost = topology.entered(vhost)?;
            let is_meant = |queue: &&Arc<Queue>| match which {
                Deletion::ByName => true,
                Deletion::ById(id) => queue.id == id,
            };
            let Some(queue) = vhost.queue(name).filter(is_meant) else { return Ok(Plan::Done(None)) };
            if let Some(by) = by {
                queue.check_access(by)?;
            }
            let mut removal = Removal::new(vhost);
            removal.queue(name);
            Ok(removal.plan(Some(Arc::clone(queue))))
        })
        .await
    }

    /// A name that nobody has: `amq.gen-` and 22 characters.
    fn generate_name(&self) -> Name {
        let mut random = [0; 16];
        self.runtime.entropy.fill(&mut random);
        Name::from(format!("amq.gen-{}", URL_SAFE_NO_PAD.encode(random)).as_str())
    }
}

/// Who asks for which queue.
struct Asking<'a> {
    spec: &'a QueueSpec,
    options: &'a QueueOptions,
    session: Option<i64>,
    connection: u64,
    id: Option<u64>,
    salt: u64,
}

impl Asking<'_> {
    fn owner(&self) -> Option<ExclusiveOwner> {
        Some(ExclusiveOwner { session: self.session?, connection: self.connection })
    }
}

impl Topology {
    /// `None`: an id is needed.
    fn plan_declare_queue(
        &self,
        vhost: &Name,
        name: &Name,
        asking: &Asking<'_>,
    ) -> Result<Option<Plan<Declared<Arc<Queue>>>>, CatalogError> {
        let vhost = self.entered(vhost)?;
        if let Some(there) = vhost.queue(name) {
            check_same(there, asking)?;
            return Ok(Some(Plan::Done(Declared { value: Arc::clone(there), created: false })));
        }
        if let Some(max) = vhost.record.limits.max(Limit::MaxQueues)
            && vhost.queues.len() as u64 >= max
        {
            let (queue, vhost) = (name.clone(), vhost.name.clone());
            return Err(CatalogError::TooManyQueues { queue, vhost, max });
        }
        let Some(id) = asking.id else { return Ok(None) };
        let spec = asking.spec;
        let exclusive = match spec.exclusive {
            true => Some(asking.owner().ok_or(CatalogError::NoSession)?),
            false => None,
        };
        let queue = Queue {
            vhost: vhost.name.clone(),
            name: name.clone(),
            id,
            shard: self.place(asking.salt),
            partitions: asking.options.partitions,
            durable: spec.durable && !spec.exclusive,
            auto_delete: spec.auto_delete,
            exclusive,
            arguments: spec.arguments.clone(),
            options: asking.options.clone(),
        };
        let mode = if spec.exclusive { CreateMode::Ephemeral } else { CreateMode::Persistent };
        let place = Place::Queue(vhost.name.clone(), name.clone());
        let operations = vec![
            check(&Place::Vhost(vhost.name.clone()), vhost.version),
            create(&place, &Record::of(&queue), mode),
        ];
        Ok(Some(Plan::Commit {
            operations,
            session: exclusive.map(|owner| owner.session),
            then: Then::Return(Declared { value: Arc::new(queue), created: true }),
        }))
    }
}

impl Queue {
    /// As error texts name it.
    pub fn resource(&self) -> Resource {
        Resource::queue(self.vhost.clone(), self.name.clone())
    }

    /// Whether a connection may use it.
    ///
    /// # Errors
    /// [`CatalogError::Locked`].
    pub fn check_access(&self, by: ExclusiveOwner) -> Result<(), CatalogError> {
        match self.exclusive {
            Some(owner) if owner != by => Err(CatalogError::Locked(self.resource())),
            _ => Ok(()),
        }
    }
}

/// In the order in which RabbitMQ compares. Of a queue that was declared `quorum`, clients that ask for an exclusive or auto-delete one,
/// or for a classic one, are given it: they would be refused by nothing but habit.
fn check_same(there: &Queue, asking: &Asking<'_>) -> Result<(), CatalogError> {
    let spec = asking.spec;
    let is_relaxed = there.options.queue_type == QueueType::Quorum && there.exclusive.is_none();
    match (there.exclusive, asking.owner()) {
        (Some(owner), asking) if Some(owner) != asking => return Err(CatalogError::Locked(there.resource())),
        (None, _) if spec.exclusive && !is_relaxed => return Err(CatalogError::Locked(there.resource())),
        (Some(_), _) if !spec.exclusive => return Err(CatalogError::Locked(there.resource())),
        _ => {}
    }
    let durable = spec.durable && !spec.exclusive;
    if durable != there.durable && !(is_relaxed && spec.exclusive) {
        return Err(CatalogError::inequivalent_flag("durable", there.resource(), durable, there.durable));
    }
    if spec.auto_delete != there.auto_delete && !is_relaxed {
        let (received, current) = (spec.auto_delete, there.auto_delete);
        return Err(CatalogError::inequivalent_flag("auto_delete", there.resource(), received, current));
    }
    for key in QueueOptions::compared() {
        compare(key, &spec.arguments, &there.arguments, &|| there.resource())?;
    }
    Ok(())
}

/// An argument must be absent in both, or equal in value and kind of type.
pub(super) fn compare(
    key: &'static str,
    received: &Arguments,
    current: &Arguments,
    resource: &impl Fn() -> Resource,
) -> Result<(), CatalogError> {
    let (received, current) = (received.get(key), current.get(key));
    let is_same = match (received, current) {
        (None, None) => true,
        (Some(received), Some(current)) => is_equal(received, current),
        _ => false,
    };
    if is_same {
        Ok(())
    } else {
        Err(CatalogError::inequivalent_argument(key, resource(), received, current))
    }
}

/// Numbers are equal across widths.
fn is_equal(a: Value<'_>, b: Value<'_>) -> bool {
    let float = |value: Value<'_>| match value {
        Value::F32(number) => Some(f64::from(number)),
        Value::F64(number) => Some(number),
        _ => None,
    };
    match (a.integer(), b.integer(), float(a), float(b)) {
        (Some(a), Some(b), ..) => a == b,
        (.., Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}
