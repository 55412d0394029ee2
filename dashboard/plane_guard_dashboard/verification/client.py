"""GET requests to Plane's API v1, spread out below the rate limit and repeated if the server asks to wait."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import httpx
import tenacity

from plane_guard_dashboard import retries
from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.retries import LaterError, date_of, retry_after
from plane_guard_dashboard.verification.server import CannotAskError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from plane_guard_dashboard.verification.server import Server

PAGE = 100  # the largest page that Plane documents
MOST_TRIES = 8
TRIES_OF_THE_FIRST = 3
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
SECONDS_A_REQUEST_MAY_TAKE = 30.0
LONGEST_WAIT = 600.0
_TRY_AGAIN = frozenset({429, 500, 502, 503, 504})
_SECOND_NS = 1_000_000_000
_UNAUTHORIZED = 401
_REDIRECTS = range(300, 400)


class NotVisibleError(Exception):
    """The token may not read something, or this server does not have it. `status` is the answer's."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the server answered {status}")
        self.status = status


@dataclass(slots=True)
class Client:
    """Reads one server with at most `per_minute` requests a minute."""

    server: Server
    per_minute: float
    sleep: Callable[[float], None] = time.sleep
    requests: int = 0
    has_answered: bool = False
    ahead_ns: int | None = None  # the server's clock minus ours, once an answer had a Date
    on_wait: Callable[[str], object] = field(default=lambda _: None)
    _http: httpx.Client = field(init=False)
    _next: float = field(init=False, default=0.0)
    _round_trip_ns: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        """Prepare the connection. Redirects are not followed: the token is for this server only."""
        self._http = httpx.Client(
            base_url=f"{self.server.url}/api/v1/",
            headers={"X-Api-Key": self.server.token, "Accept": "application/json"},
            timeout=SECONDS_A_REQUEST_MAY_TAKE,
            trust_env=not self.server.is_local,
            event_hooks={"request": [_refuse_writes]},
        )

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close its connections."""
        self._http.close()

    def get(self, path: str, **query: str | int) -> Any:
        """Return the JSON value at a path below `/api/v1/`.

        Raises:
            NotVisibleError: The server answered 403, 404 or another refusal.
            CannotAskError: It does not answer, or the token is refused.
        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(LaterError),
            wait=_pause,
            stop=self._stop,
            sleep=self.sleep,
            before_sleep=self._say_why,
            reraise=True,
        )
        try:
            return retrying(self._once, path, query)
        except LaterError as error:
            remedy = "Run the command again later: it resumes." if self.has_answered else "Check the address."
            raise CannotAskError(f"{self.server.host} {error}. {remedy}") from None

    def pages(self, path: str, **query: str | int) -> Iterator[tuple[list[dict[str, Any]], int]]:
        """Yield the rows of each page and the number of all rows. A plain list is a single page."""
        cursor: dict[str, str | int] = {}
        while True:
            found = self.get(path, **{"per_page": PAGE, **query, **cursor})
            if isinstance(found, list):
                yield _rows(found), len(found)
                return
            if not isinstance(found, dict):
                raise self._unlike_plane()
            rows = _rows(found.get("results"))
            total = found.get("total_count") or found.get("total_results")
            yield rows, total if isinstance(total, int) else len(rows)
            following = found.get("next_cursor")
            # A page without rows, or a cursor that stays the same, would be read forever.
            if not found.get("next_page_results") or not rows or following == cursor.get("cursor"):
                return
            cursor = {"cursor": str(following)}

    def _once(self, path: str, query: dict[str, str | int]) -> Any:
        self._wait_for_turn()
        started = time.time_ns()
        self.requests += 1
        try:
            response = self._http.get(path, params=query)
        except (httpx.HTTPError, OSError) as error:
            raise LaterError(f"does not answer ({visible(str(error)) or type(error).__name__})") from None
        self.has_answered = True
        self._compare_clocks(response, started)
        if response.status_code in _TRY_AGAIN:
            raise LaterError(f"answered {response.status_code}", self._asked_to_wait(response))
        return self._value(response)

    def _value(self, response: httpx.Response) -> Any:
        if response.status_code == _UNAUTHORIZED or "not valid" in response.text[:200]:
            raise CannotAskError(f"{self.server.host} refuses the token ({response.status_code}): set a valid one.")
        if response.status_code in _REDIRECTS:
            raise CannotAskError(f"{self.server.host} redirects: name the address that it redirects to with --server.")
        if not response.is_success:
            raise NotVisibleError(response.status_code)
        try:
            return response.json()
        except ValueError:
            raise self._unlike_plane() from None

    def _unlike_plane(self) -> CannotAskError:
        return CannotAskError(f"{self.server.host} does not answer like Plane: check the address.")

    def _stop(self, state: tenacity.RetryCallState) -> bool:
        # An address that never answered is more likely wrong than busy.
        return state.attempt_number >= (MOST_TRIES if self.has_answered else TRIES_OF_THE_FIRST)

    def _wait_for_turn(self) -> None:
        pause = self._next - time.monotonic()
        if pause > 0:
            self.sleep(pause)
        self._next = max(self._next, time.monotonic()) + 60.0 / self.per_minute

    def _asked_to_wait(self, response: httpx.Response) -> float | None:
        seconds = retry_after(response)
        if seconds is not None and seconds > LONGEST_WAIT:
            raise CannotAskError(
                f"{self.server.host} asks to wait {seconds:.0f} s. Run the command again after that: it resumes."
            )
        return seconds

    def _say_why(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        seconds = state.next_action.sleep if state.next_action else 0.0
        self.on_wait(f"{self.server.host} {error}: waiting {seconds:.0f} s")

    def _compare_clocks(self, response: httpx.Response, started_ns: int) -> None:
        """Keep the answer that took the shortest time, because its Date is the most exact."""
        date = date_of(response.headers.get("Date", ""))
        ended_ns = time.time_ns()
        if date is None or (self.ahead_ns is not None and ended_ns - started_ns >= self._round_trip_ns):
            return
        self._round_trip_ns = ended_ns - started_ns
        # A Date has whole seconds, cut off.
        served_ns = int(date.timestamp()) * _SECOND_NS + _SECOND_NS // 2
        self.ahead_ns = served_ns - (started_ns + ended_ns) // 2


def _refuse_writes(request: httpx.Request) -> None:
    if request.method != "GET":
        raise RuntimeError(f"verify sends GET requests only, not {request.method}: report this as a bug")


def _rows(found: object) -> list[dict[str, Any]]:
    return [row for row in found if isinstance(row, dict) and row.get("id")] if isinstance(found, list) else []


def _pause(state: tenacity.RetryCallState) -> float:
    return retries.pause(state, FIRST_PAUSE, LONGEST_PAUSE)
