"""What a cluster holds, read from each node, against what its clients were told."""

from kazoo.client import KazooClient
from kazoo.protocol.states import ZnodeStat

from harness.clients import connected
from harness.cluster import Cluster
from harness.load.writer import History, Writer

Image = dict[str, tuple[bytes, ZnodeStat]]

_REPLY_SECONDS = 60.0
_OUTSTANDING = 200


def image(client: KazooClient, path: str) -> Image:
    """Every znode from `path` down with all that can be read of it, as the client's node has it after a sync."""
    client.sync(path)
    found: Image = {}
    level = [path]
    while level:
        found |= _read(client, level)
        level = [f"{parent}/{name}" for parent in level for name in client.get_children(parent)]
        level = [each for each in level if not each.endswith("/")]
    return found


def images(cluster: Cluster, path: str) -> dict[int, Image]:
    """The image of every node, by its id."""
    result = {}
    for node in cluster.nodes:
        with connected(node.address, timeout=15.0) as client:
            result[node.node_id] = image(client, path)
    return result


def check_history(writer: Writer, history: History, held: Image) -> None:
    """What was acknowledged is there; nothing is there twice, out of order, or that was never sent."""
    _check_queue(writer, history, held)
    _check_register(writer, history, held)


def _check_queue(writer: Writer, history: History, held: Image) -> None:
    prefix = f"{writer.queue}/"
    # In the order of their sequential names, which is the order in which the creates took effect.
    names = sorted(path for path in held if path.startswith(prefix))
    numbers = [int(held[name][0]) for name in names]
    assert numbers == sorted(set(numbers)), f"{writer.queue}: applied twice or out of order: {_disorder(numbers)}"
    assert set(numbers) <= set(range(1, history.sent + 1, 2)), f"{writer.queue}: holds what was never sent"
    present = dict(zip(numbers, names, strict=True))
    lost = {number: name for number, name in history.created.items() if present.get(number) != name}
    assert not lost, f"{writer.queue}: acknowledged, and not there under the acknowledged name: {lost}"
    zxids = [held[name][1].czxid for name in names]
    assert zxids == sorted(set(zxids)), f"{writer.queue}: zxids do not follow the order of the creates"


def _check_register(writer: Writer, history: History, held: Image) -> None:
    data, stat = held[writer.register]
    value = int(data or b"0")
    newest = max(history.written, default=0)
    assert newest <= value <= history.sent and value % 2 == 0, f"{writer.register}: holds {value}, not {newest} or later"
    versions = [history.written[number] for number in sorted(history.written)]
    assert versions == sorted(set(versions)), f"{writer.register}: sets applied out of order: {_disorder(versions)}"
    # Every acknowledged set counts once, one of unknown fate at most once.
    fewest = len(history.written)
    most = fewest + history.sets_unknown
    assert fewest <= stat.version <= most, f"{writer.register}: {stat.version} sets took effect, not {fewest} to {most}"


def _disorder(numbers: list[int]) -> list[tuple[int, int]]:
    return [(a, b) for a, b in zip(numbers, numbers[1:], strict=False) if a >= b][:10]


def _read(client: KazooClient, paths: list[str]) -> Image:
    found: Image = {}
    for at in range(0, len(paths), _OUTSTANDING):
        part = paths[at : at + _OUTSTANDING]
        replies = [client.get_async(path) for path in part]
        found |= {path: reply.get(timeout=_REPLY_SECONDS) for path, reply in zip(part, replies, strict=True)}
    return found
