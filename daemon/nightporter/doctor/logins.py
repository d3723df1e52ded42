"""The services that run here: is a refused login at each of them seen, and if not, what makes it so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nightporter.doctor.containers import Running
from nightporter.doctor.finding import Finding, Voice, listed
from nightporter.services import Service, Setting, recognised
from nightporter.sources.docker.container import services
from nightporter.survey.traefik import on_host

_SAY: Final = Voice("logins")
_ELSEWHERE: Final = frozenset({"traefik"})
"""Services with a subject of their own."""
_FLAG: Final = re.compile(r"--[\w-]+=[^\s'\"]+|\w+(?==)")
_VARIABLE: Final = re.compile(r"^(\w+)\s*[:=]\s*[\"']?([^\"'\s]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFacts:
    """The containers that are followed, and what else brings their logins."""

    containers: tuple[Running, ...]
    read: frozenset[str] = frozenset()
    """What `service:` the config's file sources have, lower case."""
    proxied: bool = False
    """Whether requests are seen in Traefik's access log."""


def findings(facts: LoginFacts) -> Iterator[Finding]:
    """A finding for each service that is not seen, and one for all that are."""
    seen: list[str] = []
    for running in facts.containers:
        service = recognised(services(running.container))
        if service is None or service.name in _ELSEWHERE:
            continue
        found = about(service, running, facts)
        if found is not None:
            yield found
        elif not running.refused or through_proxy(service, facts):
            seen.append(running.container.name)  # one whose log is refused is told with its log driver
    if seen:
        yield _SAY.right(f"failed logins are seen of {listed(sorted(seen), 12)}")


def about(service: Service, running: Running, facts: LoginFacts) -> Finding | None:
    """What keeps a service's refused logins from being seen; None: nothing that can be known from here."""
    name = running.container.name
    proxied = through_proxy(service, facts)
    match service.failures:
        case "nowhere":
            return _SAY.blind(f"{name}: {service.title} keeps no record of logins, nobody can see them")
        case "file" if not _is_read(service, running, facts) and not proxied:
            return _SAY.blind(
                f"{name}: {service.title} logs failed logins to a file only, and no source reads it",
                source_for(service, running),
            )
        case "proxy" if not facts.proxied:
            return _SAY.blind(
                f"{name}: {service.title} logs no failed login; it shows in Traefik's access log alone, "
                "and none is watched",
                "sources:\n  - {name: traefik, kind: file, paths: [/PATH/TO/access.log], format: traefik}",
            )
    needs = service.needs
    if needs is None or proxied or running.refused or is_set(needs, running) is True:
        return None
    if is_set(needs, running) is None:
        return _SAY.note(f"{name}: {service.title}, unless it is told to: {needs.why}", where(needs))
    return _SAY.blind(f"{name}: {service.title} {needs.why}", pasted(needs, running))


def through_proxy(service: Service, facts: LoginFacts) -> bool:
    """Whether the proxy's access log alone tells a refused login of this service."""
    return facts.proxied and any(login.telling for login in service.logins)


def _is_read(service: Service, running: Running, facts: LoginFacts) -> bool:
    return bool(facts.read & {service.name, *service.images, *services(running.container)})


def is_set(needs: Setting, running: Running) -> bool | None:
    """Whether a container runs with a setting; None where that does not show in its command or environment.
    MySQL takes `-` and `_` alike."""
    if "environment" in needs.where:
        environ = dict(running.environ)
        wanted = _VARIABLE.findall(needs.paste)
        return all(environ.get(name) == value for name, value in wanted) if wanted else None
    if needs.paste.startswith("command:"):
        given = " ".join(running.command).replace("_", "-")
        flags = [flag.replace("_", "-") for flag in _FLAG.findall(needs.paste)]
        return all(flag in given for flag in flags) if flags else None
    return None


def pasted(needs: Setting, running: Running) -> str:
    """The setting at its place in the compose file."""
    if "environment" in needs.where:
        lines = "\n".join(f"      {line}" for line in needs.paste.splitlines())
        return f"{running.section}\n    environment:\n{lines}"
    lines = "\n".join(f"    {line}" for line in needs.paste.splitlines())
    return f"{running.section}\n{lines}"


def where(setting: Setting) -> str:
    """A setting that is made by hand: its place, then what to write there."""
    return f"# {setting.where}:\n{setting.paste}"


def source_for(service: Service, running: Running) -> str:
    """A source that reads a service's file: from the mounted folder, or through the engine."""
    head = f"name: {running.container.name}, kind: file, service: {service.name}"
    for file in service.files:
        if path := on_host(file.inside, running):
            return f'sources:\n  - {{{head}, paths: ["{path}"]}}'
    inside = service.files[0].inside if service.files else "/PATH/TO/*.log"
    return f'sources:\n  - {{{head}, from_container: {{name: {running.container.name}, path: "{inside}"}}}}'
