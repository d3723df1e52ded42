"""From two states of a path to what is said of it: the action, a sentence, and the difference. Pure, but for
the names of users, which the system is asked for."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nightporter.model import ACCEPTED, Fields, Stamp
from nightporter.sources.integrity.difference import changed_lines
from nightporter.sources.integrity.state import ABSENT, State

ACTIONS: Final = ("created", "deleted", "replaced", "changed", "owner", "mode")
"""What can happen to a path, the gravest first: of several it is told as the first, and `what` names all."""
DIFF_CHARS: Final = 3_000
"""Of the difference in a record, which with all the rest stays below the 8,192 that rules see."""
_KINDS: Final = {"file": "a file", "folder": "a folder", "link": "a link", "other": "a pipe or device"}


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a path between two looks at it."""

    action: str
    what: str
    """Of whole sentences the part after the path: `its content was changed; its mode is 0666, was 0644`."""
    diff: str
    """Lines: what became another, and then what went (`-`) and came (`+`); never empty."""


def change(before: State, now: State) -> Change | None:
    """What makes the difference; None where there is none."""
    if now.is_like(before):
        return None
    said = list(_said(before, now))
    lines = [line for _, _, line in said if line]
    if any(action in ("changed", "created", "replaced") for action, _, _ in said):
        lines += _content(before, now)
    return Change(
        action=min((action for action, _, _ in said), key=ACTIONS.index),
        what="; ".join(what for _, what, _ in said),
        diff=_capped(lines),
    )


def _said(before: State, now: State) -> Iterator[tuple[str, str, str]]:
    """Action, words, and a line of the difference, for each thing that is another."""
    if now.kind == "absent":
        yield "deleted", "it was deleted", f"deleted: it was {_kind(before)}"
        return
    if before.kind == "absent":
        yield "created", f"it was created, {_kind(now)}, {_rights(now)}", f"created: {_rights(now)}"
        return
    if before.kind != now.kind:
        yield "replaced", f"it is {_kind(now)} now, and was {_kind(before)}", f"now {_kind(now)}"
    elif before.target != now.target:
        line = f"→ {now.target}, was → {before.target}"
        yield "replaced", f"it leads to {now.target} now, before to {before.target}", line
    if before.sha256 != now.sha256 and before.sha256 and now.sha256:
        yield "changed", "its content was changed", ""
    if (before.uid, before.gid) != (now.uid, now.gid):
        yield "owner", f"it belongs to {owners(now)} now, before to {owners(before)}", f"owner {owners(now)}"
    if before.mode != now.mode:
        yield "mode", f"its mode is {now.octal} now, was {before.octal}", f"mode {before.octal} → {now.octal}"


def _content(before: State, now: State) -> list[str]:
    if before.sha256 == now.sha256 and before.kind != "absent":
        return []
    if now.text is None:
        return ["(what is in it is not shown: it is no text, too long, or holds keys)"]
    if before.kind != "absent" and (before.text is None or before.text.salt != now.text.salt):
        return ["(what was in it before is not known)"]
    return list(changed_lines(before.text.lines() if before.text else [], now.text.lines()))


def _capped(lines: list[str]) -> str:
    taken: list[str] = []
    room = DIFF_CHARS
    for number, line in enumerate(lines):
        room -= len(line) + 1
        if room < 0:
            taken.append(f"… and {len(lines) - number:,} lines more")
            break
        taken.append(line)
    return "\n".join(taken)


def accepted(path: str, stamp: Stamp, *, own: bool) -> Fields:
    """The event of a person's word that a file is right as it is now; no rule counts it."""
    what = "it was accepted as it is now"
    return {"action": ACCEPTED, "path": path, "what": what, "own": own, "time": stamp}


def record(path: str, what: Change, now: State, stamp: Stamp, *, accepted: bool, own: bool) -> Fields:
    """The event, field by field. `path` is as people read it; `accepted`: it is again as it was accepted;
    `own`: it is our own config, or one of our rule files."""
    fields: Fields = {
        "action": what.action,
        "path": path,
        "what": f"{what.what}; it is again as it was accepted" if accepted else what.what,
        "diff": what.diff,
        "accepted": accepted,
        "own": own,
        "time": stamp,
    }
    if now != ABSENT:
        fields |= {"mode": now.octal, "owner": user(now.uid), "group": group(now.gid)}
    if now.sha256:
        fields["sha256"] = now.sha256
    if now.target:
        fields["target"] = now.target
    return fields


def _kind(state: State) -> str:
    return f"a link to {state.target}" if state.target else _KINDS.get(state.kind, "nothing")


def _rights(state: State) -> str:
    return f"of {owners(state)}, mode {state.octal}"


def owners(state: State) -> str:
    """`alice:staff`."""
    return f"{user(state.uid)}:{group(state.gid)}"


def user(number: int) -> str:
    """A user's name; the number where there is none."""
    try:
        return pwd.getpwuid(number).pw_name
    except (KeyError, OSError):  # a container's user, or a directory service that is away
        return str(number)


def group(number: int) -> str:
    """A group's name; the number where there is none."""
    try:
        return grp.getgrgid(number).gr_name
    except (KeyError, OSError):
        return str(number)
