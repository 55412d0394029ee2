"""A session that answers plane-sdk without a network and keeps the requests that it sends."""

from __future__ import annotations

import contextlib
import json
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest import mock

import pydantic
import requests
from plane import PlaneClient

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BASE = "https://plane.example.com"
READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_FOUND = str(uuid.UUID(int=2 << 100))
_ANSWERS: Mapping[str, Any] = {"end_date": "2026-01-01", "id": _FOUND}


class Sent(NamedTuple):
    """A request that an action sent to Plane."""

    method: str
    url: str
    body: Any


class Anything(dict[str, Any]):
    """An answer of Plane in which every field is there: an id, a date, or another such answer."""

    def __getattr__(self, name: str) -> Any:
        """Return the field of this name."""
        if name.startswith("__"):
            raise AttributeError(name)
        return _ANSWERS.get(name, _FOUND if name.endswith("_id") else Anything())

    def __getitem__(self, name: Any) -> Any:
        """Return the field of this name, or the entry at this index."""
        return getattr(self, str(name))

    def get(self, name: Any, _: Any = None) -> Any:
        """Return the field of this name."""
        return self[name]

    def __bool__(self) -> bool:
        return True

    def model_dump(self, **_: Any) -> Anything:
        """Return the answer as a document."""
        return self


class Session:
    """Answers in place of `requests`, and keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        """Keep the request and answer it."""
        if url.startswith(BASE):
            self.sent.append(Sent(method.upper(), url, options.get("json")))
        response = mock.Mock(spec=requests.Response, status_code=200, content=b"{}", reason="OK")
        response.headers = {"content-type": "application/json"}
        response.json.return_value = Anything()
        return response


def client() -> PlaneClient:
    """Return a client whose requests are recorded inside `recording`."""
    return PlaneClient(base_url=BASE, api_key="sample")


@contextlib.contextmanager
def recording(session: Session) -> Iterator[None]:
    """Let every session of `requests` answer from this one, and take its answers for valid ones."""
    validate = pydantic.BaseModel.model_validate.__func__  # type: ignore[attr-defined]

    def leniently(cls: type[pydantic.BaseModel], data: Any, /, **options: Any) -> Any:
        return data if isinstance(data, Anything) else validate(cls, data, **options)

    with (
        mock.patch.object(requests.Session, "request", lambda _, *a, **k: session.request(*a, **k)),
        mock.patch.object(pydantic.BaseModel, "model_validate", classmethod(leniently)),
    ):
        yield


def as_json(body: Any) -> str | None:
    """Return a body as it is sent."""
    return None if body is None else json.dumps(body, default=str)
