//! Callers whose handshake is under way: so many, and so many from an address, so that one that stalls keeps no others out.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// In all; those beyond are turned away.
pub(crate) const MAX: usize = 256;
/// From one address. Nodes that share a machine call at once when it starts, on a few lanes each.
const OF_AN_ADDRESS_MAX: usize = 64;

#[derive(Default)]
pub(crate) struct Crowd {
    by_address: Mutex<BTreeMap<IpAddr, usize>>,
}

impl Crowd {
    /// A place, if there is one.
    pub(crate) fn enter(crowd: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let mut by_address = crowd.by_address.lock();
        let all: usize = by_address.values().sum();
        let of_this = by_address.get(&address).copied().unwrap_or(0);
        if all >= MAX || of_this >= OF_AN_ADDRESS_MAX {
            return None;
        }
        by_address.insert(address, of_this + 1);
        Some(Place { crowd: Arc::clone(crowd), address })
    }
}

/// A caller's place, until it is dropped.
pub(crate) struct Place {
    crowd: Arc<Crowd>,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_address = self.crowd.by_address.lock();
        let of_this = by_address.get_mut(&self.address).expect("whoever has a place was counted");
        *of_this -= 1;
        if *of_this == 0 {
            by_address.remove(&self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_leaves_room_for_others_and_all_have_a_limit() {
        let crowd = Arc::new(Crowd::default());
        let enter = |host: u8| Crowd::enter(&crowd, IpAddr::from([10, 0, 0, host]));
        let mut places: Vec<_> = (0..OF_AN_ADDRESS_MAX).map(|_| enter(1).unwrap()).collect();
        assert!(enter(1).is_none());
        places.extend((2..=u8::MAX).map_while(enter));
        assert_eq!(places.len(), MAX);
        assert!(enter(1).is_none());
        drop(places);
        assert!(enter(1).is_some());
        assert!(crowd.by_address.lock().is_empty());
    }
}
