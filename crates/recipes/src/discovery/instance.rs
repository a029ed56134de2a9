//! What a service says of one of its instances.

use std::collections::BTreeMap;

use client::CreateMode;
use serde::{Deserialize, Serialize};

use super::DiscoveryError;

/// An instance of a service. As data of a znode it is the JSON of Curator's `ServiceInstance`, by its `JsonInstanceSerializer`, so
/// that programs in Java find it. Fields that it does not know are left out when it is read.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// The service.
    pub name: String,
    /// Which instance of it. No two have one id.
    pub id: String,
    /// Where it is: a host's name or address.
    #[serde(default)]
    pub address: Option<String>,
    /// Where it listens there.
    #[serde(default)]
    pub port: Option<u16>,
    /// Where it listens for TLS.
    #[serde(default)]
    pub ssl_port: Option<u16>,
    /// Whatever else it says. Programs in Java want their class in `@class` of an object, unless they take any; texts, numbers and
    /// truth values are taken as they are.
    #[serde(default)]
    pub payload: Option<serde_json::Value>,
    /// When it was registered, in milliseconds since the Unix epoch.
    #[serde(default, rename = "registrationTimeUTC")]
    pub registration_time_ms: i64,
    /// How long its registration lasts.
    #[serde(default)]
    pub service_type: ServiceType,
    /// How its URI is put together.
    #[serde(default)]
    pub uri_spec: Option<UriSpec>,
    /// Whether it shall be used.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

/// How long the registration of an instance lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ServiceType {
    /// While it runs: an ephemeral.
    #[default]
    Dynamic,
    /// Until somebody ends it; it is registered again by whoever registered it.
    Static,
    /// Until somebody ends it.
    Permanent,
    /// While it runs; its znode's name is the id and a number that the server gives.
    DynamicSequential,
}

impl ServiceType {
    pub(super) fn mode(self) -> CreateMode {
        match self {
            ServiceType::Dynamic => CreateMode::Ephemeral,
            ServiceType::Static | ServiceType::Permanent => CreateMode::Persistent,
            ServiceType::DynamicSequential => CreateMode::EphemeralSequential,
        }
    }
}

/// How a URI is put together: texts, and names of what stands in their place.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct UriSpec {
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Part {
    value: String,
    variable: bool,
}

impl UriSpec {
    /// That of a text such as `{scheme}://{address}:{port}/v1`. An instance fills in `scheme` (`https` if it has a port for TLS,
    /// otherwise `http`), `name`, `id`, `address`, `port`, `ssl-port`, `registration-time-utc` and `service-type`; `{[}` and `{]}`
    /// stand for braces.
    ///
    /// # Errors
    /// When braces do not match.
    pub fn parse(text: &str) -> Result<Self, DiscoveryError> {
        let wrong = || DiscoveryError::BadUriSpec { text: text.to_owned() };
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (literal, behind) =
                rest.split_once('{').map_or((rest, None), |(before, behind)| (before, Some(behind)));
            if literal.contains('}') {
                return Err(wrong());
            }
            if !literal.is_empty() {
                parts.push(Part { value: literal.to_owned(), variable: false });
            }
            let Some(behind) = behind else { break };
            let (name, behind) = behind.split_once('}').ok_or_else(wrong)?;
            if name.contains('{') {
                return Err(wrong());
            }
            parts.push(Part { value: name.trim().to_owned(), variable: true });
            rest = behind;
        }
        Ok(Self { parts })
    }

    /// The URI of `instance`. What is in `variables` goes before what the instance says; what nobody knows is left out.
    pub fn build(&self, instance: &Instance, variables: &BTreeMap<String, String>) -> String {
        let filled = self.parts.iter().map(|part| match (part.variable, variables.get(&part.value)) {
            (false, _) => part.value.clone(),
            (true, Some(value)) => value.clone(),
            (true, None) => instance.variable(&part.value),
        });
        filled.collect()
    }
}

impl Instance {
    /// An instance of which nothing is known but its service and id.
    pub fn new(name: &str, id: &str) -> Self {
        Self {
            name: name.to_owned(),
            id: id.to_owned(),
            address: None,
            port: None,
            ssl_port: None,
            payload: None,
            registration_time_ms: 0,
            service_type: ServiceType::Dynamic,
            uri_spec: None,
            enabled: true,
        }
    }

    /// Where it listens, as `ADDRESS:PORT`.
    pub fn endpoint(&self) -> Option<String> {
        let address = self.address.as_ref()?;
        let port = self.port.or(self.ssl_port)?;
        let is_v6 = address.contains(':') && !address.starts_with('[');
        Some(if is_v6 { format!("[{address}]:{port}") } else { format!("{address}:{port}") })
    }

    /// Its URI, if it says how to put it together.
    pub fn uri(&self) -> Option<String> {
        self.uri_spec.as_ref().map(|spec| spec.build(self, &BTreeMap::new()))
    }

    fn variable(&self, name: &str) -> String {
        let number = |port: Option<u16>| port.map(|port| port.to_string()).unwrap_or_default();
        match name {
            "scheme" if self.ssl_port.is_some() => "https".into(),
            "scheme" => "http".into(),
            "name" => self.name.clone(),
            "id" => self.id.clone(),
            "address" => self.address.clone().unwrap_or_default(),
            "port" => number(self.port),
            "ssl-port" => number(self.ssl_port),
            "registration-time-utc" => self.registration_time_ms.to_string(),
            "service-type" => match self.service_type {
                ServiceType::Dynamic => "dynamic",
                ServiceType::Static => "static",
                ServiceType::Permanent => "permanent",
                ServiceType::DynamicSequential => "dynamic_sequential",
            }
            .into(),
            "[" => "{".into(),
            "]" => "}".into(),
            _ => String::new(),
        }
    }

    /// The data of its znode.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an instance has no maps with keys that are no texts")
    }

    /// The instance whose znode has this data.
    ///
    /// # Errors
    /// When it is no instance.
    pub fn from_json(data: &[u8]) -> Result<Self, DiscoveryError> {
        serde_json::from_slice(data).map_err(|error| DiscoveryError::BadInstance { why: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_written_as_curator_writes_them() {
        let mut instance = Instance::new("shop", "1-a");
        instance.address = Some("10.0.0.1".into());
        instance.port = Some(80);
        instance.payload = Some("v2".into());
        instance.registration_time_ms = 1_325_129_459_728;
        instance.uri_spec = Some(UriSpec::parse("{scheme}://{address}").unwrap());
        let json = String::from_utf8(instance.to_json()).unwrap();
        assert_eq!(
            json,
            r#"{"name":"shop","id":"1-a","address":"10.0.0.1","port":80,"sslPort":null,"payload":"v2","registrationTimeUTC":1325129459728,"serviceType":"DYNAMIC","uriSpec":{"parts":[{"value":"scheme","variable":true},{"value":"://","variable":false},{"value":"address","variable":true}]},"enabled":true}"#
        );
        assert_eq!(Instance::from_json(json.as_bytes()).unwrap(), instance);
    }

    #[test]
    fn instances_of_older_writers_and_with_more_fields_are_read() {
        let json =
            br#"{"name":"s","id":"i","serviceType":"PERMANENT","payload":{"@class":"a.B","x":1},"later":[]}"#;
        let instance = Instance::from_json(json).unwrap();
        assert!(instance.enabled && instance.service_type == ServiceType::Permanent);
        assert_eq!(instance.payload.unwrap()["x"], 1);
        for wrong in ["", "[]", "{}", r#"{"name":"s"}"#, r#"{"name":"s","id":"i","port":70000}"#] {
            assert!(Instance::from_json(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn uris_are_put_together() {
        let mut instance = Instance::new("shop", "7");
        (instance.address, instance.port) = (Some("h".into()), Some(80));
        let spec = UriSpec::parse("{scheme}://{address}:{port}/{ name }/{[}{id}{]}{nothing}").unwrap();
        assert_eq!(spec.build(&instance, &BTreeMap::new()), "http://h:80/shop/{7}");
        instance.ssl_port = Some(443);
        let variables = BTreeMap::from([("port".to_owned(), "1".to_owned())]);
        assert_eq!(spec.build(&instance, &variables), "https://h:1/shop/{7}");
        for wrong in ["{a", "a}", "{a{b}}", "}{"] {
            assert!(UriSpec::parse(wrong).is_err(), "{wrong}");
        }
        instance.address = Some("::1".into());
        assert_eq!(instance.endpoint().unwrap(), "[::1]:80");
    }
}
