"""A node that is short of disk or memory holds up publishers of the whole cluster, and nobody else."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingConnection

from harness import wait_for
from harness.cluster import Cluster
from harness.quorate import QuorateNode
from harness.queues import Brokers, next_message

# More than any disk has.
EVERYTHING = 1 << 60


@pytest.fixture
def brokers(request: pytest.FixtureRequest) -> Iterator[Brokers]:
    """Three nodes, the second of which finds its disk too full from its first moment on."""
    cluster = Cluster.with_queues(3, request.config.getoption("--binary"))
    second = cluster.nodes[1]
    assert isinstance(second, QuorateNode)
    second.disk_free_min = EVERYTHING
    with cluster:
        brokers = Brokers([("127.0.0.1", node.amqp_port) for node in cluster.nodes], cluster.nodes)
        brokers.wait_ready()
        yield brokers


class Watched:
    """A connection, and what it was told."""

    def __init__(self, brokers: Brokers, node: int) -> None:
        self.told: list[str] = []
        self.connection: BlockingConnection = brokers.connect(node)
        self.connection.add_on_connection_blocked_callback(lambda _, frame: self.told.append(frame.method.reason))
        self.connection.add_on_connection_unblocked_callback(lambda *_: self.told.append("unblocked"))
        self.channel = self.connection.channel()

    def hears(self, *told: str) -> None:
        """Waits until it was told this, and nothing else."""

        def has_heard() -> bool:
            self.connection.process_data_events(0.05)
            return self.told == list(told)

        wait_for(f"{told} instead of {self.told}", has_heard, 15)


def api(node: Any, path: str) -> tuple[int, Any]:
    request = urllib.request.Request(f"http://127.0.0.1:{node.admin_port}/api/{path}")
    request.add_header("Authorization", "Basic Z3Vlc3Q6Z3Vlc3Q=")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_publishers_of_all_nodes_wait_until_there_is_room(brokers: Brokers) -> None:
    first, second, third = brokers.nodes
    wait_for("the alarm", lambda: second.status().get("alarms") == ["disk"])
    wait_for("others to hear", lambda: api(first, "health/checks/alarms")[0] == 503)
    consumer = brokers.connect(2).channel()
    consumer.queue_declare("held", durable=True)
    publisher = Watched(brokers, 0)
    # What comes before the server has told of the alarm is taken.
    publisher.channel.basic_publish("", "held", b"first")
    publisher.hears("low on disk")
    assert next_message(consumer, "held")[2] == b"first"
    publisher.channel.basic_publish("", "held", b"held up")
    publisher.connection.process_data_events(1.0)
    assert consumer.basic_get("held")[0] is None

    alarm = {"node": "quorate@2", "resource": "disk"}
    cluster = {"status": "failed", "reason": "There are alarms in effect in the cluster", "alarms": [alarm]}
    for node in brokers.nodes:
        assert api(node, "health/checks/alarms") == (503, cluster)
    assert api(first, "health/checks/local-alarms") == (200, {"status": "ok"})
    assert api(second, "health/checks/local-alarms")[0] == 503
    assert "rabbitmq_alarms_free_disk_space_watermark 1" in second.metrics()
    assert "rabbitmq_alarms_free_disk_space_watermark 0" in third.metrics()
    shown = {each["name"]: each["disk_free_alarm"] for each in api(third, "nodes")[1]}
    assert shown == {"quorate@1": False, "quorate@2": True, "quorate@3": False}

    # It comes back with another setting, as one whose disk was tidied up.
    second.disk_free_min = 0
    second.terminate()
    second.start()
    publisher.hears("low on disk", "unblocked")
    assert next_message(consumer, "held")[2] == b"held up"
    brokers.wait_ready()
    wait_for("all is well", lambda: api(first, "health/checks/alarms") == (200, {"status": "ok"}))


def test_whoever_only_consumes_is_not_held_up(brokers: Brokers) -> None:
    wait_for("the alarm", lambda: api(brokers.nodes[0], "health/checks/alarms")[0] == 503)
    publisher = Watched(brokers, 0)
    publisher.channel.queue_declare("tasks", durable=True)
    for number in range(3):
        publisher.channel.basic_publish("", "tasks", b"%d" % number)
    publisher.hears("low on disk")
    idle = Watched(brokers, 0)
    got = [next_message(idle.channel, "tasks")[2] for _ in range(1)]
    assert got == [b"0"]
    assert idle.channel.queue_declare("another").method.queue == "another"
    assert idle.told == []


def test_memory_is_an_alarm_too(request: pytest.FixtureRequest) -> None:
    cluster = Cluster.with_queues(1, request.config.getoption("--binary"))
    node = cluster.nodes[0]
    assert isinstance(node, QuorateNode)
    node.queue_bytes_max = 1 << 20
    with cluster:
        brokers = Brokers([("127.0.0.1", node.amqp_port)], cluster.nodes)
        brokers.wait_ready()
        publisher, consumer = Watched(brokers, 0), brokers.connect(0).channel()
        publisher.channel.queue_declare("large", durable=True)
        publisher.channel.basic_publish("", "large", bytes(2 << 20), pika.BasicProperties(delivery_mode=2))
        wait_for("the alarm", lambda: node.status()["alarms"] == ["memory"])
        publisher.channel.basic_publish("", "large", b"next")
        publisher.hears("low on memory")
        # Settling makes room.
        assert len(next_message(consumer, "large")[2]) == 2 << 20
        publisher.hears("low on memory", "unblocked")
        assert node.status()["alarms"] == []
