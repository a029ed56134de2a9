"""Starts, stops and kills real servers on loopback, for tests that drive them with clients nobody here wrote.

A `Cluster` owns its processes and its folder: whatever a test does, `close` ends what the cluster started and removes
what it wrote, and touches nothing else.
"""

from harness.certificates import Authority, Certificate, PeerTls, Tls
from harness.cluster import Cluster
from harness.clients import connected, kazoo_client
from harness.node import Node
from harness.waiting import wait_for

__all__ = [
    "Authority",
    "Certificate",
    "Cluster",
    "Node",
    "PeerTls",
    "Tls",
    "connected",
    "kazoo_client",
    "wait_for",
]
