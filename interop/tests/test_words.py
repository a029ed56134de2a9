"""Four-letter words, as monitors and client libraries send them."""

from harness import Cluster


def test_ruok(cluster: Cluster) -> None:
    for node in cluster.nodes:
        assert node.four_letter_word("ruok") == "imok"


def test_srvr_names_the_version_first_and_the_mode(cluster: Cluster) -> None:
    modes = []
    for node in cluster.nodes:
        lines = node.four_letter_word("srvr").splitlines()
        assert lines[0].startswith("Zookeeper version: 3.")
        fields = dict(line.split(": ", 1) for line in lines)
        assert int(fields["Zxid"], 16) > 0
        assert int(fields["Node count"]) >= 4
        modes.append(fields["Mode"])
    assert sorted(modes) == (["standalone"] if len(modes) == 1 else ["follower", "follower", "leader"])


def test_stat_lists_the_connections(cluster: Cluster, connect) -> None:
    node = cluster.nodes[0]
    connect(node)
    answer = node.four_letter_word("stat")
    assert answer.startswith("Zookeeper version:")
    assert "Clients:\n /127.0.0.1:" in answer


def test_mntr_gives_what_dashboards_read(cluster: Cluster) -> None:
    for node in cluster.nodes:
        values = dict(line.split("\t", 1) for line in node.four_letter_word("mntr").splitlines())
        assert values["zk_server_state"] in {"standalone", "leader", "follower"}
        for key in ("num_alive_connections", "outstanding_requests", "znode_count", "watch_count", "ephemerals_count"):
            assert float(values[f"zk_{key}"]) >= 0
        for key in ("avg_latency", "max_latency", "packets_received", "packets_sent", "approximate_data_size"):
            assert float(values[f"zk_{key}"]) >= 0
