"""An acme.json that Traefik wrote, with certificates that an ACME server really gave it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from tests.parts.daemon import Daemon
from tests.parts.pebble import AcmeTraefik, Pebble

from nightporter.sources.probes.certificates import read_acme

NAMES = ("home.example", "plex.example")


@pytest.mark.real
def test_a_real_exchange(tmp_path: Path) -> None:
    with Pebble(tmp_path / "ca") as pebble, AcmeTraefik(tmp_path / "traefik", pebble, *NAMES) as traefik:
        found = read_acme(traefik.acme_json)
        assert found.mode == 0o600
        assert found.unreadable == ()
        assert sorted(c.key for c in found.certificates) == [f"pebble/{name}" for name in NAMES]
        assert all(c.issuer.startswith("Pebble Intermediate CA") for c in found.certificates)
        assert all(c.lifetime > timedelta(days=1).total_seconds() * 1e9 for c in found.certificates)

        root = tmp_path / "issued.pem"
        root.write_bytes(pebble.root())
        secure = {"tls": f"127.0.0.1:{traefik.port}", "ca": str(root)}
        source = {
            "name": "outside",
            "kind": "probe",
            "interval": "1s",
            "timeout": "1m",
            "retries": 1,
            "grace": "0s",
            "probes": [
                {"name": "file", "acme": str(traefik.acme_json)},
                {"name": "home", "server_name": "home.example", "issuer": "Pebble", **secure},
                {"name": "stranger", "server_name": "stranger.example", **secure},
            ],
        }
        with Daemon(tmp_path / "daemon", sources=[source]) as daemon:
            # No router knows this name: Traefik shows its own default certificate, which nobody signed.
            [stranger] = daemon.wait_for_alerts(1)
            assert stranger["key"] == {"source": "outside", "name": "stranger"}
            assert "its certificate is not trusted" in stranger["message"]
            daemon.wait_until(lambda: daemon.status()["sources"]["outside"]["state"] == "2 of 3 up", "two up")
            traefik.acme_json.chmod(0o640)
            [mode] = daemon.wait_for_alerts(1, "acme-file-open")
            assert "has the permissions 0640" in mode["message"]
        keys = [c["key"] for c in json.loads(traefik.acme_json.read_text())["pebble"]["Certificates"]]
        said = daemon.log_file.read_text() + daemon.alerts_file.read_text()
        assert len(keys) == len(NAMES)
        assert not any(key in said for key in keys)
    assert len(daemon.alerts()) == 2


@pytest.mark.real
def test_what_traefik_says_of_an_exchange_that_fails(tmp_path: Path) -> None:
    with (
        Pebble(tmp_path / "ca") as pebble,
        AcmeTraefik(tmp_path / "traefik", pebble, "home.example", refused=True) as traefik,
    ):
        log = {"name": "traefik", "kind": "file", "paths": [str(traefik.log)], "start": "beginning"}
        with Daemon(tmp_path / "daemon", sources=[{**log, "format": "traefik_service"}]) as daemon:
            [alert] = daemon.wait_for_alerts(1)
    assert (alert["rule"], alert["severity"]) == ("certificate-renewal-failed", "medium")
    assert "Unable to obtain ACME certificate for domains" in alert["message"]
    assert "[home.example]" in alert["message"]
    assert "connection refused" in alert["samples"][0]
