//! Names of items, and what is in them.

use bytes::Bytes;

use super::items;

/// How items are laid out below the queue's path `P`. All are persistent and numbered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// `P/qn-N`: Curator's `SimpleDistributedQueue`.
    Simple,
    /// `P/queue-N`: Curator's `DistributedQueue`.
    Curator,
    /// `P/queue-` and 0 for negative or 1 for other priorities, 8 hexadecimal digits of the priority, `N`: Curator's
    /// `DistributedPriorityQueue`. The lowest priority goes first.
    CuratorPriority,
    /// `P/queue-|MS|N`, where `MS` is the hexadecimal time since the Unix epoch before which nobody takes it, in milliseconds: Curator's
    /// `DistributedDelayQueue`.
    CuratorDelay,
    /// `P/entry-PPP-N`, where `PPP` is a priority of three digits: kazoo's `Queue` and `LockingQueue`. The lowest goes first.
    Kazoo,
}

/// Where an item stands among others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rank {
    /// As those that were put without one: kazoo's priority 100, Curator's 0, and no delay.
    Usual,
    /// The lowest goes first. In kazoo's layout 0 to 999.
    Priority(i32),
    /// Not before this time, in milliseconds since the Unix epoch by the taker's clock.
    NotBefore(i64),
}

/// An item, by its name: in the order in which items are taken.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Entry {
    pub(super) not_before_ms: i64,
    priority: i64,
    number: u32,
    pub(super) name: String,
}

const DIGITS: usize = 10;
const KAZOO_PRIORITY: i32 = 100;

impl Layout {
    /// What the name of an item begins with; `None` if the layout has no such rank.
    pub(super) fn prefix(self, rank: Rank) -> Option<String> {
        Some(match (self, rank) {
            (Layout::Simple, Rank::Usual) => "qn-".to_owned(),
            (Layout::Curator, Rank::Usual) => "queue-".to_owned(),
            (Layout::CuratorPriority, Rank::Usual) => priority_prefix(0),
            (Layout::CuratorPriority, Rank::Priority(priority)) => priority_prefix(priority),
            (Layout::CuratorDelay, Rank::Usual) => delay_prefix(0),
            (Layout::CuratorDelay, Rank::NotBefore(ms)) if ms >= 0 => delay_prefix(ms),
            (Layout::Kazoo, Rank::Usual) => format!("entry-{KAZOO_PRIORITY:03}-"),
            (Layout::Kazoo, Rank::Priority(priority @ 0..=999)) => format!("entry-{priority:03}-"),
            _ => return None,
        })
    }

    /// The item with this name; `None` for what is no item.
    pub(super) fn entry(self, name: &str) -> Option<Entry> {
        let at = name.len().checked_sub(DIGITS)?;
        let (front, digits) = (name.get(..at)?, name.get(at..)?);
        let number = digits.parse().ok()?;
        let (priority, not_before_ms) = match self {
            Layout::Simple => (front == "qn-").then_some((0, 0))?,
            Layout::Curator => (front == "queue-").then_some((0, 0))?,
            Layout::CuratorPriority => (priority_of(front.strip_prefix("queue-")?)?, 0),
            Layout::CuratorDelay => (0, delay_of(front)?),
            Layout::Kazoo => (front.strip_prefix("entry-")?.strip_suffix('-')?.parse().ok()?, 0),
        };
        Some(Entry { not_before_ms, priority, number, name: name.to_owned() })
    }

    /// What is put into an item's znode.
    pub(super) fn encode(self, data: &[u8]) -> Vec<u8> {
        match self {
            Layout::Simple | Layout::Kazoo => data.to_vec(),
            Layout::Curator | Layout::CuratorPriority | Layout::CuratorDelay => items::encode(&[data]),
        }
    }

    /// What was put; Curator's put several at once.
    pub(super) fn decode(self, data: &Bytes) -> Result<Vec<Bytes>, String> {
        match self {
            Layout::Simple | Layout::Kazoo => Ok(vec![data.clone()]),
            Layout::Curator | Layout::CuratorPriority | Layout::CuratorDelay => items::decode(data),
        }
    }
}

fn priority_prefix(priority: i32) -> String {
    format!("queue-{}{priority:08X}", u8::from(priority >= 0))
}

fn priority_of(text: &str) -> Option<i64> {
    let (sign, digits) = text.split_at_checked(1)?;
    let bits = u32::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 8)?;
    let priority = i64::from(bits.cast_signed());
    (sign == if priority >= 0 { "1" } else { "0" }).then_some(priority)
}

fn delay_prefix(ms: i64) -> String {
    format!("queue-|{ms:08X}|")
}

/// What has no time of this form may be taken at once, as in Curator.
fn delay_of(front: &str) -> Option<i64> {
    let rest = front.strip_prefix("queue-")?;
    let digits = rest.strip_prefix('|').and_then(|rest| rest.strip_suffix('|'));
    Some(digits.and_then(|digits| i64::from_str_radix(digits, 16).ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_curator_and_kazoo() {
        let name = |layout: Layout, rank| layout.prefix(rank).map(|prefix| format!("{prefix}0000000007"));
        let named = |layout, rank| name(layout, rank).unwrap();
        assert_eq!(named(Layout::Simple, Rank::Usual), "qn-0000000007");
        assert_eq!(named(Layout::CuratorPriority, Rank::Priority(-2)), "queue-0FFFFFFFE0000000007");
        assert_eq!(named(Layout::CuratorPriority, Rank::Priority(26)), "queue-10000001A0000000007");
        assert_eq!(
            named(Layout::CuratorDelay, Rank::NotBefore(0x1234_5678_9abc)),
            "queue-|123456789ABC|0000000007"
        );
        assert_eq!(named(Layout::Kazoo, Rank::Usual), "entry-100-0000000007");
        assert_eq!(name(Layout::Kazoo, Rank::Priority(1000)), None);
        assert_eq!(name(Layout::Simple, Rank::Priority(1)), None);
    }

    #[test]
    fn items_are_in_the_order_of_their_ranks_and_then_of_their_coming() {
        let sorted = |layout: Layout, names: &[&str]| {
            let mut entries: Vec<Entry> = names.iter().filter_map(|name| layout.entry(name)).collect();
            entries.sort();
            entries.into_iter().map(|entry| entry.name).collect::<Vec<_>>()
        };
        let [low, mid, high] =
            [-3, 0, 3].map(|rank| Layout::CuratorPriority.prefix(Rank::Priority(rank)).unwrap());
        let names = [
            format!("{high}0000000001"),
            format!("{mid}0000000003"),
            format!("{low}0000000009"),
            format!("{mid}0000000002"),
        ];
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(sorted(Layout::CuratorPriority, &names), [names[2], names[3], names[1], names[0]]);
        let delayed =
            ["queue-|000000FF|0000000001", "queue-|00000010|0000000005", "queue-0000000009", "junk"];
        assert_eq!(sorted(Layout::CuratorDelay, &delayed), [delayed[2], delayed[1], delayed[0]]);
        assert_eq!(sorted(Layout::Kazoo, &["entry-100-0000000001", "entry-009-0000000002", "lock"]).len(), 2);
        assert_eq!(sorted(Layout::Curator, &["queue-10000001A0000000007", "ä"]), [""; 0]);
    }
}
