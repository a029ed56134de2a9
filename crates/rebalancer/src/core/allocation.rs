//! Who gets what.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{MemberId, ResourceId, Resources, Round};

/// Who gets what, as a coordinator has decided.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Allocation {
    /// The round that it ends; 0 with resource barriers.
    pub round: Round,
    /// The owner of each resource.
    pub owners: BTreeMap<ResourceId, MemberId>,
}

/// As it is written: `{"format":1,"epoch":2,"round":7,"members":{"c_0000000003":["a","b"]}}`.
#[derive(Serialize, Deserialize)]
struct Written<'a> {
    format: u32,
    /// Of the coordinator that wrote it: for people and tests.
    epoch: i32,
    round: u64,
    #[serde(borrow)]
    members: BTreeMap<std::borrow::Cow<'a, str>, Vec<std::borrow::Cow<'a, str>>>,
}

const FORMAT: u32 = 1;

impl Allocation {
    /// What `member` gets.
    pub fn share(&self, member: &MemberId) -> Resources {
        let theirs = self.owners.iter().filter(|(_, owner)| *owner == member);
        theirs.map(|(resource, _)| resource.clone()).collect()
    }

    /// How much each member gets that gets anything.
    pub fn counts(&self) -> BTreeMap<&MemberId, usize> {
        let mut counts = BTreeMap::new();
        for owner in self.owners.values() {
            *counts.entry(owner).or_default() += 1;
        }
        counts
    }

    /// How many resources have another owner in `self` than in `former`, or had none there.
    pub fn moves_since(&self, former: &Self) -> usize {
        self.owners.iter().filter(|(resource, owner)| former.owners.get(*resource) != Some(*owner)).count()
    }

    /// The data of the znode that keeps it, as the coordinator of `epoch` writes it.
    pub fn encode(&self, epoch: i32) -> Vec<u8> {
        let mut members: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (resource, owner) in &self.owners {
            members.entry(owner.as_str().into()).or_default().push(resource.as_str().into());
        }
        let written = Written { format: FORMAT, epoch, round: self.round.0, members };
        serde_json::to_vec(&written).expect("strings and numbers can be written as JSON")
    }

    /// Reads what [`encode`](Self::encode) wrote. No data at all is the allocation of a group that never had one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(data: &[u8]) -> Result<Self, String> {
        if data.is_empty() {
            return Ok(Self::default());
        }
        let written: Written<'_> = serde_json::from_slice(data).map_err(|error| error.to_string())?;
        if written.format != FORMAT {
            return Err(format!("its format is {}, and only {FORMAT} is known", written.format));
        }
        let mut owners = BTreeMap::new();
        for (member, resources) in &written.members {
            let member = MemberId::from(&**member);
            for resource in resources {
                let twice = owners.insert(ResourceId::from(&**resource), member.clone());
                if twice.is_some() {
                    return Err(format!("it gives {resource} to two members"));
                }
            }
        }
        Ok(Self { round: Round(written.round), owners })
    }

    /// The epoch in which [`encode`](Self::encode) wrote it; `None` if it did not.
    pub fn epoch_of(data: &[u8]) -> Option<i32> {
        serde_json::from_slice::<Written<'_>>(data).ok().map(|written| written.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Allocation {
        let owners = pairs.iter().map(|(resource, owner)| ((*resource).into(), (*owner).into())).collect();
        Allocation { round: Round(3), owners }
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let allocation = of(&[("a", "c_1"), ("b\"\\ü", "c_2"), ("c", "c_1")]);
        assert_eq!(Allocation::decode(&allocation.encode(4)), Ok(allocation.clone()));
        assert_eq!(Allocation::epoch_of(&allocation.encode(4)), Some(4));
        assert_eq!(Allocation::decode(b""), Ok(Allocation::default()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert!(Allocation::decode(b"{}").is_err());
        assert!(Allocation::decode(br#"{"format":2,"epoch":1,"round":0,"members":{}}"#).is_err());
        let twice = br#"{"format":1,"epoch":1,"round":0,"members":{"c_1":["a"],"c_2":["a"]}}"#;
        assert!(Allocation::decode(twice).unwrap_err().contains("two members"));
    }

    #[test]
    fn moves_are_counted() {
        let former = of(&[("a", "c_1"), ("b", "c_2"), ("c", "c_2")]);
        let next = of(&[("a", "c_1"), ("b", "c_1"), ("d", "c_2")]);
        assert_eq!(next.moves_since(&former), 2);
        assert_eq!(former.counts()[&MemberId::from("c_2")], 2);
    }
}
