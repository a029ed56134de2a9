//! Spreads the leaders of the shards over the nodes: a leader does more than its followers do, and after nodes have come and gone
//! one of them may lead all.
//!
//! Whoever leads the first shard that a member of the cluster leads decides for all, from what its own replicas say. It moves one
//! leader at a time, and only when nothing has changed for a while; the leader that is to go refuses while a voter is not in
//! step or much is under way ([`Group::hand_over_to`]). A node that was removed from the cluster and does not know it yet may lead
//! shards: it hands over first of all. While it leads all of them, every other node asks it to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use consensus::Group;
use parking_lot::Mutex;
use runtime::{Clock, Instant};
use serde::Serialize;
use tracing::{debug, info};

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);
/// For so long leaders and voters must have been the same before one is moved.
const SETTLED: Duration = Duration::from_secs(5);

/// Who leads a shard, and who could.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Led {
    pub(crate) shard: u32,
    pub(crate) leader: u64,
    pub(crate) voters: Vec<u64>,
}

/// A leader that is to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Move {
    pub(crate) shard: u32,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// How the leaders are spread, for those who look from outside.
#[derive(Default)]
pub(crate) struct Spreading {
    /// Why the next move has to wait, as this node was told when it asked for it.
    pub(crate) waits_for: Mutex<Option<String>>,
}

/// The numbers of those who belong to the control plane's group.
pub(crate) fn members(control: &Group) -> BTreeSet<u64> {
    control.status().members.iter().map(|member| member.node.0).collect()
}

/// The shards of these groups that have a leader who votes.
pub(crate) fn led(groups: &[Group]) -> Vec<Led> {
    let led = |group: &Group| {
        let status = group.status();
        let leader = status.leadership.leader?.0;
        let voters: Vec<u64> =
            status.members.iter().filter(|member| member.voter).map(|member| member.node.0).collect();
        voters.contains(&leader).then_some(Led { shard: status.group, leader, voters })
    };
    groups.iter().filter_map(led).collect()
}

/// How many shards each node leads that votes in one.
pub(crate) fn loads(shards: &[Led]) -> BTreeMap<u64, usize> {
    let mut loads: BTreeMap<u64, usize> =
        shards.iter().flat_map(|shard| &shard.voters).map(|voter| (*voter, 0)).collect();
    for shard in shards {
        *loads.entry(shard.leader).or_default() += 1;
    }
    loads
}

/// The next step towards nodes of which none leads two shards more than another that could take one over, and all of which are
/// members; `None` at the end.
///
/// Where a node with too many leads nothing that the one with too few has a vote in, others in between pass one on.
pub(crate) fn next_move(shards: &[Led], members: &BTreeSet<u64>) -> Option<Move> {
    let of_members = |led: &Led| {
        let voters = led.voters.iter().copied().filter(|voter| members.contains(voter)).collect();
        Led { voters, ..led.clone() }
    };
    let (stay, go): (Vec<Led>, Vec<Led>) =
        shards.iter().map(of_members).partition(|led| members.contains(&led.leader));
    let loads = loads(&stay);
    let first = go.iter().find_map(|led| {
        let to = led.voters.iter().min_by_key(|voter| (loads.get(voter).copied().unwrap_or(0), **voter))?;
        Some(Move { shard: led.shard, from: led.leader, to: *to })
    });
    first.or_else(|| even_out(&stay, &loads))
}

fn even_out(shards: &[Led], loads: &BTreeMap<u64, usize>) -> Option<Move> {
    let mut most: Vec<u64> = loads.keys().copied().collect();
    most.sort_by_key(|node| (std::cmp::Reverse(loads[node]), *node));
    most.into_iter().find_map(|from| last_step(shards, loads, from))
}

/// The last step of the shortest way from a node to one that leads two shards less: what follows is shorter.
fn last_step(shards: &[Led], loads: &BTreeMap<u64, usize>, from: u64) -> Option<Move> {
    let mut reached = BTreeSet::from([from]);
    let mut border = VecDeque::from([from]);
    while let Some(node) = border.pop_front() {
        let of_node = shards.iter().filter(|shard| shard.leader == node);
        let mut steps: Vec<Move> = of_node
            .flat_map(|it| it.voters.iter().map(|to| Move { shard: it.shard, from: node, to: *to }))
            .filter(|step| !reached.contains(&step.to))
            .collect();
        // Rather a node that leads less, rather a shard of those that were made last: shard 1 decides.
        steps.sort_by_key(|step| (loads[&step.to], step.to, std::cmp::Reverse(step.shard)));
        for step in steps {
            if loads[&step.to] + 2 <= loads[&from] {
                return Some(step);
            }
            if reached.insert(step.to) {
                border.push_back(step.to);
            }
        }
    }
    None
}

/// Moves leaders while this node decides. Runs for as long as the node does.
pub(super) async fn spread(
    clock: Clock,
    control: Group,
    groups: impl Fn() -> Vec<Group> + Send + Sync,
    spreading: Arc<Spreading>,
) {
    let mut settling = Settling::default();
    loop {
        clock.sleep(LOOK).await;
        let groups = groups();
        let members = members(&control);
        let shards = led(&groups);
        let group_of = |shard: u32| groups.iter().find(|group| group.status().group == shard);
        let leads = |shard: u32| group_of(shard).is_some_and(Group::leads_with_quorum);
        if !decider(&shards, &members).is_none_or(leads) {
            settling = Settling::default();
            *spreading.waits_for.lock() = None;
            continue;
        }
        let is_known = shards.len() == groups.len();
        let is_settled = settling.note(&shards, clock.now()) && is_known;
        let Some(step) = next_move(&shards, &members).filter(|_| is_settled) else {
            *spreading.waits_for.lock() = None;
            continue;
        };
        let Some(group) = group_of(step.shard) else { continue };
        let moved = group.hand_over_to(consensus::NodeId(step.to)).await;
        match &moved {
            Ok(()) => info!(?step, "a shard has another leader, so that each node leads its share"),
            Err(why) => debug!(?step, %why, "a shard's leader can't be moved now"),
        }
        *spreading.waits_for.lock() = moved.err().map(|why| why.to_string());
    }
}

/// The shard whose leader decides; `None` if no member leads one.
fn decider(shards: &[Led], members: &BTreeSet<u64>) -> Option<u32> {
    shards.iter().find(|led| members.contains(&led.leader)).map(|led| led.shard)
}

/// Since when leaders and voters are the same.
#[derive(Default)]
struct Settling {
    shards: Vec<Led>,
    since: Option<Instant>,
}

impl Settling {
    /// Whether they have been the same for long enough.
    fn note(&mut self, shards: &[Led], now: Instant) -> bool {
        if self.shards != shards {
            *self = Self { shards: shards.to_vec(), since: Some(now) };
        }
        self.since.is_some_and(|since| now.saturating_since(since) >= SETTLED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shards(list: &[(u64, &[u64])]) -> Vec<Led> {
        let led = |(shard, &(leader, voters)): (u32, &(u64, &[u64]))| Led {
            shard,
            leader,
            voters: voters.to_vec(),
        };
        (1..).zip(list).map(led).collect()
    }

    /// Makes all moves, of which there are at most so many; returns how many shards each node leads then.
    #[track_caller]
    fn spread(shards: &mut [Led], moves_max: usize) -> Vec<usize> {
        for _ in 0..=moves_max {
            let Some(step) = next_move(shards, &everybody()) else {
                return loads(shards).into_values().collect();
            };
            let led = &mut shards[step.shard as usize - 1];
            assert!(led.leader == step.from && led.voters.contains(&step.to), "{step:?}");
            led.leader = step.to;
        }
        panic!("more than {moves_max} moves: {shards:?}")
    }

    const ALL: &[u64] = &[1, 2, 3];

    fn everybody() -> BTreeSet<u64> {
        (0..10).collect()
    }

    #[test]
    fn a_node_that_was_removed_hands_over_first_and_is_given_nothing() {
        let members = BTreeSet::from([2, 3]);
        let all = shards(&[(2, ALL), (2, ALL), (1, ALL)]);
        assert_eq!(next_move(&all, &members), Some(Move { shard: 3, from: 1, to: 3 }));
        let handed_over = shards(&[(2, ALL), (2, ALL), (3, ALL)]);
        assert_eq!(next_move(&handed_over, &members), None, "it leads nothing, and could");
    }

    #[test]
    fn one_decides_or_everybody_if_only_a_removed_node_could() {
        let members = BTreeSet::from([2, 3]);
        assert_eq!(decider(&shards(&[(1, ALL), (3, ALL), (2, ALL)]), &members), Some(2));
        let all = shards(&[(1, ALL)]);
        assert_eq!(decider(&all, &members), None);
        assert_eq!(next_move(&all, &members), Some(Move { shard: 1, from: 1, to: 2 }));
    }

    #[test]
    fn one_that_leads_all_gives_up_what_is_too_much() {
        assert_eq!(spread(&mut shards(&[(2, ALL); 4]), 2), [1, 2, 1]);
        assert_eq!(spread(&mut shards(&[(1, ALL); 16]), 10), [6, 5, 5]);
        let first = next_move(&shards(&[(2, ALL); 4]), &everybody()).unwrap();
        assert_eq!(first, Move { shard: 4, from: 2, to: 1 });
    }

    #[test]
    fn leaders_that_are_spread_stay() {
        for spread in
            [&[(1, ALL), (2, ALL), (3, ALL), (2, ALL)][..], &[(3, ALL)], &[], &[(1, &[1]), (1, &[1])]]
        {
            assert_eq!(next_move(&shards(spread), &everybody()), None, "{spread:?}");
        }
    }

    #[test]
    fn where_no_shard_fits_another_node_passes_one_on() {
        // Node 1 has no shard that node 3 votes in.
        let mut chain = shards(&[(1, &[1, 2]), (1, &[1, 2]), (2, &[2, 3])]);
        assert_eq!(next_move(&chain, &everybody()), Some(Move { shard: 3, from: 2, to: 3 }));
        assert_eq!(spread(&mut chain, 2), [1, 1, 1]);
    }

    #[test]
    fn from_anywhere_it_ends_with_shares_as_equal_as_votes_allow() {
        let mut state = 7_u64;
        let mut draw = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        for _ in 0..500 {
            let nodes = 3 + draw(5);
            let count = 1 + draw(12);
            let mut shards: Vec<Led> = (1..=count)
                .map(|shard| {
                    let first = draw(nodes);
                    let voters: Vec<u64> = (0..3).map(|next| ((first + next) % nodes) as u64).collect();
                    Led { shard: shard as u32, leader: voters[draw(3)], voters }
                })
                .collect();
            let loads = spread(&mut shards, count * nodes);
            // Whoever could do better would have a way to: compared with trying all when there are few.
            if count <= 5 {
                assert_eq!(worst(&loads), best_possible(&shards), "{shards:?}");
            }
        }
    }

    fn worst(loads: &[usize]) -> usize {
        loads.iter().map(|load| load * load).sum()
    }

    /// The least sum of squares over all choices of leaders.
    fn best_possible(shards: &[Led]) -> usize {
        let mut tried = shards.to_vec();
        let choices = 3_usize.pow(shards.len() as u32);
        let of = |choice: usize, tried: &mut Vec<Led>| {
            let mut rest = choice;
            for led in tried.iter_mut() {
                led.leader = led.voters[rest % 3];
                rest /= 3;
            }
            worst(&loads(tried).into_values().collect::<Vec<_>>())
        };
        (0..choices).map(|choice| of(choice, &mut tried)).min().unwrap()
    }

    #[test]
    fn a_change_starts_the_wait_anew() {
        let clock = runtime::SystemClock::clock();
        let now = clock.now();
        let mut settling = Settling::default();
        let all = shards(&[(1, ALL), (1, ALL)]);
        assert!(!settling.note(&all, now));
        assert!(!settling.note(&all, now + SETTLED / 2));
        let other = shards(&[(2, ALL), (1, ALL)]);
        assert!(!settling.note(&other, now + SETTLED));
        assert!(settling.note(&other, now + SETTLED * 2));
    }
}
