"""The audit of the queues' fault tests finds what it is there to find."""

import pytest

from harness.queue_audit import check_ordered, check_queue
from harness.queue_load import ACK, DELIVERED, NACK, Copy, Delivery, Event, Published, Session

# A delivery is written (number, times given out before, epoch), an event with a letter before that.
KINDS = {"d": DELIVERED, "a": ACK, "n": NACK}


def delivery(number: int, acquired: int = 0, epoch: int = 1, connection: int = 1) -> Delivery:
    return Delivery(Copy("p", connection, number), acquired > 0, acquired, epoch)


def session(consumer: str, *events: tuple, prefetch: int = 3) -> Session:
    return Session(consumer, 0, prefetch, [Event(KINDS[kind], delivery(*rest)) for kind, *rest in events])


def published(*confirmed: int) -> list[Published]:
    return [Published("p", len(confirmed), {Copy("p", 1, number) for number in confirmed})]


def test_what_may_be() -> None:
    first = session("a", ("d", 1), ("d", 2), ("d", 3), ("a", 1), ("n", 2), ("n", 3), ("d", 2, 1), ("d", 3, 1), ("a", 2, 1))
    # 3 comes to another one; and 4, which comes to nobody else.
    second = session("b", ("d", 3, 2, 2), ("d", 4, 0, 2), ("a", 3, 2, 2), ("a", 4, 0, 2))
    counts = check_queue(published(1, 2, 3, 4), [second, first])
    assert (counts.deliveries, counts.redeliveries, counts.acknowledged, counts.given_back) == (7, 3, 4, 2)
    work = [delivery(1), delivery(2, 1), delivery(3, 2, 2), delivery(4, 0, 2)]
    check_ordered([second, first], work)


def test_an_acknowledgement_that_was_not_heard_may_be_repeated() -> None:
    first = session("a", ("d", 1), ("d", 2), ("a", 1), ("a", 2))
    second = session("b", ("d", 1, 1, 2), ("d", 2, 1, 2), ("a", 1, 1, 2), ("a", 2, 1, 2))
    check_queue(published(1, 2), [first, second])
    check_ordered([first, second], [delivery(1), delivery(2), delivery(1, 1, 2), delivery(2, 1, 2)])


def test_a_message_that_was_published_twice_may_come_twice() -> None:
    one = session("a", ("d", 1), ("d", 2), ("d", 1, 0, 1, 2), ("a", 1), ("a", 2), ("a", 1, 0, 1, 2), ("d", 2, 0, 1, 2), ("a", 2, 0, 1, 2))
    check_queue(published(1, 2), [one])
    check_ordered([one], [delivery(1), delivery(2), delivery(1, connection=2), delivery(2, connection=2)])


def test_what_is_given_back_again_comes_before_what_was_behind_it() -> None:
    back = session("a", ("d", 1), ("d", 2), ("n", 1), ("n", 2), ("d", 1, 1), ("n", 1, 1), ("d", 1, 2), ("d", 2, 1), prefetch=2)
    check_ordered([back], [])


@pytest.mark.parametrize(
    ("confirmed", "sessions", "complaint"),
    [
        ([1, 2], [session("a", ("d", 1), ("a", 1))], "never delivered"),
        ([1], [session("a", ("d", 1))], "nobody acknowledged it"),
        ([1], [session("a", ("d", 1), ("n", 1))], "nobody acknowledged it"),
        ([], [session("a", ("d", 1), ("a", 1)), session("b", ("d", 1), ("a", 1))], "without the redelivered flag"),
        ([], [session("a", ("d", 1, 1)), session("b", ("d", 1, 1), ("a", 1, 1))], "went to a and to b"),
        ([], [session("a", ("d", 1), ("d", 2), prefetch=1)], "held 2 messages"),
        # Sent 3 with a prefetch of 1: what it said of the first two was heard.
        (
            [],
            [
                session("a", ("d", 1), ("a", 1), ("d", 2), ("a", 2), ("d", 3), prefetch=1),
                session("b", ("d", 2, 1), ("a", 2, 1)),
            ],
            "acknowledged for good",
        ),
    ],
)
def test_what_no_queue_may_do(confirmed: list[int], sessions: list[Session], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_queue(published(*confirmed), sessions)


def test_a_message_of_nobody() -> None:
    with pytest.raises(AssertionError, match="never sent"):
        check_queue([Published("q")], [session("a", ("d", 1), ("a", 1))])


def test_a_flag_that_contradicts_the_count() -> None:
    odd = Session("a", 0, 1, [Event(DELIVERED, Delivery(Copy("p", 1, 1), redelivered=True, acquired=0))])
    with pytest.raises(AssertionError, match="contradicts"):
        check_queue(published(), [odd])


@pytest.mark.parametrize(
    ("sessions", "complaint"),
    [
        ([session("a", ("d", 1)), session("b", ("d", 2))], "in epoch 1 these were active: ..a., .b.."),
        ([session("a", ("d", 1, 0, 0))], "without an epoch"),
        ([session("a", ("d", 1, 0, 2), ("d", 2, 0, 1))], "after epoch 2"),
        ([session("a", ("d", 1, 0, 2)), session("b", ("d", 1, 1, 1))], "of an earlier epoch"),
        ([session("a", ("d", 1, 0, 2), ("a", 1)), session("b", ("d", 2, 0, 1))], "for the first time in an earlier epoch"),
        ([session("a", ("d", 2), ("d", 1))], "2.*after|after.*2"),
        # What the former one left comes in another order.
        ([session("a", ("d", 1), ("d", 2)), session("b", ("d", 2, 1, 2), ("d", 1, 1, 2))], "b: .*after"),
        # The successor starts behind what was left.
        ([session("a", ("d", 1), ("d", 2)), session("b", ("d", 2, 1, 2), ("a", 2, 1, 2))], "before .*number=1"),
        # Acknowledged only later.
        (
            [
                session("a", ("d", 1)),
                session("b", ("d", 2, 0, 2), ("a", 2, 0, 2)),
                session("c", ("d", 1, 1, 3), ("a", 1, 1, 3)),
            ],
            "before .*number=1",
        ),
        # Given back to the end of the queue.
        (
            [session("a", ("d", 1), ("n", 1), ("d", 2), ("a", 2), ("d", 3), ("a", 3), ("d", 1, 1), prefetch=1)],
            "gave .* back",
        ),
    ],
)
def test_what_no_ordered_queue_may_do(sessions: list[Session], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_ordered(sessions, [])


@pytest.mark.parametrize(
    "work",
    [
        [delivery(1), delivery(3)],
        [delivery(2)],
        [delivery(1), delivery(2), delivery(1, 1), delivery(4)],
        [delivery(1, epoch=2), delivery(2, epoch=1)],
    ],
)
def test_work_that_is_broken(work: list[Delivery]) -> None:
    with pytest.raises(AssertionError, match="worked on"):
        check_ordered([], work)
