"""The incident, its rules and the reader's guide as texts. Pure; what a log may have written is masked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

import msgspec

from nightporter.evidence.bag import Bag
from nightporter.evidence.masking import shown
from nightporter.evidence.span import Span, exactly
from nightporter.model import Incident, Severity, Stamp
from nightporter.notify.localtime import wall
from nightporter.ruleset import SourceText
from nightporter.safetext import cleaned

COLUMN: Final = 16
MOST_AROUND: Final = 1_000
"""Incidents of the same time that are listed."""
STAMPS: Final = frozenset(
    ("first", "last", "crossed", "crossing_told", "told_at", "ended_at", "good_since", "look")
)
"""What holds a time of an incident, its parts or its episode; 0 is none."""
NAMED_BY_LINES: Final = ("key", "top")
"""What holds fields of lines, whatever they are called."""
README: Final = """\
Evidence of one incident, gathered by Nightporter {version} on {made}.

  {title}
  rule {rule}, incident {incident}

What is here
  incident.txt, incident.json   what was found, who, when, and a few of the lines that count
  rules/                        the rules that found it, as they are in force, and whether their file was
                                changed since
  around.jsonl                  every other incident between {first} and {last}
  sources/                      the lines of every source of the config between these times, one file a stream
  manifest.json                 where each of them comes from, what could not be read, and all hashes
  SHA256SUMS                    hashes of the files in here: sha256sum -c SHA256SUMS

What was masked
  Passwords, tokens, keys in addresses, the values of Authorization and Cookie headers stand as ***, known by
  their names and shapes. That is a net, and no proof that no secret is left: read it before you hand it on.
  Characters that nobody can see are marked, bytes that are no UTF-8 are written as \\xff, and a line ends
  after 16,384 characters with how many more it had.

What the hashes prove
  "sha256" in manifest.json is of the text in here, after masking: nothing was changed since it was gathered.
  "original" is of the bytes as they lay there, before masking, so that they can be proved later. It names the
  path and the offsets where they began and ended, or the command that asks for them again. Whoever keeps
  that file can show that it is what was masked here:
      tail -c +$((START + 1)) FILE | head -c $((END - START)) | sha256sum
  (for a .gz: zcat FILE | tail -c ...). Rotation renames and deletes such files: keep a copy of what matters.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFile:
    """A rule file as it was in force, and what is known of it."""

    source: SourceText
    changed: Stamp = 0
    """When the file on the disk was last written; 0: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that is known of the incident besides lines."""

    incident: Incident
    around: Sequence[Incident]
    span: Span
    rules: Mapping[str, tuple[RuleFile, int]]
    """Rule id → the file that holds it, and its line there, from 1."""
    own_files: Sequence[SourceText]
    """The owner's rule files: what tunes and ignores stands there."""
    versions: Mapping[str, str]
    made: Stamp
    zone: tzinfo | None


def texts(case: Case) -> Iterator[tuple[str, bytes]]:
    """The members of the archive that are no lines, in its order."""
    yield "README.txt", _readme(case).encode()
    yield "incident.txt", incident_text(case.incident, case.zone).encode()
    yield "incident.json", _pretty(as_plain(case.incident))
    yield (
        "around.jsonl",
        b"".join(msgspec.json.encode(as_plain(i)) + b"\n" for i in case.around[:MOST_AROUND]),
    )
    for rule, (file, line) in case.rules.items():
        yield f"rules/{rule}.yaml", _rule_text(file, line, case.incident)
    for source in case.own_files:
        yield f"rules/own/{source.name.rpartition('/')[2]}", masked_lines(source.text)


def _readme(case: Case) -> str:
    return README.format(
        version=case.versions["nightporter"],
        made=exactly(case.made)[:19],
        title=cleaned(case.incident.title),
        rule=case.incident.rule,
        incident=case.incident.id,
        first=exactly(case.span.first),
        last=exactly(case.span.last),
    )


# --- the incident


def as_plain(incident: Incident) -> object:
    """An incident as JSON holds it: texts masked, severities by name, times in nanoseconds, with each as a
    person reads it beside (`first`, `first_utc`)."""
    return _masked(msgspec.to_builtins(incident))


def _masked(value: object, name: str = "") -> object:
    match value:
        case str():
            return cleaned(value, lines=True)
        case dict():
            masked: dict[str, object] = {}
            for key, inner in value.items():
                masked[cleaned(str(key))] = _masked(inner, str(key))
                if key in STAMPS and name not in NAMED_BY_LINES and inner:
                    masked[f"{key}_utc"] = exactly(inner)
            return masked
        case list() | tuple():
            return [_masked(inner) for inner in value]
        case int() if name.endswith("severity"):
            return Severity(value).name
        case _:
            return value


def incident_text(incident: Incident, zone: tzinfo | None) -> str:
    """What was found, for a person. Times are local; UTC stands beside."""
    episode = incident.episode
    rows = [
        ("what", cleaned(incident.title)),
        ("rule", incident.rule),
        ("severity", incident.severity.name),
        ("who", _pairs(incident.key)),
        ("subject", cleaned(incident.subject)),
        ("first", _time(incident.first, zone)),
        ("last", _time(incident.last, zone)),
        ("ended", _time(incident.ended_at, zone) if incident.ended_at else ""),
        ("state", "going on" if incident.open else "over"),
        ("events", f"{incident.count:,}, episodes: {incident.episodes:,}"),
        ("message", cleaned(episode.message, lines=True).replace("\n", "\n" + " " * COLUMN)),
    ]
    rows += [(f"top {name}", _counts(values)) for name, values in episode.top.items()]
    lines = [f"{name:<{COLUMN - 1}} {text}" for name, text in rows if text]
    if incident.parts:
        lines += ["", "Its parts:"]
        for part in incident.parts:
            state = "going on" if part.open else "over"
            who = _pairs(part.key)
            lines.append(f"  {_time(part.first, zone)}  {part.severity.name}  {part.rule}  {who}  {state}")
            lines.append(f"    {cleaned(part.message)}")
    if episode.samples:
        lines += ["", "Lines that counted, a few of them:", *(f"  {cleaned(s)}" for s in episode.samples)]
    return "\n".join(lines) + "\n"


def _time(stamp: Stamp, zone: tzinfo | None) -> str:
    return f"{wall(stamp, zone):%a %-d %b %Y %H:%M:%S %z} ({exactly(stamp)})"


def _pairs(key: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {cleaned(str(value))}" for name, value in key.items())


def _counts(values: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{cleaned(value)} ×{count:,}" for value, count in values)


# --- its rules


def rule_block(text: str, line: int) -> str:
    """A rule as its file has it: the line where its id stands (from 1), and all that is further in below."""
    lines = text.splitlines()[line - 1 :]
    if not lines:
        return ""
    depth = _depth(lines[0])
    block = [lines[0]]
    for below in lines[1:]:
        if below.strip() and _depth(below) <= depth:
            break
        block.append(below)
    return "\n".join(block).rstrip() + "\n"


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _rule_text(file: RuleFile, line: int, incident: Incident) -> bytes:
    text = (
        file.source.text if isinstance(file.source.text, str) else file.source.text.decode("utf-8", "replace")
    )
    head = f"# {file.source.name}:{line}, as it is in force\n"
    if file.changed > incident.first:
        head += f"# That file was changed at {exactly(file.changed)}, after this was first seen.\n"
    return masked_lines(head + rule_block(text, line))


def masked_lines(text: str | bytes) -> bytes:
    """A text of a person's, each line masked."""
    data = text.encode() if isinstance(text, str) else text
    return b"".join(shown(line) + b"\n" for line in data.splitlines())


# --- the manifest


def manifest(case: Case, bags: Sequence[Bag], names: Mapping[tuple[int, int], str]) -> bytes:
    """Where everything comes from. `names`: number of the bag and of its part → member of the archive."""
    return _pretty(
        {
            "format": 1,
            "incident": case.incident.id,
            "rule": case.incident.rule,
            "made": exactly(case.made),
            "first": exactly(case.span.first),
            "last": exactly(case.span.last),
            "versions": dict(case.versions),
            "sources": [
                {
                    "source": bag.source,
                    "kind": bag.kind,
                    "notes": [cleaned(note) for note in bag.notes],
                    "troubles": [cleaned(trouble) for trouble in bag.troubles],
                    "parts": [
                        {
                            "file": names[number, index],
                            "stream": cleaned(part.name),
                            "lines": part.lines,
                            "bytes": part.bytes,
                            "sha256": part.sha256,
                            "original": {
                                "bytes": part.original.bytes,
                                "sha256": part.original.sha256,
                                **{name: _masked(value) for name, value in part.original.where.items()},
                            },
                        }
                        for index, part in enumerate(bag.parts)
                    ],
                }
                for number, bag in enumerate(bags)
            ],
        }
    )


def _pretty(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
