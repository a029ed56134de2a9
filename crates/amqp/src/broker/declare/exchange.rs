//! exchange.declare and exchange.delete.

use std::sync::Arc;

use amqp091::{Method, Table, Value, exchange};
use catalog::{ALTERNATE, Action, CatalogError, ExchangeSpec, Name};

use super::Answer;
use crate::broker::Session;
use crate::channel::ChannelRef;
use crate::fault::Fault;
use crate::text::without_line_ends;

impl Session {
    pub(super) fn declare_exchange(
        &mut self,
        at: ChannelRef,
        method: &Method<'_>,
        declare: &exchange::Declare<'_>,
    ) -> Result<(), Fault> {
        let name = without_line_ends(declare.exchange.as_str());
        if name.is_empty() {
            return Err(CatalogError::DefaultExchange.into());
        }
        let nowait = declare.nowait;
        if declare.passive {
            self.desk.exchange(&self.vhost, &name)?;
            self.start_method(at, method, async move { Ok(Answer::plain(nowait, exchange::DeclareOk {})) });
            return Ok(());
        }
        self.check_exchange(Action::Configure, &name)?;
        self.check_alternate(&name, declare.arguments)?;
        let spec = ExchangeSpec {
            kind: declare.kind.as_str().to_owned(),
            durable: declare.durable,
            auto_delete: declare.auto_delete,
            internal: declare.internal,
            arguments: declare.arguments.into(),
        };
        let desk = Arc::clone(&self.desk);
        self.start_method(at, method, async move {
            desk.catalog.declare_exchange(&desk.vhost, &Name::from(name.as_str()), &spec).await?;
            Ok(Answer::plain(nowait, exchange::DeclareOk {}))
        });
        Ok(())
    }

    /// Whoever sends messages on to another exchange could publish there.
    fn check_alternate(&mut self, name: &str, arguments: Table<'_>) -> Result<(), Fault> {
        let Some(Value::LongString(alternate)) = arguments.get(ALTERNATE) else { return Ok(()) };
        self.check_exchange(Action::Read, name)?;
        self.check_exchange(Action::Write, &String::from_utf8_lossy(alternate))
    }

    pub(super) fn delete_exchange(
        &mut self,
        at: ChannelRef,
        method: &Method<'_>,
        delete: &exchange::Delete<'_>,
    ) -> Result<(), Fault> {
        let name = without_line_ends(delete.exchange.as_str());
        if name.is_empty() {
            return Err(CatalogError::DefaultExchange.into());
        }
        self.check_exchange(Action::Configure, &name)?;
        let (if_unused, nowait) = (delete.if_unused, delete.nowait);
        let desk = Arc::clone(&self.desk);
        self.start_method(at, method, async move {
            desk.catalog.delete_exchange(&desk.vhost, &Name::from(name.as_str()), if_unused).await?;
            Ok(Answer::plain(nowait, exchange::DeleteOk {}))
        });
        Ok(())
    }
}
