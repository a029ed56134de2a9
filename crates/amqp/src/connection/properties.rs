//! What server and client say of themselves.

use amqp091::{Table, TableBuf, Value};

use crate::config::Config;

/// Extensions that this server speaks, as clients look for them.
const CAPABILITIES: [&str; 9] = [
    "publisher_confirms",
    "exchange_exchange_bindings",
    "basic.nack",
    "consumer_cancel_notify",
    "connection.blocked",
    "consumer_priorities",
    "authentication_failure_close",
    "per_consumer_qos",
    "direct_reply_to",
];

/// The server's properties in connection.start.
pub(crate) fn of_server(config: &Config) -> TableBuf {
    let mut capabilities = TableBuf::new();
    for capability in CAPABILITIES {
        capabilities = capabilities.with(capability, true);
    }
    TableBuf::new()
        .with("capabilities", capabilities.as_table())
        .with("cluster_name", config.cluster_name.as_str())
        .with("copyright", "Copyright (c) The Quorate authors")
        .with("information", "Licensed under the Apache License 2.0")
        .with("platform", "Rust")
        .with("product", config.product.as_str())
        .with("version", config.version.as_str())
}

/// What of the client's properties the server goes by, or shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Client {
    /// The name that the client gave the connection, or what it is.
    pub(crate) name: Option<String>,
    pub(crate) product: Option<String>,
    pub(crate) knows_cancel_notify: bool,
    pub(crate) knows_blocked: bool,
    pub(crate) knows_authentication_failure_close: bool,
    /// Its basic.qos is meant for consumers that run already. py-amqp's is: Celery raises the limit while tasks wait for their time, and would
    /// stop at the first limit otherwise.
    pub(crate) changes_running_consumers: bool,
}

/// Names are cut after so many bytes.
const NAME_BYTES_MAX: usize = 256;

impl Client {
    pub(crate) fn read(properties: Table<'_>) -> Self {
        let text = |key| {
            let text = properties.get(key)?.text()?;
            Some(text[..text.floor_char_boundary(NAME_BYTES_MAX)].to_owned())
        };
        let knows = |capability| match properties.get("capabilities") {
            Some(Value::Table(table)) => matches!(table.get(capability), Some(Value::Bool(true))),
            _ => false,
        };
        let product = text("product");
        Self {
            name: text("connection_name"),
            changes_running_consumers: product.as_deref() == Some("py-amqp"),
            product,
            knows_cancel_notify: knows("consumer_cancel_notify"),
            knows_blocked: knows("connection.blocked"),
            knows_authentication_failure_close: knows("authentication_failure_close"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_tells_all_its_capabilities() {
        let properties = of_server(&Config::default());
        let Some(Value::Table(capabilities)) = properties.as_table().get("capabilities") else {
            panic!("capabilities are a table");
        };
        assert_eq!(capabilities.iter().count(), 9);
        assert!(capabilities.iter().all(|(_, value)| value == Value::Bool(true)));
        assert_eq!(properties.as_table().get("product").and_then(Value::text), Some("Quorate"));
    }

    #[test]
    fn a_client_is_what_it_says() {
        let capabilities =
            TableBuf::new().with("connection.blocked", true).with("consumer_cancel_notify", false);
        let properties =
            TableBuf::new().with("capabilities", capabilities.as_table()).with("connection_name", "jobs");
        let client = Client::read(properties.as_table());
        assert_eq!(client.name.as_deref(), Some("jobs"));
        assert!(client.knows_blocked && !client.knows_cancel_notify);
        assert_eq!(Client::read(Table::default()), Client::default());
    }
}
