use proptest::collection::btree_map;
use proptest::prelude::*;

use super::*;

fn members(weights: &[u32]) -> Members {
    let named = weights.iter().enumerate();
    named.map(|(n, weight)| (format!("c_{n}").as_str().into(), Weight::new(*weight).unwrap())).collect()
}

fn resources(count: usize) -> Resources {
    (0..count).map(|n| format!("r{n:03}").as_str().into()).collect()
}

fn counts(allocation: &Allocation, members: &Members) -> Vec<usize> {
    let counts = allocation.counts();
    members.keys().map(|member| counts.get(member).copied().unwrap_or(0)).collect()
}

fn from_nothing(policy: Policy, weights: &[u32], count: usize) -> Vec<usize> {
    let members = members(weights);
    let planned = plan(policy, &Allocation::default(), &members, &resources(count));
    counts(&planned.unwrap_or_default(), &members)
}

#[test]
fn one_gets_all() {
    assert_eq!(from_nothing(Policy::RoundRobin, &[1], 6), [6]);
    assert_eq!(from_nothing(Policy::Sticky, &[1], 6), [6]);
}

#[test]
fn six_for_three_are_two_each() {
    assert_eq!(from_nothing(Policy::RoundRobin, &[1, 1, 1], 6), [2, 2, 2]);
    assert_eq!(from_nothing(Policy::Sticky, &[1, 1, 1], 6), [2, 2, 2]);
}

#[test]
fn weights_count() {
    assert_eq!(from_nothing(Policy::RoundRobin, &[1, 2, 3], 12), [2, 4, 6]);
    assert_eq!(from_nothing(Policy::Sticky, &[1, 3], 5), [1, 4], "the larger rest gets what is left over");
}

#[test]
fn more_members_than_resources() {
    assert_eq!(from_nothing(Policy::Sticky, &[1, 1, 1, 1], 2), [1, 1, 0, 0]);
}

#[test]
fn nobody_gets_nothing() {
    assert_eq!(plan(Policy::Sticky, &Allocation::default(), &Members::new(), &resources(3)), None);
}

#[test]
fn a_further_member_without_a_share_changes_nothing() {
    let all = resources(2);
    let former = plan(Policy::RoundRobin, &Allocation::default(), &members(&[1, 1]), &all).unwrap();
    assert_eq!(plan(Policy::RoundRobin, &former, &members(&[1, 1, 1]), &all), None);
}

#[test]
fn an_owner_that_is_gone_is_replaced() {
    let (three, all) = (members(&[1, 1, 1]), resources(2));
    let former = plan(Policy::Sticky, &Allocation::default(), &three, &all).unwrap();
    let mut two = three.clone();
    two.remove(&MemberId::from("c_0"));
    let next = plan(Policy::Sticky, &former, &two, &all).unwrap();
    assert_eq!((next.moves_since(&former), counts(&next, &two)), (1, vec![1, 1]));
}

#[test]
fn resources_that_come_and_go_are_noticed() {
    let two = members(&[1, 1]);
    let former = plan(Policy::Sticky, &Allocation::default(), &two, &resources(2)).unwrap();
    assert!(plan(Policy::Sticky, &former, &two, &resources(3)).is_some());
    assert!(plan(Policy::Sticky, &former, &two, &resources(1)).is_some());
}

/// The fewest moves by which anything fine can be reached, by trying everything.
fn fewest_moves(former: &Allocation, members: &Members, resources: &Resources) -> usize {
    let names: Vec<_> = members.keys().cloned().collect();
    let all: Vec<_> = resources.iter().cloned().collect();
    let ways = names.len().pow(u32::try_from(all.len()).unwrap());
    let nth = |way: usize| {
        let mut rest = way;
        let owners = all.iter().map(|resource| {
            let owner = names[rest % names.len()].clone();
            rest /= names.len();
            (resource.clone(), owner)
        });
        Allocation { round: Round::default(), owners: owners.collect() }
    };
    let fine = (0..ways).map(nth).filter(|allocation| is_fine(allocation, members, resources));
    fine.map(|allocation| allocation.moves_since(former)).min().unwrap()
}

fn arbitrary_former() -> impl Strategy<Value = Allocation> {
    let owners = btree_map(0_usize..6, 0_usize..5, 0..=6);
    owners.prop_map(|owners| {
        let named = |(r, c): (usize, usize)| {
            (ResourceId::from(format!("r{r:03}").as_str()), MemberId::from(format!("c_{c}").as_str()))
        };
        Allocation { round: Round::default(), owners: owners.into_iter().map(named).collect() }
    })
}

proptest! {
    #[test]
    fn sticky_moves_the_fewest(
        former in arbitrary_former(),
        weights in prop::collection::vec(1_u32..4, 1..4),
        count in 0_usize..6,
    ) {
        let (members, resources) = (members(&weights), resources(count));
        match plan(Policy::Sticky, &former, &members, &resources) {
            None => prop_assert!(is_fine(&former, &members, &resources)),
            Some(next) => {
                prop_assert!(is_fine(&next, &members, &resources));
                let moves = next.moves_since(&former);
                prop_assert_eq!(moves, fewest_moves(&former, &members, &resources));
            }
        }
    }

    #[test]
    fn whatever_is_planned_is_fine(
        former in arbitrary_former(),
        weights in prop::collection::vec(1_u32..1000, 1..30),
        count in 0_usize..200,
        policy in prop::sample::select(vec![Policy::Sticky, Policy::RoundRobin]),
    ) {
        let (members, resources) = (members(&weights), resources(count));
        let next = plan(policy, &former, &members, &resources).unwrap_or(former);
        prop_assert!(is_fine(&next, &members, &resources));
    }

    #[test]
    fn equal_weights_differ_by_one_at_most(count in 0_usize..200, many in 1_usize..40) {
        let got = from_nothing(Policy::Sticky, &vec![1; many], count);
        prop_assert!(got.iter().max().unwrap() - got.iter().min().unwrap() <= 1);
    }
}
