"""One request to a collector until there is an answer: what is worth a retry is tried again while there is time."""

from __future__ import annotations

import gzip
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import httpx

from plane_guard_dashboard.escaping import visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from plane_guard_dashboard.shipping.endpoint import Endpoint

TRY_AGAIN = frozenset({429, 502, 503, 504})
CONTENT_REFUSED = frozenset({400, 413, 422, 500})
LONGEST_PAUSE = 30.0
FIRST_PAUSE = 0.25
SECONDS_A_REQUEST_MAY_TAKE = 10.0
_OK = range(200, 300)


class StoppedError(Exception):
    """Nothing more can be sent now; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request: accepted, or `refused` for this reason; `rejected` spans were dropped from it."""

    refused: str = ""
    rejected: int = 0
    message: str = ""


@dataclass(slots=True)
class Delivery:
    """Sends to an endpoint until `deadline`, a time of `clock`."""

    client: httpx.Client
    endpoint: Endpoint
    deadline: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def post(self, body: bytes) -> Answer:
        """Send a request; raises `StoppedError` when the time is up or the endpoint is none."""
        content = gzip.compress(body, 6) if self.endpoint.compressed else body
        attempt = 0
        while True:
            response, failure = self._once(content)
            if response is not None and response.status_code in _OK:
                return _accepted(response)
            if response is not None and response.status_code in CONTENT_REFUSED:
                return Answer(refused=failure)
            if response is not None and response.status_code not in TRY_AGAIN:
                message = (
                    f"{self.endpoint.shown} answered {failure}. Is it an OTLP/HTTP endpoint, and are the headers right?"
                )
                raise StoppedError(message)
            self._pause(attempt, response, failure)
            attempt += 1

    def _once(self, content: bytes) -> tuple[httpx.Response | None, str]:
        left = self.deadline - self.clock()
        if left <= 0:
            raise StoppedError("The time is up (--timeout).")
        limit = min(left, SECONDS_A_REQUEST_MAY_TAKE)
        try:
            response = self.client.post(
                self.endpoint.url, content=content, headers=self.endpoint.headers, timeout=limit
            )
        except httpx.TransportError as error:
            return None, str(error) or type(error).__name__
        return response, visible(f"{response.status_code} {response.text.strip()}".strip())

    def _pause(self, attempt: int, response: httpx.Response | None, failure: str) -> None:
        seconds = min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt) * random.uniform(0.5, 1.0)  # noqa: S311  only a jitter
        asked = _retry_after(response) if response is not None else None
        seconds = seconds if asked is None else max(asked, FIRST_PAUSE)
        if self.clock() + seconds >= self.deadline:
            verb = "answers only with" if response is not None else "does not answer:"
            raise StoppedError(f"{self.endpoint.shown} {verb} {failure}. No more time is left for it (--timeout).")
        self.sleep(seconds)


def _accepted(response: httpx.Response) -> Answer:
    try:
        partial = response.json().get("partialSuccess") or {}
        return Answer(
            rejected=int(partial.get("rejectedSpans", 0)), message=visible(str(partial.get("errorMessage", "")))
        )
    except (AttributeError, TypeError, ValueError):
        return Answer()


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds, be they written as such or as a date."""
    text = response.headers.get("Retry-After", "")
    try:
        return float(int(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
