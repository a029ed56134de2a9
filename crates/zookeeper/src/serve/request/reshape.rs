//! What `reconfig` asks for, as members that there are to be.

use std::collections::BTreeMap;

use tree::{EnsembleMember, Text};

use crate::codec::Reconfig;

/// The request makes no sense; why.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadMembers(String);

/// A request, without what was borrowed from its frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    joining: Option<String>,
    leaving: Option<String>,
    members: Option<String>,
    /// The version that the present members must have; `None` for any.
    pub(crate) version: Option<i64>,
}

impl Wanted {
    pub(crate) fn of(request: &Reconfig<'_>) -> Self {
        Self {
            joining: request.joining.map(str::to_owned),
            leaving: request.leaving.map(str::to_owned),
            members: request.members.map(str::to_owned),
            version: (request.config_version != -1).then_some(request.config_version),
        }
    }

    /// The members that there are to be. As in ZooKeeper, a list of all members wins over those who join and leave.
    pub(crate) fn applied_to(&self, before: &[EnsembleMember]) -> Result<Vec<EnsembleMember>, BadMembers> {
        let mut after: BTreeMap<u64, EnsembleMember> = BTreeMap::new();
        if let Some(all) = self.members.as_deref() {
            for member in parse_all(all)? {
                if after.insert(member.node, member).is_some() {
                    return Err(BadMembers("a server is named twice".into()));
                }
            }
        } else {
            after.extend(before.iter().map(|member| (member.node, member.clone())));
            for id in parts(self.leaving.as_deref().unwrap_or_default()) {
                let id: u64 = id.parse().map_err(|_| BadMembers(format!("{id:?} is no id of a server")))?;
                after.remove(&id);
            }
            for member in parse_all(self.joining.as_deref().unwrap_or_default())? {
                after.insert(member.node, member);
            }
        }
        if !after.values().any(|member| member.is_voter) {
            return Err(BadMembers("there would be no participant".into()));
        }
        let mut addresses: Vec<_> = after.values().map(|member| member.address.as_str()).collect();
        addresses.sort_unstable();
        if let Some(twice) = addresses.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(BadMembers(format!("two servers are at {}", twice[0])));
        }
        Ok(after.into_values().collect())
    }
}

fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', '\n']).map(str::trim).filter(|part| !part.is_empty())
}

/// A version stands behind the servers when what `config` printed is sent back.
fn parse_all(list: &str) -> Result<Vec<EnsembleMember>, BadMembers> {
    parts(list).filter(|part| !part.starts_with("version=")).map(parse).collect()
}

/// `server.ID=HOST:PORT[:PORT][:ROLE][;CLIENT]`. The second port, for elections, means nothing here; where clients reach a
/// server, it says itself.
fn parse(text: &str) -> Result<EnsembleMember, BadMembers> {
    let bad = |why: &str| BadMembers(format!("{text:?}: {why}"));
    let (id, rest) = text
        .strip_prefix("server.")
        .and_then(|rest| rest.split_once('='))
        .ok_or_else(|| bad("not of the form server.ID=HOST:PORT:PORT:ROLE;CLIENT"))?;
    let node = id.parse().ok().filter(|id| (1..=NODE_MAX).contains(id));
    let node = node.ok_or_else(|| bad("the id is not a number from 1 to 127"))?;
    let (server, _client) = rest.split_once(';').unwrap_or((rest, ""));
    if server.contains('|') {
        return Err(bad("a server has one address here"));
    }
    let host_end = match server.strip_prefix('[') {
        Some(inner) => inner.find(']').map(|at| at + 2),
        None => server.find(':'),
    };
    let (host, ports) = server.split_at(host_end.ok_or_else(|| bad("there is no port"))?);
    let ports = ports.strip_prefix(':').ok_or_else(|| bad("there is no port"))?;
    let mut fields = ports.split(':');
    let is_port = |field: &&str| field.parse::<u16>().is_ok();
    let port = fields.next().filter(is_port).ok_or_else(|| bad("the port is no number"))?;
    let mut role = fields.next();
    if role.as_ref().is_some_and(is_port) {
        role = fields.next();
    }
    let is_voter = match role {
        None | Some("participant") => true,
        Some("observer") => false,
        Some(_) => return Err(bad("the role is neither participant nor observer")),
    };
    if fields.next().is_some() || host.is_empty() {
        return Err(bad("not of the form server.ID=HOST:PORT:PORT:ROLE;CLIENT"));
    }
    Ok(EnsembleMember { node, address: Text::from(format!("{host}:{port}")), is_voter })
}

/// Numbers of nodes are from 1 to this.
const NODE_MAX: u64 = 127;

#[cfg(test)]
mod tests {
    use super::*;

    fn member(node: u64, address: &str, is_voter: bool) -> EnsembleMember {
        EnsembleMember { node, address: address.into(), is_voter }
    }

    fn three() -> Vec<EnsembleMember> {
        (1..=3).map(|node| member(node, &format!("host-{node}:7400"), true)).collect()
    }

    fn wanted(joining: &str, leaving: &str) -> Wanted {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Wanted { joining: some(joining), leaving: some(leaving), members: None, version: None }
    }

    #[test]
    fn servers_are_read_as_zookeeper_reads_them() {
        for (text, expected) in [
            ("server.5=h:7400:0:participant;2181", member(5, "h:7400", true)),
            ("server.5=h:7400:3888;0.0.0.0:2181", member(5, "h:7400", true)),
            ("server.5=h:7400:3888:observer", member(5, "h:7400", false)),
            ("server.5=h:7400", member(5, "h:7400", true)),
            ("server.5=[::1]:7400:0:observer;[::1]:2181", member(5, "[::1]:7400", false)),
        ] {
            assert_eq!(parse(text), Ok(expected));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_says_why() {
        for text in [
            "",
            "server",
            "server.5",
            "server.x=h:1",
            "server.0=h:1",
            "server.128=h:1",
            "server.5=h",
            "server.5=:1",
            "server.5=h:x",
            "server.5=h:1:2:leader",
            "server.5=h:1:2:observer:3",
            "server.5=[::1:1",
            "server.5=[::1]",
            "server.5=a:1:2|b:1:2",
            "server.5=h:99999",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn those_who_leave_go_and_those_who_join_come_or_change_their_role() {
        let wanted = wanted("server.4=host-4:7400:0:observer,server.2=host-2:7400:0:observer;2181", "3, 9");
        let mut expected = three();
        expected.truncate(1);
        expected.extend([member(2, "host-2:7400", false), member(4, "host-4:7400", false)]);
        assert_eq!(wanted.applied_to(&three()), Ok(expected));
    }

    #[test]
    fn a_list_of_all_members_is_what_there_is_then() {
        let text = "server.1=host-1:7400:0:participant;host-1:2181\nserver.9=host-9:7400:0:observer\nversion=10000000a";
        let wanted = Wanted { members: Some(text.into()), ..wanted("", "1") };
        let expected = vec![member(1, "host-1:7400", true), member(9, "host-9:7400", false)];
        assert_eq!(wanted.applied_to(&three()), Ok(expected));
    }

    #[test]
    fn members_that_can_not_be_are_refused() {
        for wanted in [
            wanted("", "1,2,3"),
            wanted("", "two"),
            wanted("server.4=host-3:7400", ""),
            Wanted { members: Some("server.1=a:1,server.1=b:1".into()), ..wanted("", "") },
        ] {
            assert!(wanted.applied_to(&three()).is_err(), "{wanted:?}");
        }
    }
}
