//! Names of contenders' znodes: a part that nobody else has, a marker that says what kind it is, and the server's number.

use runtime::Entropy;

use crate::unique;

/// The number that a server appends to the name of a sequential znode: how many children its parent had created before.
/// It is a signed number of 32 bits that wraps around.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sequence(i32);

const DIGITS: usize = 10;

impl Sequence {
    /// How far behind `other` it is; negative if before it. Right across the wrap, as long as the two are less than 2^31 apart.
    pub(crate) fn behind(self, other: Sequence) -> i32 {
        self.0.wrapping_sub(other.0)
    }
}

/// Whether several may hold it together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sharing {
    Exclusive,
    Shared,
}

/// What stands before the number in the names of one kind of contender.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Marker {
    pub(crate) text: &'static str,
    pub(crate) sharing: Sharing,
}

const fn exclusive(text: &'static str) -> Marker {
    Marker { text, sharing: Sharing::Exclusive }
}

const fn shared(text: &'static str) -> Marker {
    Marker { text, sharing: Sharing::Shared }
}

/// Who contends for a lock. All take each other into account, so that a lock is a lock whoever names it how.
pub(crate) const LOCKS: &[Marker] = &[
    // Curator's InterProcessMutex, LeaderSelector.
    exclusive("lock-"),
    // Curator's InterProcessReadWriteLock.
    exclusive("__WRIT__"),
    shared("__READ__"),
    // kazoo's Lock, WriteLock, Election; ReadLock.
    exclusive("__lock__"),
    shared("__rlock__"),
];

/// Who contends in a Curator LeaderLatch.
pub(crate) const LATCHES: &[Marker] = &[exclusive("latch-")];

/// Who has a lease of a Curator InterProcessSemaphoreV2.
pub(crate) const LEASES: &[Marker] = &[shared("lease-")];

/// Who meets at a rendezvous.
pub(crate) const MEETINGS: &[Marker] = &[shared("party-")];

/// How the part of the name before the marker is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Naming {
    /// As Curator's "protected" znodes: `_c_`, a UUID, a hyphen.
    Curator,
    /// As kazoo's: a UUID without hyphens.
    Kazoo,
}

impl Naming {
    /// A name without its number that no other znode's begins with.
    pub(crate) fn prefix(self, entropy: &dyn Entropy, marker: Marker) -> String {
        match self {
            Naming::Curator => format!("{}{}", unique::protection(entropy), marker.text),
            Naming::Kazoo => format!("{}{}", unique::hex(entropy), marker.text),
        }
    }
}

/// A child that contends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Contender<'a> {
    pub(crate) name: &'a str,
    pub(crate) sequence: Sequence,
    pub(crate) sharing: Sharing,
}

impl<'a> Contender<'a> {
    /// What the name tells; `None` if it is no contender's.
    pub(crate) fn parse(name: &'a str, markers: &[Marker]) -> Option<Self> {
        let (stem, digits) = name.split_at_checked(name.len().checked_sub(DIGITS)?)?;
        let number: u32 =
            Some(digits).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
        let marked = |stem: &str| markers.iter().find(|marker| stem.ends_with(marker.text));
        // A hyphen before the digits is the marker's, or the sign of a number that has wrapped around.
        let (marker, number) = match (marked(stem), stem.strip_suffix('-').and_then(marked)) {
            (Some(marker), _) => (marker, i64::from(number)),
            (None, Some(marker)) => (marker, -i64::from(number)),
            (None, None) => return None,
        };
        let sequence = Sequence(i32::try_from(number).ok()?);
        Some(Self { name, sequence, sharing: marker.sharing })
    }
}

/// The contenders among `children`, in their order.
pub(crate) fn contenders<'a>(children: &'a [String], markers: &[Marker]) -> Vec<Contender<'a>> {
    let parsed = children.iter().filter_map(|name| Contender::parse(name, markers));
    let mut contenders: Vec<Contender<'a>> = parsed.collect();
    // Numbers that wrap have no order of their own; seen from one of them they have.
    if let Some(origin) = contenders.first().map(|contender| contender.sequence) {
        contenders.sort_by_key(|contender| contender.sequence.behind(origin));
    }
    contenders
}

/// Where a contender is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// No rival is before it.
    First,
    /// This rival is the last of those before it.
    Behind(String),
    /// It is not among the children.
    Gone,
}

/// Where the child `own` is. Those that share have no rivals among themselves.
pub(crate) fn place(children: &[String], own: &str, markers: &[Marker]) -> Place {
    let own = Contender::parse(own, markers).filter(|own| children.iter().any(|child| child == own.name));
    let Some(own) = own else { return Place::Gone };
    let rivals = children.iter().filter_map(|name| Contender::parse(name, markers)).filter(|other| {
        other.sequence.behind(own.sequence) < 0
            && (own.sharing == Sharing::Exclusive || other.sharing == Sharing::Exclusive)
    });
    match rivals.max_by_key(|other| other.sequence.behind(own.sequence)) {
        None => Place::First,
        Some(last) => Place::Behind(last.name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(of: &[&str]) -> Vec<String> {
        of.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn names_of_other_libraries_are_understood() {
        let number = |name| Contender::parse(name, LOCKS).map(|contender| contender.sequence.0);
        assert_eq!(number("_c_9a9c2d1e-0000-4000-8000-000000000000-lock-0000000007"), Some(7));
        assert_eq!(number("lock-0000000007"), Some(7));
        assert_eq!(number("9a9c2d1e000040008000000000000000__lock__0000000008"), Some(8));
        assert_eq!(number("9a9c2d1e000040008000000000000000__lock__-2147483648"), Some(i32::MIN));
        assert_eq!(number("_c_x-lock--2147483647"), Some(-i32::MAX));
        for other in [
            "lock",
            "lease-0000000001",
            "0000000001",
            "x-lock-000000001",
            "é-lock-00000é0001",
            "lock-9999999999",
        ] {
            assert_eq!(number(other), None, "{other}");
        }
    }

    #[test]
    fn the_number_decides_whatever_stands_before_it() {
        let children = names(&["zz__lock__0000000002", "_c_a-lock-0000000003", "aa__lock__0000000010"]);
        assert_eq!(place(&children, "zz__lock__0000000002", LOCKS), Place::First);
        let behind = |own| match place(&children, own, LOCKS) {
            Place::Behind(name) => name,
            other => panic!("{other:?}"),
        };
        assert_eq!(behind("_c_a-lock-0000000003"), "zz__lock__0000000002");
        assert_eq!(behind("aa__lock__0000000010"), "_c_a-lock-0000000003");
        assert_eq!(place(&children, "_c_b-lock-0000000004", LOCKS), Place::Gone);
    }

    #[test]
    fn readers_wait_for_writers_and_writers_for_all() {
        let children = names(&[
            "a__READ__0000000001",
            "b__rlock__0000000002",
            "c__WRIT__0000000003",
            "d__READ__0000000004",
        ]);
        assert_eq!(place(&children, "b__rlock__0000000002", LOCKS), Place::First);
        assert_eq!(
            place(&children, "c__WRIT__0000000003", LOCKS),
            Place::Behind("b__rlock__0000000002".into())
        );
        assert_eq!(
            place(&children, "d__READ__0000000004", LOCKS),
            Place::Behind("c__WRIT__0000000003".into())
        );
    }

    #[test]
    fn the_order_survives_the_wrap_of_the_number() {
        let children = names(&["a-lock--2147483648", "b-lock-2147483647", "c-lock--2147483647"]);
        let order: Vec<&str> = contenders(&children, LOCKS).iter().map(|contender| contender.name).collect();
        assert_eq!(order, ["b-lock-2147483647", "a-lock--2147483648", "c-lock--2147483647"]);
        assert_eq!(place(&children, "b-lock-2147483647", LOCKS), Place::First);
    }

    #[test]
    fn prefixes_are_those_of_curator_and_kazoo() {
        let entropy = runtime::SeededEntropy::new(1);
        let curator = Naming::Curator.prefix(&entropy, LOCKS[0]);
        assert_eq!((curator.len(), &curator[..3], &curator[39..]), (45, "_c_", "-lock-"));
        assert_eq!(&curator[17..18], "4");
        let kazoo = Naming::Kazoo.prefix(&entropy, LOCKS[3]);
        assert_eq!((kazoo.len(), &kazoo[32..]), (40, "__lock__"));
    }
}
