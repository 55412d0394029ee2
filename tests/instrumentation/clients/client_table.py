"""Write the table of clients in `docs/clients.md` from real runs.

``python -m tests.instrumentation.clients.client_table PYTHON …`` runs every client that these interpreters have, and
keeps the rows of the others. Some clients exclude each other (niquests replaces urllib3), so several may be needed.
"""

from __future__ import annotations

import json
import re
import ssl
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.harness import Child
from tests.instrumentation.clients import client_matrix, h2_front
from tests.instrumentation.clients.client_matrix import ALONE, CLIENTS, JUDGED, REFUSED, SENT
from tests.instrumentation.connections.counting_servers import IN_TEST, serving

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.instrumentation.connections.counting_servers import RequestCounts

DOCUMENT = Path(__file__).parents[3] / "docs" / "clients.md"
KINDS = ("known", "learned", "unknown")
# No module tells these apart from what a test does with its own servers.
NAMELESS = {"sockets", "asyncio streams"}
# The library that connects for a client is the one that is reported.
_CONNECTS_BY = {"treq": "twisted"}
_ROW = re.compile(r"^\| (?P<name>[^|]+?) \| (?P<cells>(?:judged|refused|not covered) \|.*) \|$", re.MULTILINE)
MOST_SECONDS = 1  # until the caller has a refusal, in the fastest of its processes
Rows = dict[str, dict[str, str]]


def run(python: str, folder: Path) -> Rows:
    """Return the outcome of each client that an interpreter has, by kind of host."""
    found: Rows = {}
    seconds: dict[str, float] = {}
    with serving(folder) as request_counts, _serving_http2(request_counts) as port:
        child = Child(folder, request_counts.environment | IN_TEST | {"TEST_SERVER_HTTP2": str(port)})
        script = child.write("matrix.py", Path(client_matrix.__file__).read_text(encoding="utf-8"))
        for kind in KINDS:
            for alone in ("", *_installed(python, child)):
                request_counts.clear()
                result = child.run([python, str(script), kind, alone])
                assert result.returncode == 0, result.stderr
                shown = json.loads(result.stdout.splitlines()[-1])
                for name, outcome in _outcomes(shown["rows"], request_counts).items():
                    assert outcome != SENT or name in NAMELESS or _is_reported(name, shown["uncovered"]), name
                    found.setdefault(name, {})[kind] = outcome
                for row, (outcome, took) in shown["rows"].items():
                    if outcome in {JUDGED, REFUSED}:
                        seconds[row] = min(took, seconds.get(row, took))
    assert {row: took for row, took in seconds.items() if took > MOST_SECONDS} == {}
    return found


@contextmanager
def _serving_http2(request_counts: RequestCounts) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    request_counts.authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    with h2_front.serving(int(request_counts.environment["TEST_SERVER_PLAIN"]), context) as port:
        yield port


def _installed(python: str, child: Child) -> list[str]:
    """Return the clients that need a process of their own, as far as an interpreter has them."""
    modules = {name: CLIENTS[name][0] for name in ALONE}
    code = f"from importlib.util import find_spec; print(*(n for n, m in {modules!r}.items() if find_spec(m)))"
    return child.run([python, "-c", code]).stdout.split()


def _outcomes(rows: dict[str, Any], request_counts: dict[str, int]) -> dict[str, str]:
    """Return one outcome for each client, which must be the same for HTTP, HTTPS and HTTP/2."""
    found: dict[str, set[str]] = {}
    for row, (result, _) in rows.items():
        name, _, scheme = row.rpartition("/")
        arrived = request_counts.get(f"?row={name.replace(' ', '-')}-{scheme}", 0)
        assert arrived or result in {JUDGED, REFUSED}, (row, result)
        assert not (arrived and result in {JUDGED, REFUSED}), (row, result)
        found.setdefault(name, set()).add(SENT if arrived else result)
    assert all(len(outcomes) == 1 for outcomes in found.values()), found
    return {name: outcomes.pop() for name, outcomes in found.items()}


def _is_reported(name: str, uncovered: Iterable[str]) -> bool:
    module = _CONNECTS_BY.get(name, CLIENTS[name][0])
    return any(re.split("[.:]", text)[0] == module.partition(".")[0] for text in uncovered)


def documented() -> Rows:
    """Return the rows of the document."""
    rows = _ROW.finditer(DOCUMENT.read_text(encoding="utf-8"))
    return {row["name"]: dict(zip(KINDS, row["cells"].split(" | "), strict=True)) for row in rows}


def main(*pythons: str) -> None:
    """Run the clients of these interpreters, and write their rows."""
    rows = documented()
    for python in pythons or (sys.executable,):
        with tempfile.TemporaryDirectory() as folder:
            rows |= run(python, Path(folder))
    lines = [f"| {name} | {' | '.join(rows[name][kind] for kind in KINDS)} |" for name in CLIENTS if name in rows]
    text = DOCUMENT.read_text(encoding="utf-8")
    before, start, rest = text.partition("|---|---|---|---|\n")
    after = rest[len("".join(f"{line}\n" for line in _table_lines(rest))) :]
    DOCUMENT.write_text(before + start + "".join(f"{line}\n" for line in lines) + after, encoding="utf-8")


def _table_lines(text: str) -> list[str]:
    lines = text.split("\n")
    return lines[: next(i for i, line in enumerate(lines) if not line.startswith("|"))]


if __name__ == "__main__":
    main(*sys.argv[1:])
