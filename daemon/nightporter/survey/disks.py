"""Drives and backups of a machine that Nightporter has never seen. Blocking."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from nightporter.config import NewestFile
from nightporter.doctor.containers import Running
from nightporter.doctor.looking.view import View
from nightporter.model import DAY, HOUR, SECOND, Nanos
from nightporter.services import recognised
from nightporter.sources.disk import looks
from nightporter.sources.disk.volumes import MOST, mount_point
from nightporter.sources.docker.container import services
from nightporter.survey.facts import DiskFacts

MEDIA: Final = frozenset(
    {"plex", "jellyfin", "emby", "navidrome", "sonarr", "radarr", "lidarr", "readarr", "whisparr", "bazarr"}
)
"""Services that take what is gone for deleted."""
_NO_MEDIA: Final = ("/config", "/cache", "/transcode", "/tmp", "/etc", "/var", "/dev", "/run")  # noqa: S108
_FOLDERS: Final = ("Backups", "Backup", "backups", "backup")
_PACKED: Final = ("tar.gz", "tgz", "tar.zst", "tar.xz", "sql.gz", "zip", "dump")
RECENT: Final = 5
"""Backups whose sizes are looked at."""
RHYTHMS: Final[tuple[Nanos, ...]] = (26 * HOUR, 8 * DAY)
"""How old the newest backup of a daily and of a weekly habit may be; one that is older is no habit."""


def look(view: View, running: Iterable[Running]) -> DiskFacts:
    """All but Time Machine, which may have to wake a drive first."""
    drives = [*dict.fromkeys(_drives(running, view.platform))]
    return DiskFacts(
        total=looks.space("/").total,
        media=tuple((at, looks.space(at).total) for at in drives[:MOST]),
        newest=_newest(view),
    )


def _drives(running: Iterable[Running], platform: str) -> Iterator[str]:
    """Where media are mounted from drives of their own."""
    for one in running:
        service = recognised(services(one.container))
        if service is None or service.name not in MEDIA or not one.container.running:
            continue
        for kind, source, inside in one.mounts:
            folder = Path(source.removeprefix("/host_mnt"))
            if kind == "bind" and not inside.startswith(_NO_MEDIA) and folder.is_dir():
                at = mount_point(str(folder), platform)
                if at != "/":
                    yield at


def _newest(view: View) -> NewestFile | None:
    """The backups that something has made lately, how often it seems to, and how large they are at least."""
    now = view.clock.now()
    found: list[tuple[Nanos, str, int]] = []
    for folder in _FOLDERS:
        for ending in _PACKED:
            pattern = str(view.home / folder / f"*.{ending}")
            try:
                made = looks.files(pattern)
            except OSError:
                continue  # macOS keeps us out: then the daemon would be blind there as well
            if made:
                newest_first = sorted(made, key=lambda file: file.stamp, reverse=True)
                age = max(0, now - newest_first[0].stamp)
                found.append((age, pattern, least_size([file.size for file in newest_first[:RECENT]])))
    age, pattern, least = min(found, default=(RHYTHMS[-1], "", 1))
    within = next((rhythm for rhythm in RHYTHMS if age < rhythm), None)
    if within is None:
        return None
    return NewestFile(pattern=pattern, within_s=within / SECOND, min_bytes=least)


def least_size(sizes: Iterable[int]) -> int:
    """What a backup must have at least, by those that were made last: half of the smallest of them. One
    with less than half of what is usual counts as broken already."""
    known = sorted(sizes)
    usual = known[len(known) // 2]
    half = min(size for size in known if 2 * size >= usual) // 2
    return max(1, int(float(f"{half:.2g}")))
