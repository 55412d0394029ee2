"""Retries of a request: the failures that may pass, and the pause before the next try."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import tenacity

if TYPE_CHECKING:
    import httpx

_MOST_DOUBLINGS = 16


class LaterError(Exception):
    """A failure that may pass. `pause` are the seconds that the server asked for."""

    def __init__(self, failure: str, pause: float | None = None) -> None:
        super().__init__(failure)
        self.pause = pause


def pause(state: tenacity.RetryCallState, first: float, longest: float, least: float = 0.0) -> float:
    """Return the seconds until the next try: what the server asked for, or an exponential pause with jitter."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, LaterError) and error.pause is not None:
        return max(error.pause, least)
    most = min(longest, first * 2 ** min(state.attempt_number - 1, _MOST_DOUBLINGS))
    return tenacity.wait_random(most / 2, most)(state)


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds of `Retry-After`, whether they are written as such or as a date; None without a valid one."""
    text = response.headers.get("Retry-After", "")
    try:
        return float(int(text))
    except ValueError:
        date = date_of(text)
        return None if date is None else max(0.0, (date - datetime.now(UTC)).total_seconds())


def date_of(text: str) -> datetime | None:
    """Return the time of an HTTP date, or None. A date without a zone is UTC."""
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
