//! Bindings of queues and exchanges.

use std::sync::Arc;

use amqp091::{Method, Table, exchange, queue};
use catalog::{Action, BindingSpec, CatalogError, Rule};

use super::Answer;
use crate::broker::Session;
use crate::channel::ChannelRef;
use crate::fault::Fault;
use crate::text::without_line_ends;

impl Session {
    pub(super) fn bind_queue(
        &mut self,
        at: ChannelRef,
        method: &Method<'_>,
        bind: &queue::Bind<'_>,
    ) -> Result<(), Fault> {
        let (queue, source, key) = (bind.queue.as_str(), bind.exchange.as_str(), bind.routing_key.as_str());
        let spec = self.queue_binding(at, queue, source, key, bind.arguments)?;
        let nowait = bind.nowait;
        self.start_binding(at, method, spec, true, Answer::plain(nowait, queue::BindOk {}))
    }

    pub(super) fn unbind_queue(
        &mut self,
        at: ChannelRef,
        method: &Method<'_>,
        unbind: &queue::Unbind<'_>,
    ) -> Result<(), Fault> {
        let (queue, source, key) =
            (unbind.queue.as_str(), unbind.exchange.as_str(), unbind.routing_key.as_str());
        let spec = self.queue_binding(at, queue, source, key, unbind.arguments)?;
        self.start_binding(at, method, spec, false, Answer::plain(false, queue::UnbindOk {}))
    }

    pub(super) fn bind_exchange(
        &mut self,
        at: ChannelRef,
        method: &Method<'_>,
        bind: &exchange::Bind<'_>,
    ) -> Result<(), Fault> {
        let (source, destination) = (bind.source.as_str(), bind.destination.as_str());
        let spec = self.exchange_binding(source, destination, bind.routing_key.as_str(), bind.arguments)?;
        self.start_binding(at, method, spec, true, Answer::plain(bind.nowait, exchange::BindOk {}))
    }

    pub(super) fn unbind_exchange(
        &mut self,
        at: ChannelRef,
        method: &Method<'_>,
        unbind: &exchange::Unbind<'_>,
    ) -> Result<(), Fault> {
        let (source, destination) = (unbind.source.as_str(), unbind.destination.as_str());
        let spec =
            self.exchange_binding(source, destination, unbind.routing_key.as_str(), unbind.arguments)?;
        self.start_binding(at, method, spec, false, Answer::plain(unbind.nowait, exchange::UnbindOk {}))
    }

    fn queue_binding(
        &mut self,
        at: ChannelRef,
        queue: &str,
        source: &str,
        key: &str,
        arguments: Table<'_>,
    ) -> Result<BindingSpec, Fault> {
        let source = without_line_ends(source);
        let name = self.queue_name(at, queue)?;
        // Without either name, the queue is bound under its own.
        let key = if queue.is_empty() && key.is_empty() { name.as_str() } else { key };
        if source.is_empty() {
            return Err(CatalogError::DefaultExchange.into());
        }
        self.check_queue(Action::Write, &name)?;
        self.check_source(&source, key)?;
        Ok(BindingSpec::of_queue(source.as_str(), name.as_str(), key, arguments))
    }

    fn exchange_binding(
        &mut self,
        source: &str,
        destination: &str,
        key: &str,
        arguments: Table<'_>,
    ) -> Result<BindingSpec, Fault> {
        let (source, destination) = (without_line_ends(source), without_line_ends(destination));
        if source.is_empty() || destination.is_empty() {
            return Err(CatalogError::DefaultExchange.into());
        }
        self.check_exchange(Action::Write, &destination)?;
        self.check_source(&source, key)?;
        Ok(BindingSpec::of_exchange(source.as_str(), destination.as_str(), key, arguments))
    }

    fn check_source(&mut self, source: &str, key: &str) -> Result<(), Fault> {
        self.check_exchange(Action::Read, source)?;
        let Some(exchange) = self.vhost.exchange(source.as_bytes()).cloned() else { return Ok(()) };
        if exchange.kind.rule == Rule::Topic {
            self.check_topic(Action::Read, &exchange.name, key)?;
        }
        Ok(())
    }

    fn start_binding(
        &mut self,
        at: ChannelRef,
        method: &Method<'_>,
        spec: BindingSpec,
        make: bool,
        answer: Answer,
    ) -> Result<(), Fault> {
        let desk = Arc::clone(&self.desk);
        self.start_method(at, method, async move {
            match make {
                true => desk.catalog.bind(&desk.vhost, &spec, Some(desk.owner)).await?,
                false => desk.catalog.unbind(&desk.vhost, &spec, Some(desk.owner)).await?,
            }
            Ok(answer)
        });
        Ok(())
    }
}
