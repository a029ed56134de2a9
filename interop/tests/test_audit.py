"""The audit of the fault tests finds what it is there to find."""

import dataclasses

import pytest
from kazoo.protocol.states import ZnodeStat

from harness.audit import Image, check_history
from harness.load import Writer
from harness.load.writer import History

STAT = ZnodeStat(1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1)


@pytest.fixture
def writer() -> Writer:
    return Writer("127.0.0.1:1", "/w")


def history() -> History:
    """Requests 1 to 6; 5 and 6 were never answered."""
    return History(
        sent=6, created={1: "/w/queue/0000000000", 3: "/w/queue/0000000001"}, written={2: 1, 4: 2}, sets_unknown=1
    )


def held(queue: list[int], register: int, version: int) -> Image:
    image: Image = {
        f"/w/queue/{at:010}": (str(number).encode(), STAT._replace(czxid=10 + at)) for at, number in enumerate(queue)
    }
    return image | {"/w/register": (str(register).encode(), STAT._replace(version=version))}


@pytest.mark.parametrize("image", [held([1, 3], 4, 2), held([1, 3, 5], 4, 2), held([1, 3, 5], 6, 3)])
def test_what_may_be(writer: Writer, image: Image) -> None:
    check_history(writer, history(), image)


@pytest.mark.parametrize(
    ("image", "complaint"),
    [
        (held([1], 4, 2), "acknowledged"),
        (held([3, 1], 4, 2), "out of order"),
        (held([1, 3, 3], 4, 2), "applied twice"),
        (held([1, 3, 7], 4, 2), "never sent"),
        (held([1, 3], 2, 2), "not 4 or later"),
        (held([1, 3], 4, 4), "4 sets took effect"),
        (held([1, 3], 4, 1), "1 sets took effect"),
    ],
)
def test_what_may_not_be(writer: Writer, image: Image, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_history(writer, history(), image)


def test_a_create_under_another_name_than_the_acknowledged(writer: Writer) -> None:
    renamed = dataclasses.replace(history(), created={1: "/w/queue/0000000007"})
    with pytest.raises(AssertionError, match="acknowledged name"):
        check_history(writer, renamed, held([1, 3], 4, 2))


def test_answers_in_another_order_than_the_requests(writer: Writer) -> None:
    swapped = dataclasses.replace(history(), written={2: 2, 4: 1})
    with pytest.raises(AssertionError, match="out of order"):
        check_history(writer, swapped, held([1, 3], 4, 2))
