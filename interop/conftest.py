"""Which server the tests run against, and the fixtures that start it."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient

from harness import Cluster, connected
from harness.queues import Brokers

_ROOT = Path(__file__).resolve().parent.parent
_TARGET = Path(os.environ.get("CARGO_TARGET_DIR", _ROOT / "target"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--server", choices=["quorate", "zookeeper"], default="quorate", help="what to test")
    parser.addoption("--amqp", help="HOST:PORT of a broker to test instead of Quorate, such as RabbitMQ")
    parser.addoption("--binary", type=Path, default=_TARGET / "release" / "quorate", help="the quorate program")
    data_driver = _TARGET / "release" / "examples" / "data_driver"
    parser.addoption("--data-driver", type=Path, default=data_driver, help="the program with Rust's recipes")
    contender = _TARGET / "release" / "examples" / "contender"
    parser.addoption("--contender", type=Path, default=contender, help="the program with Rust's recipes")
    parser.addoption("--java", type=Path, default=_TARGET / "interop-java", help="where Maven has built interop/java")
    lapin = _TARGET / "interop-lapin" / "release" / "quorate-interop-lapin"
    parser.addoption("--lapin", type=Path, default=lapin, help="the program with Rust's lapin")
    parser.addoption("--go", type=Path, default=_TARGET / "interop-go", help="where Go has built interop/go")
    parser.addoption("--node", type=Path, default=_TARGET / "interop-node", help="where npm has installed for interop/node")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--server") == "quorate" and not config.getoption("--amqp"):
        marker, reason = "later", "Quorate does not serve this yet"
    else:
        marker, reason = "quorate_only", "only Quorate promises this"
    for item in items:
        if item.get_closest_marker(marker):
            item.add_marker(pytest.mark.skip(reason=reason))


_measured = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_measured] = []


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    lines = config.stash[_measured]
    if lines:
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Iterator[None]:
    report = yield
    if report.failed:
        started = {id(each): each for each in item.funcargs.values() if isinstance(each, Cluster | Brokers)}
        for each in started.values():
            for node in each.nodes:
                report.sections.append((f"node {node.node_id} at {node.address}", node.log_tail()))
    return report


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Notes a line with what the test has measured, printed at the end of the run."""
    return lambda line: request.config.stash[_measured].append(f"{request.node.name}: {line}")


@pytest.fixture(scope="session")
def is_quorate(request: pytest.FixtureRequest) -> bool:
    """Whether the server under test makes Quorate's own promises, beyond those of the protocol."""
    return request.config.getoption("--server") == "quorate"


@pytest.fixture(scope="session")
def java(request: pytest.FixtureRequest) -> Path:
    """The build folder of interop/java."""
    return request.config.getoption("--java")


@pytest.fixture(scope="session")
def go(request: pytest.FixtureRequest) -> Path:
    """The build folder of interop/go."""
    return request.config.getoption("--go")


@pytest.fixture(scope="session")
def node_modules(request: pytest.FixtureRequest) -> Path:
    """The packages that interop/node needs."""
    return request.config.getoption("--node") / "node_modules"


@pytest.fixture(scope="session")
def new_cluster(request: pytest.FixtureRequest, java: Path) -> Callable[[int], Cluster]:
    """Makes a cluster of the server under test, not started; `with` starts and ends it."""
    if request.config.getoption("--server") == "zookeeper":
        return lambda size: Cluster.zookeeper(size, java / "lib")
    return lambda size: Cluster.quorate(size, request.config.getoption("--binary"))


@pytest.fixture(scope="session")
def single(new_cluster: Callable[[int], Cluster]) -> Iterator[Cluster]:
    """One node that lives as long as the test run."""
    with new_cluster(1) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def triple(new_cluster: Callable[[int], Cluster]) -> Iterator[Cluster]:
    """Three nodes that live as long as the test run; tests leave all of them running."""
    with new_cluster(3) as cluster:
        yield cluster


@pytest.fixture(params=["single", "triple"])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """One node, then three: what holds on one holds on three."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session", params=[1, 3])
def brokers(request: pytest.FixtureRequest) -> Iterator[Brokers]:
    """Who takes AMQP clients: one node, then three; or the broker that was named."""
    elsewhere = request.config.getoption("--amqp")
    if elsewhere:
        if request.param != 1:
            pytest.skip("a broker that was named is tested once")
        host, _, port = elsewhere.rpartition(":")
        yield Brokers([(host, int(port))])
        return
    with _started_brokers(request, request.param) as brokers:
        yield brokers


@pytest.fixture
def mortal_brokers(request: pytest.FixtureRequest) -> Iterator[Brokers]:
    """Three nodes that take AMQP clients, of which the test may kill some."""
    if request.config.getoption("--amqp"):
        pytest.skip("a broker that was named is not ours to kill")
    with _started_brokers(request, 3) as brokers:
        yield brokers


def _started_brokers(request: pytest.FixtureRequest, size: int) -> AbstractContextManager[Brokers]:
    if request.config.getoption("--server") == "zookeeper":
        pytest.skip("ZooKeeper has no queues")
    return Brokers.started(size, request.config.getoption("--binary"))


@pytest.fixture
def connect(cluster: Cluster) -> Iterator[Callable[..., KazooClient]]:
    """Makes connected clients: `connect()`, or `connect(node)` for one that prefers a node; each closed at the end."""
    with ExitStack() as stack:

        def make(node: Any = None, **options: Any) -> KazooClient:
            hosts = cluster.hosts if node is None else cluster.hosts_from(node)
            return stack.enter_context(connected(hosts, **options))

        yield make


@pytest.fixture
def zk(connect: Callable[..., KazooClient]) -> KazooClient:
    """A connected client."""
    return connect()


@pytest.fixture
def base(zk: KazooClient) -> Iterator[str]:
    """A fresh znode under which the test may do what it likes."""
    path = f"/interop-{uuid.uuid4().hex}"
    zk.create(path)
    yield path
    zk.delete(path, recursive=True)
