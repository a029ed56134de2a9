"""Limits of users and virtual hosts, as RabbitMQ's management API sets them and its clients run into them."""

import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from typing import Any

import pika
import pytest
from pika.exceptions import ChannelClosedByBroker, ConnectionClosedByBroker, ProbableAccessDeniedError

from harness import wait_for
from harness.queues import Brokers

Api = Callable[..., tuple[int, Any]]


@pytest.fixture
def api(brokers: Brokers) -> Api:
    """Asks the management API as an administrator."""
    if not brokers.nodes:
        pytest.skip("the broker's management API is somewhere else")

    def ask(method: str, path: str, body: object = None, node: int = 0) -> tuple[int, Any]:
        port = brokers.nodes[node].admin_port
        request = urllib.request.Request(f"http://127.0.0.1:{port}/api/{path}", method=method)
        request.add_header("Authorization", "Basic Z3Vlc3Q6Z3Vlc3Q=")
        try:
            with urllib.request.urlopen(request, None if body is None else json.dumps(body).encode(), 10) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    return ask


@pytest.fixture
def user(api: Api) -> str:
    """A user who may do all, with the password `secret`."""
    name = f"u-{uuid.uuid4().hex}"
    assert api("PUT", f"users/{name}", {"password": "secret", "tags": ""})[0] == 201
    assert api("PUT", f"permissions/%2F/{name}", {"configure": ".*", "write": ".*", "read": ".*"})[0] == 201
    return name


@pytest.fixture
def vhost(api: Api) -> str:
    """A virtual host for guest."""
    name = f"v-{uuid.uuid4().hex}"
    assert api("PUT", f"vhosts/{name}", {})[0] == 201
    return name


def as_user(brokers: Brokers, user: str, node: int = 0) -> pika.BlockingConnection:
    return brokers.connect(node, credentials=pika.PlainCredentials(user, "secret"))


def test_connections_of_a_user_on_all_nodes(brokers: Brokers, api: Api, user: str) -> None:
    assert api("PUT", f"user-limits/{user}/max-connections", {"value": 1})[0] == 204
    last = len(brokers.nodes) - 1
    wait_for("all nodes to know", lambda: api("GET", f"user-limits/{user}", node=last)[1] != [])
    first = as_user(brokers, user, 0)

    def is_refused() -> bool:
        try:
            as_user(brokers, user, last).close()
        except ProbableAccessDeniedError as refused:
            expected = f"NOT_ALLOWED - connection refused for user '{user}': user connection limit (1) is reached"
            assert expected in str(refused) and "(530)" in str(refused)
            return True
        return False

    wait_for("the limit", is_refused, 5)
    first.close()
    assert api("DELETE", f"user-limits/{user}/max-connections")[0] == 204
    for _ in range(2):
        as_user(brokers, user)


def test_channels_of_a_user(brokers: Brokers, api: Api, user: str) -> None:
    assert api("PUT", f"user-limits/{user}/max-channels", {"value": 2})[0] == 204
    connection = as_user(brokers, user)
    channels = [connection.channel() for _ in range(2)]
    with pytest.raises(ConnectionClosedByBroker) as refused:
        connection.channel()
    assert refused.value.reply_code == 530
    assert refused.value.reply_text == (
        f"NOT_ALLOWED - number of channels opened for user '{user}' has reached the maximum allowed user limit of (2)"
    )
    assert not any(channel.is_open for channel in channels)


def test_connections_and_queues_of_a_virtual_host(brokers: Brokers, api: Api, vhost: str) -> None:
    for limit in ("max-connections", "max-queues"):
        assert api("PUT", f"vhost-limits/{vhost}/{limit}", {"value": 1})[0] == 204
    assert api("GET", f"vhost-limits/{vhost}")[1] == [
        {"vhost": vhost, "value": {"max-connections": 1, "max-queues": 1}}
    ]
    connection = brokers.connect(0, virtual_host=vhost)
    with pytest.raises(ProbableAccessDeniedError) as refused:
        brokers.connect(0, virtual_host=vhost)
    expected = f"NOT_ALLOWED - access to vhost '{vhost}' refused for user 'guest': connection limit (1) is reached"
    assert expected in str(refused.value)
    channel = connection.channel()
    channel.queue_declare("one", durable=True)
    with pytest.raises(ChannelClosedByBroker) as full:
        channel.queue_declare("two", durable=True)
    text = f"PRECONDITION_FAILED - cannot declare queue 'two': queue limit in vhost '{vhost}' (1) is reached"
    assert (full.value.reply_code, full.value.reply_text) == (406, text)
    connection.channel().queue_declare("one", durable=True)
    assert api("PUT", f"queues/{vhost}/three", {})[0] == 400


def test_the_management_api(api: Api, user: str, vhost: str) -> None:
    for path, body, status in [
        (f"user-limits/{user}/bogus", {"value": 1}, 400),
        (f"user-limits/{user}/max-channels", {"value": "x"}, 400),
        (f"user-limits/{user}/max-channels", {}, 400),
        ("user-limits/nobody/max-channels", {"value": 1}, 400),
        (f"vhost-limits/{vhost}/max-channels", {"value": 1}, 400),
        ("vhost-limits/nowhere/max-queues", {"value": 1}, 404),
        (f"user-limits/{user}/max-channels", {"value": -5}, 204),
    ]:
        assert api("PUT", path, body)[0] == status, path
    assert {"user": user, "value": {"max-channels": -5}} in api("GET", "user-limits")[1]
    assert api("GET", f"users/{user}")[1]["limits"] == {"max-channels": -5}
    assert api("GET", "user-limits/nobody")[0] == 404
    assert api("GET", "vhost-limits/nowhere")[0] == 404
    assert api("GET", f"vhost-limits/{vhost}") == (200, [])
    # What else is set of a user leaves its limits.
    assert api("PUT", f"users/{user}", {"password": "other", "tags": "management"})[0] == 204
    assert api("GET", f"user-limits/{user}")[1] == [{"user": user, "value": {"max-channels": -5}}]
