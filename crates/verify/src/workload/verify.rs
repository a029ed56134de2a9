//! Reads all of the tree on one node.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use super::{Layout, Orders};
use crate::client::{Step, Workload};
use crate::history::{Answer, Op, OpRecord, Outcome};

/// First waits until the node has all that was committed, then lists every folder and reads every znode.
pub struct Verify {
    orders: Rc<Orders>,
    queue: VecDeque<Op>,
    seen: BTreeSet<Rc<str>>,
    outstanding: usize,
}

impl Verify {
    /// Of a tree like `layout`.
    pub fn new(layout: &Layout, orders: Rc<Orders>) -> Self {
        let mut verify =
            Self { orders, queue: VecDeque::from([Op::Sync]), seen: BTreeSet::new(), outstanding: 0 };
        layout.folders().for_each(|folder| verify.look_at(folder));
        verify
    }

    fn look_at(&mut self, path: Rc<str>) {
        if self.seen.insert(Rc::clone(&path)) {
            self.queue.push_back(Op::Get { path: Rc::clone(&path), watch: false });
            self.queue.push_back(Op::Children { path, watch: false });
        }
    }
}

impl Workload for Verify {
    fn next_step(&mut self) -> Step {
        match self.queue.pop_front() {
            Some(op) => {
                self.outstanding += 1;
                Step::Ask(op)
            }
            None if self.outstanding > 0 => Step::Idle,
            None => {
                self.orders.report_verified();
                Step::Quit
            }
        }
    }

    fn on_outcome(&mut self, record: &OpRecord) {
        self.outstanding -= 1;
        match (&record.op, &record.outcome) {
            (op, Outcome::Unknown) => {
                // What follows is read after a sync of the new connection.
                self.queue.push_front(op.clone());
                self.queue.push_front(Op::Sync);
            }
            (Op::Children { path, .. }, Outcome::Ok { answer: Answer::Names { names, .. }, .. }) => {
                let names: Vec<Rc<str>> = names.iter().map(|name| format!("{path}/{name}").into()).collect();
                names.into_iter().for_each(|path| self.look_at(path));
            }
            _ => {}
        }
    }
}
