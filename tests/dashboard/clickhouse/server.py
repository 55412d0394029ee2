"""ClickHouse's HTTP interface over the engine of this process: the real client asks, real SQL answers."""

from __future__ import annotations

import base64
import email
import email.policy
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    import chdb

# What is no setting in the query string of a request.
TRANSPORT = re.compile(
    r"param_|database$|query|session|compress|client_|wait_end|buffer|role|enable_http|send_progress|http_|cancel_http"
)

SECRET = "se:cr@t"


class Server(ThreadingHTTPServer):
    """Answers on loopback. A `locked` account may change no setting, a `constrained` one not these."""

    daemon_threads = True

    def __init__(self, engine: chdb.Connection, account: tuple[str, str] = ("reader", "se:cr@t")) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.engine, self.account = engine, account
        self.lock = threading.Lock()
        self.locked = False
        self.constrained: set[str] = set()
        self.delay = 0.0
        self.asked: list[tuple[str, dict[str, str]]] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    """One question: the statement is the body, the parameters and the settings are in the address."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = {**dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True)), **self.sent()}
        sql = asked.pop("query", "")
        self.server.asked.append((sql, asked))
        time.sleep(self.server.delay)
        if not self.allowed():
            self.answer(403, b"Code: 516. DB::Exception: reader: Authentication failed. (AUTHENTICATION_FAILED)", 516)
            return
        try:
            self.answer(200, self.run(sql, asked))
        except RuntimeError as error:
            code = re.search(r"Code: (\d+)", str(error))
            self.answer(500, str(error).encode(), int(code[1]) if code else 1000)

    do_GET = do_POST  # noqa: N815 - the name that the standard library calls

    def sent(self) -> dict[str, str]:
        """The body: a statement, or a form with a statement and parameters."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind = self.headers.get("Content-Type", "")
        if not kind.startswith("multipart/"):
            return {"query": body.decode()} if body else {}
        form = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body, policy=email.policy.HTTP)
        parts = {
            part.get_param("name", header="content-disposition"): part.get_payload(decode=True) for part in form.walk()
        }
        return {str(name): value.decode() for name, value in parts.items() if isinstance(value, bytes)}

    def run(self, sql: str, asked: dict[str, str]) -> bytes:
        settings = {name: value for name, value in asked.items() if not TRANSPORT.match(name)}
        if self.server.locked:
            sql = sql.replace("readonly FROM system.settings", "toUInt8(1) AS readonly FROM system.settings")
        if (self.server.locked and settings) or self.server.constrained & settings.keys():
            raise RuntimeError(
                "Code: 452. DB::Exception: Setting should not be changed. (SETTING_CONSTRAINT_VIOLATION)"
            )
        if settings:
            clause = ", ".join(f"{name} = '{value}'" for name, value in settings.items())
            sql = re.sub(r"(\s*FORMAT \w+\s*)?$", rf" SETTINGS {clause}\1", sql, count=1)
        parameters = {name[6:]: value for name, value in asked.items() if name.startswith("param_")}
        form = "Native" if re.search(r"FORMAT Native\s*$", sql) else "TSV"
        with self.server.lock:
            found: Any = self.server.engine.query(sql, form, params=parameters)
            return bytes(found.bytes() or b"")

    def allowed(self) -> bool:
        sent = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        return sent == ":".join(self.server.account)

    def answer(self, status: int, content: bytes, code: int = 0) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        if code:
            self.send_header("X-ClickHouse-Exception-Code", str(code))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quiet."""
