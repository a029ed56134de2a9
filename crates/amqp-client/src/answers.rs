//! Methods by number: requests that are named here alone, and what answers which.

use amqp091::MethodId;

const fn id(class: u16, method: u16) -> MethodId {
    MethodId { class, method }
}

pub(crate) const CHANNEL_OPEN: MethodId = id(20, 10);
pub(crate) const CHANNEL_CLOSE: MethodId = id(20, 40);
pub(crate) const RETURN: MethodId = id(60, 50);
pub(crate) const DELIVER: MethodId = id(60, 60);

pub(crate) const CHANNEL_OPEN_OK: &[MethodId] = &[id(20, 11)];
pub(crate) const GOT_OR_EMPTY: &[MethodId] = &[id(60, 71), id(60, 72)];
pub(crate) const CLOSE_OK: &[MethodId] = &[id(20, 41)];
pub(crate) const EXCHANGE_DECLARE_OK: &[MethodId] = &[id(40, 11)];
pub(crate) const EXCHANGE_DELETE_OK: &[MethodId] = &[id(40, 21)];
pub(crate) const QUEUE_DECLARE_OK: &[MethodId] = &[id(50, 11)];
pub(crate) const QUEUE_BIND_OK: &[MethodId] = &[id(50, 21)];
pub(crate) const QUEUE_PURGE_OK: &[MethodId] = &[id(50, 31)];
pub(crate) const QUEUE_DELETE_OK: &[MethodId] = &[id(50, 41)];
pub(crate) const QUEUE_UNBIND_OK: &[MethodId] = &[id(50, 51)];
pub(crate) const QOS_OK: &[MethodId] = &[id(60, 11)];
pub(crate) const CONSUME_OK: &[MethodId] = &[id(60, 21)];
pub(crate) const CANCEL_OK: &[MethodId] = &[id(60, 31)];
pub(crate) const CONFIRM_SELECT_OK: &[MethodId] = &[id(85, 11)];
pub(crate) const TX_SELECT_OK: &[MethodId] = &[id(90, 11)];
pub(crate) const TX_COMMIT_OK: &[MethodId] = &[id(90, 21)];
pub(crate) const TX_ROLLBACK_OK: &[MethodId] = &[id(90, 31)];
