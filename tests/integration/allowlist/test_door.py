"""The allow-list through a real Traefik and the installed daemon."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.parts.daemon import Daemon, replace_text
from tests.parts.traefik import Traefik, wait_until

HOME = "198.51.100.7"
STRANGER = "203.0.113.66"
NEIGHBOUR = "198.51.100.99"


BOTH = pytest.mark.parametrize("traefik", ["json", "common"], indirect=True)
"""Both spellings of the access log."""


@pytest.fixture
def traefik(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Traefik]:
    with Traefik(tmp_path / "traefik", access_format=getattr(request, "param", "json")) as running:
        running.get("/ok", client=HOME)  # so that the log is there
        wait_until(running.access_log.exists, "the access log")
        guard(running, f"192.168.1.0/24,{HOME}/32")
        yield running


def guard(traefik: Traefik, allowed: str) -> None:
    """Put the router `allow` behind these addresses; with none, take the middleware off."""
    dynamic = traefik.folder / "dynamic.yml"
    config: dict[str, Any] = json.loads(dynamic.read_text())
    http = config["http"]
    http["routers"]["allow"]["middlewares"] = ["lanonly"] if allowed else []
    # The client that Traefik judges is the one that it logs: the right-most of X-Forwarded-For.
    rule = {"sourceRange": allowed.split(","), "ipStrategy": {"depth": 1}}
    http["middlewares"]["lanonly"] = {"ipAllowList": rule if allowed else {"sourceRange": ["0.0.0.0/0"]}}
    beside = dynamic.with_suffix(".new")
    beside.write_text(json.dumps(config))
    beside.replace(dynamic)
    other, answer = ("192.0.2.1", 403) if allowed else (STRANGER, 200)
    wait_until(
        lambda: traefik.get("/allow/ok", client=other) == answer, f"Traefik answers {other} with {answer}"
    )
    wait_until(lambda: traefik.get("/allow/ok", client=HOME) == 200, "Traefik lets its owner in")


def daemon_of(traefik: Traefik, folder: Path, allow_list: dict[str, str]) -> Daemon:
    return Daemon(
        folder,
        sources=[
            {"name": "traefik", "kind": "file", "format": "traefik", "paths": [str(traefik.access_log)]}
        ],
        allow_list=allow_list,
    )


@pytest.fixture
def env(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.write_text(f"# who may come in\nexport IP_ALLOW_LIST='192.168.1.0/24, {HOME}/32'  # and no other\n")
    return path


def about_the_list(daemon: Daemon) -> int:
    return sum(str(alert["rule"]).startswith("allow-list") for alert in daemon.alerts())


def settled(daemon: Daemon, traefik: Traefik) -> None:
    """Wait until a line that is written now has been judged."""
    before = daemon.last_chunk("traefik")
    traefik.get("/ok", client=HOME)
    daemon.wait_until(lambda: daemon.last_chunk("traefik") > before, "the last line is read")


@BOTH
def test_a_stranger_is_refused_and_then_let_in(traefik: Traefik, tmp_path: Path, env: Path) -> None:
    with daemon_of(traefik, tmp_path, {"env": str(env)}) as daemon:
        settled(daemon, traefik)
        for _ in range(5):
            assert traefik.get("/allow/ok", client=STRANGER) == 403
            assert traefik.get("/allow/ok", client=HOME) == 200
        settled(daemon, traefik)
        assert daemon.alerts("allow-list-open") == []

        guard(traefik, "")
        for _ in range(20):
            assert traefik.get("/allow/ok", client=STRANGER) == 200
        (alert,) = daemon.wait_for_alerts(1, "allow-list-open")
        assert alert["severity"] == "critical"
        assert alert["key"] == {"router": "allow"}
        assert STRANGER in alert["message"]
        settled(daemon, traefik)
        assert len(daemon.alerts("allow-list-open")) == 1

        # What was open before, and what nobody guards, is none of its business.
        assert traefik.get("/status/200", client=STRANGER) == 200
        settled(daemon, traefik)
        assert {alert["key"]["router"] for alert in daemon.alerts("allow-list-open")} == {"allow"}


def test_a_router_that_traefiks_config_names_need_not_have_refused_anybody(
    traefik: Traefik, tmp_path: Path, env: Path
) -> None:
    file = traefik.folder / "dynamic.yml"
    with daemon_of(traefik, tmp_path, {"env": str(env), "file": str(file)}) as daemon:
        settled(daemon, traefik)
        guard(traefik, "")
        settled(daemon, traefik)
        assert traefik.get("/allow/ok", client=STRANGER) == 200
        (alert,) = daemon.wait_for_alerts(1, "allow-list-open")
        assert alert["key"] == {"router": "allow"}


def test_the_list_is_followed_without_a_restart(traefik: Traefik, tmp_path: Path, env: Path) -> None:
    with daemon_of(traefik, tmp_path, {"env": str(env)}) as daemon:
        settled(daemon, traefik)
        assert traefik.get("/allow/ok", client=STRANGER) == 403
        settled(daemon, traefik)
        replace_text(
            env, f"IP_ALLOW_LIST=192.168.1.0/24,{HOME}/32,{STRANGER}/32,YOUR.REMOTE.IP/32,10.0.0.0/8\n"
        )
        wide = daemon.wait_for_alerts(1, "allow-list-wide")[0]
        placeholder = daemon.wait_for_alerts(1, "allow-list-placeholder")[0]
        assert "10.0.0.0/8" in wide["message"]
        assert f"IP_ALLOW_LIST=192.168.1.0/24,{HOME}/32,{STRANGER}/32" in placeholder["message"]
        guard(traefik, f"{HOME}/32,{STRANGER}/32")
        wait_until(lambda: traefik.get("/allow/ok", client=STRANGER) == 200, "Traefik lets the other in")
        settled(daemon, traefik)
        assert daemon.alerts("allow-list-open") == []

        replace_text(env, f"IP_ALLOW_LIST=192.168.1.0/24,{HOME}/32,{STRANGER}/32\n")
        for rule in ("allow-list-placeholder", "allow-list-wide"):
            daemon.wait_until(
                lambda rule=rule: "resolved" in {alert["kind"] for alert in daemon.alerts(rule)},
                f"what {rule} told is told as mended",
            )
        told = about_the_list(daemon)
    with daemon:  # a restart tells nothing of it twice
        settled(daemon, traefik)
        assert about_the_list(daemon) == told


@BOTH
def test_one_of_yours_with_a_new_address_gets_the_line_to_paste(
    traefik: Traefik, tmp_path: Path, env: Path
) -> None:
    with daemon_of(traefik, tmp_path, {"env": str(env)}) as daemon:
        settled(daemon, traefik)
        sofa = {"User-Agent": "PlexForIOS/8.41 (iPhone; iOS 18.1)"}
        updated = {"User-Agent": "PlexForIOS/8.42 (iPhone; iOS 18.2)"}
        assert traefik.get("/allow/ok", client="192.168.1.20", headers=sofa) == 200
        for _ in range(4):
            assert traefik.get("/allow/ok", client=STRANGER, headers=sofa) == 403
            assert traefik.get("/allow/ok", client=NEIGHBOUR) == 403
            assert traefik.get("/allow/ok", client="203.0.113.8", headers=updated) == 403
            assert traefik.get("/allow/ok", client="203.0.113.9", headers={"User-Agent": "curl/8"}) == 403
        alerts = daemon.wait_for_alerts(2, "allow-list-new-address")
        assert {alert["key"]["client_ip"] for alert in alerts} == {STRANGER, NEIGHBOUR}
        assert all(alert["severity"] == "info" for alert in alerts)
        for alert in alerts:
            line = f"IP_ALLOW_LIST=192.168.1.0/24,{HOME}/32,{alert['key']['client_ip']}"
            assert alert["message"].endswith(line)
        (likely,) = daemon.wait_for_alerts(1, "allow-list-known-program")
        assert likely["key"] == {"client_ip": "203.0.113.8"}
        assert "IP_ALLOW_LIST" not in likely["message"], "a program's name alone gets no line to paste"
