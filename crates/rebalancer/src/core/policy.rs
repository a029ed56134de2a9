//! How resources are shared out.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Allocation, MemberId, ResourceId, Resources, Round, Weight};

/// Who is there, and with which weight.
pub type Members = BTreeMap<MemberId, Weight>;

/// How resources are shared out. Either way each member gets its part by weight, rounded down or up: with equal weights no
/// one gets two more than another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Policy {
    /// Members keep what they have as far as it is no more than their part: the fewest possible resources move.
    #[default]
    Sticky,
    /// Dealt out in turn, in the order of names, whoever had what before.
    RoundRobin,
}

/// The allocation that should take the place of `former`; `None` if `former` is [fine](is_fine) or nobody is there.
pub fn plan(
    policy: Policy,
    former: &Allocation,
    members: &Members,
    resources: &Resources,
) -> Option<Allocation> {
    if members.is_empty() || is_fine(former, members, resources) {
        return None;
    }
    let owners = match policy {
        Policy::Sticky => stick(former, members, resources),
        Policy::RoundRobin => deal(&parts(members, resources.len(), |_| 0), resources.iter().cloned()),
    };
    Some(Allocation { round: Round::default(), owners })
}

/// Whether a new allocation would move resources for nothing: each resource has an owner that is there, nothing else has one,
/// and each member has its part, rounded down or up.
pub fn is_fine(allocation: &Allocation, members: &Members, resources: &Resources) -> bool {
    let owned = || allocation.owners.keys();
    if owned().len() != resources.len() || !owned().eq(resources.iter()) {
        return false;
    }
    if allocation.owners.values().any(|owner| !members.contains_key(owner)) {
        return false;
    }
    let counts = allocation.counts();
    let shares = Shares::new(members, resources.len());
    members.iter().all(|(member, weight)| {
        let count = counts.get(member).copied().unwrap_or(0);
        let least = shares.rounded_down(*weight);
        count >= least && count <= least + usize::from(shares.rest(*weight) > 0)
    })
}

/// How many resources there are for each unit of weight.
struct Shares {
    resources: u64,
    weights: u64,
}

impl Shares {
    fn new(members: &Members, resources: usize) -> Self {
        let weights = members.values().map(|weight| u64::from(weight.get())).sum::<u64>().max(1);
        Self { resources: resources as u64, weights }
    }

    fn rounded_down(&self, weight: Weight) -> usize {
        usize::try_from(self.resources * u64::from(weight.get()) / self.weights)
            .expect("it is at most the number of resources")
    }

    /// What rounding down leaves over, in parts of all weights.
    fn rest(&self, weight: Weight) -> u64 {
        self.resources * u64::from(weight.get()) % self.weights
    }
}

/// How many each gets. What rounding down leaves over goes, one each, to those who `claim` most, then to those who lose most
/// by rounding, then to those who joined first.
fn parts(
    members: &Members,
    resources: usize,
    claim: impl Fn(&MemberId) -> usize,
) -> BTreeMap<MemberId, usize> {
    let shares = Shares::new(members, resources);
    let mut parts: BTreeMap<_, _> =
        members.iter().map(|(member, weight)| (member.clone(), shares.rounded_down(*weight))).collect();
    let left_over = resources - parts.values().sum::<usize>();
    let mut rounded: Vec<_> = members.iter().filter(|(_, weight)| shares.rest(**weight) > 0).collect();
    rounded.sort_by_key(|(member, weight)| {
        let wants_more = claim(member) > parts[*member];
        (Reverse(wants_more), Reverse(shares.rest(**weight)), (*member).clone())
    });
    for (member, _) in rounded.into_iter().take(left_over) {
        *parts.entry(member.clone()).or_default() += 1;
    }
    parts
}

fn stick(former: &Allocation, members: &Members, resources: &Resources) -> BTreeMap<ResourceId, MemberId> {
    let mut owned: BTreeMap<&MemberId, usize> = BTreeMap::new();
    let is_kept =
        |resource: &ResourceId, owner: &MemberId| resources.contains(resource) && members.contains_key(owner);
    let kept = || former.owners.iter().filter(|(resource, owner)| is_kept(resource, owner));
    for (_, owner) in kept() {
        *owned.entry(owner).or_default() += 1;
    }
    let mut left = parts(members, resources.len(), |member| owned.get(member).copied().unwrap_or(0));
    let mut owners = BTreeMap::new();
    for (resource, owner) in kept() {
        if let Some(left) = left.get_mut(owner).filter(|left| **left > 0) {
            *left -= 1;
            owners.insert(resource.clone(), owner.clone());
        }
    }
    let ownerless = resources.iter().filter(|resource| !owners.contains_key(*resource)).cloned();
    let dealt = deal(&left, ownerless.collect::<Vec<_>>().into_iter());
    owners.extend(dealt);
    owners
}

/// One to each in turn, until each has its part.
fn deal(
    parts: &BTreeMap<MemberId, usize>,
    mut resources: impl Iterator<Item = ResourceId>,
) -> BTreeMap<ResourceId, MemberId> {
    let mut owners = BTreeMap::new();
    let most = parts.values().copied().max().unwrap_or(0);
    for turn in 0..most {
        for (member, _) in parts.iter().filter(|(_, part)| **part > turn) {
            let Some(resource) = resources.next() else { return owners };
            owners.insert(resource, member.clone());
        }
    }
    owners
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
