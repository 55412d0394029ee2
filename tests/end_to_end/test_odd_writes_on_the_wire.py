"""The odd paths and foreign objects that reach production on a real server, through every client: none does here."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from plane_guard_instrumentation.testing import FakePlane
from tests.end_to_end.clients import CLIENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plane_guard import PlaneWriteBlocked
    from tests.end_to_end.clients import Send

METHODS = ("PATCH", "DELETE", "POST", "PUT", "patch", "Delete", "post", "FOO")
W = "/api/v1/workspaces/acme"
# {P} and {S}: the projects; {I}: a production item; {E}: the production id percent-encoded
PATHS = (
    f"{W}/projects/{{P}}/work-items/{{I}}/",
    f"{W}/projects/{{P}}/issues/{{I}}/",
    f"{W}/projects/{{P}}/work-items/{{I}}",
    f"{W}/projects/{{E}}/work-items/{{I}}/",
    f"{W}/p%72ojects/{{P}}/work-items/{{I}}/",
    "/%61pi/v1/workspaces/acme/projects/{P}/work-items/{I}/",
    f"{W}/projects%2F{{P}}%2Fwork-items%2F{{I}}%2f",
    f"{W}%2Fprojects%2f{{P}}/work-items/{{I}}/",
    "/api%2Fv1%2Fworkspaces%2Facme%2Fprojects%2F{P}%2Fwork-items%2F{I}%2F",
    f"{W}/projects/{{S}}/../{{P}}/work-items/{{I}}/",
    f"{W}/projects/{{S}}/%2e%2e/{{P}}/work-items/{{I}}/",
    f"{W}/projects/{{S}}/.%2E/{{P}}/work-items/{{I}}/",
    f"{W}/projects/{{S}}/..%2f{{P}}/work-items/{{I}}/",
    f"{W}/projects/{{S}}/..%5c{{P}}/work-items/{{I}}/",
    f"{W}/projects/{{S}}/%252e%252e/{{P}}/work-items/{{I}}/",
    f"{W}/projects/{{S}}/work-items/../../{{P}}/work-items/{{I}}/",
    f"{W}/projects/./{{P}}/work-items/{{I}}/",
    f"/{W}/projects/{{P}}/work-items/{{I}}/",
    f"{W}/projects//{{P}}/work-items/{{I}}/",
    f"{W}/projects/{{P}}/work-items/{{I}}//",
    f"{W}/projects/{{S}};/../{{P}}/work-items/{{I}}/",
    f"{W}/projects/{{P}}/work-items/{{I}}/?x=/projects/{{S}}/",
    f"{W}/projects/{{P}}/work-items/{{I}}/?project_id={{S}}",
    f"{W}/projects/{{P}}/work-items/{{I}}/#/projects/{{S}}/",
    f"{W}/projects/{{P}}/labels/",
    f"{W}/projects/{{P}}/work-items/",
    f"{W}/projects/{{P}}/archive/",
    f"{W}/projects/{{P}}/",
    f"{W}/projects/{{S}}/work-items/{{I}}/",
    f"{W}/projects/{{S}}/work-items/{{I}}/comments/",
    f"{W}/projects/{{S}}/issues/{{I}}/comments/",
    f"{W}/projects/{{S}}/work-items/{{I}}/links/",
    f"{W}/projects/{{S}}/work-items/{{I}}/relations/",
    f"{W}/projects/{{S}}/cycles/{{C}}/cycle-issues/",
    f"{W}/projects/{{S}}/work-items/{{J}}/relations/",
    f"{W}/assets/",
    f"{W}/stickies/",
    f"{W}/projects/",
    f"{W}/work-items/ORCH-114/",
)
OVERRIDES: tuple[dict[str, str], ...] = (
    {"X-HTTP-Method-Override": "PATCH"},
    {"X-Original-URL": f"{W}/projects/{{P}}/work-items/{{I}}/"},
)
# An override makes another method of a common one.
SENT = [*((method, {}) for method in METHODS), *((method, fields) for method in METHODS[:3] for fields in OVERRIDES)]


@pytest.fixture(scope="module", params=[False, True], ids=["straight", "behind a proxy that resolves dots"])
def server(request: pytest.FixtureRequest) -> Iterator[FakePlane]:
    with FakePlane(normalises=request.param) as plane:
        yield plane


@pytest.mark.parametrize("send", CLIENTS.values(), ids=CLIENTS.keys())
@pytest.mark.parametrize("path", PATHS)
def test_production_is_as_it_was(
    server: FakePlane,
    send: Send,
    path: str,
    plane_sandbox_writes: None,
    plane_blocked_writes: list[PlaneWriteBlocked],
) -> None:
    server.reset()
    before = server.snapshot(server.prod.id)
    named = {
        "P": server.prod.id,
        "S": server.sandbox.id,
        "I": server.prod.items["ORCH-114"],
        "J": server.sandbox.items["SBX-1"],
        "E": "".join(f"%{ord(letter):02x}" for letter in server.prod.id),
        "C": server.sandbox.ids("cycles")["Cycle 1"],
    }
    body = {
        "state": server.prod.states["Done"],
        "name": "moved",
        "comment_html": "moved",
        "url": "https://example.org",
        "issues": [server.prod.items["ORCH-114"].upper()],
        "relation_type": "blocked_by",
        "project_id": server.prod.id,
        "identifier": "NEW",
    }
    for method, headers in SENT:
        fields = {name: text.format(**named) for name, text in headers.items()}
        with suppress(Exception):
            send(method, server.url + path.format(**named), body, {"X-API-Key": server.token, **fields})

    assert server.changes_of(server.prod.id) == []
    assert server.snapshot(server.prod.id) == before
    assert [write.target for write in server.writes if server.prod.id in write.target] == []
