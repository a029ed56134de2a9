//! What a group looks like from outside.

use std::collections::BTreeMap;

use client::{Client, ErrorKind, Node};
use futures::future::join_all;

use crate::core::global::Status;
use crate::core::{Allocation, MemberId, ResourceId, Resources, Round, Token, Weight};
use crate::error::Error;
use crate::layout::{Layout, MemberData, stopped_of};

/// A group at one moment; or nearly: what changes while it is read may be seen in part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Its mode, `resource` or `global`; none before the first member joined.
    pub mode: Option<String>,
    /// The version of the epoch's znode: how often a coordinator began.
    pub epoch: i32,
    /// Who coordinates; none if the one that did is gone and no other has begun.
    pub coordinator: Option<MemberId>,
    /// The round and what members are told in it. Only with mode `global`.
    pub status: Option<Status>,
    /// Its members, in the order in which they joined.
    pub members: BTreeMap<MemberId, MemberReport>,
    /// Everything there is to share out.
    pub resources: Resources,
    /// Who should have what.
    pub allocation: Allocation,
    /// The barriers that stand. Only with mode `resource`.
    pub barriers: BTreeMap<ResourceId, Barrier>,
}

/// A member.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MemberReport {
    /// How much it wants.
    pub weight: Weight,
    /// For which round it says that it has stopped.
    pub stopped: Option<Round>,
}

/// A resource's barrier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Barrier {
    /// Whose it is.
    pub owner: MemberId,
    /// The ownership's number.
    pub token: Token,
}

/// Somebody waits for somebody.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Waiting {
    /// Who.
    pub member: MemberId,
    /// For whom.
    pub waits_for: MemberId,
    /// With which resource; none with mode `global`, where the coordinator waits for members to stop.
    pub resource: Option<ResourceId>,
}

impl Report {
    /// Who waits for whom: a member for the former owner of what it was given, the coordinator for who has not stopped.
    pub fn waiting(&self) -> Vec<Waiting> {
        let handed_over = self.allocation.owners.iter().filter_map(|(resource, member)| {
            let former = &self.barriers.get(resource)?.owner;
            let waiting = || Waiting {
                member: member.clone(),
                waits_for: former.clone(),
                resource: Some(resource.clone()),
            };
            (former != member).then(waiting)
        });
        handed_over.chain(self.not_stopped()).collect()
    }

    fn not_stopped(&self) -> Vec<Waiting> {
        let (Some(Status::Stop(round)), Some(coordinator)) = (self.status, &self.coordinator) else {
            return Vec::new();
        };
        let others = self.members.iter().filter(|(_, report)| report.stopped != Some(round));
        let waiting = |(member, _): (&MemberId, &MemberReport)| Waiting {
            member: coordinator.clone(),
            waits_for: member.clone(),
            resource: None,
        };
        others.map(waiting).collect()
    }

    /// What has no owner that is there and uses it, as far as can be seen.
    pub fn ownerless(&self) -> Resources {
        let is_owned = |resource: &ResourceId| match (&self.mode, self.allocation.owners.get(resource)) {
            (Some(mode), Some(owner)) if mode == "resource" => {
                self.barriers.get(resource).is_some_and(|barrier| barrier.owner == *owner)
            }
            (_, Some(owner)) => {
                self.members.contains_key(owner) && !matches!(self.status, Some(Status::Stop(_)))
            }
            (_, None) => false,
        };
        self.resources.iter().filter(|resource| !is_owned(resource)).cloned().collect()
    }
}

/// Looks at the group at path `group`.
///
/// # Errors
/// When there is no group, a znode of it makes no sense, or a request fails.
pub async fn inspect(client: &Client, group: &str) -> Result<Report, Error> {
    let layout = Layout::new(group)?;
    // What was done before is seen, whichever server answers.
    client.sync(&layout.group).await?;
    let mode = client.get(&layout.group).await?.data.filter(|data| !data.is_empty());
    let epoch = find(client, &layout.epoch).await?;
    let allocation = find(client, &layout.resources).await?;
    let status = find(client, &layout.status).await?;
    let members = members(client, &layout).await?;
    let coordinator = epoch.as_ref().and_then(text).map(|name| MemberId::from(name.as_str()));
    let damaged = |path: &str, what| Error::Damaged { path: path.to_owned(), what };
    let status = status.map(|node| Status::decode(&node.data.unwrap_or_default()));
    let data = allocation.and_then(|node| node.data).unwrap_or_default();
    Ok(Report {
        mode: mode.map(|mode| String::from_utf8_lossy(&mode).into_owned()),
        epoch: epoch.map_or(0, |node| node.stat.version),
        coordinator: coordinator.filter(|coordinator| members.contains_key(coordinator)),
        status: status.transpose().map_err(|what| damaged(&layout.status, what))?,
        members,
        resources: names(client, &layout.resources).await?.iter().map(|name| name.as_str().into()).collect(),
        allocation: Allocation::decode(&data).map_err(|what| damaged(&layout.resources, what))?,
        barriers: barriers(client, &layout).await?,
    })
}

async fn members(client: &Client, layout: &Layout) -> Result<BTreeMap<MemberId, MemberReport>, Error> {
    let names_of_members = names(client, &layout.clients).await?;
    let nodes = names_of_members.iter().map(|name| {
        let path = layout.client(&name.as_str().into());
        async move { find(client, &path).await }
    });
    let mut members = BTreeMap::new();
    for (name, node) in names_of_members.iter().zip(join_all(nodes).await) {
        if let Some(node) = node? {
            let data = node.data.unwrap_or_default();
            let weight =
                serde_json::from_slice(&data).ok().and_then(|data: MemberData| Weight::new(data.weight));
            let report = MemberReport { weight: weight.unwrap_or_default(), stopped: None };
            members.insert(MemberId::from(name.as_str()), report);
        }
    }
    for (member, round) in names(client, &layout.stopped).await?.iter().filter_map(|name| stopped_of(name)) {
        if let Some(report) = members.get_mut(&member) {
            report.stopped = report.stopped.max(Some(round));
        }
    }
    Ok(members)
}

async fn barriers(client: &Client, layout: &Layout) -> Result<BTreeMap<ResourceId, Barrier>, Error> {
    let resources = names(client, &layout.barriers).await?;
    let mut barriers = BTreeMap::new();
    // As many at a time as wait for answers easily.
    for some in resources.chunks(256) {
        let nodes = some.iter().map(|name| {
            let path = layout.barrier(&name.as_str().into());
            async move { find(client, &path).await }
        });
        for (name, node) in some.iter().zip(join_all(nodes).await) {
            if let Some(node) = node?
                && let Some(owner) = text(&node)
            {
                let barrier = Barrier { owner: owner.as_str().into(), token: Token(node.stat.czxid) };
                barriers.insert(name.as_str().into(), barrier);
            }
        }
    }
    Ok(barriers)
}

fn text(node: &Node) -> Option<String> {
    node.data.as_ref().map(|data| String::from_utf8_lossy(data).into_owned())
}

async fn find(client: &Client, path: &str) -> Result<Option<Node>, Error> {
    match client.get(path).await {
        Ok(node) => Ok(Some(node)),
        Err(error) if error.kind == ErrorKind::NoNode => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn names(client: &Client, path: &str) -> Result<Vec<String>, Error> {
    match client.children(path).await {
        Ok((names, _)) => Ok(names),
        Err(error) if error.kind == ErrorKind::NoNode => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
