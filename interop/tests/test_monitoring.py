"""What monitoring reads: AdminServer's commands, all keys of `mntr`, Prometheus' metrics.

What is expected of keys and shapes was written down from ZooKeeper 3.9, and holds for it too (`--server zookeeper`).
"""

import json
from typing import Any

import pytest
from kazoo.client import KazooClient
from prometheus_client.parser import text_string_to_metric_families

from harness import Cluster
from harness.node import Node

_NOTHING: dict[str, Any] = {}
_NUMBER, _TEXT, _FLAG, _LIST, _OBJECT = (int, float), str, bool, list, dict

_SIZES = {"last_buffer_size": _NUMBER, "min_buffer_size": _NUMBER, "max_buffer_size": _NUMBER}
_BRIEF_CONNECTION = {
    "remote_socket_address": _TEXT,
    "interest_ops": _NUMBER,
    "outstanding_requests": _NUMBER,
    "packets_received": _NUMBER,
    "packets_sent": _NUMBER,
}
_CONNECTION = _BRIEF_CONNECTION | {
    "session_id": _NUMBER,
    "last_operation": _TEXT,
    "established": _NUMBER,
    "session_timeout": _NUMBER,
    "last_cxid": _NUMBER,
    "last_zxid": _NUMBER,
    "last_response_time": _NUMBER,
    "last_latency": _NUMBER,
    "min_latency": _NUMBER,
    "avg_latency": _NUMBER,
    "max_latency": _NUMBER,
}
_SERVER_STATS = {
    "version": _TEXT,
    "read_only": _FLAG,
    "server_stats": {
        "packets_sent": _NUMBER,
        "packets_received": _NUMBER,
        "fsync_threshold_exceed_count": _NUMBER,
        "client_response_stats": _SIZES,
        "data_dir_size": _NUMBER,
        "log_dir_size": _NUMBER,
        "provider_null": _FLAG,
        "last_processed_zxid": _NUMBER,
        "outstanding_requests": _NUMBER,
        "server_state": _TEXT,
        "avg_latency": _NUMBER,
        "max_latency": _NUMBER,
        "min_latency": _NUMBER,
        "num_alive_client_connections": _NUMBER,
        "auth_failed_count": _NUMBER,
        "non_mtlsremote_conn_count": _NUMBER,
        "non_mtlslocal_conn_count": _NUMBER,
        "uptime": _NUMBER,
    },
    "client_response": _SIZES,
    "node_count": _NUMBER,
}

# Exactly these keys, on a server alone and on a follower.
_SHAPES: dict[str, dict[str, Any]] = {
    "configuration": {
        "client_port": _NUMBER,
        "data_dir": _TEXT,
        "data_log_dir": _TEXT,
        "tick_time": _NUMBER,
        "max_client_cnxns": _NUMBER,
        "min_session_timeout": _NUMBER,
        "max_session_timeout": _NUMBER,
        "server_id": _NUMBER,
        "client_port_listen_backlog": _NUMBER,
    },
    "connections": {"connections": _LIST, "secure_connections": _LIST},
    "connection_stat_reset": _NOTHING,
    "dirs": {"datadir_size": _NUMBER, "logdir_size": _NUMBER},
    "dump": {"expiry_time_to_session_ids": _OBJECT, "session_id_to_ephemeral_paths": _OBJECT},
    "hash": {"digests": _LIST},
    "is_read_only": {"read_only": _FLAG},
    "last_snapshot": {"zxid": _TEXT, "timestamp": _NUMBER},
    "observer_connection_stat_reset": _NOTHING,
    "observers": {"synced_observers": _NUMBER, "observers": _LIST},
    "ruok": _NOTHING,
    "server_stats": _SERVER_STATS,
    "stats": _SERVER_STATS | {"connections": _LIST, "secure_connections": _LIST},
    "stat_reset": _NOTHING,
    "voting_view": {"current_config": _OBJECT},
    "watches": {"session_id_to_watched_paths": _OBJECT},
    "watches_by_path": {"path_to_session_ids": _OBJECT},
    "watch_summary": {"num_connections": _NUMBER, "num_paths": _NUMBER, "num_total_watches": _NUMBER},
}

# Of `mntr`, without `zk_`: what dashboards and exporters of ZooKeeper read.
_GAUGES = """
    avg_latency max_latency min_latency packets_received packets_sent num_alive_connections outstanding_requests uptime
    znode_count watch_count ephemerals_count approximate_data_size global_sessions local_sessions
    open_file_descriptor_count max_file_descriptor_count connection_drop_probability last_client_response_size
    max_client_response_size min_client_response_size outstanding_tls_handshake auth_failed_count
    non_mtls_remote_conn_count non_mtls_local_conn_count
""".split()
_LEADER_GAUGES = """
    quorum_size learners synced_followers synced_non_voting_followers synced_observers pending_syncs leader_uptime
    last_proposal_size max_proposal_size min_proposal_size
""".split()
_COUNTERS = """
    bytes_received_count response_bytes watch_bytes connection_request_count connection_rejected connection_drop_count
    sessionless_connections_expired connection_revalidate_count stale_sessions_expired tls_handshake_exceeded
    unsuccessful_handshake commit_count proposal_count learner_commit_received_count looking_count
""".split()
_BASIC = """
    fsynctime snapshottime election_time node_created_watch_count node_deleted_watch_count node_changed_watch_count
    node_children_watch_count
""".split()
_ADVANCED = ["readlatency", "updatelatency", "propagation_latency"]


def _keys(names: list[str], *statistics: str) -> set[str]:
    return {f"{statistic}_{name}" for name in names for statistic in statistics}


_MONITOR = (
    {"version", "server_state"}
    | set(_GAUGES)
    | set(_COUNTERS)
    | _keys(_BASIC, "avg", "min", "max", "cnt", "sum")
    | _keys(_ADVANCED, "avg", "min", "max", "cnt", "sum", "p50", "p95", "p99", "p999")
)


def _check_shape(where: str, value: Any, shape: Any) -> None:
    if isinstance(shape, dict):
        assert isinstance(value, dict) and value.keys() == shape.keys(), (where, value)
        for key, part in shape.items():
            _check_shape(f"{where}.{key}", value[key], part)
    else:
        assert isinstance(value, shape) and (shape is bool or not isinstance(value, bool)), (where, value)


def _mntr(node: Node) -> dict[str, str]:
    lines = node.four_letter_word("mntr").splitlines()
    assert all(line.startswith("zk_") and line.count("\t") == 1 for line in lines)
    return dict(line.removeprefix("zk_").split("\t") for line in lines)


def _not_leading(cluster: Cluster) -> Node:
    return cluster.nodes[0] if len(cluster.nodes) == 1 else cluster.followers()[0]


@pytest.mark.parametrize("command", _SHAPES)
def test_the_shape_of_a_command(cluster: Cluster, command: str) -> None:
    shape = _SHAPES[command] | {"command": _TEXT, "error": type(None)}
    answer = _not_leading(cluster).command(command)
    _check_shape(command, answer, shape)
    assert answer["command"] == command


def test_the_index_links_to_every_command(cluster: Cluster) -> None:
    status, _, body = cluster.nodes[0].http("/commands")
    assert status == 200
    links = [line for line in body.decode().splitlines() if line.startswith("<a")]
    others = "environment get_trace_mask initial_configuration leader monitor restore set_trace_mask snapshot".split()
    names = sorted([*_SHAPES, *others, "system_properties", "zabstate"])
    assert links == [f'<a href="/commands/{name}">{name}</a>' for name in names]


@pytest.mark.parametrize(
    ("alias", "command"),
    [("mntr", "monitor"), ("srvr", "server_stats"), ("cons", "connections"), ("conf", "configuration"), ("stat", "stats")],
)
def test_an_alias_names_its_command(cluster: Cluster, alias: str, command: str) -> None:
    assert cluster.nodes[0].command(alias)["command"] == command


def test_what_is_no_command(cluster: Cluster) -> None:
    node = cluster.nodes[0]
    assert node.command("nope") == {"command": "nope", "error": "Unknown command: nope"}
    assert node.command("ruok/")["error"] == "Unknown command: ruok/"
    assert node.command("RUOK")["error"] == "Unknown command: RUOK"
    assert node.http("/nope")[0] == 404
    assert node.http("/commands/ruok", "DELETE")[0] == 405
    assert node.http("/commands/ruok", "PUT")[0] == 405
    assert node.http("/commands/ruok", "HEAD")[0] == 200


def test_the_layout_of_the_text(cluster: Cluster) -> None:
    _, _, body = cluster.nodes[0].http("/commands/ruok")
    assert body == b'{\n  "command" : "ruok",\n  "error" : null\n}'
    _, _, body = cluster.nodes[0].http("/commands/hash")
    assert body.startswith(b'{\n  "digests" : [ ],\n')


def test_connections_and_sessions(cluster: Cluster, connect) -> None:
    node = _not_leading(cluster)
    client: KazooClient = connect(node, randomize_hosts=False)
    session, _ = client.client_id
    path = client.create("/monitored-", ephemeral=True, sequence=True)
    client.get(path, watch=lambda _: None)
    mine = [each for each in node.command("connections")["connections"] if each.get("session_id") == session]
    assert len(mine) == 1
    _check_shape("connection", mine[0], _CONNECTION)
    assert mine[0]["last_operation"] == "GETD"
    brief = next(each for each in node.command("stats")["connections"])
    _check_shape("connection", brief, _BRIEF_CONNECTION)
    assert node.command("dump")["session_id_to_ephemeral_paths"][str(session)] == [path]
    assert node.command("watches")["session_id_to_watched_paths"][str(session)] == [path]
    assert node.command("watches_by_path")["path_to_session_ids"][path] == [session]
    expiries = cluster.leader().command("dump")["expiry_time_to_session_ids"]
    assert [session in sessions for sessions in expiries.values()].count(True) == 1


def test_the_quorum(triple: Cluster) -> None:
    leader, follower = triple.leader(), triple.followers()[0]
    for node in (leader, follower):
        answer = node.command("leader")
        expected = {"is_leader": node is leader, "leader_id": leader.node_id, "leader_ip": "127.0.0.1"}
        assert answer == expected | {"command": "leader", "error": None}
        view = node.command("voting_view")["current_config"]
        assert sorted(view) == ["1", "2", "3"]
        keys = {"server_addresses", "election_addresses", "client_address", "learner_type"}
        assert all(voter.keys() == keys and voter["learner_type"] == "participant" for voter in view.values())
        zab = node.command("zabstate")
        assert (zab["myid"], zab["is_leader"], zab["voting"]) == (node.node_id, node is leader, True)
        assert int(zab["last_zxid"], 16) == zab["zab_epoch"] << 32 | zab["zab_counter"]
        assert zab["zabstate"] == "broadcast"
        assert len(zab["quorum_address"]["all_addresses"]) == 1
    assert leader.command("server_stats")["proposal_stats"].keys() == _SIZES.keys()


def test_a_server_alone_has_no_quorum(single: Cluster) -> None:
    node = single.nodes[0]
    assert node.command("leader") == {"command": "leader", "error": "server is not initialized"}
    assert node.command("voting_view")["current_config"] == {}
    zab = node.command("zabstate")
    assert (zab["voting"], zab["zabstate"]) == (False, "")


def test_mntr_and_monitor_have_all_keys(cluster: Cluster) -> None:
    for node in cluster.nodes:
        keys = _MONITOR if len(cluster.nodes) == 1 else _MONITOR | {"quorum_size", "peer_state"}
        if len(cluster.nodes) > 1 and node is cluster.leader():
            keys = keys | set(_LEADER_GAUGES)
        shown = _mntr(node)
        assert keys - shown.keys() == set()
        answer = node.command("monitor")
        assert keys - answer.keys() == set()
        for key, value in shown.items():
            if isinstance(answer.get(key), float):
                assert "." in value, (key, value)


@pytest.mark.quorate_only
def test_every_key_is_one_of_zookeepers(cluster: Cluster) -> None:
    """What ZooKeeper does not know would be a name of our own invention, and belongs to `/metrics`."""
    for node in cluster.nodes:
        known = _MONITOR | set(_LEADER_GAUGES) | {"quorum_size", "peer_state"}
        assert {key for key in _mntr(node) if "per_namespace" not in key} - known == set()


def test_numbers_follow_what_clients_do(cluster: Cluster, zk: KazooClient, base: str) -> None:
    before = {node.node_id: _mntr(node) for node in cluster.nodes}
    for number in range(5):
        zk.create(f"{base}/{number}", b"x" * 100)
        zk.get(f"{base}/{number}")
    after = {node.node_id: _mntr(node) for node in cluster.nodes}

    def grown(key: str) -> float:
        return sum(float(after[node][key]) - float(before[node][key]) for node in after)

    assert grown("cnt_updatelatency") >= 5
    assert grown("cnt_readlatency") >= 5
    assert grown("bytes_received_count") >= 500
    assert grown("response_bytes") >= 500
    assert grown("cnt_fsynctime") >= 1
    leader = cluster.leader().node_id
    assert int(after[leader]["znode_count"]) - int(before[leader]["znode_count"]) == 5
    assert int(after[leader]["approximate_data_size"]) - int(before[leader]["approximate_data_size"]) >= 500


def test_quotas_by_namespace(cluster: Cluster, zk: KazooClient) -> None:
    zk.create("/limited", b"12345")
    zk.create("/zookeeper/quota/limited")
    try:
        zk.create("/zookeeper/quota/limited/zookeeper_limits", b"count=7,bytes=100=;byteHardLimit=-1;countHardLimit=-1")
        zk.create("/zookeeper/quota/limited/zookeeper_stats", b"count=1,bytes=5")
        zk.sync("/")
        node = cluster.leader()
        shown = _mntr(node)
        found = {key: shown.get(f"limited_quota_{key}_per_namespace") for key in ("count_limit", "count_usage", "bytes_limit")}
        assert found == {"count_limit": "7", "count_usage": "1", "bytes_limit": "100"}
    finally:
        zk.delete("/zookeeper/quota/limited", recursive=True)
        zk.delete("/limited")


def test_a_reset_begins_anew(cluster: Cluster, connect) -> None:
    node = cluster.nodes[0]
    client = connect(node, randomize_hosts=False)
    for _ in range(20):
        client.exists("/")
    assert node.command("stat_reset")["error"] is None
    assert int(_mntr(node)["packets_received"]) < 20
    assert node.command("connection_stat_reset")["error"] is None
    assert all(each["packets_received"] < 20 for each in node.command("connections")["connections"])


@pytest.mark.quorate_only
def test_prometheus(cluster: Cluster, zk: KazooClient, base: str) -> None:
    zk.set(base, b"x")
    for node in cluster.nodes:
        status, kind, body = node.http("/metrics")
        assert (status, kind) == (200, "text/plain; version=0.0.4")
        families = {family.name: family for family in text_string_to_metric_families(body.decode())}
        # The parser takes `_total` off the names of counters; ZooKeeper's have none.
        for names, type_name in ((_GAUGES, "gauge"), (_COUNTERS, "counter"), (_BASIC + _ADVANCED, "summary")):
            for name in names:
                assert families[name].type == type_name, name
        for name in _BASIC + _ADVANCED:
            quantiles = [each.labels["quantile"] for each in families[name].samples if "quantile" in each.labels]
            assert quantiles == (["0.5"] if name in _BASIC else ["0.5", "0.9", "0.99"])
            assert {each.name for each in families[name].samples} == {name, f"{name}_sum", f"{name}_count"}
        samples = [(sample.name, json.dumps(sample.labels)) for family in families.values() for sample in family.samples]
        assert len(samples) == len(set(samples)), "a sample is there once"
        assert families["quorate_tree_znodes"].samples[0].value + 1 == families["znode_count"].samples[0].value
    leader = {family.name for family in text_string_to_metric_families(cluster.leader().http("/metrics")[2].decode())}
    assert len(cluster.nodes) == 1 or set(_LEADER_GAUGES) <= leader
