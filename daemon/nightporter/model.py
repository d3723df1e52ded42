"""The small frozen types on the arrows between the rooms.

    Chunk ──lane──▶ Event ──engine──▶ Episode ──ledger──▶ Incident, Telling ──outbox──▶ a person

Time is an integer everywhere: nanoseconds since the epoch, UTC (`Stamp`), so that a window's edge is exact.
Durations are integers of nanoseconds too (`Nanos`), seconds only where a name ends in `_s`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from hashlib import blake2b
from typing import Final, Literal, NewType

import msgspec

Stamp = int
"""Nanoseconds since the epoch, UTC."""
Nanos = int
"""A duration in nanoseconds."""
SECOND: Final[Nanos] = 1_000_000_000
MINUTE: Final[Nanos] = 60 * SECOND
HOUR: Final[Nanos] = 60 * MINUTE
DAY: Final[Nanos] = 24 * HOUR

LATENESS: Final[Nanos] = 2 * MINUTE
"""How far behind a key's newest stamp minus its window an event may come and still count (RULES §4.2)."""

Value = str | int | float | bool
Fields = dict[str, Value]
"""The fields of one event, by the names of RULES §6. A field that the line lacks is absent, never None."""

REMOVED: Final = "removed"
"""The `action` (a disk's `state`) of a probe's record that says that the config no longer names a thing of
which something bad was told: it resolves, but nothing is known to be well again."""
GONE: Final = "gone"
"""The same of a part of what is watched still: a certificate that is no longer in its file."""

ACCEPTED: Final = "accepted"
"""The `action` of a watched file's record that says that a person takes it as it is now: what was told of it
is over, and its next change is news."""

Untrusted = NewType("Untrusted", str)
"""Text that an attacker may have written. Only `safetext` turns it into text for one face."""

Kind = Literal["file", "docker", "docker_events", "command", "probe", "integrity", "detection"]


class Severity(IntEnum):
    """How much an incident matters; ordered."""

    info = 0
    low = 1
    medium = 2
    high = 3
    critical = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a stream of lines comes from: all that is true of every line in it.

    One source has one or many streams: a file each, a container each. An origin is hashable, and a lane is
    built for each distinct one.
    """

    source: str
    """The source's name in the config."""
    kind: Kind
    stream: str
    """Which of the source's streams: a real path, a container's name."""
    format: str
    """A name in `formats.FORMATS`: `traefik`, `auto`, `text`, `json`, `logfmt`, `record`."""
    services: tuple[str, ...] = ()
    """What `from: service:NAME` may call it: container, compose service, image base name, `service:`."""
    fields: tuple[tuple[str, str], ...] = ()
    """Fields that every event of the stream carries: `container`, `image`, `service`."""
    tz: str = "local"
    """IANA name of the zone of stamps that have none; `local` is this machine's."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks whose X-Forwarded-For is believed (RULES §4.18)."""
    gateways: tuple[str, ...] = ()
    """Addresses that hide the true client in this service's own log: Docker gateways, proxy containers."""
    lateness: Nanos = LATENESS


@dataclass(frozen=True, slots=True)
class Position:
    """Where a stream was read up to. `mark` is the source's own affair (JSON it wrote), opaque to others."""

    source: str
    stream: str
    mark: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Whole lines of one stream, the unit that crosses threads.

    `data` ends in a newline (a source adds one to a last line that lacks it), or is empty: such a chunk only
    carries its `end` to the next commit, where a source has to remember something without a line (an `end`
    with an empty mark: forget the stream). `start` is the offset of the first byte in the stream, and with
    the stream's `identity` makes the ids of what is found there. `end` is committed once every line of
    `data` has been judged.
    """

    origin: Origin
    data: bytes
    start: int
    identity: str
    end: Position
    arrived: Stamp
    stamps: tuple[Stamp, ...] | None = None
    """One per line, where the transport stamps lines (Docker); else the format reads the line's own."""
    channels: bytes | None = None
    """One byte per line, 1 stdout, 2 stderr, where the transport knows (Docker)."""


@dataclass(slots=True, kw_only=True)
class Event:
    """One parsed line (or one thing that happened). Mutable only until the engine has judged it."""

    fields: Fields
    time: Stamp
    arrived: Stamp
    origin: Origin
    format: str
    position: str
    """Names the line for good: identity and offset, or container, stamp and hash."""
    raw: Untrusted
    line: int = 0
    """Ordinal of the line in its chunk, from 0; for `explain`."""


Key = tuple[Value, ...]
"""The values of a rule's `by` fields, in its order."""


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """One rule and key from crossing to quiet, as it stood at the end of a batch."""

    id: str
    rule: str
    key: dict[str, Value]
    """Field → value, in the order of `by`; empty for a rule without `by`."""
    severity: Severity
    first: Stamp
    last: Stamp
    crossed: Stamp
    """Event time of the event that crossed the threshold."""
    count: int
    distinct: int | None = None
    ended: bool = False
    seen_late: bool = False
    """It happened while the daemon was not running (RULES §4.16)."""
    message: str = ""
    """The rule's message, filled in; holds untrusted text."""
    top: dict[str, list[tuple[str, int]]] = {}
    """Field → its most frequent values with their counts, most frequent first."""
    samples: list[str] = []
    """A few raw lines; untrusted."""
    service: str = ""
    subject: str = ""
    """The value of the rule's `subject` field, in lower case; empty: the rule has none, or the event lacked
    it."""
    state: bool = False
    """It tells of a state (an outage, a certificate): its end is worth telling."""
    unwatched: bool = False
    """It told of a state, and ended since nobody watches that any more."""
    accepted: bool = False
    """A person has said that all is right as it is: it is over, and whatever comes after it is another's."""


class IncidentPart(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule says of an incident's subject: its episodes of one key, the newest of them in detail."""

    rule: str
    title: str
    key: dict[str, Value]
    severity: Severity
    """The highest of its episodes."""
    first: Stamp
    last: Stamp
    count: int
    """Events of all its episodes."""
    message: str
    open: bool
    state: bool
    episode: str
    """Id of its newest episode."""
    crossed: Stamp
    """When that one crossed."""
    episode_count: int
    """Events of that one."""
    episodes: int = 1
    unwatched: bool = False
    """Nobody watches any more what its state was of."""
    waits: bool = True
    """False: its rule's episodes are told at once, whatever was told of the subject before."""
    unsaid: bool = False
    """It has an episode that does not wait, and that nobody was told of yet."""


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """What people are told of: episodes of one rule and key over their reopenings, or all that is wrong with
    one subject (an outage, whatever tells of it) until it is well again.

    Waits and tellings run on the wall clock, cooldown on event time (RULES §4.6, §4.7).
    """

    id: str
    rule: str
    key: dict[str, Value]
    severity: Severity
    title: str
    first: Stamp
    last: Stamp
    episodes: int
    count: int
    """Events of all its episodes."""
    open: bool
    """It goes on. A state counts as open until its end was told, or needs no telling."""
    episode: Episode
    """Its newest episode; of an incident with parts, the newest of the part that leads it."""
    crossing_told: Stamp
    """Event time of the crossing that was last told; the cooldown counts from here."""
    told_at: Stamp
    """Wall clock of the last telling."""
    told_count: int
    told_severity: Severity
    told_end: bool = False
    wait: Nanos
    """How long the next re-telling waits after `told_at`."""
    tellings: int = 1
    """How often it was told. While it is 0, `told_at` is when it opened."""
    subject: str = ""
    parts: list[IncidentPart] = []
    """What tells of it, in the order of their coming; empty for an incident of one rule and key that is no
    state."""
    unlisted: int = 0
    """Parts that there was no room for."""
    ended_at: Stamp = 0
    """Event time at which its last state ended; 0: it goes on, or has no state."""
    good_since: Stamp = 0
    """Wall clock at which that end was learned."""
    reopenings: int = 0
    """How often its subject went bad again shortly after it had become well."""
    number: int = 0
    """Which of its subject's incidents it is, for those that came to be at the same moment."""
    covered: bool = False
    """It was held because something that its subject depends on was down."""
    covers: list[str] = []
    """Subjects that depend on this one and whose incidents were held."""
    told_rules: list[str] = []
    """The rules that led it when it was told: who heard of it must hear of its end."""
    look: Stamp = 0
    """Wall clock at which the ledger looks at it again."""


TellingKind = Literal["alert", "again", "resolved", "notice", "test", "review"]


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A labelled piece of a review. `text` is untrusted."""

    name: str
    text: str


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to say to people, before any destination's form is given to it. All text is untrusted."""

    id: str
    kind: TellingKind
    severity: Severity
    title: str
    message: str
    at: Stamp
    """Wall clock at which it came to be."""
    rule: str = ""
    incident: str = ""
    key: dict[str, Value] = {}
    first: Stamp = 0
    last: Stamp = 0
    count: int = 0
    grew: int = 0
    """How many events came since the last telling (kind `again`)."""
    distinct: int | None = None
    window: str = ""
    top: dict[str, list[tuple[str, int]]] = {}
    samples: list[str] = []
    fix: str = ""
    tags: list[str] = []
    references: list[str] = []
    notify: list[str] = []
    """Names of destinations, where the rule names them; else routing decides."""
    seen_late: bool = False
    subject: str = ""
    parts: list[IncidentPart] = []
    """All that tells of the subject, in the order of its coming."""
    unlisted: int = 0
    """Parts that there was no room for."""
    lasted: Nanos = 0
    """From the first event to the end (kind `resolved`)."""
    covers: list[str] = []
    """What depends on the subject and is not told of by itself."""
    told_rules: list[str] = []
    """Rules under which the incident was told before, if it has parts; a recovery's routes are theirs."""
    sections: list[Section] = []
    """What a review says, piece by piece."""
    picture: bytes = b""
    """A PNG that goes with it; empty: none."""


def short_id(*parts: object) -> str:
    """A stable id of 12 hex digits for these parts: the same parts give the same id in every run."""
    return blake2b("\x1f".join(map(str, parts)).encode(errors="surrogatepass"), digest_size=6).hexdigest()
