//! Which request a connection sends next.

use std::rc::Rc;

use zookeeper::codec::{Acl, Create, PathWatch, Request, SetData};

use super::keys::{Key, ROOT, Spread};
use crate::Operation;

/// The requests of one connection, without end.
#[derive(Debug)]
pub(crate) struct Workload {
    operation: Operation,
    znodes: usize,
    data: Rc<[u8]>,
    key: Key,
    spread: Spread,
    /// Where this connection creates, and how many it has created there.
    creations: (String, u64),
}

impl Workload {
    /// The requests of connection `number`; `run` tells the creations of one run from those of another.
    pub(crate) fn new(operation: Operation, znodes: usize, data: Rc<[u8]>, run: i64, number: usize) -> Self {
        Self {
            operation,
            znodes,
            data,
            key: Key::new(),
            spread: Spread::new(number as u64),
            creations: (format!("{ROOT}/{run:016x}-{number}"), 0),
        }
    }

    /// A znode that must be there before the first request.
    pub(crate) fn parent(&self) -> Option<&str> {
        (self.operation == Operation::Create).then_some(self.creations.0.as_str())
    }

    /// Hands the next request to `send`.
    pub(crate) fn next(&mut self, send: impl FnOnce(&Request<'_>)) {
        match self.operation {
            Operation::Create => {
                let (parent, count) = &mut self.creations;
                let path = format!("{parent}/{count}");
                *count += 1;
                send(&create(&path, &self.data));
            }
            Operation::Mixed { gets_percent } => {
                let path = self.key.set(self.spread.below(self.znodes));
                if self.spread.below(100) < usize::from(gets_percent) {
                    send(&Request::GetData(PathWatch { path, watch: false }));
                } else {
                    send(&Request::SetData(SetData { path, data: Some(&self.data), version: -1 }));
                }
            }
        }
    }
}

/// The request that creates a persistent znode which everybody may do anything with.
pub(crate) fn create<'a>(path: &'a str, data: &'a [u8]) -> Request<'a> {
    let everybody = Acl { permissions: ALL_PERMISSIONS, scheme: "world", id: "anyone" };
    Request::Create(Create { path, data: Some(data), acl: vec![everybody], flags: 0 })
}

const ALL_PERMISSIONS: i32 = 31;

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(operation: &str, number: usize) -> Workload {
        Workload::new(operation.parse().unwrap(), 10, Rc::from(&b"data"[..]), 7, number)
    }

    #[test]
    fn gets_and_sets_come_in_the_ratio_asked_for() {
        for (operation, expected) in [("get", 1_000..=1_000), ("set", 0..=0), ("mixed:30", 250..=350)] {
            let (mut gets, mut workload) = (0, workload(operation, 1));
            for _ in 0..1_000 {
                workload.next(|request| gets += u32::from(matches!(request, Request::GetData(_))));
            }
            assert!(expected.contains(&gets), "{operation}: {gets}");
        }
    }

    #[test]
    fn no_two_creations_meet() {
        let mut paths = std::collections::BTreeSet::new();
        for number in 0..3 {
            let mut workload = workload("create", number);
            for _ in 0..10 {
                workload.next(|request| {
                    let Request::Create(create) = request else { panic!("{request:?}") };
                    assert!(paths.insert(create.path.to_owned()));
                });
            }
        }
    }
}
