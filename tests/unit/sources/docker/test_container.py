"""Which containers are chosen, and what rules may call them."""

from __future__ import annotations

import msgspec
import pytest

from nightporter.config import DockerSource as DockerConfig
from nightporter.sources.docker.container import (
    Container,
    Inspect,
    chosen,
    from_inspect,
    image_names,
    log_origin,
    own_container,
    read_stamp,
    services,
)

ID = "26e80f35c9a9e27ef435c057d9a2ba2e178d418c2eefe4190d79269b8381f8af"


def container(name: str = "ombi", image: str = "ombi:4") -> Container:
    return Container(id=ID, name=name, image=image, labels={})


@pytest.mark.parametrize(
    ("image", "names"),
    [
        ("mysql:8", ("mysql",)),
        ("traefik", ("traefik",)),
        ("lscr.io/linuxserver/sonarr:latest", ("sonarr",)),
        ("portainer/portainer-ce", ("portainer-ce", "portainer")),
        ("portainer/portainer-ee:2.21.4", ("portainer-ee", "portainer")),
        ("grafana/grafana-oss:11.3.0", ("grafana-oss", "grafana")),
        ("jc21/nginx-proxy-manager:2", ("nginx-proxy-manager",)),
        ("vaultwarden/server:1.32", ("server", "vaultwarden")),
        ("ghcr.io/goauthentik/server", ("server", "goauthentik")),
        ("localhost:5000/server", ("server",)),
        ("registry:5000/team/App:1@sha256:0123", ("app", "team")),
        ("sha256:" + "0" * 64, ()),
        ("", ()),
    ],
)
def test_an_image_is_called_by_its_base_name(image: str, names: tuple[str, ...]) -> None:
    assert image_names(image) == names


OMBI = Container(
    id=ID,
    name="media-ombi-1",
    image="lscr.io/linuxserver/ombi:4",
    labels={"com.docker.compose.service": "Ombi", "tier": "x"},
)


@pytest.mark.parametrize(
    ("selectors", "exclude", "taken"),
    [
        (("*",), (), True),
        ((), (), False),
        (("media-ombi-1",), (), True),
        (("MEDIA-*",), (), True),
        (("ombi",), (), False),
        (("service:ombi",), (), True),
        (("service:OMBI",), (), True),
        (("service:sonarr",), (), False),
        (("image:ombi",), (), True),
        (("image:lscr.io/linuxserver/ombi",), (), True),
        (("image:lscr.io/linuxserver/ombi:4",), (), True),
        (("image:linuxserver/ombi:5",), (), False),
        (("label:tier",), (), True),
        (("label:tier=x",), (), True),
        (("label:tier=y",), (), False),
        (("label:other",), (), False),
        (("sonarr", "image:ombi"), (), True),
        (("*",), ("service:ombi",), False),
        (("*",), ("watchtower",), True),
        (("*",), ("media-*",), False),
    ],
)
def test_selectors_choose(selectors: tuple[str, ...], exclude: tuple[str, ...], taken: bool) -> None:
    config = DockerConfig(name="docker", containers=selectors, exclude=exclude)
    assert chosen(OMBI, config) is taken


def test_the_origin_carries_every_name_once_and_what_hides_the_visitor() -> None:
    sonarr = Container(
        id=ID,
        name="Sonarr",
        image="lscr.io/linuxserver/sonarr",
        labels={"com.docker.compose.service": "sonarr"},
        gateways=("172.18.0.1", "fd00::1", "172.18.0.1"),
        addresses=("172.18.0.5",),
    )
    config = DockerConfig(name="home", trusted_proxies=("10.0.0.0/8",), lateness_s=90)
    origin = log_origin(sonarr, config, proxies=("172.18.0.2", "172.18.0.5"))
    assert services(sonarr) == origin.services == ("sonarr",)
    assert origin.fields == (
        ("container", "Sonarr"),
        ("image", "lscr.io/linuxserver/sonarr"),
        ("service", "sonarr"),
    )
    assert origin.gateways == ("172.18.0.1", "fd00::1", "172.18.0.2")
    assert (origin.source, origin.kind, origin.stream, origin.format) == ("home", "docker", "Sonarr", "auto")
    assert (origin.trusted_proxies, origin.lateness) == (("10.0.0.0/8",), 90_000_000_000)


@pytest.mark.parametrize(
    ("image", "format", "proxy"),
    [
        ("traefik:v3.7", "traefik", True),
        ("library/traefik@sha256:00", "traefik", True),
        ("nginx", "auto", True),
        ("jc21/nginx-proxy-manager:latest", "auto", True),
        ("caddy:2", "auto", True),
        ("mysql:8", "auto", False),
        ("my-traefik-dashboard", "auto", False),
    ],
)
def test_proxies_are_known_by_their_image(image: str, format: str, proxy: bool) -> None:
    it = container("edge", image)
    assert log_origin(it, DockerConfig(name="d"), ()).format == format
    assert it.is_proxy is proxy


def test_inspect_is_read_as_the_engine_spells_it() -> None:
    raw = {
        "Id": ID,
        "Name": "/media-ombi-1",
        "Created": "2026-11-24T10:26:55.5Z",
        "RestartCount": 2,
        "State": {
            "Running": False,
            "ExitCode": 137,
            "OOMKilled": True,
            "StartedAt": "2026-11-24T10:26:55.728471643Z",
            "FinishedAt": "2026-11-24T10:26:56.000000001Z",
        },
        "Config": {"Image": "ombi:4", "Tty": True, "Labels": None},
        "HostConfig": {"LogConfig": {"Type": "local", "Config": {}}},
        "NetworkSettings": {
            "Networks": {
                "media": {
                    "Gateway": "172.18.0.1",
                    "IPv6Gateway": "",
                    "IPAddress": "172.18.0.9",
                    "GlobalIPv6Address": "fd00::9",
                },
                "gone": None,
            }
        },
    }
    assert from_inspect(msgspec.convert(raw, Inspect)) == Container(
        id=ID,
        name="media-ombi-1",
        image="ombi:4",
        labels={},
        tty=True,
        running=False,
        driver="local",
        exit_code=137,
        oom_killed=True,
        restarts=2,
        started=1_795_516_015_728_471_643,
        finished=1_795_516_016_000_000_001,
        gateways=("172.18.0.1",),
        addresses=("172.18.0.9", "fd00::9"),
    )


@pytest.mark.parametrize("never", ["0001-01-01T00:00:00Z", "", "yesterday", "é"])
def test_never_is_no_stamp(never: str) -> None:
    assert read_stamp(never) == 0


IN_DOCKER = f"""\
597 550 0:53 / / rw,relatime - overlay overlay rw
612 597 254:1 /docker/containers/{ID}/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/vda1 rw
613 597 254:1 /docker/containers/{ID}/hostname /etc/hostname rw,relatime - ext4 /dev/vda1 rw
"""
ON_THE_HOST = f"""\
25 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw
96 25 0:45 / /var/lib/docker/containers/{ID}/mounts/shm rw - tmpfs shm rw
"""


@pytest.mark.parametrize(("mountinfo", "own"), [(IN_DOCKER, ID), (ON_THE_HOST, ""), ("", ""), ("x y\n", "")])
def test_our_own_container_is_known_by_its_mounts(mountinfo: str, own: str) -> None:
    assert own_container(mountinfo) == own
