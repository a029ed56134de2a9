//! Which nodes vote in which shard.
//!
//! Every node follows every shard, because its front end serves from replicas of its own. In a larger cluster only some vote: so
//! an entry waits for two disks of three, and not for four of seven. Who does is decided by the numbers of the nodes alone, alike
//! on all of them: each shard ranks the nodes in an order of its own (rendezvous hashing), and takes the first that have not got
//! their share of shards yet. So votes are spread evenly, and few move when a node comes or goes.

use std::collections::{BTreeMap, BTreeSet};

/// The voters of each shard, shard 1 first: `replication` of the nodes, or all if there are fewer.
pub(crate) fn placement(nodes: &BTreeSet<u64>, shards: u32, replication: u32) -> Vec<BTreeSet<u64>> {
    let replication = (replication as usize).min(nodes.len());
    if replication == nodes.len() {
        return vec![nodes.clone(); shards as usize];
    }
    let mut places = Places { votes: nodes.iter().map(|node| (*node, 0)).collect(), voters: Vec::new() };
    let share = (shards as usize * replication).div_ceil(nodes.len());
    for shard in 1..=shards {
        places.fill(shard, replication, share);
    }
    while places.level() {}
    places.voters
}

struct Places {
    /// In how many shards each node votes.
    votes: BTreeMap<u64, usize>,
    voters: Vec<BTreeSet<u64>>,
}

impl Places {
    fn fill(&mut self, shard: u32, replication: usize, share: usize) {
        let mut ranked: Vec<u64> = self.votes.keys().copied().collect();
        // Those that have their share come last.
        ranked.sort_by_key(|node| (self.votes[node] >= share, rank(shard, *node)));
        let chosen: BTreeSet<u64> = ranked.into_iter().take(replication).collect();
        for node in &chosen {
            *self.votes.entry(*node).or_default() += 1;
        }
        self.voters.push(chosen);
    }

    /// Moves a vote from the node that has most to the one that has fewest, unless they are even.
    fn level(&mut self) -> bool {
        let by_votes = |(node, votes): (&u64, &usize)| (*votes, *node);
        let (Some((fewest, to)), Some((most, from))) =
            (self.votes.iter().map(by_votes).min(), self.votes.iter().map(by_votes).max())
        else {
            return false;
        };
        if most < fewest + 2 {
            return false;
        }
        let movable =
            (1..).zip(&self.voters).filter(|(_, voters)| voters.contains(&from) && !voters.contains(&to));
        let shard = movable.map(|(shard, _)| shard).min_by_key(|shard| rank(*shard, to));
        let shard = shard.expect("a node that votes in more shards votes in one where the other does not");
        let voters = &mut self.voters[shard as usize - 1];
        voters.remove(&from);
        voters.insert(to);
        self.votes.insert(from, most - 1);
        self.votes.insert(to, fewest + 1);
        true
    }
}

/// Where a node stands in a shard's order, the lowest first. The same in all versions: another order would move replicas.
fn rank(shard: u32, node: u64) -> u64 {
    // The finisher of SplitMix64: it spreads numbers that lie close together.
    let mut mixed = ((u64::from(shard) << 32) ^ node).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn votes(placed: &[BTreeSet<u64>], nodes: &BTreeSet<u64>) -> (usize, usize) {
        let of = |node: &u64| placed.iter().filter(|voters| voters.contains(node)).count();
        let counts: Vec<usize> = nodes.iter().map(of).collect();
        (counts.iter().copied().min().unwrap(), counts.iter().copied().max().unwrap())
    }

    fn first(count: u64) -> BTreeSet<u64> {
        (1..=count).collect()
    }

    #[test]
    fn each_shard_has_its_voters_and_each_node_its_share() {
        for count in 1..=12 {
            for shards in [1, 4, 7, 16] {
                for replication in 1..=5 {
                    let nodes = first(count);
                    let placed = placement(&nodes, shards, replication);
                    assert_eq!(placed.len(), shards as usize);
                    let each = (replication as usize).min(nodes.len());
                    assert!(placed.iter().all(|voters| voters.len() == each && voters.is_subset(&nodes)));
                    let (fewest, most) = votes(&placed, &nodes);
                    assert!(most <= fewest + 1, "{count} nodes, {shards} shards: {placed:?}");
                }
            }
        }
    }

    #[test]
    fn the_order_of_nodes_is_the_same_for_ever() {
        let places = |list: [[u64; 3]; 4]| list.map(BTreeSet::from).to_vec();
        let placed = placement(&first(5), 4, 3);
        let expected = places([[1, 4, 5], [2, 3, 4], [1, 2, 3], [1, 2, 5]]);
        assert_eq!(placed, expected, "replicas would move with an upgrade");
    }

    #[test]
    fn few_votes_move_when_a_node_comes_or_goes() {
        for count in 4..=9 {
            let (small, large) = (placement(&first(count), 16, 3), placement(&first(count + 1), 16, 3));
            let moved: usize =
                small.iter().zip(&large).map(|(before, after)| after.difference(before).count()).sum();
            assert!(moved <= 48 / 3, "{moved} of 48 votes move from {count} nodes to one more");
        }
    }
}
