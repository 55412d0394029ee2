"""Every client is judged, refused, or reported as not covered, and the documentation says which."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from plane_guard_watch import NATIVE_CLIENTS
from tests import harness
from tests.instrumentation.clients import client_table, environments
from tests.instrumentation.clients.client_matrix import CLIENTS, JUDGED, REFUSED

if TYPE_CHECKING:
    from pathlib import Path


def test_the_table_in_the_documentation_is_what_clients_do(tmp_path: Path) -> None:
    found, documented = client_table.run(sys.executable, tmp_path), client_table.documented()

    assert len(found) > 15
    assert found == {name: documented[name] for name in found}
    assert documented.keys() == CLIENTS.keys()


@pytest.mark.exhaustive
def test_every_row_of_the_table_is_what_the_client_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "SECONDS", 200)
    found: client_table.Rows = {}
    for number, steps in enumerate((environments.NIQUESTS, environments.EVERY_OTHER_CLIENT)):
        (tmp_path / str(number)).mkdir()
        found |= client_table.run(environments.interpreter(*steps), tmp_path / str(number))

    documented = client_table.documented()
    assert found == {name: documented[name] for name in found}
    # These need a build of libcurl; the environment of the suite has them.
    assert documented.keys() - found.keys() <= {"pycurl", "curl_cffi"}


def test_no_client_of_python_reaches_a_known_host_unseen() -> None:
    documented = client_table.documented()

    assert {row["known"] for name, row in documented.items() if name not in NATIVE_CLIENTS} == {JUDGED, REFUSED}
