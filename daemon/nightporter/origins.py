"""The origin that a `from` name stands for, where there is no config: in tests, `replay` and `explain`."""

from __future__ import annotations

from typing import Final, get_args

from nightporter.formats import FORMATS
from nightporter.model import Kind, Origin

_RECORDS: Final = ("docker_events", "probe", "integrity", "detection")
"""Kinds whose lines our own sources write."""


def named(name: str, *, tz: str = "local", trusted_proxies: tuple[str, ...] = ()) -> Origin:
    """An origin to which a rule with `from: NAME` applies: a format, a kind, `service:NAME`, or a source's
    name (then of kind file, its lines judged one by one)."""
    kind: Kind = "file"
    form = "auto"
    services: tuple[str, ...] = ()
    if name.startswith("service:"):
        service = name.removeprefix("service:").lower()
        services = (service,)
        form = "traefik" if service == "traefik" else "auto"
    elif name in _RECORDS:
        kind, form = _kind(name), "record"
    elif name in FORMATS:
        form = name
    elif name in get_args(Kind):
        kind = _kind(name)
    return Origin(
        source=name,
        kind=kind,
        stream=name,
        format=form,
        services=services,
        fields=tuple(("service", service) for service in services),
        tz=tz,
        trusted_proxies=trusted_proxies,
    )


def _kind(name: str) -> Kind:
    for kind in get_args(Kind):
        if kind == name:
            return kind  # type: ignore[no-any-return]  # get_args gives the literals of Kind, untyped
    raise AssertionError(name)
