"""What is planned besides logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightporter.begin import around, plan
from nightporter.config import (
    AcmeProbe,
    CommandSource,
    ContainerProbe,
    DiskPath,
    DiskSource,
    NewestFile,
    ProbeSource,
    Secret,
    TcpProbe,
    TlsProbe,
)
from nightporter.config import AllowList as Listed
from nightporter.config import HttpProbe as Http
from nightporter.doctor.allowlist import AllowList
from nightporter.doctor.containers import EngineFacts, Running
from nightporter.doctor.looking.containers import EngineView
from nightporter.sources.docker.container import COMPOSE_SERVICE, Container
from nightporter.survey.facts import DiskFacts, GuardFile, ServiceLog, Survey, TraefikFacts
from nightporter.traefikconfig import EntryPoint, StaticConfig

TERA = 10**12
PLEX = Http(name="plex", url=Secret("http://127.0.0.1:32400/identity"), host="127.0.0.1", port=32400)


def engine(*containers: Container) -> EngineView:
    return EngineView(
        facts=EngineFacts(
            source="docker",
            url="unix:///d.sock",
            why="it is there",
            containers=tuple(map(running, containers)),
        )
    )


def running(container: Container) -> Running:
    return Running(container=container)


def named(name: str, service: str = "") -> Container:
    labels = {COMPOSE_SERVICE: service} if service else {}
    return Container(id="0" * 64, name=name, image="busybox", labels=labels, running=True)


def test_a_home_where_something_answers_is_worth_a_config() -> None:
    survey = Survey(probes=(PLEX,), disks=DiskFacts(total=TERA))
    assert [one.source.name for one in plan.sources(survey)] == ["services", "watched", "disks"]
    assert plan.sources(Survey(disks=DiskFacts(total=TERA), system_log="macos")) == ()


def test_the_engine_is_named_where_only_the_terminal_knows_it() -> None:
    survey = Survey(probes=(ContainerProbe(name="db", container="db"), PLEX))
    (planned,) = around.asked(survey, "unix:///x.sock")
    assert isinstance(planned.source, ProbeSource)
    assert planned.source.probes == (ContainerProbe(name="db", container="db", host="unix:///x.sock"), PLEX)
    assert "Docker is asked about databases" in planned.why[-1]


def test_where_only_certificates_are_read_no_empty_list_of_services_is_told() -> None:
    (planned,) = around.asked(Survey(probes=(AcmeProbe(name="certificates", path=Path("/acme.json")),)), "")
    (only,) = planned.why
    assert only.startswith("Of certificates the end is told")


def test_the_allow_list_names_traefiks_file_where_that_lets_in_nobody_else() -> None:
    env = AllowList("/t/.env", "IP_ALLOW_LIST", ("127.0.0.1/32", "192.168.1.0/24", "YOUR.REMOTE.IP/32"))
    ours = GuardFile(path=Path("/t/dynamic.yml"), ranges=("192.168.1.0/24",))
    others = GuardFile(path=Path("/t/office.yml"), ranges=("203.0.113.0/24",))
    both = plan.allow_list(Survey(lists=(env,), guards=(others, ours)))
    assert both == Listed(env=Path("/t/.env"), variable="IP_ALLOW_LIST", file=Path("/t/dynamic.yml"))
    alone = plan.allow_list(Survey(lists=(env,), guards=(others,)))
    assert alone == Listed(env=Path("/t/.env"), variable="IP_ALLOW_LIST")
    assert plan.allow_list(Survey(guards=(others,))) == Listed(file=Path("/t/office.yml"))
    assert plan.allow_list(Survey()) is None


def test_a_static_config_whose_entry_points_have_middlewares_is_named() -> None:
    point = EntryPoint(name="web", host="127.0.0.1", port=80, middlewares=("lan@file",))
    statics = (StaticConfig(place="arguments"), StaticConfig(place="/t/traefik.yml", points=(point,)))
    guard = GuardFile(path=Path("/t/dynamic.yml"), ranges=("192.168.1.0/24",))
    found = plan.allow_list(Survey(guards=(guard,), traefik=TraefikFacts(statics=statics)))
    assert found == Listed(file=Path("/t/dynamic.yml"), static=Path("/t/traefik.yml"))


def test_an_untrusted_certificate_is_said() -> None:
    shown = TlsProbe(name="a", host="127.0.0.1", server_name="a.example", insecure=True)
    (planned,) = around.asked(Survey(probes=(shown,)), "")
    assert any("a.example is trusted by nobody" in sentence for sentence in planned.why)


@pytest.mark.parametrize("docker", [True, False])
def test_disks(docker: bool) -> None:
    backups = NewestFile(pattern="/home/ada/Backups/*.tgz", within_s=8 * 86_400)
    facts = DiskFacts(
        total=60 * 10**9, media=(("/Volumes/Media", 4 * TERA),), newest=backups, time_machine=True
    )
    (planned,) = around.disks(Survey(disks=facts), "unix:///x.sock", docker=docker)
    assert planned.source == DiskSource(
        name="disks",
        paths=(
            DiskPath(path="/", high_bytes=0),  # 5 GB are much of so small a disk
            DiskPath(path="/Volumes/Media", mounted=True, holds="media"),
        ),
        newest=(backups,),
        time_machine_s=50 * 3600,
        volumes=docker,
        host="unix:///x.sock" if docker else "",
    )
    assert "/home/ada/Backups/*.tgz: the newest must be younger than 8 days." in planned.why


def test_the_journal_is_not_read_beside_a_file_of_the_same_logins() -> None:
    sshd = ServiceLog(service="sshd", title="sshd", name="sshd", path="/var/log/auth.log", found=1)
    (planned,) = around.system_log(Survey(system_log="journald"))
    assert planned.source == CommandSource(name="system", preset="journald", format="journald")
    assert list(around.system_log(Survey(system_log="journald", services=(sshd,)))) == []
    assert list(around.system_log(Survey())) == []


def test_only_containers_depend_on_docker() -> None:
    probes = (
        TcpProbe(name="media-db-1", service="DB", host="127.0.0.1", port=5432),
        TcpProbe(name="sonarr", host="127.0.0.1", port=8989),
        PLEX,
    )
    survey = Survey(probes=probes, docker=engine(named("media-db-1", "DB"), named("sonarr")))
    assert around.depends_on(survey) == {"db": ("docker",), "sonarr": ("docker",)}
