"""Stretches of time: chosen, written, compared."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from plane_guard_dashboard.store.queries import END_OF_TIME
from plane_guard_dashboard.views.period import PRESETS, SECOND, Period, before, nanoseconds, period, read, written

NOW = datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC)
NOON = nanoseconds(NOW.replace(microsecond=0))


def test_all_time_has_no_ends_and_nothing_before_it() -> None:
    assert period("all", "", "", NOW) == Period()
    assert before(0, END_OF_TIME, NOW) is None


@pytest.mark.parametrize(("preset", "length"), [item for item in PRESETS.items() if item[1]])
def test_a_preset_ends_now_and_begins_on_a_step(preset: str, length: int) -> None:
    found = period(preset, "", "", NOW)
    assert found.until_ns == END_OF_TIME
    assert 0 <= nanoseconds(NOW) - length - found.since_ns < length // 100
    assert period(preset, "", "", NOW + timedelta(microseconds=1)) == found


def test_what_is_typed_goes_before_the_preset() -> None:
    found = period("1h", "2026-01-31T10:00", "2026-01-31T11:00:00+00:00", NOW)
    assert (found.since_ns, found.until_ns, found.misread) == (NOON - 7200 * SECOND, NOON - 3600 * SECOND, False)
    assert period("1h", "", "2026-01-31T11:00", NOW).since_ns == 0


@pytest.mark.parametrize("text", ["nonsense", "25:00", "1969-01-01", "2400-01-01", "\x00"])
def test_what_is_no_time_is_left_out_and_told(text: str) -> None:
    assert period("all", text, "", NOW) == Period(misread=True)
    assert period("all", "", text, NOW) == Period(misread=True)


def test_the_time_before_is_as_long() -> None:
    assert before(NOON - 100, NOON, NOW) == Period(NOON - 200, NOON - 100)
    assert before(NOON, END_OF_TIME, NOW) == Period(NOON - SECOND // 2, NOON)


def test_what_is_written_is_read_again() -> None:
    assert read(written(NOON)) == NOON
