"""OTLP/HTTP requests with JSON bodies: one deadline for all of them, and retries until then."""

from __future__ import annotations

import asyncio
import gzip
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import httpx
import tenacity

from plane_guard_dashboard import retries
from plane_guard_dashboard.escaping import visible
from plane_guard_dashboard.retries import LaterError, retry_after
from plane_guard_dashboard.shipping.answers import Answer, NotOtlpError, accepted

if TYPE_CHECKING:
    from types import TracebackType

    from plane_guard_dashboard.shipping.endpoint import Endpoint

TRY_AGAIN = frozenset({429, 502, 503, 504})
CONTENT_REFUSED = frozenset({400, 413, 422, 500})
LONGEST_PAUSE = 30.0
FIRST_PAUSE = 0.25
SECONDS_A_REQUEST_MAY_TAKE = 10.0
LONGEST_ANSWER = 64 * 1024
_SUCCESS = range(200, 300)
_REDIRECT = range(300, 400)
_ADVICE = {
    401: "Set the credentials in OTEL_EXPORTER_OTLP_HEADERS.",
    403: "Set the credentials in OTEL_EXPORTER_OTLP_HEADERS.",
    404: "Name the whole URL with --endpoint; a collector has its OTLP/HTTP receiver at port 4318 and path /v1/traces.",
    415: "ship sends JSON, and this endpoint accepts protobuf only. Send to a collector that forwards to it.",
}
_MOVED = "Redirects are not followed. Name the new address with --endpoint."
_NOT_A_COLLECTOR = "Is it an OTLP/HTTP endpoint, and are the headers right?"


class StoppedError(Exception):
    """Nothing more can be sent now; the text says why and what to do."""


@dataclass(slots=True)
class Client:
    """Sends requests to an endpoint until `timeout` seconds after it was created."""

    endpoint: Endpoint
    timeout: float
    _deadline: float = field(init=False)
    _runner: asyncio.Runner = field(init=False, default_factory=asyncio.Runner)
    _http: httpx.AsyncClient = field(init=False)
    _failure: str = field(init=False, default="")  # of the request that is being sent

    def __post_init__(self) -> None:
        """Start the clock."""
        self._deadline = time.monotonic() + self.timeout
        self._http = httpx.AsyncClient(verify=self.endpoint.verify, trust_env=not self.endpoint.on_this_machine)

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close its connections."""
        with self._runner:
            self._runner.run(self._http.aclose())

    def post(self, body: bytes) -> Answer:
        """Send a request, again and again while the answer is one that may change.

        Raises:
            StoppedError: The time is up, or the endpoint does not speak OTLP.
        """
        self._failure = ""
        content = gzip.compress(body, 6) if self.endpoint.compressed else body
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(LaterError),
            wait=_pause,
            before_sleep=self._remember,
            stop=tenacity.stop_before_delay(max(0.0, self._left())),
            reraise=True,
        )
        try:
            return retrying(self._once, content)
        except LaterError as error:
            message = f"{self.endpoint.shown} {error}. Timed out after {self.timeout:g} s (--timeout)."
            raise StoppedError(message) from None

    def _remember(self, state: tenacity.RetryCallState) -> None:
        self._failure = str(state.outcome.exception()) if state.outcome else ""

    def _left(self) -> float:
        return self._deadline - time.monotonic()

    def _once(self, content: bytes) -> Answer:
        left = self._left()
        if left <= 0:
            raise LaterError(self._failure or "was too slow for all of it")
        try:
            response, body = self._runner.run(self._exchange(content, min(left, SECONDS_A_REQUEST_MAY_TAKE)))
        except TimeoutError:
            raise LaterError("does not answer: no complete answer in time") from None
        except (httpx.HTTPError, OSError) as error:
            raise LaterError(f"does not answer: {visible(str(error)) or type(error).__name__}") from None
        failure = visible(f"{response.status_code} {body.decode('utf-8', 'replace').strip()}".strip())
        if response.status_code in _SUCCESS:
            return self._accepted(response, body, failure)
        if response.status_code in CONTENT_REFUSED:
            return Answer(refused=failure)
        if response.status_code in TRY_AGAIN:
            raise LaterError(f"answers only with {failure}", retry_after(response))
        raise StoppedError(f"{self.endpoint.shown} answered {failure}. {_advice(response)}")

    async def _exchange(self, content: bytes, seconds: float) -> tuple[httpx.Response, bytes]:
        """Send a request and read the start of the answer, all within `seconds`.

        The timeouts of httpx are for one read each, which an answer that arrives byte by byte never exceeds.
        """
        request = self._http.build_request("POST", self.endpoint.url, content=content, headers=self.endpoint.headers)
        async with asyncio.timeout(seconds):
            response = await self._http.send(request, stream=True)
            body = b""
            try:
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > LONGEST_ANSWER:
                        break
            finally:
                await response.aclose()
        return response, body

    def _accepted(self, response: httpx.Response, body: bytes, failure: str) -> Answer:
        try:
            return accepted(response.headers.get("Content-Type", ""), body)
        except NotOtlpError:
            message = f"{self.endpoint.shown} answered {failure}, which is not an answer of OTLP. {_NOT_A_COLLECTOR}"
            raise StoppedError(message) from None


def _advice(response: httpx.Response) -> str:
    special = _MOVED if response.status_code in _REDIRECT else _ADVICE.get(response.status_code, "")
    return f"{_NOT_A_COLLECTOR} {special}".rstrip()


def _pause(state: tenacity.RetryCallState) -> float:
    return retries.pause(state, FIRST_PAUSE, LONGEST_PAUSE, FIRST_PAUSE)
