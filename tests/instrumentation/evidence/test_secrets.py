"""Only what the table of attributes names is emitted, and no credential, wherever one is carried."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from plane_guard_dashboard.cli import main
from plane_guard_dashboard.evidence import traces
from plane_guard_dashboard.evidence.rows import EVENT_ATTRIBUTES, RESOURCE_ATTRIBUTES, SESSION_ATTRIBUTES
from plane_guard_instrumentation.evidence import attributes as names
from plane_guard_instrumentation.evidence import redaction, resource, sanitize, session
from plane_guard_instrumentation.evidence.attributes import Kind
from tests import otlp

if TYPE_CHECKING:
    from plane_guard_instrumentation.testing import FakePlane
    from tests.harness import Child

TOKEN = "plane_api_0123456789abcdef0123456789abcdef"
PLAIN = "Kq7-not-a-plane-token-9f3"
OWN = "Zx4.in-one-request-only.77"
PLANTED = (TOKEN, PLAIN, OWN)
# Section 6 of the contract, word for word: what readers and other people's checks rely on.
PROMISED = """
plane_guard.decision.id plane_guard.decision.seq plane_guard.decision.outcome plane_guard.decision.reason
plane_guard.decision.expected plane_guard.decision.layer plane_guard.target plane_guard.op plane_guard.workspace.slug
plane_guard.project.id plane_guard.project.name plane_guard.work_item.id plane_guard.work_item.key
http.request.method url.template
server.address server.port test.case.name plane_guard.test.phase code.file.path code.line.number code.function.name
plane_guard.client.name plane_guard.client.pid
"""
PROMISED_OF_THE_RESOURCE = """
service.name plane_guard.version plane_guard.run.id process.pid process.parent_pid host.name plane_guard.pytest.worker
"""
TEST = """
import logging, os, subprocess, sys, pytest, httpx, plane_guard_instrumentation
PLANTED = [{token!r}, {plain!r}]
logging.getLogger("plane_guard").addHandler(logging.FileHandler("log.txt"))
URL, PROD = os.environ["PLANE_API_URL"], os.environ["PLANE_PROJECT"]

def send(secret, path, base=URL, project="/api/v1/workspaces/acme/projects/" + PROD, **options):
    url = base + project + "/" + path
    try:
        httpx.post(url, headers={{"X-API-Key": PLANTED[0]}} | options.pop("headers", {{}}), **options)
    except RuntimeError as error:
        with open("refusal.txt", "a") as file:
            print(str(error), repr(error), error.args, error.write, file=file)
        return
    raise AssertionError("it was sent")

def broken(secret):
    raise ValueError(secret)
    yield

PLACES = {{
    "header": lambda s: send(s, "labels/", headers={{"Authorization": "Bearer " + s, "X-Other": s}}),
    "query": lambda s: send(s, "labels/?api_key=" + s),
    "user info": lambda s: send(s, "labels/", base=URL.replace("//", "//" + s + ":" + s + "@")),
    "user name": lambda s: send(s, "labels/", base=URL.replace("//", "//user:" + s + "@")),
    "path": lambda s: send(s, "unknown/" + s + "/x/"),
    "item": lambda s: send(s, "work-items/" + s + "/comments/"),
    "cookie": lambda s: send(s, "labels/", headers={{"Cookie": "session=" + s}}),
    "body": lambda s: send(s, "work-items/", json={{"name": s, "parent": s, s: s}}),
    "form": lambda s: send(s, "work-items/", data={{"token": s}}),
    "generator": lambda s: send(s, "work-items/", content=broken(s)),
    "fragment": lambda s: send(s, "labels/#" + s),
    "method override": lambda s: send(s, "labels/", headers={{"X-HTTP-Method-Override": s}}),
    "workspace slug": lambda s: send(s, "labels/", project="/api/v1/workspaces/" + s + "/projects/" + PROD),
    "slug of a named project": lambda s: send(s, "work-items/", project="/api/v2/workspaces/" + s + "/projects/ORCH"),
    "project": lambda s: send(s, "work-items/", project="/api/v2/workspaces/acme/projects/" + s),
    "server name": lambda s: send(s, "labels/", base="http://" + s.replace("_", "-") + ".example:1"),
    "custom header": lambda s: send(s, "labels/", headers={{"X-Trace": s}}),
    "token header": lambda s: send(s, "labels/", headers={{"X-Workspace-Token": s}}),
    "host": lambda s: send(s, "labels/", headers={{"Host": s + ".example"}}),
}}

@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("secret", PLANTED)
def test_it(place, secret):
    with plane_guard_instrumentation.work_item(secret):
        PLACES[place](secret)

OWN_PLACES = ["header", "query", "user info", "user name", "cookie", "custom header", "token header"]

@pytest.mark.parametrize("place", OWN_PLACES)
@pytest.mark.parametrize("secret", [{own!r}])
def test_it_is_the_requests_own(place, secret):
    PLACES[place](secret)

@pytest.mark.parametrize("secret", PLANTED)
def test_in_an_exception(secret):
    try:
        raise ValueError(secret)
    except ValueError:
        send(secret, "labels/")

def test_a_child():
    code = "import httpx\\ntry: httpx.post({{!r}})\\nexcept RuntimeError as e: print(e)".format(
        URL + "/api/v1/workspaces/acme/projects/" + PROD + "/labels/?token=" + PLANTED[1])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    open("refusal.txt", "a").write(done.stdout + done.stderr)
"""
PATIENT = """
from plane_guard_instrumentation.export import patience
patience.SECONDS = patience._SHORT = 20.0
patience.is_over = lambda: False
"""
ENVIRONMENT = {
    "PLANE_API_TOKEN": TOKEN,
    "SERVICE_TOKEN": PLAIN,
    "OTEL_RESOURCE_ATTRIBUTES": f"service.name={TOKEN},deployment.environment.name={PLAIN},api.token={PLAIN}",
    "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{PLAIN}",
    "GITHUB_ACTIONS": "true",
    "GITHUB_WORKFLOW": f"deploy {PLAIN}",
    "GITHUB_SERVER_URL": f"https://bot:{PLAIN}@github.example",
    "GITHUB_REPOSITORY": "acme/tracker",
    "GITHUB_RUN_ID": "42",
    "GITHUB_REF": f"refs/heads/{TOKEN}",
    "GITHUB_REF_NAME": TOKEN,
    "GITHUB_HEAD_REF": f"fix/{PLAIN}",
    "RUNNER_NAME": f"https://{PLAIN}@runner",
    "TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "TRACESTATE": f"vendor={PLAIN}",
}


@pytest.mark.parametrize("protocol", [otlp.HTTP, otlp.GRPC])
def test_a_planted_credential_is_in_nothing_that_leaves_the_process(
    child: Child, plane: FakePlane, protocol: str
) -> None:
    child.write("test_it.py", TEST.format(token=TOKEN, plain=PLAIN, own=OWN))
    child.write("conftest.py", PATIENT)
    child.write(".git/HEAD", f"ref: refs/heads/{PLAIN}\n")
    child.write(".git/config", f'[remote "origin"]\n\turl = https://{TOKEN}:{PLAIN}@host/acme/tracker.git\n')
    with otlp.Collector(protocol) as collector:
        path = "/v1/logs" if protocol == otlp.HTTP else ""
        logs = {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": f"http://127.0.0.1:{collector.port}{path}"}
        result = child.pytest("-p", "no:terminalreporter", **ENVIRONMENT, **collector.environment, **logs)
        said = child.pytest("-k", "exception or child", "--no-header", **ENVIRONMENT)

    assert result.returncode == 0, result.stdout + result.stderr
    assert plane.writes == []
    assert len(child.decisions()) == 48 + 3
    # The child has little time to deliver on a busy machine. What it does not deliver is on disk.
    assert len(collector.received.decisions()) >= 47
    assert len(collector.received.log_records()) >= 47
    trace_folder = child.folder / ".plane-guard"
    written = [*trace_folder.iterdir(), child.folder / "log.txt", child.folder / "refusal.txt"]
    emitted = {file.name: file.read_bytes() for file in written}
    payloads = [*collector.received.payloads, *collector.received.logs]
    emitted |= {f"payload {number}": payload for number, payload in enumerate(payloads)}
    emitted |= {"said": said.stdout.encode(), "errors": (result.stderr + said.stderr).encode()}
    rows = traces.read(trace_folder)
    emitted |= {"rows": repr((rows.decisions, rows.sessions)).encode()}
    for form in ("text", "markdown", "json"):
        command = ["report", "--traces", str(trace_folder), "--run", "all", "--format", form]
        emitted[form] = CliRunner().invoke(main, command).output.encode()
    assert [(name, secret) for name, text in emitted.items() for secret in PLANTED if secret.encode() in text] == []


def test_the_contract_and_the_table_name_the_same_attributes() -> None:
    assert sorted(names.EVENT_KINDS) == sorted(PROMISED.split())
    assert set(PROMISED_OF_THE_RESOURCE.split()) <= set(names.RESOURCE_KINDS)
    more = {name for name in names.RESOURCE_KINDS if name not in PROMISED_OF_THE_RESOURCE.split()}
    assert {name.partition(".")[0] for name in more} == {"cicd", "gen_ai", "user", "vcs"}


def test_every_name_in_the_table_of_constants_may_be_emitted_and_is_read_back() -> None:
    constants = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}

    no_attributes = {names.EVENT, names.SESSION, names.VERIFICATION, names.SCOPE, names.SCHEMA_URL}
    assert constants - no_attributes <= set(names.EMITTED)
    assert set(EVENT_ATTRIBUTES.values()) <= set(names.EVENT_KINDS)
    assert set(SESSION_ATTRIBUTES.values()) <= set(names.SESSION_KINDS)
    assert set(RESOURCE_ATTRIBUTES.values()) <= set(names.RESOURCE_KINDS)


def test_every_kind_has_a_test() -> None:
    assert set(sanitize._CHECKS) == {kind for name, kind in vars(Kind).items() if name.isupper()}


def test_nothing_but_the_allow_list_builds_attributes() -> None:
    """Everything that emits goes through `sanitize`. A new emitter has to be added here."""
    folder = Path(sanitize.__file__).parents[1]
    emitters = {"add_event(", "ReadableSpan(", "Resource(", '"attributes":'}
    files = [file for file in folder.rglob("*.py") if "testing" not in file.parts]  # the fake server emits nothing
    found = {file.name for file in files if any(word in file.read_text() for word in emitters)}

    assert found == {"entry_points.py", "file_exporter.py", "otlp_json.py", "sdk_spans.py", "span_events.py"}
    assert set(resource.of_this_process()) | set(session.described()) <= set(names.EMITTED)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("unknown.name", "x", None),
        (names.DECISION_ID, "not hex", None),
        (names.REASON, "opt-in-disabled", "opt-in-disabled"),
        (names.REASON, "two words", None),
        (names.SEQ, 7, 7),
        (names.SEQ, True, None),
        (names.SEQ, "7", None),
        (names.EXPECTED, True, True),
        (names.EXPECTED, 1, None),
        (names.PROJECT, "acme/ORCH", "acme/ORCH"),
        (names.PROJECT, TOKEN, None),
        (names.WORK_ITEM, TOKEN, None),
        (names.WORK_ITEM_KEY, "ORCH-114", "ORCH-114"),
        (names.WORK_ITEM_KEY, TOKEN, None),
        (names.URL_TEMPLATE, "/api/v1/workspaces/{slug}/", "/api/v1/workspaces/{slug}/"),
        (names.URL_TEMPLATE, f"/api/{PLAIN}/", "/api/***/"),
        (names.URL_TEMPLATE, "/api/?token=x", None),
        (names.TEST, f"test_it[{PLAIN}]", "test_it[***]"),
        (names.TEST, "", None),
        (names.WORKSPACE, "acme", "acme"),
        (names.WORKSPACE, "acme corp", None),
        (names.WORKSPACE, PLAIN, None),
        (names.WORKSPACE, TOKEN, None),
        (names.WORKSPACE, "ghp_0123456789abcdefghij", None),
        (names.WORKSPACE, "a1b2c3d4e5f6a7b8c9d0e1f2a3b4", None),
        (names.PROJECT, f"{PLAIN}/ORCH", None),
        (names.SESSION_SHELLS, ["httpx", TOKEN], ["httpx", "***"]),
        ("vcs.repository.url.full", f"https://{PLAIN}@host/x?y", "https://host/x"),
        ("vcs.anything.else", "text", "text"),
    ],
)
def test_a_value_is_emitted_only_if_it_is_of_its_kind(name: str, value: object, shown: object) -> None:
    assert sanitize.sanitize({name: value}, [PLAIN]) == ({} if shown is None else {name: shown})


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        ("PLANE_API_TOKEN", True),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("PGPASSWORD", False),
        ("DB_PASSWORD", True),
        ("GITLAB_PAT", True),
        ("token", True),
        ("PATH", False),
        ("GITHUB_REF_NAME", False),
    ],
)
def test_a_credential_in_the_environment_is_known_by_its_name(name: str, is_secret: bool) -> None:  # noqa: FBT001
    assert redaction.of_environment({name: PLAIN}) == ([PLAIN] if is_secret else [])


def test_credentials_in_addresses_and_exporter_headers_are_known_too() -> None:
    environment = {"INDEX": f"https://bot:{PLAIN}@host/", "OTEL_EXPORTER_OTLP_HEADERS": f"a=Bearer%20{TOKEN},b=short"}

    assert {PLAIN, TOKEN} <= set(redaction.of_environment(environment))
    assert re.search("short", " ".join(redaction.of_environment(environment))) is None


@pytest.mark.parametrize("value", ["true", "/run/secrets/token", "123456789012345"])
def test_what_is_no_credential_is_not_masked_whatever_its_variable_is_called(value: str) -> None:
    assert redaction.of_environment({"SOME_TOKEN": value}) == []


@pytest.mark.parametrize(
    ("name", "value", "is_secret"),
    [
        ("X-API-Key", "short1", True),
        ("X-Workspace-Token", "short1", True),
        ("X-Trace", PLAIN, True),
        ("X-Trace", "nightly-tests", False),
        ("X-Trace", "abc123", False),
        ("X-Test", "tests/test_it.py::test_1", False),
        ("User-Agent", "python-httpx/0.28.1", False),
        ("Content-Type", "application/json; v=1", False),
    ],
)
def test_a_credential_in_a_header_is_known_by_name_or_form(name: str, value: str, *, is_secret: bool) -> None:
    assert (value in redaction.credentials([(name.encode(), value.encode())])) == is_secret


def test_a_credential_that_a_test_removed_from_the_environment_is_still_known(child: Child) -> None:
    code = f"""
    import os
    from plane_guard_instrumentation.evidence import redaction
    assert {PLAIN!r} in redaction.of_environment()
    os.environ.clear()
    assert {PLAIN!r} in redaction.of_environment()
    """
    result = child.python(code, SERVICE_TOKEN=PLAIN)

    assert result.returncode == 0, result.stderr
