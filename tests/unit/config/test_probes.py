"""`kind: probe` as config.yaml has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightporter.config import (
    AcmeProbe,
    CanaryProbe,
    ContainerProbe,
    FirewallProbe,
    HttpProbe,
    JobProbe,
    ProbeSource,
    Secret,
    TcpProbe,
    TlsProbe,
)
from nightporter.configfile import World, parse_config

HOME = Path("/home/ada")
WORLD = World(env={"KEY": "topsecret"}, home=HOME, state=Path("/state"), platform="linux")


def source(text: str) -> ProbeSource:
    loaded = parse_config("config.yaml", text, WORLD)
    assert [str(problem) for problem in loaded.problems] == []
    [found] = loaded.config.sources
    assert isinstance(found, ProbeSource)
    return found


def test_each_kind_with_its_defaults() -> None:
    found = source(
        """
sources:
  - name: outside
    kind: probe
    probes:
      - {name: plex, http: "https://plex.example/identity"}
      - {name: mysql, tcp: "[::1]:3306"}
      - {name: front, tls: plex.example}
      - {name: traefik, acme: ~/traefik/acme.json}
      - {name: ombi, container: media-ombi-1}
      - {name: startup, job: com.traefik.startup}
      - {name: log, canary: "http://u:topsecret@home.example/"}
      - {name: mac, firewall: true}
"""
    )
    assert found.grace_s == 300
    assert found.probes == (
        HttpProbe(name="plex", url=Secret("https://plex.example/identity"), host="plex.example", port=443),
        TcpProbe(name="mysql", host="::1", port=3306),
        TlsProbe(name="front", host="plex.example", port=443, interval_s=3600),
        AcmeProbe(name="traefik", path=HOME / "traefik/acme.json", interval_s=600),
        ContainerProbe(name="ombi", container="media-ombi-1"),
        JobProbe(name="startup", job="com.traefik.startup"),
        CanaryProbe(name="log", url=Secret("http://u:topsecret@home.example/"), host="home.example", port=80),
        FirewallProbe(name="mac", interval_s=300),
    )


def test_all_that_containers_jobs_and_canaries_may_be_told() -> None:
    container, job, canary = source(
        """
sources:
  - name: outside
    kind: probe
    interval: 5m
    probes:
      - {name: a, container: ombi, host: "unix:///var/run/docker.sock", service: Ombi}
      - {name: b, job: restic@home.service, expect: ok, system: true}
      - {name: c, canary: "https://home.example", within: 10s, insecure: true, ca: root.pem, retries: 1}
"""
    ).probes
    docker = "unix:///var/run/docker.sock"
    assert container == ContainerProbe(
        name="a", container="ombi", host=docker, service="Ombi", interval_s=300
    )
    assert job == JobProbe(name="b", job="restic@home.service", expect="ok", system=True, interval_s=300)
    assert isinstance(canary, CanaryProbe)
    assert (canary.port, canary.within_s, canary.insecure, canary.retries) == (443, 10, True, 1)
    assert canary.ca.endswith("/root.pem")


def test_a_source_gives_its_times_to_probes_that_have_none() -> None:
    found = source(
        """
sources:
  - name: outside
    kind: probe
    interval: 5m
    timeout: 3s
    retries: 1
    grace: 0s
    probes:
      - {name: one, tls: "a.example:8443", service: plex, server_name: b.example, issuer: R3, insecure: true}
      - {name: two, tcp: "a.example:1", interval: 10s, timeout: 500ms, retries: 4}
"""
    )
    assert found.grace_s == 0
    one, two = found.probes
    assert one == TlsProbe(
        name="one",
        host="a.example",
        port=8443,
        service="plex",
        server_name="b.example",
        issuer="R3",
        insecure=True,
        interval_s=300,
        timeout_s=3,
        retries=1,
    )
    assert (two.interval_s, two.timeout_s, two.retries) == (10, 0.5, 4)


def test_all_that_an_http_probe_may_expect() -> None:
    [probe] = source(
        """
sources:
  - name: outside
    kind: probe
    probes:
      - name: plex
        http: "http://u:${KEY}@plex.example:32400/web?token=${KEY}"
        status: [2xx, 401, 300-310]
        text: MediaContainer
        latency: 1500ms
        redirects: false
        to_https: true
        ca: ~/root.pem
"""
    ).probes
    assert isinstance(probe, HttpProbe)
    assert probe.url.reveal() == "http://u:topsecret@plex.example:32400/web?token=topsecret"
    assert "topsecret" not in repr(probe)
    assert (probe.host, probe.port) == ("plex.example", 32400)
    assert probe.status == ("2xx", 401, "300-310")
    assert (probe.text, probe.latency_s) == ("MediaContainer", 1.5)
    assert (probe.redirects, probe.to_https, probe.ca) == (False, True, str(HOME / "root.pem"))


LOGS = """
sources:
  - {name: front, kind: file, format: traefik, paths: [/var/log/front.log]}
  - {name: inside, kind: file, format: traefik, paths: [/var/log/inside.log]}
  - {name: docker, kind: docker}
  - {name: ombi, kind: file, paths: [/var/log/ombi.log]}
"""


def eyes(canary: str) -> str:
    return (
        f'  - {{name: eyes, kind: probe, probes: [{{name: log, canary: "http://home.example/"{canary}}}]}}\n'
    )


@pytest.mark.parametrize("name", ["front", "inside", "docker"])
def test_a_canary_may_name_the_source_that_must_show_it(name: str) -> None:
    loaded = parse_config("config.yaml", LOGS + eyes(f", source: {name}"), WORLD)
    assert loaded.problems == ()
    found = loaded.config.sources[-1]
    assert isinstance(found, ProbeSource)
    [canary] = found.probes
    assert isinstance(canary, CanaryProbe)
    assert canary.source == name


@pytest.mark.parametrize(("name", "near"), [("insid", "inside"), ("ombi", ""), ("eyes", "")])
def test_a_canary_s_source_must_be_one_that_can_show_it(name: str, near: str) -> None:
    loaded = parse_config("config.yaml", LOGS + eyes(f", source: {name}"), WORLD)
    [problem] = loaded.problems
    assert not problem.warning
    assert problem.found == f"unknown source of Traefik's log '{name}'"
    assert problem.nearest == near
    assert (problem.place.line, problem.expected) == (7, "one of docker, front, inside")


@pytest.mark.parametrize("canary", ["", ", source: null"])
def test_with_two_logs_of_traefik_a_canary_without_a_source_is_warned_of(canary: str) -> None:
    loaded = parse_config("config.yaml", LOGS + eyes(canary), WORLD)
    [problem] = loaded.problems
    assert problem.warning
    assert "source: front" in problem.fix
    one = LOGS.replace("format: traefik, paths: [/var/log/inside", "paths: [/var/log/inside")
    assert parse_config("config.yaml", one + eyes(canary), WORLD).problems == ()
