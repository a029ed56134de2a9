"""The judge of what publishers and consumers have seen: it must find what is wrong."""

from harness.deliveries import Deliveries


def test_all_is_well() -> None:
    # "c" was never confirmed, and may come. "b" came again, and said so.
    seen = Deliveries.of(["a", "b"], [("a", False), ("c", False), ("b", False), ("b", True)])
    assert seen.wrong() == []


def test_the_first_of_somebody_that_died_may_never_be_seen() -> None:
    assert Deliveries.of(["a"], [("a", True), ("a", True)]).wrong() == []


def test_losses_are_found() -> None:
    assert Deliveries.of(["a", "b"], [("b", False)]).wrong() == ["1 of 2 confirmed messages are lost: ['a']"]


def test_duplicates_without_the_flag_are_found() -> None:
    seen = Deliveries.of(["a"], [("a", False), ("a", False), ("a", True)])
    assert seen.wrong() == ["1 messages came again without the redelivered flag: ['a']"]
