"""Origins, stamps and sample lines for the tests of this room."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from nightporter.formats.base import stands_before
from nightporter.model import SECOND, Origin, Stamp

DATA: Final = Path(__file__).parents[2] / "data" / "traefik"


def stamp(iso: str) -> Stamp:
    """Nanoseconds of an ISO stamp with a zone; fractions to the microsecond."""
    at = datetime.fromisoformat(iso)
    return int(at.replace(microsecond=0).timestamp()) * SECOND + at.microsecond * 1000


ARRIVED: Final = stamp("2026-11-24T10:30:00+00:00")


def origin(format_name: str, *, tz: str = "UTC", trusted: tuple[str, ...] = ()) -> Origin:
    return Origin(
        source="test", kind="file", stream="/test.log", format=format_name, tz=tz, trusted_proxies=trusted
    )


def sample(name: str) -> bytes:
    """A recorded log of a real Traefik 3.7."""
    return (DATA / name).read_bytes()


def with_before(data: bytes, look_back: int = 8_192) -> Iterator[tuple[bytes, bytes]]:
    """Every line of a log with what stands before it, as a lane hands them over."""
    start = 0
    while start < len(data):
        end = data.index(b"\n", start)
        yield stands_before(data, start, look_back), data[start:end]
        start = end + 1
