"""What is worked out once for a text that comes again, and what is not kept."""

from __future__ import annotations

from plane_guard import cache


class Worker:
    """Works out something, and counts how often."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.look_up = cache.remembering(self._work_out)

    def _work_out(self, *texts: str) -> str:
        self.asked.append(texts)
        return "".join(texts)


def test_the_same_text_is_worked_out_once() -> None:
    worker = Worker()
    assert (worker.look_up("a"), worker.look_up("a"), worker.look_up("b")) == ("a", "a", "b")
    assert worker.asked == [("a",), ("b",)]


def test_whatever_is_asked_for_beside_the_text_counts() -> None:
    worker = Worker()
    assert (worker.look_up("a", "b"), worker.look_up("a", "c"), worker.look_up("a", "b")) == ("ab", "ac", "ab")
    assert worker.asked == [("a", "b"), ("a", "c")]


def test_a_long_text_is_not_kept() -> None:
    worker, longest = Worker(), "x" * 1_024
    assert [worker.look_up(text, "y") for text in (longest, longest)] == [f"{longest}y"] * 2
    assert len(worker.asked) == 1
    assert [worker.look_up(f"{longest}x", "y") for _ in range(2)] == [f"{longest}xy"] * 2
    assert len(worker.asked) == 3


def test_the_oldest_of_many_is_given_up() -> None:
    worker = Worker()
    for number in range(257):
        worker.look_up(str(number))
    worker.look_up("256")
    assert len(worker.asked) == 257
    worker.look_up("0")
    assert len(worker.asked) == 258


def test_everything_can_be_forgotten() -> None:
    worker = Worker()
    worker.look_up("a")
    cache.forget()
    worker.look_up("a")
    assert len(worker.asked) == 2
