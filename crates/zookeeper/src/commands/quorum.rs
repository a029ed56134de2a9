//! This node's part in its cluster.

use control::{LogStatus, Role};
use serde_json::{Map, Value, json};

use super::{OK, Outcome, Refusal};
use crate::about::{MemberInfo, members, own_member};
use crate::serve::Server;

pub(super) fn leader(server: &Server, status: &LogStatus) -> Outcome {
    // In ZooKeeper's words: a server alone has no leader.
    let alone = || Refusal { status: OK, error: "server is not initialized" };
    let leader = status.leader.filter(|_| status.role != Role::Standalone).ok_or_else(alone)?;
    let member = members(server).into_iter().find(|member| member.node == leader);
    Ok(json!({
        "is_leader": status.role == Role::Leader,
        "leader_id": leader,
        "leader_ip": member.as_ref().map_or("", MemberInfo::host),
    }))
}

/// Who observes, on the leader.
pub(super) fn observers(server: &Server, status: &LogStatus) -> Outcome {
    let observers = members(server).into_iter().filter(|member| !member.is_voter && status.role.leads());
    let shown: Vec<_> = observers
        .map(|member| json!({ "sid": member.node, "remote_socket_address": member.address }))
        .collect();
    Ok(json!({ "synced_observers": status.synced_observers, "observers": shown }))
}

pub(super) fn voting_view(server: &Server, status: &LogStatus) -> Outcome {
    let is_ensemble = status.role != Role::Standalone;
    let voters = members(server).into_iter().filter(|member| member.is_voter && is_ensemble);
    let shown = voters.map(|member| {
        let view = json!({
            "server_addresses": [&member.address],
            // Elections are held where peers talk.
            "election_addresses": [&member.address],
            "client_address": member.client_address.unwrap_or_default(),
            "learner_type": "participant",
        });
        (member.node.to_string(), view)
    });
    Ok(json!({ "current_config": shown.collect::<Map<_, _>>() }))
}

pub(super) fn zabstate(server: &Server, status: &LogStatus) -> Outcome {
    if status.role == Role::Standalone {
        return Ok(json!({ "voting": false, "zabstate": "" }));
    }
    let own = own_member(server);
    let zxid = server.control.zxid();
    Ok(json!({
        "myid": server.control.node(),
        "is_leader": status.role == Role::Leader,
        "quorum_address": address(own.as_ref()),
        "election_address": address(own.as_ref()),
        "client_address": own.as_ref().and_then(|own| own.client_address.as_deref()).unwrap_or_default(),
        "voting": own.as_ref().is_some_and(|own| own.is_voter),
        "last_zxid": format!("{zxid}"),
        "zab_epoch": zxid.0 >> 32,
        "zab_counter": zxid.0 & 0xffff_ffff,
        "zabstate": "broadcast",
    }))
}

/// What ZooKeeper shows of an address, without what it finds out by trying to reach it.
fn address(own: Option<&MemberInfo>) -> Value {
    let addresses: Vec<_> = own.iter().map(|own| own.address.as_str()).collect();
    let hosts: Vec<_> = own.iter().map(|own| own.host()).collect();
    let ports: Vec<_> = own.iter().filter_map(|own| own.port()).collect();
    json!({
        "empty": addresses.is_empty(),
        "all_addresses": addresses,
        "all_ports": ports,
        "all_host_strings": hosts,
        "one": addresses.first(),
    })
}
