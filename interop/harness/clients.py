"""kazoo clients that are closed with the test that made them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kazoo.client import KazooClient
from kazoo.retry import KazooRetry

_CONNECT_SECONDS = 15.0


def kazoo_client(hosts: str, **options: Any) -> KazooClient:
    """A client that tries its hosts in the order given and reconnects without end, not started."""
    options.setdefault("timeout", 10.0)
    options.setdefault("randomize_hosts", False)
    options.setdefault("connection_retry", KazooRetry(max_tries=-1, delay=0.05, backoff=1, max_jitter=0.0))
    return KazooClient(hosts=hosts, **options)


@contextmanager
def connected(hosts: str, **options: Any) -> Iterator[KazooClient]:
    """A connected client, closed at the end."""
    client = kazoo_client(hosts, **options)
    try:
        client.start(timeout=_CONNECT_SECONDS)
        yield client
    finally:
        client.stop()
        client.close()
