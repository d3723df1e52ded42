"""`kind: disk`: free space, mounts and backups."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from nightporter.config import DiskPath, DiskSource, NewestFile
from nightporter.configfile.parts import Here, given, got, read_choice, read_notation
from nightporter.model import DAY, HOUR, MINUTE, SECOND
from nightporter.ruleset import values
from nightporter.ruleset.windows import read_duration
from nightporter.yamltext.page import Node, Page, Scalar, describe

T = TypeVar("T")

MOST_CHECKS: Final = 50
"""Paths and backups of one source: each look at one takes a thread."""
_KEYS: Final = ("name", "kind", "paths", "newest", "time_machine", "volumes", "host", "every")
_LOOKS: Final = frozenset({"paths", "newest", "time_machine", "volumes"})
_VOLUMES: Final = ("none", "in_use")
_PATH_KEYS: Final = ("path", "mounted", "writable", "holds", "low", "high", "least")
MEDIA: Final = "media"
"""The word under `holds:` that the shipped rules ask for (rules/disks.yaml)."""
_NEWEST_KEYS: Final = ("path", "within", "min_size")
_PERCENT: Final = re.compile(r"([0-9]{1,2}(?:\.[0-9]{1,3})?) ?%\Z")
_WITHIN: Final = 26 * HOUR
TIME_MACHINE_S: Final = 50 * 3600.0
"""How old Time Machine's last backup may be, where nobody says."""


def read_disk(page: Page, node: Node, name: str, here: Here) -> DiskSource:
    """`kind: disk`; without anything to look at, the disk of the system."""
    table = given(page.keyed(node, "a disk source", _KEYS))
    paths = _each(page, table, "paths", lambda n: _disk_path(page, n, here))
    newest = _each(page, table, "newest", lambda n: _newest(page, n, here))
    if len(paths) + len(newest) > MOST_CHECKS:
        page.tell(node, f"more than {MOST_CHECKS} paths", fix="make two sources of it")
    if "host" in table and "volumes" not in table:
        page.tell(page.key(node, "host"), "'host' without 'volumes'", fix="add 'volumes: in_use'")
    return DiskSource(
        name=name,
        paths=paths if table.keys() & _LOOKS else (DiskPath(path="/"),),
        newest=newest,
        time_machine_s=_time_machine(page, table),
        volumes=got(table, "volumes", lambda n: _volumes(page, n), "") == "in_use",
        host=got(table, "host", lambda n: page.text(n, "the engine's address"), ""),
        every_s=got(table, "every", lambda n: read_duration(page, n, least=SECOND, most=DAY), MINUTE)
        / SECOND,
    )


def _each(page: Page, table: Mapping[str, Node], key: str, read: Callable[[Node], T | None]) -> tuple[T, ...]:
    found = (read(item) for item in page.items(table[key])) if key in table else ()
    return tuple(one for one in found if one is not None)


def _disk_path(page: Page, node: Node, here: Here) -> DiskPath | None:
    """A path, or a map of one and what is asked of it."""
    if isinstance(node, Scalar):
        text = page.text(node, "a path")
        return None if text is None else DiskPath(path=str(here.path(text)))
    shape = "a path, or a map such as {path: /Volumes/Media, mounted: true, holds: media}"
    table = given(page.keyed(node, shape, _PATH_KEYS))
    if table and "path" not in table:
        page.tell(node, "a disk without 'path'", expected=shape)
    if "path" not in table or (text := page.text(table["path"], "a path")) is None:
        return None
    default = DiskPath(path=str(here.path(text)))
    disk = DiskPath(
        path=default.path,
        mounted=got(table, "mounted", page.flag, default.mounted),
        writable=got(table, "writable", page.flag, default.writable),
        holds=got(table, "holds", lambda n: _holds(page, n), ""),
        low_percent=got(table, "low", lambda n: _percent(page, n), default.low_percent),
        high_percent=got(table, "high", lambda n: _percent(page, n), default.high_percent),
        high_bytes=got(table, "least", lambda n: _size(page, n), default.high_bytes),
    )
    if disk.low_percent < disk.high_percent:
        found = f"low: {disk.low_percent:g}% below high: {disk.high_percent:g}%"
        page.tell(node, found, expected="low to be the larger one: it is the first warning")
    return disk


def _volumes(page: Page, node: Node) -> str | None:
    """`in_use` or `none`; who writes true or false means one of them."""
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        meant = "in_use" if node.value else "none"
        page.tell(node, describe(node), expected=" or ".join(_VOLUMES), fix=f"write 'volumes: {meant}'")
        return None
    return read_choice(page, node, "volumes", _VOLUMES)


def _holds(page: Page, node: Node) -> str | None:
    """What lies there: a word that is passed on to rules, of which the shipped ones ask for one alone."""
    word = page.text(node, f"what lies there, such as {MEDIA}")
    if word is not None and word != MEDIA:
        fix = f"write {MEDIA} if films or music lie there: its absence is then critical"
        found = f"'{word}', which only a rule of your own could ask for; the shipped ones ask for '{MEDIA}'"
        page.tell(node, found, fix=fix, warning=True)
    return word


def _newest(page: Page, node: Node, here: Here) -> NewestFile | None:
    shape = "a map such as {path: ~/Backups/*.tar.gz, within: 26h, min_size: 10MB}"
    table = given(page.keyed(node, shape, _NEWEST_KEYS))
    if table and "path" not in table:
        page.tell(node, "a backup without 'path'", expected=shape)
    if "path" not in table or (text := page.text(table["path"], "a path or a glob")) is None:
        return None
    return NewestFile(
        pattern=str(here.path(text)),
        within_s=got(table, "within", lambda n: read_duration(page, n), _WITHIN) / SECOND,
        min_bytes=got(table, "min_size", lambda n: _size(page, n), 1),
    )


def _time_machine(page: Page, table: Mapping[str, Node]) -> float | None:
    """`true`, or `{within: 50h}`."""
    if "time_machine" not in table:
        return None
    node = table["time_machine"]
    if isinstance(node, Scalar):
        return TIME_MACHINE_S if page.flag(node) else None
    inner = given(page.keyed(node, "true, or a map such as {within: 50h}", ("within",)))
    within = got(inner, "within", lambda n: read_duration(page, n), None)
    return TIME_MACHINE_S if within is None else within / SECOND


def _size(page: Page, node: Node) -> int | None:
    return read_notation(page, node, values.size, "a size, such as 5GB")


def _percent(page: Page, node: Node) -> float | None:
    text = page.text(node, "a share, such as 10%")
    match = _PERCENT.match(text) if text is not None else None
    if text is not None and match is None:
        page.tell(node, f"'{text}'", expected="a share below 100%, such as 10%")
    return float(match[1]) if match else None
