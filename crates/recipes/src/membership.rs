//! Who takes part: members that are known to each other as long as their sessions live.
//!
//! Each member keeps an ephemeral znode below the group's; everyone sees them in a cache. A member that dies is seen until its session
//! has ended. One whose session ended while it lives comes back with its next session.
//!
//! Counterparts: Curator's `GroupMember`, kazoo's `Party` and `ShallowParty`, each by its [`Layout`].

use client::Acl;
use client::{CreateMode, Error, Sessions};

use crate::cache::{Cache, CacheError, Changes, Scope};
use crate::persistent::{Options, PersistentNode};
use crate::{paths, unique};

/// How members are laid out below the group's path `P`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// `P/ID`, data as the member likes: Curator's `GroupMember`. No two members have one id.
    GroupMember,
    /// `P/UUID__party__`, data is the id: kazoo's `Party`. Several members may have one id.
    Party,
    /// `P/UUID-ID`: kazoo's `ShallowParty`, whose data says nothing. Several members may have one id.
    ShallowParty,
}

const PARTY: &str = "__party__";
const SHALLOW_DATA: &[u8] = b"0";

/// A member that somebody sees.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Member {
    /// What it calls itself.
    pub id: String,
    /// What it says, in the layout that has room for it.
    pub data: Vec<u8>,
    /// The name of its znode.
    pub znode: String,
}

/// A group, as it is seen from here. Clones share what they see.
#[derive(Clone)]
pub struct Group {
    sessions: Sessions,
    path: String,
    layout: Layout,
    cache: Cache,
}

impl Group {
    /// The group at `path`, which need not be there. Its members are known once this is done.
    ///
    /// # Errors
    /// When there is no session, or `path` is none.
    pub async fn open(sessions: &Sessions, path: &str, layout: Layout) -> Result<Self, CacheError> {
        let cache = Cache::open(sessions, path, Scope::Children).await?;
        cache.complete().await?;
        Ok(Self { sessions: sessions.clone(), path: path.to_owned(), layout, cache })
    }

    /// Takes part as `id`, until what is returned is closed. In Curator's layout somebody of the same id is waited for; `data` is
    /// for that layout alone.
    ///
    /// # Errors
    /// When there is no session, or `id` is no name of a znode.
    pub async fn join(&self, id: &str, data: &[u8]) -> Result<PersistentNode, Error> {
        let client = self.sessions.client().await?;
        let unique = unique::hex(&*client.runtime().entropy);
        let (name, data) = match self.layout {
            Layout::GroupMember => (id.to_owned(), data),
            Layout::Party => (format!("{unique}{PARTY}"), id.as_bytes()),
            Layout::ShallowParty => (format!("{unique}-{id}"), SHALLOW_DATA),
        };
        let options = Options {
            mode: CreateMode::Ephemeral,
            acl: Acl::open(),
            // Kazoo's believe that what they have made stays.
            parents_are_containers: self.layout == Layout::GroupMember,
            ..Options::default()
        };
        PersistentNode::keep(&self.sessions, &paths::child(&self.path, &name), data, options).await
    }

    /// Who takes part now, in the order of their znodes' names.
    pub fn members(&self) -> Vec<Member> {
        let all = self.cache.all();
        let members = all.into_iter().filter_map(|(path, node)| {
            let data = node.data.map(|data| data.to_vec()).unwrap_or_default();
            self.layout.member(paths::name(&path), data)
        });
        members.collect()
    }

    /// Tells when members come, change what they say, and go, beginning with those that are there.
    pub fn changes(&self) -> Changes {
        self.cache.changes()
    }

    /// Whether members are still followed, and if not, why.
    pub fn failure(&self) -> Option<CacheError> {
        self.cache.failure()
    }
}

impl Layout {
    /// The member that a znode stands for, if for one.
    fn member(self, znode: &str, data: Vec<u8>) -> Option<Member> {
        let (id, data) = match self {
            Layout::GroupMember => (znode.to_owned(), data),
            Layout::Party if znode.contains(PARTY) => {
                (String::from_utf8_lossy(&data).into_owned(), Vec::new())
            }
            Layout::Party => return None,
            Layout::ShallowParty => (znode.split_once('-')?.1.to_owned(), Vec::new()),
        };
        Some(Member { id, data, znode: znode.to_owned() })
    }
}
