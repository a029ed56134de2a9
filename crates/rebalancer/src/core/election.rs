//! Who coordinates.

use super::MemberId;

/// What a member is to the others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Role {
    /// It coordinates: nobody joined before it.
    Coordinator,
    /// It follows, and looks again when this member, the last that joined before it, is gone. So the end of one member wakes
    /// up one other.
    Behind(MemberId),
    /// It is no member any more.
    Stranger,
}

/// The role of `me` among `members`, in any order.
pub fn role<'a>(me: &MemberId, members: impl IntoIterator<Item = &'a MemberId>) -> Role {
    let (mut is_member, mut before) = (false, None);
    for member in members {
        is_member |= member == me;
        before = before.max(Some(member).filter(|member| *member < me));
    }
    match before {
        _ if !is_member => Role::Stranger,
        Some(before) => Role::Behind(before.clone()),
        None => Role::Coordinator,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role_of(me: &str, members: &[&str]) -> Role {
        let members: Vec<MemberId> = members.iter().map(|name| MemberId::from(*name)).collect();
        role(&me.into(), &members)
    }

    #[test]
    fn the_first_that_joined_coordinates() {
        assert_eq!(role_of("c_1", &["c_3", "c_1", "c_2"]), Role::Coordinator);
    }

    #[test]
    fn others_watch_the_next_lower_one() {
        assert_eq!(role_of("c_5", &["c_7", "c_1", "c_5", "c_3"]), Role::Behind("c_3".into()));
    }

    #[test]
    fn who_is_not_listed_is_a_stranger() {
        assert_eq!(role_of("c_1", &["c_2"]), Role::Stranger);
        assert_eq!(role_of("c_1", &[]), Role::Stranger);
    }
}
