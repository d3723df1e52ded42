"""The config that is written is right, whatever was found: it passes, and means what was planned."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.begin import page, plan
from nightporter.begin.planned import Planned
from nightporter.begin.wish import Wish
from nightporter.config import (
    AcmeProbe,
    AllowList,
    AppriseDestination,
    CanaryProbe,
    CommandSource,
    ContainerFileSource,
    ContainerProbe,
    DiskPath,
    DiskSource,
    DockerSource,
    FileSource,
    FirewallProbe,
    HttpProbe,
    IntegritySource,
    NewestFile,
    ProbeSource,
    Route,
    Secret,
    TcpProbe,
    TerminalDestination,
    TlsProbe,
)
from nightporter.configfile import World, parse_config
from nightporter.doctor.allowlist import AllowList as FoundList
from nightporter.doctor.containers import EngineFacts
from nightporter.doctor.looking.containers import EngineView
from nightporter.doctor.proxy import ProxyLog
from nightporter.model import HOUR, MINUTE, Severity
from nightporter.survey.facts import FoundLog, ServiceLog, Survey, TraefikFacts

WORLD = World(env={"URL": "json://localhost"}, home=Path("/home/ada"), state=Path("/state"), platform="linux")
WISH = Wish(name="discord", url="${URL}", least=Severity.high)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60)
PATH = TEXT.map(lambda text: str(Path("/") / text.strip("/.")) + "x")


ONE = (Planned(source=DockerSource(name="docker"), why=()),)


PROBES = (
    HttpProbe(
        name="traefik",
        url=Secret("http://127.0.0.1:80/"),
        host="127.0.0.1",
        port=80,
        status=("100-499",),
        redirects=False,
    ),
    HttpProbe(
        name="portainer",
        url=Secret("https://[::1]:9443/x"),
        host="::1",
        port=9443,
        insecure=True,
        service="p",
    ),
    CanaryProbe(
        name="traefik-log", url=Secret("https://127.0.0.1:8443/"), host="127.0.0.1", port=8443, insecure=True
    ),
    TcpProbe(name="postgres", host="192.168.1.2", port=5432, service="db"),
    TcpProbe(name="six", host="::1", port=1),
    TlsProbe(name="a.example", service="traefik", host="127.0.0.1", port=443, server_name="a.example"),
    TlsProbe(name="b.example", host="127.0.0.1", port=8443, server_name="b.example", insecure=True),
    AcmeProbe(name="certificates", path=Path("/home/ada/acme.json")),
    ContainerProbe(name="mysql", container="my-mysql-1", host="unix:///x.sock"),
)


def found(log: ProxyLog, why: str = "somebody says so") -> FoundLog:
    return FoundLog(log=log, why=why, named=True)


@given(PATH, TEXT, st.lists(PATH, max_size=3), PATH, st.booleans(), st.lists(PATH, max_size=3, unique=True))
def test_odd_names_mean_themselves(
    log: str, why: str, services: list[str], engine: str, container: bool, watched: list[str]
) -> None:
    survey = Survey(
        traefik=TraefikFacts(logs=(found(ProxyLog(source="traefik", path=log), why),)),
        docker=EngineView(facts=EngineFacts(source="docker", url=f"unix://{engine}", why=why)),
        services=tuple(
            ServiceLog(service="ombi", title="Ombi", name="ombi", path=path, inside=False)
            for path in services
        ),
        watched=tuple(dict.fromkeys(map(os.path.normpath, watched))),
    )
    planned = plan.sources(survey)
    loaded = parse_config("/c/config.yaml", page.write(planned, WISH if container else None, "today"), WORLD)
    assert [str(problem) for problem in loaded.problems] == []
    assert loaded.config.sources == tuple(one.source for one in planned)


def test_a_destination_has_a_route_and_the_terminal_needs_none() -> None:
    loaded = parse_config("/c/config.yaml", page.write(ONE, WISH, "today"), WORLD)
    assert loaded.problems == ()
    assert loaded.config.destinations == (AppriseDestination(name="discord", url=Secret("json://localhost")),)
    assert loaded.config.routes == (Route(to="discord", min_severity=Severity.high),)
    plain = parse_config("/c/config.yaml", page.write(ONE, None, "today"), WORLD)
    assert plain.config.destinations == (TerminalDestination(name="terminal"),)


def test_every_kind_of_source_comes_back() -> None:
    sources = (
        FileSource(name="traefik", paths=("/a", "/b"), format="traefik", trusted_proxies=("10.0.0.1",)),
        DockerSource(name="docker", host="unix:///x.sock"),
        ContainerFileSource(name="ombi", container="ombi", path="/config/Logs/log-*.txt", service="ombi"),
        ContainerFileSource(name="x", container="x", path="/x", host="unix:///x.sock"),
        IntegritySource(name="watched", usual=True),
        ProbeSource(name="mac", probes=(FirewallProbe(name="firewall"),)),
        IntegritySource(name="more", paths=("/srv/[[]a]/traefik.yml",), usual=True),
        ProbeSource(name="services", probes=PROBES),
        DiskSource(
            name="disks",
            paths=(DiskPath(path="/", high_bytes=0), DiskPath(path="/mnt/m", mounted=True, holds="media")),
            newest=(NewestFile(pattern="/home/ada/Backups/*.tar.gz", within_s=26 * 3600.0, min_bytes=450),),
            time_machine_s=50 * 3600.0,
            volumes=True,
            host="unix:///x.sock",
        ),
        CommandSource(name="system", preset="macos", format="macos"),
    )
    planned = [Planned(source=source, why=("Because.", "# - {name: x}")) for source in sources]
    loaded = parse_config("/c/config.yaml", page.write(planned, None, "today"), WORLD)
    assert loaded.problems == ()
    assert loaded.config.sources == sources


def test_an_engine_that_only_the_terminal_knows_is_named() -> None:
    facts = EngineFacts(source="docker", url="unix:///odd.sock", why="DOCKER_HOST")
    inside = ServiceLog(service="ombi", title="Ombi", name="ombi", path="/x", inside=True)
    survey = Survey(docker=EngineView(facts=facts), services=(inside,))
    asked = [one.source for one in plan.sources(survey)]
    hosts = [source.host for source in asked if isinstance(source, DockerSource | ContainerFileSource)]
    assert hosts == ["unix:///odd.sock"] * 2


def test_what_depends_on_what_comes_back() -> None:
    text = page.write(ONE, None, "today", depends_on={"a: b": ("docker",), "ombi": ("docker", "traefik")})
    loaded = parse_config("/c/config.yaml", text, WORLD)
    assert loaded.problems == ()
    assert loaded.config.depends_on == {"a: b": ("docker",), "ombi": ("docker", "traefik")}
    assert "1.1.1.1" in text, "offered, and asked by nobody"
    assert not any(isinstance(source, ProbeSource) for source in loaded.config.sources)
    assert "depends_on" not in page.write(ONE, None, "today", depends_on={})


@pytest.mark.parametrize(
    "listed",
    [
        AllowList(env=Path("/t/.env"), variable="IP_ALLOW_LIST"),
        AllowList(
            env=Path("/t/.env"), variable="LAN", file=Path("/t/a b.yml"), static=Path("/t/traefik.yml")
        ),
        AllowList(file=Path("/t/dynamic.yml")),
    ],
)
def test_the_allow_list_comes_back(listed: AllowList) -> None:
    loaded = parse_config("/c/config.yaml", page.write(ONE, None, "today", listed), WORLD)
    assert loaded.problems == ()
    assert loaded.config.allow_list == listed


def test_names_are_told_apart() -> None:
    logs = [ServiceLog(service="ombi", title="Ombi", name=name, path="/x") for name in ("a b", "a-b", "/")]
    names = [one.source.name for one in plan.sources(Survey(services=tuple(logs)))]
    assert names == ["a-b", "a-b-2", "source", "watched"]


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (ProxyLog(source="t", path="/x", trouble="is not there"), "it is not there"),
        (ProxyLog(source="t", path="/x"), "it holds no requests yet"),
        (ProxyLog(source="t", path="/x", service=3), "it holds Traefik's own log, and no requests"),
        (ProxyLog(source="t", path="/x", json=1), "JSON, 1 line"),
        (
            ProxyLog(source="t", path="/x", json=720, agents=2, last=HOUR, service=1),
            "JSON, mixed with Traefik's own log, 12 a minute",
        ),
        (ProxyLog(source="t", path="/x", common=30, last=10 * HOUR, agents=1), "CLF, 3 an hour"),
        (
            ProxyLog(source="t", path="/x", generic=30, last=15 * MINUTE),
            "generic CLF, 2 a minute, no headers: rules about user agents are off",
        ),
    ],
)
def test_a_log_in_a_few_words(log: ProxyLog, words: str) -> None:
    assert plan.shown(log) == words


def test_where_the_allow_list_stands() -> None:
    lists = (
        FoundList("/home/ada/empty/.env", "IP_ALLOW_LIST", ()),
        FoundList("/home/ada/do$cker${X}/.env", "MY_WHITELIST", ("127.0.0.1/32",)),
    )
    found = plan.allow_list(Survey(lists=lists))
    loaded = parse_config("/c/config.yaml", page.write(ONE, None, "today", found), WORLD)
    assert loaded.ok
    assert loaded.config.allow_list == found
    assert found is not None
    assert (str(found.env), found.variable) == ("/home/ada/do$cker${X}/.env", "MY_WHITELIST")
    assert plan.allow_list(Survey(lists=lists[:1])) is None
