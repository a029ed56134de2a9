//! `quorate service ls`.

use anyhow::Result;
use serde_json::json;

use super::{Registry, as_json, as_text, put_line};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The service whose instances to list; without it, the services.
    service: Option<String>,
}

pub(super) async fn run(registry: &Registry, args: &Args) -> Result<()> {
    let lines: Vec<String> = match &args.service {
        None => {
            let services = registry.discovery.services().await?;
            let line = |service: String| {
                if registry.json { json!({ "service": service }).to_string() } else { service }
            };
            services.into_iter().map(line).collect()
        }
        Some(service) => {
            let instances = registry.discovery.instances(service).await?;
            let line =
                |instance| if registry.json { as_json(instance).to_string() } else { as_text(instance) };
            instances.iter().map(line).collect()
        }
    };
    for line in lines {
        if !put_line(&line)? {
            break;
        }
    }
    Ok(())
}
