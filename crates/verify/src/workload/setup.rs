//! Lays out the tree.

use std::collections::VecDeque;
use std::rc::Rc;

use zookeeper::codec::ErrorCode;

use super::{Layout, Orders};
use crate::client::{Step, Workload};
use crate::history::{ClientId, Failure, Kind, Op, OpRecord, Outcome, Tag, Write};

/// Creates one znode after another, again if it does not know whether it worked.
pub struct Setup {
    client: ClientId,
    orders: Rc<Orders>,
    paths: VecDeque<Rc<str>>,
    waiting: bool,
    count: u32,
}

impl Setup {
    /// For a tree like `layout`.
    pub fn new(client: ClientId, layout: &Layout, orders: Rc<Orders>) -> Self {
        let registers = (0..layout.registers).map(|number| layout.register(number));
        let lists = layout.clients.iter().map(|client| layout.list(*client));
        let locks = layout.locks().chain(layout.guarded());
        let paths = layout.folders().chain(registers).chain(lists).chain(locks).collect();
        Self { client, orders, paths, waiting: false, count: 0 }
    }
}

impl Workload for Setup {
    fn next_step(&mut self) -> Step {
        let Some(path) = self.paths.front() else {
            self.orders.report_laid_out();
            return Step::Quit;
        };
        if self.waiting {
            return Step::Idle;
        }
        self.waiting = true;
        self.count += 1;
        let tag = Tag { client: self.client, count: self.count };
        Step::Ask(Op::Write(Write::Create { path: Rc::clone(path), tag, kind: Kind::Persistent }))
    }

    fn on_outcome(&mut self, record: &OpRecord) {
        self.waiting = false;
        let exists = Failure::Code(ErrorCode::NODE_EXISTS);
        match &record.outcome {
            Outcome::Ok { .. } => drop(self.paths.pop_front()),
            Outcome::Failed { failure, .. } if *failure == exists => drop(self.paths.pop_front()),
            Outcome::Failed { .. } | Outcome::Unknown => {}
        }
    }
}
