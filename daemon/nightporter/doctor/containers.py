"""Docker: which engine, does it answer, and whose lines cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nightporter.doctor.finding import Finding, Voice
from nightporter.model import SECOND, Nanos
from nightporter.notify.localtime import span
from nightporter.sources.docker.container import COMPOSE_SERVICE, Container

_SAY: Final = Voice("docker")
_DRIFT: Final[Nanos] = 5 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """One container that the config chooses."""

    container: Container
    refused: str = ""
    """Why the engine does not give its lines; empty if it does."""
    command: tuple[str, ...] = ()
    """Entry point and arguments, as they run."""
    environ: tuple[tuple[str, str], ...] = ()
    mounts: tuple[tuple[str, str, str], ...] = ()
    """(`bind` or `volume`, the host's folder or the volume's name, the folder inside)."""
    shares_network: bool = False
    """Its ports are this machine's own (`network_mode: host`)."""

    @property
    def section(self) -> str:
        """The head of its place in the compose file."""
        return f"services:\n  {self.container.service}:"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """One docker source and its engine."""

    source: str
    url: str = ""
    why: str = ""
    passed: tuple[str, ...] = ()
    """What was looked at before this one was chosen."""
    trouble: str = ""
    """Why it cannot be asked; no containers then."""
    containers: tuple[Running, ...] = ()
    left_out: int = 0
    """Containers that the config does not choose."""
    drift: Nanos = 0
    """Its clock minus ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerFacts:
    """The engines of all docker sources."""

    engines: tuple[EngineFacts, ...]
    platform: str

    @property
    def containers(self) -> tuple[Running, ...]:
        return tuple(running for engine in self.engines for running in engine.containers)


def findings(facts: DockerFacts) -> Iterator[Finding]:
    """All checks."""
    for engine in facts.engines:
        if engine.trouble:
            yield about_trouble(engine, facts.platform)
            continue
        yield about_choice(engine)
        yield from about_drift(engine, facts.platform)
        for running in engine.containers:
            yield from about_driver(running)


def about_trouble(engine: EngineFacts, platform: str) -> Finding:
    """No engine, or one that does not answer."""
    at = f"{engine.url} ({engine.why}): " if engine.url else ""
    if "refuses us" in engine.trouble:
        mend = "sudo usermod -aG docker $USER    # then log out and in"
    elif platform == "darwin":
        mend = (
            "open -a Docker\n"
            "# and let it start by itself: Docker Desktop > Settings > General > Start Docker Desktop when "
            "you sign in"
        )
    else:
        mend = "sudo systemctl enable --now docker"
    return _SAY.wrong(f"the source {engine.source}: {at}{engine.trouble}", mend)


def about_choice(engine: EngineFacts) -> Finding:
    """The socket, and why this one."""
    followed = sum(not running.refused for running in engine.containers)
    passed = f"; before it: {'; '.join(engine.passed)}" if engine.passed else ""
    others = f", {engine.left_out} left out by the config" if engine.left_out else ""
    return _SAY.right(
        f"{engine.url}, since {engine.why}: {followed} of {len(engine.containers)} containers can be "
        f"read{others}{passed}"
    )


def about_drift(engine: EngineFacts, platform: str) -> Iterator[Finding]:
    """The clock of Docker's virtual machine stands still while the Mac sleeps."""
    if abs(engine.drift) >= _DRIFT:
        where = "behind" if engine.drift < 0 else "ahead of"
        mend = (
            "# restart Docker Desktop: its icon > Restart"
            if platform == "darwin"
            else "timedatectl set-ntp true"
        )
        yield _SAY.wrong(
            f"the engine's clock is {span(abs(engine.drift))} {where} this machine's: lines are out of order",
            mend,
        )


def about_driver(running: Running) -> Iterator[Finding]:
    """A log driver that gives nothing back."""
    if running.refused:
        container = running.container
        again = (
            f"\n# then: docker compose up -d {container.service}"
            if COMPOSE_SERVICE in container.labels
            else ""
        )
        yield _SAY.blind(
            f"{container.name}: {running.refused}",
            f"{running.section}\n    logging:\n      driver: json-file\n"
            f'      options: {{max-size: "10m", max-file: "3"}}{again}',
        )
