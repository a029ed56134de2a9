//! What an operator does about the members of a cluster, again and again until it is done.

use std::io::Read;
use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result};

use super::Stage;
use super::trouble::Trouble;
use crate::net::HostId;
use crate::node::{self, Join, Request};
use crate::time;

/// How long a change may take when nothing goes wrong any more.
const CHANGE_MAX: Duration = Duration::from_secs(40);
/// Until an operator tries again.
const AGAIN: Duration = Duration::from_millis(200);

/// Asks for a change by any member until one says that it is done, and then waits until all see it. `Err` inside: it did
/// not come about, and why.
pub(super) fn ask(stage: &mut Stage, request: Request, trouble: &mut Trouble) -> Result<Result<(), String>> {
    let (Request::Promote(number) | Request::Demote(number) | Request::Remove(number)) = request;
    let mut asking: Option<Child> = None;
    let mut refusal = String::from("nobody answered");
    let mut again_at = Duration::ZERO;
    let done = until(stage, trouble, |stage| {
        let Some(child) = &mut asking else {
            if time::elapsed() >= again_at
                && let Some(by) = any_but(stage, number)
            {
                asking = Some(request.ask(&stage.tools.quorate, &stage.world.clients, by)?);
            }
            return Ok(false);
        };
        let Some(status) = child.try_wait().context("wait for `quorate member`")? else { return Ok(false) };
        if let Some(mut words) = child.stderr.take() {
            refusal.clear();
            words.read_to_string(&mut refusal).context("read what `quorate member` says")?;
        }
        (asking, again_at) = (None, time::elapsed() + AGAIN);
        Ok(status.success())
    })?;
    if let Some(mut child) = asking {
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }
    if !done {
        return Ok(Err(format!("{request:?} was not done within {CHANGE_MAX:?}: {}", refusal.trim())));
    }
    agree(stage, request)
}

/// Starts a new node on a host, and waits until it serves and all see it as what it is to be. Returns its number.
pub(super) fn let_in(
    stage: &mut Stage,
    host: HostId,
    votes: bool,
    trouble: &mut Trouble,
) -> Result<Result<u8, String>> {
    let number = stage.world.new_number()?;
    let member = stage.world.running().into_iter().find(|other| *other != host);
    let member = member.context("somebody runs, so that another can join")?;
    stage.world.node(host).enter(number, Join { member, votes })?;
    let wanted = if votes { Request::Promote(number) } else { Request::Demote(number) };
    let serves = until(stage, trouble, |stage| {
        Ok(stage.world.node(host).srvr().is_some() && has(stage, host, wanted)?)
    })?;
    if !serves {
        let words = stage.world.node(host).last_words();
        return Ok(Err(format!("node {number} did not join and serve within {CHANGE_MAX:?}:\n{words}")));
    }
    Ok(agree(stage, wanted)?.map(|()| number))
}

/// All members see a change.
fn agree(stage: &mut Stage, request: Request) -> Result<Result<(), String>> {
    let agreed = until(stage, &mut Trouble::default(), |stage| {
        for host in about_others(stage, request) {
            if !has(stage, host, request)? {
                return Ok(false);
            }
        }
        Ok(true)
    })?;
    Ok(agreed
        .then_some(())
        .ok_or_else(|| format!("{request:?} was done, and within {CHANGE_MAX:?} not all members saw it")))
}

/// The nodes that a change is seen by: who is taken out may hear of it or not.
fn about_others(stage: &Stage, request: Request) -> Vec<HostId> {
    let gone = |number: u8| request == Request::Remove(number);
    stage.world.nodes().filter(|node| node.is_up() && !gone(node.number())).map(|node| node.host).collect()
}

fn has(stage: &Stage, by: HostId, request: Request) -> Result<bool> {
    let members = node::members(&stage.tools.quorate, &stage.world.clients, by)?;
    Ok(members.is_some_and(|members| request.is_met(&members)))
}

/// A node to ask, which is not the one that it is about.
fn any_but(stage: &mut Stage, number: u8) -> Option<HostId> {
    let mut others = stage.world.running();
    others.retain(|host| stage.world.node(*host).number() != number);
    (!others.is_empty()).then(|| stage.pick(&others))
}

/// Looks until `done`, while trouble comes and goes. Afterwards there is none any more.
fn until(
    stage: &mut Stage,
    trouble: &mut Trouble,
    mut done: impl FnMut(&mut Stage) -> Result<bool>,
) -> Result<bool> {
    let mut quiet_since = time::elapsed();
    loop {
        trouble.tick(stage)?;
        stage.look_after_nodes()?;
        let now = time::elapsed();
        if !trouble.is_over() {
            quiet_since = now;
        }
        let is_done = done(stage)?;
        if is_done || now > quiet_since + CHANGE_MAX {
            trouble.finish(stage)?;
            return Ok(is_done);
        }
        time::pause(time::STEP)?;
    }
}
