"""Free loopback ports."""

import random
import socket

# Below the range from which the kernel picks the ports of outgoing connections, so that no client's own port
# lands on one that a server needs when it is started again.
_FIRST, _LAST = 10_000, 32_000


def free_ports(count: int) -> list[int]:
    """`count` different ports on which nothing listens."""
    ports: set[int] = set()
    while len(ports) < count:
        port = random.randint(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports.add(port)
    return list(ports)
