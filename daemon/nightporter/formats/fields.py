"""Every field that a line may have: its type, what it is, its unit. The docs are made from these tables."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from nightporter.formats.base import FieldSpec, FieldType

Specs = Mapping[str, FieldSpec]


def _table(**specs: tuple[FieldType, str] | tuple[FieldType, str, str]) -> Specs:
    return MappingProxyType({name: FieldSpec(*spec) for name, spec in specs.items()})


COMMON: Final = _table(
    source=("name", "the source's name in the config"),
    time=("time", "when the thing ended: the line's own stamp, else its arrival"),
    started=("time", "when the thing began, where the line tells"),
    arrived=("time", "when the line was read"),
    raw=("message", "the whole line as it was written, at most 8192 characters"),
)
"""Set for every event by the lane, never by a line."""

CONTAINER: Final = _table(
    container=("name", "the container's name"),
    image=("name", "the container's image"),
    service=("name", "the service: compose's, or the source's own `service:`"),
    stream=("text", "`stdout` or `stderr`"),
)
"""Set by the source where it knows them, never by a line."""

LOGIN: Final = _table(
    event=("text", "`login`, where an `events:` entry found one"),
    outcome=("text", "`failure` or `success`"),
    client_ip=("address", "the client's address"),
    client_host=("text", "the client as a database names it: a host name or a pattern"),
    user=("text", "the user's name as it was given"),
)
"""Set by `events:` entries and by named groups of a `|re`."""

PLACES: Final = _table(
    country=("text", "the country of `client_ip`: two letters, upper case"),
    network=("name", "whose network it is: `AS3320 Deutsche Telekom AG`"),
)
"""Looked up where a rule asks for them and the config names databases (`geo:`); never set by a line."""

TRAEFIK: Final = _table(
    client_ip=("address", "the client's address: the right-most hop that is no trusted proxy"),
    user=("text", "the name given to basicAuth"),
    host=("name", "the host that was asked for (JSON only)"),
    method=("text", "GET, POST, …"),
    path=("path", "the path as it was sent, without the query"),
    path_shape=("path", "the path with segments of digits as N, and of UUIDs or 16 and more hex digits as H"),
    query=("text", "the query string, without the question mark"),
    uri=("path", "path and query as they were sent"),
    protocol=("text", "HTTP/1.1, HTTP/2.0, …"),
    status=("status", "the status the client got"),
    origin_status=(
        "status",
        "the status the service gave; missing where Traefik answered (JSON only)",
    ),
    bytes=("number", "the size of what was sent to the client", "bytes"),
    duration=("number", "from the request's first byte to the answer's last", "seconds"),
    router=("name", "the router's name, without its provider; missing where none matched"),
    service=("name", "the service's name (JSON) or the router's (CLF), without its provider"),
    upstream=("text", "the URL of the backend that answered"),
    entrypoint=("name", "the entry point's name (JSON only)"),
    user_agent=("text", "the User-Agent; Traefik drops it unless accessLog.fields.headers keeps it"),
    agent=("text", "the User-Agent without its versions: `PlexForIOS/N (iPhone; iOS N)`"),
    referer=("text", "the Referer; dropped as the User-Agent is"),
    retries=("number", "how often Traefik asked the service again (JSON only)"),
    tls=("text", "the TLS version, 1.2 or 1.3; missing on plain HTTP (JSON only)"),
    container_age=("number", "for how long the service's container has run; missing in replay", "seconds"),
    behind=("name", "what Docker calls the service, where it is a container; missing in replay"),
    stopped_by_hand=("flag", "true while somebody has stopped that container; missing in replay"),
)
MESSAGE: Final = _table(
    message=("message", "what the line says, without colours"),
    level=("text", "trace, debug, info, warning, error or critical, however the line spells it"),
)
SYSLOG: Final = _table(
    host=("name", "the machine that wrote the line"),
    program=("name", "the program that wrote it"),
    pid=("number", "the program's process number"),
)
LIFECYCLE: Final = _table(
    action=(
        "text",
        "create, start, die, stop, kill, restart, rename, oom, destroy, health_status; ours: running, "
        "steady, exposed",
    ),
    exit_code=("number", "what the container's process ended with"),
    health=("text", "healthy or unhealthy"),
    signal=("number", "the signal the container was sent"),
    by_hand=("flag", "whether someone stopped it, as against a crash"),
    restarts=("number", "how often the engine has restarted the container"),
    old_name=("name", "the name before a rename"),
    started_at=("time", "when the container started"),
    running_for=("number", "for how long it had run then", "seconds"),
    port=("number", "the port of this machine that leads into it"),
    protocol=("text", "tcp or udp"),
    ports=("text", "its ports on this machine, joined by commas"),
    open=("text", "those that every network reaches, as `3306/tcp`, joined by commas"),
    address=("text", "its addresses in Docker's networks, joined by commas"),
    aliases=("text", "what Traefik's log may call it, joined by commas"),
)
PROBE: Final = _table(
    probe=("text", "http, tcp, tls, acme, container, job, canary, firewall, disk, …"),
    name=("name", "the probe's name"),
    host=("name", "the host that was asked"),
    up=("flag", "whether it answered as it should"),
    status=("status", "the HTTP status it answered with"),
    latency=("number", "how long the answer took", "seconds"),
    days_left=("number", "how long the certificate is still good for", "days"),
    issuer=("text", "who signed the certificate"),
    action=(
        "text",
        "first, down, up, blocked, removed; expiring, renewed, gone, issuer_changed, key_changed, mode, "
        "mode_right; of an allow-list placeholder, invalid, unresolved, too_wide, everybody, unused, right",
    ),
    reason=("text", "why it is not up"),
    failures=("number", "how often it had failed in a row"),
    exit_code=("number", "what the container's or the job's last process ended with"),
    stopped_by_hand=("flag", "true where somebody has stopped the container of that service"),
    down_for=("text", "how long it was away, as `14 min`"),
    downtime=("number", "how long it was away", "seconds"),
    certificate=("name", "the first name in the certificate"),
    lifetime=("number", "for how long the certificate was made", "days"),
    step=("number", "the step of days left that was reached: 20.7, 7, 3, 1, 0 for 90 days", "days"),
    previous=("text", "the issuer before, or the start of the key's hash before"),
    certificates=("number", "how many certificates acme.json holds"),
    path=("path", "where acme.json lies"),
    mode=("text", "the permissions of acme.json, octal"),
    entry=("text", "an entry of the allow-list"),
    line=("number", "where it stands in its file, from 1"),
    what=("text", "what is wrong with it, in words"),
    instead=("text", "the line to write in the place of the list's"),
)
INTEGRITY: Final = _table(
    action=(
        "text",
        "created, deleted, replaced, changed, owner, mode: of several the first of these; or accepted, which "
        "no rule counts: it ends what is told of the file",
    ),
    path=("path", "the file's path"),
    what=("text", "all that was changed, in words"),
    diff=("text", "the lines that went and came, secrets masked"),
    sha256=("text", "the hash of its content, hexadecimal"),
    mode=("text", "its permissions, octal: `0600`"),
    owner=("text", "its owner's name"),
    group=("text", "its group's name"),
    target=("text", "where it leads, if it is a link"),
    accepted=("flag", "whether it is again as it was accepted"),
    own=("flag", "whether it is Nightporter's own config, or one of its rule files"),
)
MACOS: Final = _table(
    process=("name", "the process that wrote the line"),
    subsystem=("name", "the subsystem, as com.apple.TCC"),
    category=("text", "the category within the subsystem"),
    user=("text", "the number of the process's user (missing for root); in a login, the name that was given"),
)
JOURNALD: Final = _table(
    unit=("name", "the systemd unit that the program belongs to"),
)
DISK: Final = _table(
    path=("path", "the place or the pattern that is watched"),
    state=(
        "text",
        "ok, low, high, unmounted, missing, read_only, stuck, removed; of a backup too_old, too_small",
    ),
    was=("text", "the state before"),
    holds=("text", "what lies there, by the config's `holds:`"),
    free=("number", "the free space", "bytes"),
    free_percent=("number", "the free share of the whole"),
    age=("number", "how old the newest backup is", "seconds"),
    size=("number", "how large it is", "bytes"),
)
DETECTION: Final = _table(
    rule=("name", "the rule that detected it"),
    severity=("text", "info, low, medium, high or critical"),
    count=("number", "how many events the episode holds"),
)

FROM_OUTSIDE: Final = frozenset({*COMMON, *CONTAINER, *PLACES, "container_age", "behind", "stopped_by_hand"})
"""Fields that sources and lanes add: no line gives them, and no literal in a line tells of them."""
RESERVED: Final = frozenset({*COMMON, *CONTAINER, *PLACES, "event", "outcome"})
"""Names that a line of an open format (JSON, logfmt) cannot give itself, or it could forge an event."""


def _joined(*tables: Specs) -> Specs:
    joined: dict[str, FieldSpec] = {}
    for table in (*tables, CONTAINER, COMMON):
        for name, spec in table.items():
            joined.setdefault(name, spec)
    if "client_ip" in joined:
        joined.update(PLACES)
    return MappingProxyType(joined)


_EVERYTHING: Final = _joined(
    TRAEFIK, MESSAGE, LOGIN, SYSLOG, LIFECYCLE, PROBE, INTEGRITY, MACOS, DETECTION, JOURNALD, DISK
)  # fmt: skip
_BY_NAME: Final[Mapping[str, tuple[Specs, bool]]] = MappingProxyType(
    {
        "traefik": (_joined(TRAEFIK, LOGIN), False),
        "traefik_service": (_joined(MESSAGE, LOGIN), True),
        "auto": (_joined(MESSAGE, SYSLOG, LOGIN), True),
        "text": (_joined(MESSAGE, LOGIN), False),
        "json": (_joined(MESSAGE, LOGIN), True),
        "logfmt": (_joined(MESSAGE, LOGIN), True),
        "syslog": (_joined(MESSAGE, SYSLOG, LOGIN), False),
        "record": (_joined(LIFECYCLE, PROBE, INTEGRITY, DISK, MESSAGE), True),
        "macos": (_joined(MACOS, MESSAGE, LOGIN), False),
        "journald": (_joined(JOURNALD, SYSLOG, MESSAGE, LOGIN), False),
        "docker_events": (_joined(LIFECYCLE, MESSAGE), False),
        "probe": (_joined(PROBE, DISK, MESSAGE), False),
        "integrity": (_joined(INTEGRITY, MESSAGE), False),
        "detection": (_joined(DETECTION, MESSAGE, LOGIN, TRAEFIK), True),
    }
)

_OWN_TYPES: Final[Mapping[str, FieldType]] = MappingProxyType(
    {name: spec.type for name, spec in _EVERYTHING.items()}
)


def fields_of(from_name: str) -> tuple[Specs, bool]:
    """The fields that lines of a `from` may have, and whether they may have others besides.

    `from_name` is a format, a kind, `service:NAME` or a source's name; what is no format and no kind with
    fields of its own (`file`, `docker`, `any`, a source) may be anything. Fields that an `events:` entry or
    a named group adds are not among them, except a login's.
    """
    if from_name.startswith("service:"):
        return _BY_NAME["auto"]
    return _BY_NAME.get(from_name, (_EVERYTHING, True))


def field_type(name: str) -> FieldType:
    """The type of a field, by its name alone: the same name is the same thing in every format."""
    return _OWN_TYPES.get(name, "text")
