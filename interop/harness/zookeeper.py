"""The original: ZooKeeper's server from its Maven jars, so that what the tests expect is checked against it."""

from pathlib import Path

from harness.node import Node

_CONFIGURATION = """\
tickTime=2000
initLimit=10
syncLimit=5
dataDir={data}
clientPort={client_port}
clientPortAddress=127.0.0.1
maxClientCnxns={connections}
enforceQuota={enforce_quotas}
admin.serverAddress=127.0.0.1
admin.serverPort={admin_port}
4lw.commands.whitelist=*
"""


class ZooKeeperNode(Node):
    """A ZooKeeper server process, alone or one of an ensemble."""

    def __init__(
        self,
        jars: Path,
        node_id: int,
        folder: Path,
        client_port: int,
        admin_port: int,
        quorum_ports: dict[int, int],
        election_ports: dict[int, int],
    ) -> None:
        super().__init__(node_id, folder, client_port, admin_port)
        self._jars = jars
        self._quorum_ports = quorum_ports
        self._election_ports = election_ports

    def command_line(self) -> list[str]:
        self._write_configuration()
        return [
            "java",
            "-Xmx512m",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            *([f"-Dzookeeper.DigestAuthenticationProvider.superDigest={self.super_digest}"] if self.super_digest else []),
            # Times to live.
            "-Dzookeeper.extendedTypesEnabled=true",
            *("-cp", f"{self._jars}/*"),
            "org.apache.zookeeper.server.quorum.QuorumPeerMain",
            str(self.folder / "zoo.cfg"),
        ]

    def ready(self) -> bool:
        return "Mode:" in self.four_letter_word("srvr")

    def leads(self) -> bool:
        answer = self.four_letter_word("srvr")
        return "Mode: leader" in answer or "Mode: standalone" in answer

    def _write_configuration(self) -> None:
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        text = _CONFIGURATION.format(
            data=data,
            client_port=self.client_port,
            admin_port=self.admin_port,
            connections=self.connections_per_address_max,
            enforce_quotas=str(self.enforce_quotas).lower(),
        )
        if len(self._quorum_ports) > 1:
            (data / "myid").write_text(f"{self.node_id}\n")
            for node, port in self._quorum_ports.items():
                text += f"server.{node}=127.0.0.1:{port}:{self._election_ports[node]}\n"
        (self.folder / "zoo.cfg").write_text(text + self._tls_lines())

    def _tls_lines(self) -> str:
        if self.tls is None:
            return ""
        tls = self.tls
        lines = [
            "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory",
            f"secureClientPort={tls.port}",
            "secureClientPortAddress=127.0.0.1",
            f"ssl.clientAuth={'need' if tls.need else 'want'}",
            f"ssl.keyStore.location={tls.own.both}",
            f"ssl.trustStore.location={tls.clients}",
        ]
        if tls.peers:
            lines += [
                "sslQuorum=true",
                f"ssl.quorum.keyStore.location={tls.peers.own.both}",
                f"ssl.quorum.trustStore.location={tls.peers.authority}",
            ]
        return "".join(f"{line}\n" for line in lines)
