"""Formats: a line's bytes → fields, and how a field is spelled in the raw line.

For parsing one line at a time, and for promising the scanner which bytes a line must hold. Not for judging:
that is `detect`. Start with base.py (what a format is), then text.py, the simplest; fields.py lists every
field. A new format is one file and one line in FORMATS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from nightporter.formats.auto import AutoFormat
from nightporter.formats.base import FieldSpec, FieldType, Format, LooksBack, Parsed
from nightporter.formats.entries import EntryFormat
from nightporter.formats.fields import field_type, fields_of
from nightporter.formats.journald import JOURNALD
from nightporter.formats.json_ import JsonFormat
from nightporter.formats.logfmt import LogfmtFormat
from nightporter.formats.macos import MACOS
from nightporter.formats.record import RecordFormat
from nightporter.formats.syslog import SyslogFormat
from nightporter.formats.text import TextFormat
from nightporter.formats.traefik import TraefikFormat, TraefikServiceFormat
from nightporter.model import Origin

__all__ = [
    "FORMATS",
    "FieldSpec",
    "FieldType",
    "Format",
    "LooksBack",
    "Parsed",
    "field_type",
    "fields_of",
    "make_format",
]

FORMATS: Final[Mapping[str, Callable[[Origin], Format]]] = MappingProxyType(
    {
        "traefik": TraefikFormat,
        "traefik_service": TraefikServiceFormat,
        "auto": AutoFormat,
        "text": TextFormat,
        "json": JsonFormat,
        "logfmt": LogfmtFormat,
        "syslog": SyslogFormat,
        "macos": partial(EntryFormat, MACOS),
        "journald": partial(EntryFormat, JOURNALD),
        "record": RecordFormat,
    }
)


def make_format(origin: Origin) -> Format:
    """The format of an origin's lines. KeyError for a name that FORMATS lacks and ValueError for a zone
    that does not exist: the config has refused both before."""
    return FORMATS[origin.format](origin)
