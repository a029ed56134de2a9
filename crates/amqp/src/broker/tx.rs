//! Transactions: tx.select, tx.commit, tx.rollback.

use amqp091::tx;

use super::Session;
use super::dispatch::Progress;
use crate::channel::{ChannelRef, Mode, Transaction};
use crate::fault::Fault;
use crate::output::Output;

impl Session {
    pub(super) fn select_transactions(&mut self, at: ChannelRef, out: &mut Output) -> Result<(), Fault> {
        if let Some(channel) = self.channel(at) {
            match channel.mode {
                Mode::Plain => channel.mode = Mode::Transacting(Transaction::default()),
                Mode::Transacting(_) => {}
                Mode::Confirming(_) => {
                    return Err(Fault::precondition_failed("cannot switch from confirm to tx mode"));
                }
            }
        }
        self.answer(at, tx::SelectOk {}, out);
        Ok(())
    }

    pub(super) fn commit(&mut self, at: ChannelRef, out: &mut Output) -> Result<Progress, Fault> {
        let transaction = self.transaction(at)?;
        let Transaction { publishes, returns, settlements, .. } = std::mem::take(transaction);
        transaction.left = publishes.len();
        let left = publishes.len();
        for returned in returns {
            returned.put(at.id, self, out);
        }
        for append in publishes {
            self.outbound.append(append);
        }
        for (tag, how) in settlements {
            let held = self.channel(at).and_then(|channel| channel.unacked.remove(tag));
            if let Some(held) = held {
                self.settle(&held, how);
            }
        }
        self.made_room(at);
        if left > 0 {
            return Ok(Progress::Busy);
        }
        self.answer(at, tx::CommitOk {}, out);
        Ok(Progress::Done)
    }

    pub(super) fn roll_back(&mut self, at: ChannelRef, out: &mut Output) -> Result<(), Fault> {
        let undone = std::mem::take(self.transaction(at)?);
        if let Some(channel) = self.channel(at) {
            for (tag, _) in undone.settlements {
                if let Some(held) = channel.unacked.get_mut(tag) {
                    held.pending = false;
                }
            }
        }
        self.answer(at, tx::RollbackOk {}, out);
        Ok(())
    }

    fn transaction(&mut self, at: ChannelRef) -> Result<&mut Transaction, Fault> {
        match self.channel(at).map(|channel| &mut channel.mode) {
            Some(Mode::Transacting(transaction)) => Ok(transaction),
            _ => Err(Fault::precondition_failed("channel is not transactional")),
        }
    }

    /// A queue has answered to a message of the transaction that is being committed.
    pub(super) fn handle_committed(&mut self, at: ChannelRef, is_safe: bool, out: &mut Output) {
        let Ok(transaction) = self.transaction(at) else { return };
        transaction.left = transaction.left.saturating_sub(1);
        transaction.refused |= !is_safe;
        if transaction.left > 0 {
            return;
        }
        if std::mem::take(&mut transaction.refused) {
            let commit = amqp091::MethodId { class: 90, method: 20 };
            self.fail(at.id, Fault::precondition_failed("partial tx completion").of(commit), out);
        } else {
            self.answer(at, tx::CommitOk {}, out);
            self.resume(at, out);
        }
    }
}
