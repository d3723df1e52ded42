"""What is true of one container: read from inspect, chosen by the config, named for the rules. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from nightporter.config import DockerSource as DockerConfig
from nightporter.model import SECOND, Origin, Stamp
from nightporter.sources.docker.frames import parse_stamp

COMPOSE_SERVICE: Final = "com.docker.compose.service"
COMPOSE_PROJECT: Final = "com.docker.compose.project"
SELF_LABEL: Final = "nightporter.self"

_EDITIONS: Final = ("-ce", "-ee", "-be", "-oss", "-enterprise")  # portainer-ce, portainer-ee, grafana-oss
_ROLES: Final = frozenset({"server", "app", "core", "web", "backend"})  # vaultwarden/server is vaultwarden
_TRAEFIK_LABEL: Final = re.compile(r"traefik\.(?:http|tcp|udp)\.(?:services|routers)\.([^.]{1,100})\.", re.I)
_DOORS: Final = frozenset({80, 443})
"""Who holds both is the proxy, whatever its image."""
_PROXIES: Final = ("traefik", "nginx", "nginx-*", "caddy", "caddy-*", "haproxy", "swag")


class Health(msgspec.Struct, frozen=True, rename="pascal"):
    """Part of inspect's answer: State.Health."""

    status: str = ""


class State(msgspec.Struct, frozen=True, rename="pascal"):
    """Part of inspect's answer: State."""

    running: bool = False
    exit_code: int = 0
    oom_killed: bool = msgspec.field(default=False, name="OOMKilled")
    started_at: str = ""
    finished_at: str = ""
    health: Health | None = None


class Settings(msgspec.Struct, frozen=True, rename="pascal"):
    """Part of inspect's answer: Config."""

    image: str = ""
    tty: bool = False
    labels: dict[str, str] | None = None


class Network(msgspec.Struct, frozen=True):
    """Part of inspect's answer: one of NetworkSettings.Networks."""

    gateway: str = msgspec.field(default="", name="Gateway")
    gateway_v6: str = msgspec.field(default="", name="IPv6Gateway")
    address: str = msgspec.field(default="", name="IPAddress")
    address_v6: str = msgspec.field(default="", name="GlobalIPv6Address")


class Binding(msgspec.Struct, frozen=True):
    """Part of inspect's answer: where one port of a container is published."""

    address: str = msgspec.field(default="", name="HostIp")
    port: str = msgspec.field(default="", name="HostPort")


class Networks(msgspec.Struct, frozen=True):
    """Part of inspect's answer: NetworkSettings. `ports` has keys such as `3306/tcp`."""

    networks: dict[str, Network | None] | None = msgspec.field(default=None, name="Networks")
    ports: dict[str, list[Binding] | None] | None = msgspec.field(default=None, name="Ports")


class LogConfig(msgspec.Struct, frozen=True, rename="pascal"):
    """Part of inspect's answer: HostConfig.LogConfig."""

    type: str = ""


class HostConfig(msgspec.Struct, frozen=True, rename="pascal"):
    """Part of inspect's answer: HostConfig."""

    log_config: LogConfig = LogConfig()


class Inspect(msgspec.Struct, frozen=True, rename="pascal"):
    """The parts of `GET /containers/ID/json` that are used."""

    id: str
    name: str = ""
    created: str = ""
    restart_count: int = 0
    state: State = State()
    config: Settings = Settings()
    host_config: HostConfig = HostConfig()
    network_settings: Networks = Networks()


@dataclass(frozen=True, slots=True, order=True)
class Published:
    """A port of this machine that leads into a container."""

    port: int
    protocol: str
    address: str
    """Which of this machine's addresses; empty: all."""
    inside: int

    @property
    def everywhere(self) -> bool:
        """Whether every network that this machine is in reaches it."""
        return self.address in ("", "0.0.0.0", "::")  # noqa: S104 - nothing is bound here


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container as it stands."""

    id: str
    name: str
    image: str
    labels: Mapping[str, str]
    tty: bool = False
    running: bool = False
    driver: str = ""
    exit_code: int = 0
    oom_killed: bool = False
    restarts: int = 0
    started: Stamp = 0
    """When it last started; 0: never."""
    finished: Stamp = 0
    """When it last ended; 0: never."""
    health: str = ""
    """`starting`, `healthy` or `unhealthy`; empty: it has no health check."""
    gateways: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()

    @property
    def service(self) -> str:
        """What a person calls it: its compose service, else its name."""
        return self.labels.get(COMPOSE_SERVICE) or self.name

    @property
    def stream(self) -> str:
        """The key of its position: a recreated container has the name but not the id."""
        return f"{self.name}@{self.id[:12]}"

    @property
    def is_proxy(self) -> bool:
        """Whether other containers see this one's address in place of their visitors'."""
        base = image_names(self.image)[:1]
        return any(fnmatchcase(name, pattern) for name in base for pattern in _PROXIES)

    @property
    def exposed(self) -> tuple[Published, ...]:
        """What can be reached from everywhere, each port once; of a proxy, not the doors it is there for."""
        proxy = self.is_proxy or {port.port for port in self.published} >= _DOORS
        found = {(p.port, p.protocol): p for p in self.published if p.everywhere}
        return tuple(sorted(p for p in found.values() if not (proxy and p.port in _DOORS)))


def read_stamp(text: str) -> Stamp:
    """An RFC 3339 stamp of the engine's; 0 for its "never" (the year 1) and for what is none."""
    found = parse_stamp(text.encode("ascii", "replace") + b" ")
    return max(0, found[0]) if found is not None else 0


def from_inspect(raw: Inspect) -> Container:
    networks = [n for n in (raw.network_settings.networks or {}).values() if n is not None]
    health = raw.state.health.status if raw.state.health is not None else ""
    return Container(
        id=raw.id,
        name=raw.name.removeprefix("/"),
        image=raw.config.image,
        labels=raw.config.labels or {},
        tty=raw.config.tty,
        running=raw.state.running,
        driver=raw.host_config.log_config.type,
        exit_code=raw.state.exit_code,
        oom_killed=raw.state.oom_killed,
        restarts=raw.restart_count,
        started=read_stamp(raw.state.started_at),
        finished=read_stamp(raw.state.finished_at),
        health="" if health == "none" else health,
        gateways=tuple(g for n in networks for g in (n.gateway, n.gateway_v6) if g),
        addresses=tuple(a for n in networks for a in (n.address, n.address_v6) if a),
        published=tuple(_published(raw.network_settings.ports or {})),
    )


def _published(ports: Mapping[str, list[Binding] | None]) -> Iterator[Published]:
    for inside, bindings in ports.items():
        number, _, protocol = inside.partition("/")
        for binding in bindings or ():
            if number.isdecimal() and binding.port.isdecimal():
                yield Published(int(binding.port), protocol or "tcp", binding.address, int(number))


def image_names(image: str) -> tuple[str, ...]:
    """What an image may be called: its base name, without its edition, and its owner where the base name is
    only a role. `portainer/portainer-ce:2.21` → `portainer-ce`, `portainer`; an image id has no name."""
    reference = image.lower().partition("@")[0]
    if reference.startswith("sha256:"):
        return ()
    *owners, last = reference.split("/")
    base = last.partition(":")[0]
    names = [base] if base else []
    names += [base.removesuffix(edition) for edition in _EDITIONS if base.endswith(edition)]
    if base in _ROLES and owners and not _is_registry(owners[-1]):
        names.append(owners[-1])
    return tuple(name for name in names if name)


def _is_registry(part: str) -> bool:
    return "." in part or ":" in part or part == "localhost"


def chosen(container: Container, config: DockerConfig) -> bool:
    """Whether the config's selectors take this container and none leaves it out."""
    return any(_selects(s, container) for s in config.containers) and not any(
        _selects(s, container) for s in config.exclude
    )


def _selects(selector: str, container: Container) -> bool:
    kind, separator, wanted = selector.partition(":")
    match (kind, separator):
        case ("service", ":"):
            return wanted.lower() in services(container)
        case ("image", ":"):
            return _is_image(wanted.lower(), container.image.lower())
        case ("label", ":"):
            key, equals, value = wanted.partition("=")
            return key in container.labels and (not equals or container.labels[key] == value)
        case _:
            return fnmatchcase(container.name.lower(), selector.lower())


def _is_image(wanted: str, image: str) -> bool:
    repository = image.partition("@")[0]
    if ":" in repository.rpartition("/")[2]:
        repository = repository.rpartition(":")[0]
    return any(fnmatchcase(name, wanted) for name in (image, repository, *image_names(image)))


def services(container: Container) -> tuple[str, ...]:
    """What `service:NAME` may call it, lower case: its name, its compose service, its image."""
    names = (container.name, container.labels.get(COMPOSE_SERVICE, ""), *image_names(container.image))
    return tuple(dict.fromkeys(name.lower() for name in names if name))


def traefik_names(container: Container) -> tuple[str, ...]:
    """What Traefik's log may call it, lower case: the names in its labels, and what Traefik's Docker provider
    makes up where they give none (the compose service and project, else the container's name)."""
    labelled = [match[1].lower() for label in container.labels if (match := _TRAEFIK_LABEL.match(label))]
    project = container.labels.get(COMPOSE_PROJECT, "")
    made_up = [f"{container.service}-{project}"] if project else []
    made_up += [container.service, container.name]
    return tuple(dict.fromkeys([*labelled, *filter(None, map(_provider_name, made_up))]))


def _provider_name(name: str) -> str:
    """As Traefik writes it: what is no letter or digit becomes a dash (pkg/provider, `Normalize`)."""
    return "-".join(filter(None, re.split(r"[^0-9a-z]+", name.lower())))


def log_origin(container: Container, config: DockerConfig, proxies: Iterable[str]) -> Origin:
    """The origin of the container's own lines. `proxies`: addresses of the proxy containers around it."""
    hiding = (*container.gateways, *(p for p in proxies if p not in container.addresses))
    return Origin(
        source=config.name,
        kind="docker",
        stream=container.name,
        format="traefik" if "traefik" in image_names(container.image) else "auto",
        services=services(container),
        fields=(("container", container.name), ("image", container.image), ("service", container.service)),
        trusted_proxies=config.trusted_proxies,
        gateways=tuple(dict.fromkeys(hiding)),
        lateness=int(config.lateness_s * SECOND),
    )


def own_container(mountinfo: str) -> str:
    """The id of the container that this process runs in, or "".

    The engine mounts its own files over /etc/hostname and the like, from a folder named by the id (20.10 to
    26.1, Docker Desktop alike). The host's name would not do: it may be set, or shared with the host.
    """
    for line in mountinfo.splitlines():
        columns = line.split()
        if len(columns) > 4 and columns[4] in ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf"):
            for part in columns[3].split("/"):
                if len(part) == 64 and all(c in "0123456789abcdef" for c in part):
                    return part
    return ""
