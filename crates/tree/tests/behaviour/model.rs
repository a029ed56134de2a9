//! The tree against a deliberately naive model: a map from path to node, cloned whenever something may be taken back.
//!
//! Random commands go to both; every outcome, stat, list, ACL and counter must agree after every command.

mod access;
mod agreement;
mod coverage;
pub mod ensemble;
mod extensions;
mod naive;
mod quotas;
mod script;
mod snapshots;

use proptest::test_runner::{Config, TestRunner};
use tree::Tree;

use agreement::{assert_same_outcome, assert_same_state};
use coverage::Coverage;
use naive::Naive;
use script::{Step, script};

/// The tree and its model, always given the same.
pub struct Pair {
    pub tree: Tree,
    pub naive: Naive,
}

impl Pair {
    pub fn new() -> Self {
        Self { tree: Tree::new(), naive: Naive::new() }
    }

    /// Resolves a step against the present state, applies it to both and compares.
    pub fn run(&mut self, step: &Step, coverage: &mut Coverage) {
        if matches!(step, Step::Epoch) {
            self.tree.begin_epoch();
            self.naive.begin_epoch();
            return;
        }
        if let Step::Members(members) = step {
            let members: Vec<_> =
                members.iter().map(|(node, is_voter)| ensemble::member(*node, *is_voter)).collect();
            let (outcome, expected) = (self.tree.set_members(&members), self.naive.set_members(&members));
            assert_same_outcome(step, &outcome, &expected);
            return;
        }
        let (command, time_ms) = step.resolve(&self.naive);
        let outcome = self.tree.apply(&command, time_ms);
        let expected = self.naive.apply(&command, time_ms);
        coverage.note(&command, &outcome);
        assert_same_outcome(&command, &outcome, &expected);
    }
}

/// Runs a property over many scripts. What the scripts reached is counted over the whole run.
pub fn for_each_script(cases: u32, mut property: impl FnMut(&[Step], &mut Coverage)) -> Coverage {
    let coverage = std::cell::RefCell::new(Coverage::default());
    let property = std::cell::RefCell::new(&mut property);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let result = TestRunner::new(config).run(&script(), |steps| {
        (property.borrow_mut())(&steps, &mut coverage.borrow_mut());
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    coverage.into_inner()
}

#[test]
fn the_tree_agrees_with_the_model() {
    let coverage = for_each_script(400, |steps, coverage| {
        let mut pair = Pair::new();
        for step in steps {
            pair.run(step, coverage);
            assert_same_state(&pair.tree, &pair.naive);
        }
    });
    coverage.assert_everything_was_reached();
}

#[test]
fn equal_commands_give_equal_trees() {
    for_each_script(50, |steps, coverage| {
        let (mut one, mut other) = (Pair::new(), Pair::new());
        for step in steps {
            one.run(step, coverage);
            other.run(step, coverage);
        }
        assert_eq!(one.tree.digest(), other.tree.digest());
    });
}
