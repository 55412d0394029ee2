"""Every client is judged, refused, or reported as not covered, and the documentation says which."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.instrumentation import client_table
from tests.instrumentation.client_matrix import CLIENTS, JUDGED, REFUSED

if TYPE_CHECKING:
    from pathlib import Path


def test_the_table_in_the_documentation_is_what_clients_do(tmp_path: Path) -> None:
    found, documented = client_table.run(sys.executable, tmp_path), client_table.documented()

    assert len(found) > 15
    assert found == {name: documented[name] for name in found}
    assert documented.keys() == CLIENTS.keys()


def test_no_client_of_python_reaches_a_known_host_unseen() -> None:
    documented = client_table.documented()
    native = {"primp", "impit", "httpr", "pyreqwest"}

    assert {row["known"] for name, row in documented.items() if name not in native} == {JUDGED, REFUSED}
