//! What has to be done so that a round is as it shall be.

use client::{Acl, Client, Error, ErrorKind, Node};
use futures::stream::{FuturesOrdered, StreamExt};

use super::Overwrite;
use super::round::{Round, Wanted};
use crate::tree::format::is_within;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Action {
    Create,
    /// It is there, and is written over where it has these versions.
    Change {
        version: Option<i32>,
        aversion: Option<i32>,
    },
    /// It is there and differs, and is not to be touched.
    Conflict,
    /// It is there already.
    Same,
}

/// In what a znode that is there differs from the one that is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Differs {
    data: bool,
    acl: bool,
}

impl Differs {
    const NOT: Differs = Differs { data: false, acl: false };

    pub(super) fn as_str(self) -> &'static str {
        match (self.data, self.acl) {
            (false, false) => "",
            (true, false) => "data",
            (false, true) => "access list",
            (true, true) => "data and access list",
        }
    }
}

pub(super) struct Planned {
    pub(super) action: Action,
    pub(super) differs: Differs,
}

/// Compares `round` with what is there. Below `fresh` nothing is.
pub(super) async fn compare(
    client: &Client,
    round: &Round,
    fresh: Option<&str>,
    overwrite: Overwrite,
) -> Result<Vec<Planned>, Error> {
    let mut reads: FuturesOrdered<_> = round
        .wanted
        .iter()
        .map(|wanted| async move {
            if fresh.is_some_and(|fresh| is_within(fresh, &wanted.path)) {
                return Ok(None);
            }
            present(client, &wanted.path).await
        })
        .collect();
    let mut planned = Vec::with_capacity(round.wanted.len());
    for wanted in &round.wanted {
        let present = reads.next().await.expect("there is a read for each znode")?;
        planned.push(decide(wanted, present.as_ref(), overwrite));
    }
    Ok(planned)
}

async fn present(client: &Client, path: &str) -> Result<Option<(Node, Vec<Acl>)>, Error> {
    match futures::future::try_join(client.get(path), client.acl(path)).await {
        Ok((node, (acl, _))) => Ok(Some((node, acl))),
        Err(error) if error.kind == ErrorKind::NoNode => Ok(None),
        Err(error) => Err(error),
    }
}

fn decide(wanted: &Wanted, present: Option<&(Node, Vec<Acl>)>, overwrite: Overwrite) -> Planned {
    let Some((node, acl)) = present else {
        return Planned { action: Action::Create, differs: Differs::NOT };
    };
    let differs =
        Differs { data: node.data.as_deref() != wanted.data.as_deref(), acl: !is_same(acl, &wanted.acl) };
    let versions = |differs: Differs| Action::Change {
        version: differs.data.then_some(node.stat.version),
        aversion: differs.acl.then_some(node.stat.aversion),
    };
    let action = match overwrite {
        Overwrite::Always => versions(Differs { data: true, ..differs }),
        _ if differs == Differs::NOT => Action::Same,
        Overwrite::Different => versions(differs),
        Overwrite::Never => Action::Conflict,
    };
    Planned { action, differs }
}

/// Servers keep an order of entries, which means nothing. Of what is masked, only what is shown can be compared.
fn is_same(present: &[Acl], wanted: &[Acl]) -> bool {
    let is_masked = present.iter().any(Acl::is_masked);
    let comparable = |acl: &[Acl]| {
        let mut acl: Vec<Acl> =
            acl.iter().map(|entry| if is_masked { masked(entry) } else { entry.clone() }).collect();
        acl.sort();
        acl.dedup();
        acl
    };
    comparable(present) == comparable(wanted)
}

fn masked(entry: &Acl) -> Acl {
    match entry.id.split_once(':') {
        Some((user, _)) if entry.scheme == "digest" => Acl { id: format!("{user}:x"), ..entry.clone() },
        _ => entry.clone(),
    }
}

#[cfg(test)]
mod tests {

    use client::{CreateMode, Stat};

    use super::*;

    fn wanted(data: &[u8], acl: &str) -> Wanted {
        Wanted {
            path: "/a".into(),
            data: Some(data.to_vec()),
            acl: vec![acl.parse().unwrap()],
            mode: CreateMode::Persistent,
            next_sequence: None,
        }
    }

    fn present(data: &'static [u8], acl: &str) -> (Node, Vec<Acl>) {
        let stat = Stat { version: 3, aversion: 1, ..Stat::default() };
        (Node { data: Some(data.into()), stat }, vec![acl.parse().unwrap()])
    }

    fn action(present: Option<(Node, Vec<Acl>)>, overwrite: Overwrite) -> Action {
        decide(&wanted(b"x", "digest:u:HASH:r"), present.as_ref(), overwrite).action
    }

    #[test]
    fn what_is_not_there_is_created() {
        for overwrite in [Overwrite::Never, Overwrite::Different, Overwrite::Always] {
            assert_eq!(action(None, overwrite), Action::Create);
        }
    }

    #[test]
    fn what_is_equal_is_left_unless_all_is_to_be_written() {
        let equal = || Some(present(b"x", "digest:u:HASH:r"));
        assert_eq!(action(equal(), Overwrite::Never), Action::Same);
        assert_eq!(action(equal(), Overwrite::Different), Action::Same);
        assert_eq!(action(equal(), Overwrite::Always), Action::Change { version: Some(3), aversion: None });
    }

    #[test]
    fn what_differs_is_a_conflict_or_is_changed_where_it_differs() {
        let data = || Some(present(b"y", "digest:u:HASH:r"));
        assert_eq!(action(data(), Overwrite::Never), Action::Conflict);
        assert_eq!(action(data(), Overwrite::Different), Action::Change { version: Some(3), aversion: None });
        let acl = || Some(present(b"x", "world:anyone:r"));
        assert_eq!(action(acl(), Overwrite::Different), Action::Change { version: None, aversion: Some(1) });
    }

    #[test]
    fn a_masked_list_is_compared_as_far_as_it_is_shown() {
        assert_eq!(action(Some(present(b"x", "digest:u:x:r")), Overwrite::Never), Action::Same);
        assert_eq!(action(Some(present(b"x", "digest:v:x:r")), Overwrite::Never), Action::Conflict);
    }
}
