"""Tests that replace what the guard itself may use. Run by pytest in a child process; each attempts one write."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any
from unittest import mock

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

URL = f"{os.environ.get('PLANE_API_URL')}/api/v1/workspaces/acme/projects/{os.environ.get('PLANE_PROJECT')}/labels/"


def _always(*_: object) -> bool:
    return True


def _zero(_: object) -> int:
    return 0


WAYS: dict[str, Callable[[], Any]] = {
    "os.getpid": lambda: mock.patch("os.getpid", return_value=1),
    "os.environ is empty": lambda: mock.patch("os.environ", {}),
    "os.environ is cleared": lambda: mock.patch.dict("os.environ", {}, clear=True),
    "open": lambda: mock.patch("builtins.open", mock.mock_open(read_data="x")),
    "open fails": lambda: mock.patch("builtins.open", side_effect=OSError),
    "io.open fails": lambda: mock.patch("io.open", side_effect=OSError),
    "os.open fails": lambda: mock.patch("os.open", side_effect=OSError(13, "no")),
    "os.write": lambda: mock.patch("os.write"),
    "os.path.exists is false": lambda: mock.patch("os.path.exists", return_value=False),
    "os.path.exists is true": lambda: mock.patch("os.path.exists", return_value=True),
    "os.makedirs": lambda: mock.patch("os.makedirs"),
    "os.listdir": lambda: mock.patch("os.listdir", return_value=[]),
    "os.stat": lambda: mock.patch("os.stat", side_effect=FileNotFoundError),
    "os.fstat": lambda: mock.patch("os.fstat", side_effect=OSError),
    "os.getcwd": lambda: mock.patch("os.getcwd", side_effect=FileNotFoundError),
    "os.urandom": lambda: mock.patch("os.urandom", return_value=b"\1" * 16),
    "os.name": lambda: mock.patch("os.name", "nt"),
    "os.sep": lambda: mock.patch("os.sep", "\\"),
    "json.dumps": lambda: mock.patch("json.dumps", return_value="{}"),
    "json.dumps fails": lambda: mock.patch("json.dumps", side_effect=ValueError),
    "json.loads fails": lambda: mock.patch("json.loads", side_effect=ValueError),
    "json.JSONEncoder": lambda: mock.patch("json.JSONEncoder"),
    "time.time": lambda: mock.patch("time.time", return_value=1),
    "time.time_ns": lambda: mock.patch("time.time_ns", return_value=mock.MagicMock()),
    "time.monotonic": lambda: mock.patch("time.monotonic", return_value=1),
    "time.sleep": lambda: mock.patch("time.sleep"),
    "uuid.uuid4": lambda: mock.patch("uuid.uuid4", return_value="x"),
    "random.getrandbits": lambda: mock.patch("random.getrandbits", return_value=0),
    "hashlib.sha256": lambda: mock.patch("hashlib.sha256"),
    "logging.getLogger": lambda: mock.patch("logging.getLogger"),
    "Logger.log fails": lambda: mock.patch("logging.Logger.log", side_effect=RuntimeError("log is off")),
    "Logger.error fails": lambda: mock.patch("logging.Logger.error", side_effect=ValueError),
    "Logger.handle is interrupted": lambda: mock.patch("logging.Logger.handle", side_effect=KeyboardInterrupt),
    "socket.socket": lambda: mock.patch("socket.socket"),
    "socket.create_connection": lambda: mock.patch("socket.create_connection"),
    "socket.gethostname": lambda: mock.patch("socket.gethostname", return_value="x"),
    "threading.current_thread": lambda: mock.patch("threading.current_thread"),
    "threading.enumerate": lambda: mock.patch("threading.enumerate", return_value=None),
    "pathlib.Path.exists": lambda: mock.patch("pathlib.Path.exists", return_value=True),
    "sys.stderr": lambda: mock.patch("sys.stderr", None),
    "sys._getframe": lambda: mock.patch("sys._getframe", side_effect=ValueError),
    "sys.modules is a copy": lambda: mock.patch("sys.modules", dict(sys.modules)),
    "sys.modules is cleared": lambda: mock.patch.dict("sys.modules", {}, clear=True),
    "sys.meta_path": lambda: mock.patch("sys.meta_path", []),
    "sys.platform": lambda: mock.patch("sys.platform", "win32"),
    "import_module": lambda: mock.patch("importlib.import_module", side_effect=ImportError),
    "re.compile": lambda: mock.patch("re.compile"),
    "print": lambda: mock.patch("builtins.print", side_effect=OSError),
    "getattr": lambda: mock.patch("builtins.getattr", side_effect=AttributeError),
    "__import__": lambda: mock.patch("builtins.__import__", side_effect=ImportError),
    "isinstance": lambda: mock.patch("builtins.isinstance", new=_always),
    "isinstance is a mock": lambda: mock.patch("builtins.isinstance", return_value=True),
    "len": lambda: mock.patch("builtins.len", new=_zero),
    "len is a mock": lambda: mock.patch("builtins.len", return_value=0),
}
# Without the guard, too, a client fails under these before it has a request to send.
BREAK_THE_CLIENT = {
    *("getattr", "__import__", "isinstance", "isinstance is a mock", "len is a mock", "sys.modules is cleared"),
}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


@pytest.mark.parametrize("name", WAYS)
def test_it(name: str, client: httpx.Client) -> None:
    error: BaseException | None = None
    request = client.build_request("POST", URL, json={"name": "x"}, headers={"X-API-Key": "plane_api_0123456789abcdef"})
    with WAYS[name]():
        try:
            client.send(request)
        except BaseException as raised:  # noqa: BLE001  a mock may raise anything
            error = raised
    with open("outcomes.txt", "a", encoding="utf-8") as file:
        file.write(f"{name}\t{type(error).__name__}\n")
