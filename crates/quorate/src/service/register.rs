//! `quorate service register`.

use anyhow::{Context, Result};
use clap::ValueEnum;
use recipes::discovery::{Instance, ServiceType, UriSpec};
use serde_json::json;

use super::{Registry, as_json, as_text, put_line};
use crate::failure::Failure;
use crate::signals;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The service.
    service: String,
    /// Which instance of it; by default the address and the port.
    #[arg(long)]
    id: Option<String>,
    /// Where it is: a host's name or address.
    #[arg(long, value_name = "HOST")]
    address: String,
    /// Where it listens there.
    #[arg(long)]
    port: Option<u16>,
    /// Where it listens for TLS.
    #[arg(long, value_name = "PORT")]
    ssl_port: Option<u16>,
    /// What else is to be known of it.
    #[arg(long, value_name = "JSON")]
    payload: Option<String>,
    /// How its URI is put together, as in `{scheme}://{address}:{port}/v1`.
    #[arg(long, value_name = "TEXT")]
    uri_spec: Option<String>,
    /// How long the registration lasts.
    #[arg(long, value_enum, default_value = "dynamic")]
    lasting: Lasting,
    /// Register it as one that is not to be used now.
    #[arg(long)]
    disabled: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Lasting {
    /// While this runs: an ephemeral.
    Dynamic,
    /// Until it is deleted: this ends once it is registered.
    Permanent,
}

impl Args {
    /// Finds what is wrong with them.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.port.is_none() && self.ssl_port.is_none() {
            return Err(Failure::Usage("give --port, --ssl-port, or both".into()));
        }
        for name in [Some(&self.service), self.id.as_ref()].into_iter().flatten() {
            if name.is_empty() || name.contains('/') {
                return Err(Failure::Usage(format!(
                    "{name:?} has a slash or is empty: it is to be a znode's name"
                )));
            }
        }
        self.instance().map(drop).map_err(|error| Failure::Usage(format!("{error:#}")))
    }

    fn instance(&self) -> Result<Instance> {
        let port = self.port.or(self.ssl_port).unwrap_or_default();
        let id = self.id.clone().unwrap_or_else(|| format!("{}:{port}", self.address));
        let mut instance = Instance::new(&self.service, &id);
        instance.address = Some(self.address.clone());
        (instance.port, instance.ssl_port) = (self.port, self.ssl_port);
        instance.enabled = !self.disabled;
        if let Some(payload) = &self.payload {
            instance.payload = Some(serde_json::from_str(payload).context("--payload is no JSON")?);
        }
        if let Some(spec) = &self.uri_spec {
            instance.uri_spec = Some(UriSpec::parse(spec).context("--uri-spec")?);
        }
        instance.service_type = match self.lasting {
            Lasting::Dynamic => ServiceType::Dynamic,
            Lasting::Permanent => ServiceType::Permanent,
        };
        Ok(instance)
    }
}

pub(super) async fn run(registry: &Registry, args: &Args) -> Result<()> {
    let instance = args.instance()?;
    let registration = registry.discovery.register(&instance).await?;
    if registry.json {
        put_line(&json!({ "registered": as_json(&instance) }).to_string())?;
    } else {
        put_line(&format!("registered {}  {}", args.service, as_text(&instance)))?;
    }
    if args.lasting == Lasting::Permanent {
        return Ok(());
    }
    tokio::select! {
        biased;
        signal = signals::stop() => {
            signal.context("listen for signals")?;
            Ok(registration.close().await?)
        }
        error = registration.failed() => Err(error.into()),
    }
}
