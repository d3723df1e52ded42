"""`depends_on` and `grace`: names, circles, misspellings and bounds."""

from __future__ import annotations

import pytest

from nightporter.config import Config
from nightporter.configfile import LoadedConfig, parse_config
from nightporter.configfile.depends import at_doors, circles


def loaded(text: str) -> LoadedConfig:
    return parse_config("/etc/nightporter/config.yaml", text)


def config_of(text: str) -> Config:
    result = loaded(text)
    assert result.problems == (), [str(p) for p in result.problems]
    return result.config


def test_names_are_lowered_and_one_parent_needs_no_list() -> None:
    config = config_of("depends_on: {Ombi: [Traefik], sonarr: docker, traefik: [docker, internet, Docker]}")
    assert config.depends_on == {
        "ombi": ("traefik",),
        "sonarr": ("docker",),
        "traefik": ("docker", "internet"),
    }


def test_without_it_nothing_depends_and_there_are_five_minutes() -> None:
    config = config_of("")
    assert (config.depends_on, config.grace_s) == ({}, 300.0)


@pytest.mark.parametrize(("text", "seconds"), [("0s", 0.0), ("2m", 120.0)])
def test_the_grace_is_a_duration(text: str, seconds: float) -> None:
    assert config_of(f"grace: {text}").grace_s == seconds


@pytest.mark.parametrize("text", ["5", "25h", "soon"])
def test_a_grace_that_is_none_is_refused(text: str) -> None:
    assert not loaded(f"grace: {text}").ok


def test_a_circle_is_named_at_the_link_that_closes_it() -> None:
    result = loaded("depends_on:\n  ombi: [traefik]\n  traefik: [docker]\n  docker: [internet, ombi]\n")
    assert not result.ok
    (problem,) = result.problems
    assert problem.found == "a circle: ombi → traefik → docker → ombi"
    assert (problem.place.line, problem.place.column) == (4, 22)


def test_what_depends_on_itself_is_a_circle() -> None:
    assert "a circle: ombi → ombi" in str(loaded("depends_on: {ombi: [Ombi]}").problems[0])


def test_a_diamond_is_no_circle() -> None:
    assert list(circles({"a": ("b", "c"), "b": ("d",), "c": ("d",), "d": ("e",)})) == []
    assert list(circles({"a": ("b",), "b": ("a",), "c": ("a",)})) == [("a", "b")]


def test_a_name_that_is_nearly_another_is_doubted() -> None:
    result = loaded("depends_on: {ombi: [traefik], sonarr: [traefic], radarr: [traefik]}")
    assert result.ok
    (problem,) = result.problems
    assert (problem.nearest, problem.warning) == ("traefik", True)


def test_names_that_are_merely_alike_are_not() -> None:
    assert config_of("depends_on: {sonarr: [radarr], plex: [nas]}").depends_on["sonarr"] == ("radarr",)


def test_a_map_is_needed() -> None:
    assert not loaded("depends_on: [ombi]").ok
    assert not loaded("depends_on: {ombi: [{traefik: 1}]}").ok


PROBES = """
sources:
  - name: services
    kind: probe
    probes:
      - {name: Traefik, http: "http://127.0.0.1:8000/"}
      - {name: front, tls: "127.0.0.1:8443", server_name: a.example, service: traefik}
      - {name: ombi, http: "http://127.0.0.1:8000/ombi"}
      - {name: photos, http: "https://127.0.0.1:8443/", service: Immich}
      - {name: plex, http: "http://127.0.0.1:32400/identity"}
      - {name: log, canary: "http://127.0.0.1:8000/"}
"""


def test_what_is_asked_for_at_traefiks_door_depends_on_it() -> None:
    config = config_of(PROBES + "depends_on: {immich: [docker], traefik: [docker]}")
    assert at_doors(config.depends_on, config.sources) == {
        "immich": ("docker", "traefik"),
        "traefik": ("docker",),
        "ombi": ("traefik",),
    }


def test_what_traefik_itself_is_said_to_need_does_not_depend_on_it() -> None:
    config = config_of(PROBES + "depends_on: {traefik: [ombi]}")
    assert at_doors(config.depends_on, config.sources) == {"traefik": ("ombi",), "immich": ("traefik",)}


def test_a_traefik_whose_container_has_another_name_is_known_by_its_probe() -> None:
    edge = PROBES.replace("{name: Traefik, ", "{name: Traefik, service: edge, ")
    config = config_of(edge)
    assert at_doors({}, config.sources) == {"immich": ("traefik",), "ombi": ("edge",)}


def test_a_canary_knows_traefiks_door_as_well() -> None:
    """Then a Traefik of which Docker tells covers what is asked for through it."""
    canary = PROBES.replace('      - {name: Traefik, http: "http://127.0.0.1:8000/"}\n', "")
    config = config_of(canary)
    assert at_doors({}, config.sources)["ombi"] == ("traefik",)
