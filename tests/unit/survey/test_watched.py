"""What `init` has watched besides the usual places: what somebody names, and is there."""

from __future__ import annotations

from pathlib import Path

from nightporter.begin import plan
from nightporter.config import DockerSource, IntegritySource
from nightporter.doctor.allowlist import AllowList
from nightporter.doctor.containers import EngineFacts, Running
from nightporter.doctor.looking.containers import EngineView
from nightporter.sources.docker.container import Container
from nightporter.survey.facts import AcmeFacts, Survey, TraefikFacts
from nightporter.survey.watched import COMPOSE_FILES, COMPOSE_FOLDER, MOST, elsewhere
from nightporter.traefikconfig import StaticConfig


def put(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    return str(path)


def a_container(**labels: str) -> Running:
    named = {COMPOSE_FILES: labels.get("files", ""), COMPOSE_FOLDER: labels.get("folder", "")}
    return Running(container=Container(id="1", name="ombi", image="ombi", labels=named))


def test_what_is_named_and_there_and_at_no_usual_place_is_watched(tmp_path: Path) -> None:
    static = put(tmp_path / "opt/proxy/traefik.yml")
    acme = put(tmp_path / "opt/keys/le.json")
    listed = put(tmp_path / "opt/proxy/.env")
    one, two = put(tmp_path / "media/a.yml"), put(tmp_path / "media/b.yml")
    env = put(tmp_path / "media/.env")
    usual = put(tmp_path / "docker/docker-compose.yml")
    facts = TraefikFacts(
        statics=(StaticConfig(place=static), StaticConfig(place="arguments"), StaticConfig(place="/gone.yml"))
    )
    found = elsewhere(
        tmp_path,
        facts,
        [AcmeFacts(path=Path(acme), mode=0o600)],
        [AllowList(listed, "IP_ALLOW_LIST", ())],
        [
            a_container(
                files=f"{one},{tmp_path}/media/../media/b.yml,relative.yml", folder=str(tmp_path / "media")
            ),
            a_container(files=usual, folder=str(tmp_path / "docker")),
            a_container(),
        ],
    )
    assert found == (static, acme, listed, one, two, env)


def test_however_much_is_named_it_ends(tmp_path: Path) -> None:
    files = [put(tmp_path / f"x/{number}.yml") for number in range(MOST + 5)]
    assert len(elsewhere(tmp_path, TraefikFacts(), (), (), [a_container(files=",".join(files))])) == MOST


def test_it_is_planned_beside_anything_else_and_never_alone() -> None:
    docker = EngineView(facts=EngineFacts(source="docker", url="unix:///x.sock"))
    planned = plan.sources(Survey(docker=docker, watched=("/srv/[a]/traefik.yml",)))
    assert [one.source for one in planned] == [
        DockerSource(name="docker"),
        IntegritySource(name="watched", paths=("/srv/[[]a]/traefik.yml",), usual=True),
    ]
    assert "Also /srv/[a]/traefik.yml: named by" in planned[1].why[1]
    assert plan.sources(Survey(watched=("/x",))) == ()
