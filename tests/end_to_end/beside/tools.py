"""Other tools that change imports, files, clocks or requests: how a program runs with each of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

APP = """
import http.client, os, sys, urllib.request
import httpx, requests
BODY = b'{"state": "5f0c9be2-d4a8-4173-b1e6-a9d07c35f8e2"}'
URL = os.environ["RECORDER"] + "/api/v1/workspaces/acme/projects/4df6d1a2-93b7-4c1e-8f52-0b6a7c9e1d34/work-items/"
HEADERS = {"X-API-Key": "plane_api_live", "Content-Type": "application/json"}
def send():
    print(httpx.patch(URL, content=BODY, headers=HEADERS).status_code)
    print(requests.post(URL, data=BODY, headers=HEADERS).status_code)
    print(urllib.request.urlopen(urllib.request.Request(URL, BODY, HEADERS)).status)
def loaders():
    import doctest, unittest.mock
    names = "doctest http.client httpcore httpx ssl unittest.case unittest.loader urllib3.connection".split()
    for name in names:
        module = sys.modules[name]
        print(name, type(module.__loader__).__name__, type(module.__spec__.loader).__name__, type(module).__name__)
    print([name for finder in sys.meta_path if "plane_guard" not in (name := type(finder).__module__)])
def is_patched():
    return "plane_guard_instrumentation.clients.patches" in sys.modules
"""
LIVE = "from app import *\nsend()\nloaders()\n"
TEST = """
import httpx, pytest, sys
import app
def test_reads():
    assert httpx.get(app.URL, headers=app.HEADERS).status_code == 200
def test_imports_what_was_not_imported():
    import mailbox, pyclbr, xml.dom.minidom
    app.loaders()
def test_writes():
    with pytest.raises(RuntimeError, match="plane-guard"):
        app.requests.post(app.URL, data=app.BODY, headers=app.HEADERS)
"""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool, and how a program is run with it."""

    name: str
    module: str
    command: str = "{py}"
    """Runs a Python program whose arguments follow. ``{py}`` and ``{bin}`` are the environment's."""
    prelude: str = ""
    """Code that the program runs before everything else."""
    tests: str = ""
    """Tests of their own, in addition to `TEST`."""
    environment: Mapping[str, str] = field(default_factory=dict)
    is_patched_when_live: bool = False
    """True if it calls our entry points, so the clients of a live program are instrumented."""


_WRAPT = """
import wrapt
for name in ("httpcore", "http.client", "ssl", "unittest.case", "urllib3.connection"):
    wrapt.register_post_import_hook(lambda module: print("hook", module.__name__), name)
"""
_PYFAKEFS = """
from pyfakefs.fake_filesystem_unittest import Patcher
with Patcher() as patcher:
    patcher.fs.create_file("/fake/x.txt", contents="x")
    print(open("/fake/x.txt").read())
"""
_PYFAKEFS_TESTS = """
def test_with_fake_files(fs):
    import tomllib, zipapp
    fs.create_file("/data/x.txt", contents="x")
    assert open("/data/x.txt").read() == "x"
def test_a_write_among_fake_files(fs):
    test_writes()
"""
_FREEZEGUN = """
import datetime, freezegun
freezegun.freeze_time("2020-01-02").start()
print(datetime.date.today())
"""
_FREEZEGUN_TESTS = """
import datetime, freezegun
@freezegun.freeze_time("2020-01-02")
def test_frozen():
    assert datetime.date.today().year == 2020
    test_writes()
"""
_GEVENT = """
import gevent.monkey
gevent.monkey.patch_all()
print(gevent.spawn(lambda: 1).get())
"""
_LOGFIRE = """
import logfire
logfire.configure(send_to_logfire=False, console=False)
logfire.instrument_httpx()
"""
_SENTRY = """
import sentry_sdk
sentry_sdk.init(dsn="http://x@127.0.0.1:9/1", traces_sample_rate=1.0)
sentry_sdk.start_transaction(name="x").__enter__()
"""

TOOLS = (
    Tool("wrapt", "wrapt", prelude=_WRAPT),
    Tool("pyfakefs", "pyfakefs", prelude=_PYFAKEFS, tests=_PYFAKEFS_TESTS),
    Tool("freezegun", "freezegun", prelude=_FREEZEGUN, tests=_FREEZEGUN_TESTS),
    Tool("gevent", "gevent", prelude=_GEVENT),
    Tool(
        "opentelemetry",
        "opentelemetry.distro",
        "{py} {bin}/opentelemetry-instrument {py}",
        environment=dict.fromkeys(("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"), "none"),
        is_patched_when_live=True,
    ),
    Tool(
        "ddtrace",
        "ddtrace",
        "{py} {bin}/ddtrace-run {py}",
        environment={
            "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
            "DD_REMOTE_CONFIGURATION_ENABLED": "false",
            "DD_TRACE_AGENT_URL": "http://127.0.0.1:9",
            "DD_TRACE_STARTUP_LOGS": "false",
        },
    ),
    Tool("debugpy", "debugpy", "{py} -Xfrozen_modules=off -m debugpy --listen 127.0.0.1:0"),
    Tool(
        "elastic-apm",
        "elasticapm",
        "{py} {bin}/elasticapm-run {py}",
        environment={"ELASTIC_APM_CENTRAL_CONFIG": "false", "ELASTIC_APM_SERVER_URL": "http://127.0.0.1:9"},
    ),
    Tool("logfire", "logfire", prelude=_LOGFIRE, environment={"LOGFIRE_IGNORE_NO_CONFIG": "1"}),
    Tool(
        "newrelic",
        "newrelic",
        "{py} {bin}/newrelic-admin run-program {py}",
        environment={"NEW_RELIC_APP_NAME": "x", "NEW_RELIC_DEVELOPER_MODE": "true", "NEW_RELIC_LOG": "stderr"},
    ),
    Tool("sentry-sdk", "sentry_sdk", prelude=_SENTRY),
)
