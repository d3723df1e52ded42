"""Probes in the installed daemon: an outage and its end, certificates and their steps, acme.json, and that
what our own requests leave in Traefik's log is judged by no rule."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from tests.parts.certificates import Authority, TlsServer, acme_json
from tests.parts.daemon import Daemon
from tests.parts.ports import free_port
from tests.parts.traefik import Traefik

from nightporter.own import MAX_LINES

FAST: dict[str, Any] = {"interval": "1s", "timeout": "30s", "retries": 2, "grace": "0s"}


def probes(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "outside", "kind": "probe", "probes": list(entries), **FAST, **more}


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


@contextmanager
def service(port: int) -> Iterator[None]:
    """A web service that is there inside the block, and gone after it."""
    server = _Server(("127.0.0.1", port), _Page)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def asked(daemon: Daemon, times: int = 1) -> Callable[[], bool]:
    """Whether the probes have asked so often more than at the last look of now."""

    def counters() -> int:
        try:
            status = daemon.status()["sources"]["outside"]
        except (OSError, KeyError, json.JSONDecodeError):
            return 0
        return int(status.get("counters", {}).get("asked", 0))

    before = counters()
    return lambda: counters() >= before + times


def test_a_service_that_is_killed_and_comes_back(tmp_path: Path) -> None:
    port = free_port()
    daemon = Daemon(tmp_path, sources=[probes({"name": "plex", "http": f"http://127.0.0.1:{port}/"})])
    with daemon:
        with service(port):
            daemon.wait_until(asked(daemon), "it was asked")
            assert daemon.alerts() == []
        [down] = daemon.wait_for_alerts(1)
        assert (down["rule"], down["severity"]) == ("service-down", "high")
        assert "plex does not answer as it should: connection refused (asked 2 times" in down["message"]
        with service(port):
            [_, back] = daemon.wait_for_alerts(2)
            assert (back["kind"], back["rule"]) == ("resolved", "service-down")
            assert back["title"].startswith("plex is back after ")
            daemon.wait_until(asked(daemon, 2), "it went on")
    assert len(daemon.alerts()) == 2


def test_a_restart_in_the_middle_of_an_outage_tells_it_once(tmp_path: Path) -> None:
    port = free_port()
    daemon = Daemon(tmp_path, sources=[probes({"name": "db", "tcp": f"127.0.0.1:{port}"})])
    with daemon:
        daemon.wait_for_alerts(1, "service-down")
        daemon.stop()
        daemon.start()
        daemon.wait_until(asked(daemon, 3), "it was asked after the restart")
        with service(port):
            [down, back] = daemon.wait_for_alerts(2)
    assert (down["kind"], back["kind"]) == ("alert", "resolved")


def test_the_grace_after_the_start_keeps_a_failure_back(tmp_path: Path) -> None:
    source = probes({"name": "db", "tcp": f"127.0.0.1:{free_port()}"}, grace="5m")
    with Daemon(tmp_path, sources=[source]) as daemon:
        daemon.wait_until(asked(daemon, 4), "it was asked four times")
        assert daemon.alerts() == []


@pytest.mark.parametrize(
    ("left", "lifetime", "rule", "severity"),
    [
        (timedelta(days=20), 90, "certificate-expiring", "medium"),
        (timedelta(days=6), 90, "certificate-expiring", "medium"),
        (timedelta(days=1.3), 6, "certificate-expiring", "high"),
        (timedelta(seconds=-5), 90, "certificate-expired", "critical"),
    ],
    ids=["20 days", "6 days", "1.3 days of 6", "0 days"],
)
def test_a_certificate_near_its_end_and_its_renewal(
    tmp_path: Path, left: timedelta, lifetime: int, rule: str, severity: str
) -> None:
    authority = Authority()
    root = authority.file(tmp_path)
    lasting = timedelta(days=lifetime)
    with TlsServer(tmp_path, authority.sign("localhost", left=left, lifetime=lasting)) as server:
        entry = {"name": "front", "tls": f"127.0.0.1:{server.port}", "server_name": "localhost"}
        with Daemon(tmp_path, sources=[probes({**entry, "ca": str(root)})]) as daemon:
            [alert] = daemon.wait_for_alerts(1)
            assert (alert["rule"], alert["severity"]) == (rule, severity)
            assert "The certificate of localhost" in alert["message"]
            assert "Test Authority" in alert["message"]
            server.show(authority.sign("localhost", left=lasting, lifetime=lasting))
            _, renewed = daemon.wait_for_alerts(2)
            assert renewed["kind"] == "resolved"
            assert renewed["title"].startswith("localhost is well again after")
        assert len(daemon.alerts()) == 2


def test_another_authority_is_told_and_a_fine_certificate_is_not(tmp_path: Path) -> None:
    first, second = Authority("Good Authority"), Authority("Somebody Else")
    roots = tmp_path / "roots.pem"
    roots.write_bytes(first.pem + second.pem)
    with TlsServer(tmp_path, first.sign("localhost", left=timedelta(days=60))) as server:
        entry = {"name": "front", "tls": f"127.0.0.1:{server.port}", "server_name": "localhost"}
        with Daemon(tmp_path, sources=[probes({**entry, "ca": str(roots)})]) as daemon:
            daemon.wait_until(asked(daemon, 2), "it was asked")
            assert daemon.alerts() == []
            server.show(second.sign("localhost", left=timedelta(days=90)))
            [alert] = daemon.wait_for_alerts(1)
    assert (alert["rule"], alert["severity"]) == ("certificate-changed", "high")
    assert "now issued by Somebody Else, before Good Authority" in alert["message"]


def test_traefiks_file_of_certificates(tmp_path: Path) -> None:
    """In Traefik's form, made by hand; `test_pebble` has a real one."""
    authority = Authority()
    old, new, fine = (
        authority.sign(f"{n}.example", left=timedelta(days=d)) for n, d in (("a", 2), ("a", 89), ("b", 60))
    )
    path = tmp_path / "acme.json"
    path.write_bytes(acme_json({"le": [("a.example", old), ("b.example", fine)]}))
    path.chmod(0o644)
    with Daemon(tmp_path, sources=[probes({"name": "traefik", "acme": str(path)})]) as daemon:
        daemon.wait_for_alerts(2)
        [expiring] = daemon.alerts("certificate-expiring")
        assert expiring["severity"] == "high"
        assert expiring["key"] == {"name": "traefik", "certificate": "a.example"}
        [mode] = daemon.alerts("acme-file-open")
        assert f"{path} has the permissions 0644" in mode["message"]
        beside = tmp_path / "acme.new"
        beside.write_bytes(acme_json({"le": [("a.example", new), ("b.example", fine)]}))
        beside.chmod(0o600)
        beside.replace(path)  # half a file would be told of too
        daemon.wait_for_alerts(4)
        path.unlink()
        [gone] = daemon.wait_for_alerts(1, "acme-file-unreadable")
        assert "No such file or directory" in gone["message"]
    ended = [alert["rule"] for alert in daemon.alerts() if alert["kind"] == "resolved"]
    assert sorted(ended) == ["acme-file-open", "certificate-expiring"]
    assert len(daemon.alerts()) == 5


@pytest.mark.real
@pytest.mark.parametrize("form", ["json", "common"])
def test_our_own_requests_in_traefiks_log_are_judged_by_no_rule(tmp_path: Path, form: Any) -> None:
    """The same request by somebody else is: the rule does fire."""
    with Traefik(tmp_path / "traefik", access_format=form) as traefik:
        entry = {"name": "web", "http": f"http://127.0.0.1:{traefik.port}/auth/?x=1", "status": 401}
        log = {"name": "traefik", "kind": "file", "paths": [str(traefik.access_log)], "format": "traefik"}
        daemon = Daemon(tmp_path, sources=[log, probes(entry)], shipped=False)
        daemon.rule_file(
            "any.yaml",
            'rules: {all: {title: All, from: traefik, when: {status: 401}, by: path, message: "{query}"}}',
        )
        with daemon:
            daemon.wait_until(asked(daemon, 3), "Traefik was asked")
            daemon.wait_until(lambda: daemon.last_chunk("traefik") > 0, "its log was read")
            daemon.wait_until(lambda: daemon.status()["judge"].get("own", 0) >= 3, "three lines were ours")
            assert daemon.alerts() == []
            assert traefik.get("/auth/?x=1&nightporter=0123456789abcdef") == 401
            [alert] = daemon.wait_for_alerts(1)
            assert alert["message"] == "x=1&nightporter=0123456789abcdef"
            # Whoever is asked learns a token of ours: here the newest, from the log.
            *_, token = re.findall(r"nightporter=([0-9a-f]{32})", traefik.access_log.read_text())
            for _ in range(MAX_LINES + 1):
                assert traefik.get(f"/auth/b?nightporter={token}") == 401
            [_, learned] = daemon.wait_for_alerts(2)
    assert learned["message"] == f"nightporter={token}"
