"""Quorate's own server: `quorate serve`."""

import json
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from harness.node import Node

_HTTP_SECONDS = 2.0


class QuorateNode(Node):
    """A `quorate serve` process, alone or one of several that form a cluster by themselves."""

    def __init__(
        self, binary: Path, node_id: int, folder: Path, client_port: int, peer_ports: dict[int, int], admin_port: int
    ) -> None:
        super().__init__(node_id, folder, client_port, admin_port)
        self._binary = binary
        self._peer_ports = peer_ports
        self._joins: list[str] = []
        self.reconfig = False
        self.amqp_port: int | None = None
        self.disk_free_min: int | None = None
        self.queue_bytes_max: int | None = None
        # With `tls`, which says what it shows.
        self.amqp_tls_port: int | None = None
        self.amqp_cert_login_from: str | None = None
        self._recovered = False

    def command_line(self) -> list[str]:
        arguments = [
            *("--data-dir", str(self.folder / "data")),
            *("--node-id", str(self.node_id)),
            *("--peer", f"127.0.0.1:{self._peer_ports[self.node_id]}"),
            *("--zookeeper", self.address),
            *("--admin", f"127.0.0.1:{self.admin_port}"),
            # Both ways, whatever fits the machine that the tests run on.
            *("--threads", "separate" if self.node_id % 2 else "shared"),
            *("--amqp", f"127.0.0.1:{self.amqp_port}" if self.amqp_port else "off"),
            *("--kafka", "off"),
            *("--disque", "off"),
            *("--connections-per-address-max", str(self.connections_per_address_max)),
            *(["--enforce-quotas"] if self.enforce_quotas else []),
            *(["--tree-bytes-max", str(self.tree_bytes_max)] if self.tree_bytes_max is not None else []),
            *(["--request-bytes-max", str(self.request_bytes_max)] if self.request_bytes_max else []),
            *(["--super-digest", self.super_digest] if self.super_digest else []),
            *(["--disk-free-min", str(self.disk_free_min)] if self.disk_free_min is not None else []),
            *(["--queue-bytes-max", str(self.queue_bytes_max)] if self.queue_bytes_max is not None else []),
            *(["--reconfig"] if self.reconfig else []),
            *self._tls_arguments(),
        ]
        if self._joins:
            arguments += self._joins
        elif len(self._peer_ports) > 1 and not self._recovered:
            voters = ",".join(f"{node}=127.0.0.1:{port}" for node, port in self._peer_ports.items())
            arguments += ["--cluster", voters]
        return [str(self._binary), "serve", *arguments]

    def _tls_arguments(self) -> list[str]:
        if self.tls is None:
            return []
        tls = self.tls
        arguments = [
            *("--zookeeper-tls", self.secure_address),
            *("--tls-cert", str(tls.own.certificate)),
            *("--tls-key", str(tls.own.key)),
            *("--tls-client-ca", str(tls.clients)),
            *("--tls-client-auth", "need" if tls.need else "want"),
            *(["--amqp-tls", f"127.0.0.1:{self.amqp_tls_port}"] if self.amqp_tls_port else []),
            *(["--amqp-cert-login-from", self.amqp_cert_login_from] if self.amqp_cert_login_from else []),
        ]
        if tls.peers:
            arguments += [
                *("--peer-tls-cert", str(tls.peers.own.certificate)),
                *("--peer-tls-key", str(tls.peers.own.key)),
                *("--peer-tls-ca", str(tls.peers.authority)),
            ]
        return arguments

    @property
    def peer_address(self) -> str:
        """HOST:PORT for other nodes."""
        return f"127.0.0.1:{self._peer_ports[self.node_id]}"

    def join(self, contact: "QuorateNode", role: str) -> None:
        """From the next start on, joins the cluster of a node that runs."""
        self._joins = ["--join", contact.peer_address, "--role", role]

    def recover(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What `quorate recover ...` says of this node's data directory; with `--yes` the node goes on alone."""
        where = ["--data-dir", str(self.folder / "data"), "--peer", self.peer_address]
        command = [str(self._binary), "recover", *where, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        self._recovered |= "--yes" in arguments and done.returncode == 0
        return done

    def backup(self, file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What `quorate backup FILE ...`, asked at this node, says."""
        command = [str(self._binary), "backup", "--admin", f"127.0.0.1:{self.admin_port}", str(file), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    def restore(self, file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What `quorate restore FILE ...` into this node's directory says; the node goes on alone if it succeeds."""
        where = ["--data-dir", str(self.folder / "data"), "--peer", self.peer_address, "--node-id", str(self.node_id)]
        command = [str(self._binary), "restore", str(file), *where, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        self._recovered |= done.returncode == 0
        return done

    def member(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What `quorate member ...`, asked at this node, says."""
        command = [str(self._binary), "member", "--admin", f"127.0.0.1:{self.admin_port}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    def shard(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What `quorate shard ...`, asked at this node, says."""
        command = [str(self._binary), "shard", "--admin", f"127.0.0.1:{self.admin_port}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    def members(self) -> dict[int, str]:
        """The roles of the members, by number."""
        listed = self.member("ls", "--json")
        assert listed.returncode == 0, listed.stderr
        return {member["node"]: member["role"] for member in json.loads(listed.stdout)}

    def ready(self) -> bool:
        return self._get("/readyz") is not None

    def leads(self) -> bool:
        status = self.status()
        groups = status.get("groups") or [{}]
        return groups[0].get("leader") == status.get("node", self.node_id)

    def status(self) -> dict[str, Any]:
        """The admin listener's `/status`; empty when it does not answer."""
        body = self._get("/status")
        return json.loads(body) if body else {}

    def metrics(self) -> str:
        """The admin listener's `/metrics`."""
        return (self._get("/metrics") or b"").decode()

    def _get(self, path: str) -> bytes | None:
        url = f"http://127.0.0.1:{self.admin_port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=_HTTP_SECONDS) as response:
                return response.read()
        except (urllib.error.URLError, OSError):
            return None
