"""A page of another origin gets nothing from the dashboard, whatever Streamlit settings surround its start."""

from __future__ import annotations

import base64
import http.server
import json
import re
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.dashboard.browser import serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Browser

OPEN = """
[server]
enableCORS = false
enableXsrfProtection = false
address = "0.0.0.0"
allowedHosts = ["*"]
corsAllowedOrigins = ["*"]
baseUrlPath = "elsewhere"
enableAgentApi = true
[global]
developmentMode = true
[theme]
base = "http://127.0.0.1:1/theme.toml"
"""
# Everything that a page can learn: a WebSocket with Streamlit's own messages, and HTTP with and without CORS.
SPY = """async ([port, message]) => {
    const found = {frames: 0, opened: false, bodies: []};
    const socket = new WebSocket(`ws://127.0.0.1:${port}/_stcore/stream`, ['streamlit']);
    socket.binaryType = 'arraybuffer';
    const closed = new Promise(resolve => { socket.onclose = resolve; setTimeout(resolve, 8000); });
    socket.onopen = () => { found.opened = true; socket.send(Uint8Array.from(atob(message), c => c.charCodeAt(0))); };
    socket.onmessage = () => { found.frames += 1; };
    for (const path of ['/', '/_stcore/health', '/_stcore/host-config']) {
        try { found.bodies.push(await (await fetch(`http://127.0.0.1:${port}${path}`)).text()); } catch {}
    }
    await closed;
    return found;
}"""
NOTHING = {"frames": 0, "opened": False, "bodies": []}


def run_script_message() -> str:
    """The message that makes Streamlit run the page, in base64."""
    from streamlit.proto.BackMsg_pb2 import BackMsg

    message = BackMsg()
    message.rerun_script.query_string = ""
    return base64.b64encode(message.SerializeToString()).decode()


@contextmanager
def page_of_another_server() -> Iterator[int]:
    """A web server on a port of its own."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<h1>another page</h1>")

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@contextmanager
def dashboard_started_in(
    folder: Path, past: Path, config: str = "", options: tuple[str, ...] = (), environ: Mapping[str, str] | None = None
) -> Iterator[str]:
    """The address of a dashboard that was started in a folder with this .streamlit/config.toml."""
    (folder / ".streamlit").mkdir()
    (folder / ".streamlit" / "config.toml").write_text(config)
    url, child = serving.start(past, folder, *options, **(environ or {}))
    try:
        yield url
    finally:
        child.terminate()
        child.wait(10)


@pytest.mark.parametrize(
    ("config", "environ"),
    [
        ("", {}),
        (OPEN, {}),
        ("", {"STREAMLIT_SERVER_ENABLE_CORS": "false", "STREAMLIT_GLOBAL_DEVELOPMENT_MODE": "true"}),
    ],
    ids=["default", "config.toml", "variables"],
)
def test_a_page_of_another_origin_gets_nothing(
    chromium: Browser, past: Path, tmp_path: Path, config: str, environ: Mapping[str, str]
) -> None:
    with page_of_another_server() as elsewhere, dashboard_started_in(tmp_path, past, config, environ=environ) as url:
        for host in ("127.0.0.1", "localhost", "evil.example"):
            tab = chromium.new_page()
            tab.goto(f"http://{host}:{elsewhere}/")
            found = tab.evaluate(SPY, [url.rpartition(":")[2], run_script_message()])
            tab.close()
            assert found == NOTHING, host


def test_a_name_that_was_pointed_to_this_machine_gets_nothing(chromium: Browser, past: Path, tmp_path: Path) -> None:
    with dashboard_started_in(tmp_path, past, OPEN) as url:
        port = url.rpartition(":")[2]
        tab = chromium.new_page()
        answer = tab.goto(f"http://evil.example:{port}/")
        assert answer is not None
        assert answer.status == 403
        tab.close()


def test_the_page_of_the_dashboard_itself_is_drawn_in_a_folder_with_other_settings(
    chromium: Browser, past: Path, tmp_path: Path
) -> None:
    with dashboard_started_in(tmp_path, past, OPEN, environ={"STREAMLIT_SERVER_BASE_URL_PATH": "elsewhere"}) as url:
        for address in (url, url.replace("127.0.0.1", "localhost")):
            tab = chromium.new_page()
            tab.goto(address)
            tab.locator("h1").first.wait_for()
            tab.close()


def test_the_same_requests_from_the_dashboards_own_page_are_answered(
    chromium: Browser, past: Path, tmp_path: Path
) -> None:
    with dashboard_started_in(tmp_path, past) as url:
        tab = chromium.new_page()
        tab.goto(f"{url}/_stcore/health")
        found = tab.evaluate(SPY, [url.rpartition(":")[2], run_script_message()])
        tab.close()
    assert found["opened"]
    assert found["frames"] > 0
    assert len(found["bodies"]) == 3


def test_the_printed_address_has_the_base_path_and_works(chromium: Browser, past: Path, tmp_path: Path) -> None:
    with dashboard_started_in(tmp_path, past, OPEN, ("--base-path", "/deep/guard/")) as url:
        printed = (tmp_path / "output.txt").read_text().split()[4]
        assert printed == f"{url}/deep/guard"
        tab = chromium.new_page()
        tab.goto(printed)
        tab.locator("h1").first.wait_for()
        tab.close()
        with pytest.raises(urllib.error.HTTPError, match="404") as refusal:
            urllib.request.urlopen(url)
        refusal.value.close()


@pytest.mark.exhaustive
@pytest.mark.parametrize("where", ["variables", "folder", "home"])
def test_no_setting_of_streamlit_opens_the_dashboard(chromium: Browser, past: Path, tmp_path: Path, where: str) -> None:
    settings = every_setting_at_another_value()
    environ = {"HOME": str(tmp_path / "home")}
    if where == "variables":
        environ |= {f"STREAMLIT_{variable(name)}": json.dumps(value).strip('"') for name, value in settings.items()}
    elif where == "home":
        (tmp_path / "home" / ".streamlit").mkdir(parents=True)
        (tmp_path / "home" / ".streamlit" / "config.toml").write_text(as_toml(settings))
    config = as_toml(settings) if where == "folder" else ""
    with page_of_another_server() as elsewhere, dashboard_started_in(tmp_path, past, config, environ=environ) as url:
        port = url.rpartition(":")[2]
        tab = chromium.new_page()
        tab.goto(f"http://localhost:{elsewhere}/")
        assert tab.evaluate(SPY, [port, run_script_message()]) == NOTHING
        tab.close()
        assert listening(int(port)) == {LOOPBACK}


def every_setting_at_another_value() -> dict[str, object]:
    """Each switch of Streamlit turned over, and each address and list of origins as open as it can be."""
    from streamlit import config

    known = config._config_options_template  # there is no public list
    opposite: dict[str, object] = {
        name: not one.default_val for name, one in known.items() if isinstance(one.default_val, bool)
    }
    opened = {"address": "0.0.0.0", "allowedHosts": ["*"], "corsAllowedOrigins": ["*"], "xsrfCookieSameSite": "none"}
    return opposite | {f"server.{name}": value for name, value in opened.items()} | {"global.developmentMode": True}


def variable(name: str) -> str:
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", name).replace(".", "_").upper()


def as_toml(settings: Mapping[str, object]) -> str:
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())


ADDRESSES = ("", " ", "0.0.0.0", "::", "*", "localhost", "nonsense")
LOOPBACK = "0100007F"


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="sockets are read from /proc")
@pytest.mark.parametrize(
    "address", ["0.0.0.0", *(pytest.param(one, marks=pytest.mark.exhaustive) for one in (None, *ADDRESSES))]
)
def test_it_listens_on_loopback_only_whatever_the_settings_say(past: Path, tmp_path: Path, address: str | None) -> None:
    environ = {} if address is None else {"STREAMLIT_SERVER_ADDRESS": address}
    config = OPEN if address is None else OPEN.replace("0.0.0.0", address)
    with dashboard_started_in(tmp_path, past, config, environ=environ) as url:
        assert listening(int(url.rpartition(":")[2])) == {LOOPBACK}


def listening(port: int) -> set[str]:
    """The addresses at which a port is open, as /proc writes them."""
    tables = "".join(Path(f"/proc/net/{table}").read_text() for table in ("tcp", "tcp6"))
    words = [line.split() for line in tables.splitlines()]
    return {word[1].partition(":")[0] for word in words if word[3] == "0A" and word[1].endswith(f":{port:04X}")}
