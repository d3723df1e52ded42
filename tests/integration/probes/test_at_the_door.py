"""A Traefik that does not answer is one incident, whatever is asked for through it: nobody has to say so."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.parts.daemon import Daemon
from tests.parts.traefik import Traefik

from nightporter.statefolder import DATABASE
from nightporter.store.incidents import recent

pytestmark = pytest.mark.real


def watching(folder: Path, traefik: Traefik) -> Daemon:
    """A daemon that asks for Traefik, and for two services through it (of which any answer will do)."""
    url = f"http://127.0.0.1:{traefik.port}"
    named = ({"name": "traefik"}, {"name": "ombi"}, {"name": "photos", "service": "immich"})
    probes = [{"http": f"{url}/{one['name']}", "status": ["100-499"], **one} for one in named]
    times = {"interval": "1s", "timeout": "5s", "retries": 2, "grace": "0s"}
    return Daemon(folder, sources=[{"name": "asked", "kind": "probe", "probes": probes, **times}])


@contextmanager
def standing_still(traefik: Traefik) -> Iterator[None]:
    """It takes connections and answers none."""
    os.kill(traefik.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(traefik.pid, signal.SIGCONT)


def crossed(daemon: Daemon) -> set[str]:
    """Of what services it is known that they are down, told or not."""
    with closing(sqlite3.connect(f"{(daemon.state / DATABASE).as_uri()}?mode=ro", uri=True)) as connection:
        return {incident.subject for incident in recent(connection, 0) if incident.open}


def is_up(daemon: Daemon, count: int) -> bool:
    try:
        return bool(daemon.status()["sources"]["asked"]["state"] == f"{count} of 3 up")
    except (OSError, KeyError, ValueError):
        return False


def test_a_traefik_that_does_not_answer_is_one_incident(tmp_path: Path) -> None:
    with Traefik(tmp_path / "traefik") as traefik, watching(tmp_path, traefik) as daemon:
        daemon.wait_until(lambda: is_up(daemon, 3), "all three answer")
        with standing_still(traefik):
            daemon.wait_until(lambda: crossed(daemon) == {"traefik", "ombi", "immich"}, "all three are down")
            daemon.wait_until(lambda: daemon.alerts() != [], "Traefik is told")
        daemon.wait_until(lambda: is_up(daemon, 3), "all three are back")
        daemon.wait_until(lambda: len(daemon.alerts()) >= 2, "the end is told")
        daemon.stop()
        down, back = daemon.alerts()
    assert (down["kind"], down["subject"]) == ("alert", "traefik")
    assert (back["kind"], back["subject"]) == ("resolved", "traefik")
