//! The shipped state machine and the shipped clocks, asked for what they do. Their answers are kept: they depend on little.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use control::SessionTracker;
use runtime::Instant;
use tree::{
    Acl, Command, Create, CreateMode, Operation, Owner, Password, Permissions, Reply, SessionId, Text, Tree,
};

use super::{Entry, Guard};

const PASSWORD: Password = Password([7; 16]);
const HALF_TICK: Duration = Duration::from_millis(1000);

/// What a replica shows after some entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct View {
    pub(super) epoch: u32,
    /// Of the session, if it lives.
    pub(super) generation: Option<u64>,
    /// Whether the session's ephemeral znode exists.
    pub(super) ephemeral: bool,
}

impl View {
    /// Makes a session with an ephemeral znode in epoch 1, then applies a log.
    fn of(log: &[Entry], dropped: Option<Guard>) -> Self {
        let timeout_ms = 4000;
        let mut tree = Tree::new();
        tree.begin_epoch();
        let first = Owner { node: 1, connection: 1 };
        let create = Operation::CreateSession { timeout_ms, password: PASSWORD };
        let made = apply(&mut tree, SessionId::NONE, first, create);
        let Ok(Reply::SessionCreated { session, .. }) = made else {
            unreachable!("sessions can be made: {made:?}")
        };
        let create = Create {
            path: Text::from("/held"),
            data: None,
            acl: vec![Acl::anyone(Permissions::ALL)],
            mode: CreateMode::Ephemeral,
            want_stat: false,
        };
        apply(&mut tree, session, first, Operation::Create(create)).expect("the root takes children");
        for (place, entry) in log.iter().enumerate() {
            match *entry {
                Entry::Epoch => tree.begin_epoch(),
                Entry::Attach { node } => {
                    let origin = Owner { node: node.into(), connection: place as u64 + 2 };
                    let attach = Operation::AttachSession { session, password: PASSWORD, timeout_ms };
                    // A session that is gone can't be attached; its client learns of it.
                    let _ = apply(&mut tree, SessionId::NONE, origin, attach);
                }
                Entry::Expire { mut generation, mut epoch } => {
                    // To drop a check is to make it succeed.
                    if dropped == Some(Guard::CheckGeneration) {
                        generation = tree.session(session).map_or(generation, |info| info.generation);
                    }
                    if dropped == Some(Guard::CheckEpoch) {
                        epoch = tree.zxid().epoch();
                    }
                    let expire = Operation::ExpireSession { session, generation, epoch };
                    // An expiry without effect is what half of this model is about.
                    let _ = apply(&mut tree, SessionId::NONE, Owner::default(), expire);
                }
            }
        }
        let generation = tree.session(session).map(|info| info.generation);
        Self { epoch: tree.zxid().epoch(), generation, ephemeral: tree.counters().ephemerals > 0 }
    }
}

fn apply(
    tree: &mut Tree,
    session: SessionId,
    origin: Owner,
    operation: Operation,
) -> Result<Reply, tree::ErrorCode> {
    let command = Command { session, origin, identities: Vec::new(), enforce_quotas: false, operation };
    tree.apply(&command, 0).result
}

/// Answers of the shipped code.
#[derive(Default)]
pub(super) struct Shipped {
    views: RefCell<BTreeMap<Vec<Entry>, View>>,
    expires: RefCell<BTreeMap<(u8, u8), bool>>,
}

impl Shipped {
    /// What a replica shows after a log.
    pub(super) fn view(&self, log: &[Entry], dropped: Option<Guard>) -> View {
        if let Some(view) = self.views.borrow().get(log) {
            return *view;
        }
        let view = View::of(log, dropped);
        self.views.borrow_mut().insert(log.to_vec(), view);
        view
    }

    /// Whether a session that was silent for so many half ticks expires in the next, with a timeout in half ticks.
    pub(super) fn expires(&self, timeout: u8, silent: u8) -> bool {
        let ask = || Clocks::after(timeout, silent).expires_next();
        *self.expires.borrow_mut().entry((timeout, silent)).or_insert_with(ask)
    }
}

/// The clocks of a leader, with one session.
struct Clocks {
    tracker: SessionTracker,
    now: Duration,
}

impl Clocks {
    /// A session was heard of, then nothing for so many half ticks.
    fn after(timeout: u8, silent: u8) -> Self {
        let now = Duration::ZERO;
        let mut tracker = SessionTracker::new(HALF_TICK * 2, Instant::from_origin(now));
        tracker.track(SessionId(1), 0, u32::from(timeout) * 1000, Instant::from_origin(now));
        let mut clocks = Self { tracker, now };
        for _ in 0..silent {
            clocks.expires_next();
        }
        clocks
    }

    fn expires_next(&mut self) -> bool {
        self.now += HALF_TICK;
        !self.tracker.step(Instant::from_origin(self.now)).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_clock_expires_a_session_at_its_timeout() {
        let shipped = Shipped::default();
        let expiring: Vec<u8> = (0..6).filter(|silent| shipped.expires(6, *silent)).collect();
        assert_eq!(expiring, [5]);
    }

    #[test]
    fn the_shipped_tree_refuses_stale_expiries() {
        let attach = Entry::Attach { node: 1 };
        let view = |log: &[Entry]| View::of(log, None);
        let expire = |generation, epoch| Entry::Expire { generation, epoch };
        assert_eq!(view(&[]), View { epoch: 1, generation: Some(0), ephemeral: true });
        assert_eq!(view(&[expire(0, 1)]), View { epoch: 1, generation: None, ephemeral: false });
        assert_eq!(view(&[attach, expire(0, 1)]).generation, Some(1));
        assert_eq!(view(&[Entry::Epoch, expire(0, 1)]).generation, Some(0));
    }
}
