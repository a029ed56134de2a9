//! `quorate queue list`.

use anyhow::{Context, Result};
use hyper::Method;
use serde_json::Value;

use super::{Session, encoded};
use crate::put;

const PAGE_SIZE: usize = 500;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Only those with this in their names.
    #[arg(long, value_name = "PART")]
    name: Option<String>,
}

pub(super) async fn run(session: &Session, args: &Args) -> Result<()> {
    let name = args.name.as_deref().map(encoded).unwrap_or_default();
    if !session.json {
        put(&format!("{:>12} {:>12} {:>9}  {:8}  NAME\n", "READY", "UNACKED", "CONSUMERS", "STATE"));
    }
    let mut page = 1;
    loop {
        let path = format!("/api/queues/{}?page={page}&page_size={PAGE_SIZE}&name={name}", session.vhost);
        let answer = session.ask_json(Method::GET, &path, "").await?;
        let items = answer["items"].as_array().context("the node's answer has no queues")?;
        let lines = items.iter().map(|item| line(item, session.json));
        put(&lines.collect::<String>());
        if answer["page_count"].as_u64().is_none_or(|pages| page >= pages) {
            return Ok(());
        }
        page += 1;
    }
}

fn line(queue: &Value, json: bool) -> String {
    if json {
        return format!("{queue}\n");
    }
    let number = |key: &str| queue[key].as_u64().map_or("-".to_owned(), |number| number.to_string());
    let text = |key: &str| queue[key].as_str().unwrap_or("-").to_owned();
    format!(
        "{:>12} {:>12} {:>9}  {:8}  {}\n",
        number("messages_ready"),
        number("messages_unacknowledged"),
        number("consumers"),
        text("state"),
        text("name")
    )
}
