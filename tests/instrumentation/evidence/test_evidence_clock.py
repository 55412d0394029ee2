"""The clock of evidence: real time that tests cannot set, with a resolution that keeps events in order."""

from __future__ import annotations

from plane_guard_instrumentation.evidence.system import SYSTEM, Clock

MILLISECOND, SECOND = 1_000_000, 1_000_000_000
START = 1_795_000_000 * SECOND


class Machine:
    """A machine whose clocks a test sets. Its wall clock ticks every 4 ms, as Linux's coarse one does."""

    def __init__(self) -> None:
        self.elapsed = 7 * SECOND
        self.real = START + 3 * MILLISECOND

    def wall(self) -> int:
        return self.real - self.real % (4 * MILLISECOND)

    def clock(self, real: int | None = None) -> Clock:
        return Clock(lambda: self.elapsed, self.wall, self.real if real is None else real)

    def run(self, nanoseconds: int) -> None:
        self.elapsed += nanoseconds
        self.real += nanoseconds


def test_events_within_one_tick_have_different_times() -> None:
    machine = Machine()
    clock = machine.clock()
    times = []
    for _ in range(5):
        machine.run(1_000)
        times.append(clock.now_ns())
    assert times == [START + 3 * MILLISECOND + 1_000 * number for number in range(1, 6)]


def test_when_the_time_of_the_machine_is_set_evidence_follows() -> None:
    machine = Machine()
    clock = machine.clock()
    for step in (3_600 * SECOND, -2 * 3_600 * SECOND):
        machine.real += step
        machine.run(SECOND)
        assert clock.now_ns() == machine.wall()


def test_a_time_that_was_fake_when_the_guard_was_installed_is_not_taken_over() -> None:
    machine = Machine()
    clock = machine.clock(real=-304_819_200 * SECOND)
    assert abs(clock.now_ns() - machine.real) < 5 * MILLISECOND


def test_without_a_wall_clock_that_tests_cannot_set_the_time_at_the_start_counts() -> None:
    machine = Machine()
    clock = Clock(lambda: machine.elapsed, None, machine.real)
    machine.run(5 * SECOND)
    assert clock.now_ns() == machine.real


def test_random_ids_are_never_zero() -> None:
    assert len({SYSTEM.random_hex(8) for _ in range(100)}) == 100
