//! `quorate rebalance status`.

use std::fmt::Write;

use anyhow::Result;
use client::Client;
use rebalancer::{Report, inspect};
use runtime::Runtime;
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::put;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The group's znode.
    #[arg(value_parser = crate::tree::path, value_name = "GROUP-PATH")]
    group: String,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(connection: &Connection, args: &Args) -> Result<()> {
    let (target, options) = (connection.server(), connection.options()?);
    let client = Client::connect(&Runtime::system(), target, options).await?;
    let report = inspect(&client, &args.group).await;
    // The session would end by itself; what was asked for is there or has failed already.
    let _ = client.close().await;
    let report = report?;
    put(&if args.json { format!("{}\n", as_json(&report)) } else { as_text(&report) });
    Ok(())
}

fn as_json(report: &Report) -> Value {
    let owned = |member: &rebalancer::MemberId| {
        let share = report.allocation.share(member);
        share.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let members = report.members.iter().map(|(member, about)| {
        json!({
            "member": member.as_str(),
            "weight": about.weight.get(),
            "stopped_for_round": about.stopped.map(|round| round.0),
            "allocated": owned(member),
        })
    });
    let barriers = report.barriers.iter().map(|(resource, barrier)| {
        json!({ "resource": resource.as_str(), "owner": barrier.owner.as_str(), "token": barrier.token.0 })
    });
    let waiting = report.waiting().into_iter().map(|waiting| {
        json!({
            "member": waiting.member.as_str(),
            "waits_for": waiting.waits_for.as_str(),
            "resource": waiting.resource.map(|resource| resource.to_string()),
        })
    });
    json!({
        "mode": report.mode,
        "epoch": report.epoch,
        "coordinator": report.coordinator.as_ref().map(|member| member.as_str()),
        "status": report.status.map(|status| status.encode()),
        "resources": report.resources.len(),
        "members": members.collect::<Vec<_>>(),
        "barriers": barriers.collect::<Vec<_>>(),
        "waiting": waiting.collect::<Vec<_>>(),
        "without_owner": report.ownerless().iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn as_text(report: &Report) -> String {
    let mut text = String::new();
    let mode = report.mode.as_deref().unwrap_or("none yet: nobody has joined");
    let coordinator = report.coordinator.as_ref().map_or("nobody", |member| member.as_str());
    let mut line = |line: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{line}");
    };
    line(format!("mode         {mode}"));
    line(format!("epoch        {}, coordinator {coordinator}", report.epoch));
    if let Some(status) = report.status {
        line(format!("status       {}", status.encode()));
    }
    line(format!("resources    {}, without owner {}", report.resources.len(), report.ownerless().len()));
    line(format!("members      {}", report.members.len()));
    let counts = report.allocation.counts();
    for (member, about) in &report.members {
        let allocated = counts.get(member).copied().unwrap_or(0);
        let held = report.barriers.values().filter(|barrier| barrier.owner == *member).count();
        let mut about_it = format!("  {member}  weight {}, allocated {allocated}", about.weight.get());
        if report.mode.as_deref() == Some("resource") {
            let _ = write!(about_it, ", holds {held}");
        }
        if let Some(round) = about.stopped {
            let _ = write!(about_it, ", stopped for round {}", round.0);
        }
        line(about_it);
    }
    for waiting in report.waiting() {
        let what = waiting.resource.map_or("to stop".to_owned(), |resource| format!("with {resource}"));
        line(format!("waiting      {} for {} {what}", waiting.member, waiting.waits_for));
    }
    text
}
