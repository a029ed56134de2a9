//! Which subscriber gets which partitions: as evenly as possible, and with as few moves as that allows.

use std::collections::BTreeMap;

use super::{Group, Move};
use crate::ids::{ConsumerId, PartitionId};

impl Group {
    /// The moves that make the shares even. Those who came first have one more where it does not come out even: always the
    /// same ones, so that nothing moves without need.
    pub(crate) fn plan(&self) -> Vec<Move> {
        let quotas = self.quotas();
        let mut surplus = self.unassigned();
        for (id, subscriber) in &self.subscribers {
            let kept = quotas[id];
            surplus.extend(subscriber.assigned.iter().skip(kept).map(|partition| (*partition, Some(*id))));
        }
        surplus.sort_unstable();
        let mut surplus = surplus.into_iter();
        let mut moves = Vec::new();
        for id in self.by_order() {
            let has = self.subscribers[&id].assigned.len();
            let lacks = quotas[&id].saturating_sub(has);
            moves.extend(surplus.by_ref().take(lacks).map(|(partition, from)| Move {
                partition,
                from,
                to: id,
            }));
        }
        moves
    }

    fn quotas(&self) -> BTreeMap<ConsumerId, usize> {
        let count = self.subscribers.len().max(1);
        let (share, rest) = (self.members.len() / count, self.members.len() % count);
        let ids = self.by_order().into_iter().enumerate();
        ids.map(|(place, id)| (id, share + usize::from(place < rest))).collect()
    }

    /// Who came first is first. As shares were made in this order before, those who have more than others are, too.
    fn by_order(&self) -> Vec<ConsumerId> {
        let mut ids: Vec<ConsumerId> = self.subscribers.keys().copied().collect();
        ids.sort_by_key(|id| self.subscribers[id].order);
        ids
    }

    fn unassigned(&self) -> Vec<(PartitionId, Option<ConsumerId>)> {
        let members = self.members.iter().filter(|partition| !self.owners.contains_key(partition));
        members.map(|partition| (*partition, None)).collect()
    }
}
