"""Compares what publishers and consumers of a queue were told with what a queue promises.

Only what does not hang on the order in which different clients came to write things down is compared: a delivery may lie in a socket while the
next consumer works already. So events are ordered within a session, and between sessions by what the server counts: how often a copy was given out,
and epochs.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from harness.queue_load.history import ACK, DELIVERED, NACK, Copy, Delivery, Published, Session

_SHOWN = 8


@dataclass(frozen=True)
class Counts:
    """A history in numbers."""

    sent: int
    confirmed: int
    copies: int
    deliveries: int
    redeliveries: int
    acknowledged: int
    given_back: int


def check_queue(published: list[Published], sessions: list[Session]) -> Counts:
    """What any queue promises. The queue is empty, and the clients are gone."""
    wrong = [
        *lost(published, sessions),
        *unflagged(sessions),
        *given_out_twice(sessions),
        *invented(published, sessions),
        *over_prefetch(sessions),
        *came_back(sessions),
    ]
    _fail(wrong)
    return counts(published, sessions)


def check_ordered(sessions: list[Session], accepted: list[Delivery]) -> None:
    """What a queue with a single active consumer promises beyond that."""
    wrong = [
        *shared_epochs(sessions),
        *epochs_that_fall(sessions),
        *out_of_order(sessions),
        *skipped(sessions),
        *returned_to_the_wrong_place(sessions),
        *broken_work(accepted),
    ]
    _fail(wrong)


def counts(published: list[Published], sessions: list[Session]) -> Counts:
    """The history in numbers."""
    given = list(_deliveries(sessions))
    return Counts(
        sent=sum(each.sent for each in published),
        confirmed=sum(len(each.confirmed) for each in published),
        copies=len({delivery.copy for delivery in given}),
        deliveries=len(given),
        redeliveries=sum(delivery.redelivered for delivery in given),
        acknowledged=len(_said(sessions, ACK)),
        given_back=len(_said(sessions, NACK)),
    )


def unsettled(published: Iterable[Published], sessions: Iterable[Session]) -> set[Copy]:
    """Confirmed copies that nobody has acknowledged, so far."""
    confirmed = set().union(*(set(each.confirmed) for each in published))
    return confirmed - _said(sessions, ACK)


def lost(published: list[Published], sessions: list[Session]) -> list[str]:
    """Confirmed copies that never came to anybody, or that nobody has acknowledged in the end."""
    delivered = {delivery.copy for delivery in _deliveries(sessions)}
    return [
        f"{copy} was confirmed, and {'nobody acknowledged it' if copy in delivered else 'never delivered'}"
        for copy in sorted(unsettled(published, sessions))
    ]


def invented(published: list[Published], sessions: list[Session]) -> list[str]:
    """Copies that come from nobody."""
    known = {each.publisher for each in published}
    return [f"{delivery.copy} was never sent" for delivery in _deliveries(sessions) if delivery.copy.publisher not in known]


def unflagged(sessions: list[Session]) -> list[str]:
    """Copies that came more than once as if for the first time; flags that contradict the count beside them."""
    first_times: dict[Copy, int] = defaultdict(int)
    wrong = []
    for delivery in _deliveries(sessions):
        first_times[delivery.copy] += not delivery.redelivered
        if delivery.redelivered != (delivery.acquired > 0):
            wrong.append(f"{delivery}: the flag contradicts the count")
    return wrong + [f"{copy} came {times} times without the redelivered flag" for copy, times in first_times.items() if times > 1]


def given_out_twice(sessions: list[Session]) -> list[str]:
    """Copies that were given to two, or twice to one, at once: each time has a number of its own."""
    seen: dict[tuple[Copy, int], str] = {}
    wrong = []
    for session in sessions:
        for delivery in session_deliveries(session):
            key = (delivery.copy, delivery.acquired)
            if key in seen:
                wrong.append(f"{delivery} went to {seen[key]} and to {session.consumer}")
            seen[key] = session.consumer
    return wrong


def over_prefetch(sessions: list[Session]) -> list[str]:
    """More messages in a consumer's hands than it wants."""
    wrong = []
    for session in sessions:
        held = most = 0
        for event in session.events:
            held += 1 if event.kind == DELIVERED else -1
            most = max(most, held)
        if most > session.prefetch:
            wrong.append(f"{session.consumer} held {most} messages, with a prefetch of {session.prefetch}")
    return wrong


def came_back(sessions: list[Session]) -> list[str]:
    """Copies that were delivered again although their acknowledgement was heard. Whoever has been sent more than its prefetch must
    have been heard: all that it said first, as much as is beyond the prefetch."""
    heard: dict[Copy, int] = {}
    for session in sessions:
        delivered = sum(event.kind == DELIVERED for event in session.events)
        said = [event for event in session.events if event.kind != DELIVERED]
        for event in said[: max(delivered - session.prefetch, 0)]:
            if event.kind == ACK:
                heard[event.delivery.copy] = event.delivery.acquired
    return [
        f"{delivery} came after {heard[delivery.copy]} was acknowledged for good"
        for delivery in _deliveries(sessions)
        if delivery.acquired > heard.get(delivery.copy, delivery.acquired)
    ]


def shared_epochs(sessions: list[Session]) -> list[str]:
    """Epochs in which two were active, and deliveries without one."""
    owners: dict[int, set[str]] = defaultdict(set)
    for session in sessions:
        for delivery in session_deliveries(session):
            owners[delivery.epoch].add(session.consumer)
    wrong = [f"in epoch {epoch} these were active: {sorted(all_)}" for epoch, all_ in owners.items() if len(all_) > 1]
    return wrong + (["deliveries without an epoch"] if 0 in owners else [])


def epochs_that_fall(sessions: list[Session]) -> list[str]:
    """Epochs that do not rise with time: within a session, with the times that a copy was given out, and along a line."""
    wrong = []
    by_copy: dict[Copy, list[Delivery]] = defaultdict(list)
    for session in sessions:
        highest = 0
        for delivery in session_deliveries(session):
            by_copy[delivery.copy].append(delivery)
            if delivery.epoch < highest:
                wrong.append(f"{session.consumer}: {delivery} after epoch {highest}")
            highest = max(highest, delivery.epoch)
    for deliveries in by_copy.values():
        deliveries.sort(key=lambda delivery: delivery.acquired)
        for earlier, later in zip(deliveries, deliveries[1:]):
            if later.epoch < earlier.epoch:
                wrong.append(f"{later} is of an earlier epoch than {earlier}")
    highest_of: dict[tuple[str, int], Delivery] = {}
    firsts = (delivery for delivery in _deliveries(sessions) if not delivery.redelivered)
    for delivery in sorted(firsts, key=lambda delivery: delivery.copy):
        before = highest_of.get(delivery.copy.line)
        if before is not None and delivery.epoch < before.epoch:
            wrong.append(f"{delivery} came for the first time in an earlier epoch than {before}")
        else:
            highest_of[delivery.copy.line] = delivery
    return wrong


def out_of_order(sessions: list[Session]) -> list[str]:
    """Copies of a line that a consumer was given, each for its first time, in another order than they were sent in; whether the server calls it a
    redelivery or not: what a former consumer left comes in order, before all else."""
    wrong = []
    for session in sessions:
        last: dict[tuple[str, int], Delivery] = {}
        seen: set[Copy] = set()
        for delivery in session_deliveries(session):
            if delivery.copy in seen:
                continue
            seen.add(delivery.copy)
            before = last.get(delivery.copy.line)
            if before is not None and delivery.copy < before.copy:
                wrong.append(f"{session.consumer}: {delivery} after {before}")
            last[delivery.copy.line] = delivery
    return wrong


def skipped(sessions: list[Session]) -> list[str]:
    """Copies that were passed over: a consumer was given a later one of the line, and neither this one nor had anybody
    acknowledged it in an earlier epoch."""
    acknowledged: dict[Copy, int] = {}
    line_of: dict[tuple[str, int], set[int]] = defaultdict(set)
    for session in sessions:
        for event in session.events:
            line_of[event.delivery.copy.line].add(event.delivery.copy.number)
            if event.kind == ACK:
                epoch = acknowledged.get(event.delivery.copy, event.delivery.epoch)
                acknowledged[event.delivery.copy] = min(epoch, event.delivery.epoch)
    wrong = []
    for session in sessions:
        reached: dict[tuple[str, int], int] = {}
        for delivery in session_deliveries(session):
            line, number = delivery.copy.line, delivery.copy.number
            for between in range(reached.get(line, 0) + 1, number):
                copy = Copy(*line, between)
                if between in line_of[line] and acknowledged.get(copy, delivery.epoch + 1) > delivery.epoch:
                    wrong.append(f"{session.consumer} was given {delivery} before {copy}, which was not acknowledged")
            reached[line] = max(number, reached.get(line, 0))
    return wrong


def returned_to_the_wrong_place(sessions: list[Session]) -> list[str]:
    """Copies that were given back and came again only after more copies from behind them than could have been on their way
    already."""
    wrong = []
    for session in sessions:
        # Where copies are in the queue: a consumer gets them in this order for the first time.
        places: dict[Copy, int] = {}
        # By copy: how many from behind it came since it was given back.
        waiting: dict[Copy, int] = {}
        for event in session.events:
            copy = event.delivery.copy
            place = places.setdefault(copy, len(places))
            if event.kind == NACK:
                waiting[copy] = 0
            elif event.kind == DELIVERED:
                waiting.pop(copy, None)
                for other in waiting:
                    waiting[other] += places[other] < place
                    if waiting[other] == session.prefetch and places[other] < place:
                        wrong.append(f"{session.consumer} gave {other} back, and got {session.prefetch} later ones first")
    return wrong


def broken_work(accepted: list[Delivery]) -> list[str]:
    """Gaps in what the resource accepted of each publisher. To repeat is allowed, to go on behind a gap is not."""
    reached: dict[str, int] = defaultdict(int)
    wrong = []
    epoch = 0
    for delivery in accepted:
        publisher, number = delivery.copy.publisher, delivery.copy.number
        if number > reached[publisher] + 1:
            wrong.append(f"{delivery} was worked on after number {reached[publisher]}")
        if delivery.epoch < epoch:
            wrong.append(f"{delivery} was worked on in epoch {epoch}")
        reached[publisher] = max(reached[publisher], number)
        epoch = delivery.epoch
    return wrong


def session_deliveries(session: Session) -> Iterable[Delivery]:
    """What came, in order."""
    return (event.delivery for event in session.events if event.kind == DELIVERED)


def _deliveries(sessions: Iterable[Session]) -> Iterable[Delivery]:
    return (delivery for session in sessions for delivery in session_deliveries(session))


def _said(sessions: Iterable[Session], kind: str) -> set[Copy]:
    return {event.delivery.copy for session in list(sessions) for event in list(session.events) if event.kind == kind}


def _fail(wrong: list[str]) -> None:
    assert not wrong, "\n".join([f"{len(wrong)} violations:", *wrong[:_SHOWN]])
