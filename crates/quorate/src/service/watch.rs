//! `quorate service watch`.

use anyhow::{Result, bail};
use client::Node;
use recipes::cache::Change;
use recipes::discovery::{Instance, ProviderOptions};
use serde_json::json;

use super::{Registry, as_json, as_text, put_line};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The service; it need not exist yet.
    service: String,
    /// End after so many changes, of which those that are there already come first.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

pub(super) async fn run(registry: &Registry, args: &Args) -> Result<()> {
    let provider = registry.discovery.provider(&args.service, ProviderOptions::default()).await?;
    let mut changes = provider.changes();
    let mut left = args.count;
    while left != Some(0) {
        let Some(change) = changes.next().await else {
            match provider.failure() {
                Some(error) => bail!(error),
                None => bail!("the session is over; start again"),
            }
        };
        let (event, node) = match &change {
            Change::Created { node, .. } => ("registered", node),
            Change::Changed { new, .. } => ("changed", new),
            Change::Deleted { old, .. } => ("gone", old),
            Change::Initialized => continue,
        };
        let Some(line) = line(registry.json, event, node) else { continue };
        left = left.map(|left| left - 1);
        if !put_line(&line)? {
            break;
        }
    }
    Ok(())
}

/// Nothing for a znode that is no instance.
fn line(json: bool, event: &str, node: &Node) -> Option<String> {
    match Instance::from_json(node.data.as_deref().unwrap_or_default()) {
        Ok(instance) if json => Some(json!({ "event": event, "instance": as_json(&instance) }).to_string()),
        Ok(instance) => Some(format!("{event:10}  {}", as_text(&instance))),
        Err(error) => {
            eprintln!("quorate: {error}");
            None
        }
    }
}
