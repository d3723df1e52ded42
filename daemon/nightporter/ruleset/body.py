"""The keys that a rule, a file's `defaults:` and a `tune:` entry share; read once, laid over each other.

A `Body` says only what was written: None is "not given". `Rule` is made of the last body by `assemble`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from nightporter.detect import template
from nightporter.errors import Place, nearest
from nightporter.model import MINUTE, Nanos, Severity, Value
from nightporter.rule import (
    ALWAYS,
    NEVER,
    AnyOf,
    Condition,
    Count,
    Distinct,
    KeyPart,
    LineTest,
    Mode,
    Rule,
    SeverityStep,
    WindowSpec,
    within_of,
)
from nightporter.ruleset import values, windows
from nightporter.ruleset.conditions import ConditionReader
from nightporter.ruleset.inline import read_filled, read_tests
from nightporter.ruleset.names import Names, Scope
from nightporter.ruleset.values import NotA
from nightporter.ruleset.windows import read_duration
from nightporter.yamlpage import Node, Page, Table

T = TypeVar("T")

KEYS: Final = (
    "title",
    "from",
    "when",
    "unless",
    "by",
    "count",
    "distinct",
    "quiet",
    "severity",
    "cooldown",
    "cooldown_max",
    "message",
    "fix",
    "tags",
    "references",
    "notify",
    "emit",
    "mode",
    "enabled",
    "version",
    "tests",
)
DEFAULT_KEYS: Final = tuple(
    k for k in KEYS if k not in ("title", "when", "count", "distinct", "message", "emit", "tests")
)
LATER: Final = windows.LATER | {"for", "resolve", "subject", "pollers"}
"""Keys of the language that this version refuses by name."""
TEMPLATE_NAMES: Final = ("count", "distinct", "window", "first", "last")


@dataclass(frozen=True, slots=True)
class Phrase:
    """A template and where it stands."""

    text: str
    page: Page
    node: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What one place says of a rule."""

    title: str | None = None
    sources: tuple[str, ...] | None = None
    when: Condition | None = None
    groups: frozenset[str] = frozenset()
    """Named groups of the regexes in `when`."""
    unless: tuple[Condition, ...] = ()
    by: tuple[KeyPart, ...] | None = None
    window: WindowSpec | None = None
    quiet: Nanos | None = None
    severity: tuple[SeverityStep, ...] | None = None
    cooldown: Nanos | None = None
    cooldown_max: Nanos | None = None
    message: Phrase | None = None
    fix: str | None = None
    tags: tuple[str, ...] = ()
    references: tuple[str, ...] | None = None
    notify: tuple[str, ...] | None = None
    emit: tuple[tuple[str, Value], ...] | None = None
    mode: Mode | None = None
    enabled: bool | None = None
    version: int | None = None
    tests: tuple[LineTest, ...] = ()


ADDED: Final = ("unless", "tags", "tests", "groups")
"""What adds up where bodies are laid over each other; all else replaces."""


def laid_over(base: Body, top: Body, replaced: Collection[str] = ()) -> Body:
    """`base` with what `top` says; `unless` and `tags` add, unless they are `replaced`."""
    changes: dict[str, object] = {}
    for name in Body.__dataclass_fields__:
        above = getattr(top, name)
        if name in ADDED and name not in replaced:
            below = getattr(base, name)
            changes[name] = (
                below | above if isinstance(below, frozenset) else tuple(dict.fromkeys((*below, *above)))
            )
        elif name in replaced or (name not in ADDED and above is not None):
            changes[name] = above
    return replace(base, **changes)  # type: ignore[arg-type]  # same field, same type


class BodyReader:
    """Reads the shared keys of one entry. `scope` is what its sources' events can have."""

    def __init__(self, page: Page, names: Names, scope: Scope, *, tuned: bool = False) -> None:
        self._page = page
        self._names = names
        self._scope = scope
        self._tuned = tuned

    def read(self, table: dict[str, Node]) -> Body:
        """The body of a map whose keys are known to be valid."""
        page, scope = self._page, self._scope
        reader = ConditionReader(page, self._names, scope)
        # `when` first: its named groups are fields for all that follows.
        when = reader.read(table["when"], "when") if "when" in table else None
        groups = frozenset(reader.groups)
        unless = (reader.read(table["unless"], "unless"),) if "unless" in table else ()

        def got(key: str, read: Callable[[Node], T | None]) -> T | None:
            return read(table[key]) if key in table else None

        return Body(
            title=got("title", page.prose),
            sources=got("from", lambda n: self._names.read_from(page, n)) or None,
            when=when,
            groups=groups,
            unless=unless,
            by=got("by", self._by),
            window=self._window(table),
            quiet=got("quiet", lambda n: read_duration(page, n, least=0)),
            severity=got("severity", lambda n: self._severity(n, reader)),
            cooldown=got("cooldown", lambda n: read_duration(page, n, least=0)),
            cooldown_max=got("cooldown_max", lambda n: read_duration(page, n, least=0)),
            message=got("message", self._message),
            fix=got("fix", page.prose),
            tags=got("tags", page.texts) or (),
            references=got("references", page.texts),
            notify=got("notify", self._notify),
            emit=got("emit", self._emit),
            mode=got("mode", self._mode),
            enabled=got("enabled", page.flag),
            version=got("version", lambda n: page.whole(n, "a version", 1, 1_000_000)),
            tests=got("tests", lambda n: read_tests(page, n, self._names, scope, tuned=self._tuned)) or (),
        )

    def _emit(self, node: Node) -> tuple[tuple[str, Value], ...]:
        return read_filled(self._page, node, self._scope, TEMPLATE_NAMES)

    def _window(self, table: dict[str, Node]) -> WindowSpec | None:
        for kind in windows.KINDS:
            if kind in table:
                return windows.read_window(self._page, kind, table[kind], self._scope)
        return None

    def _by(self, node: Node) -> tuple[KeyPart, ...]:
        parts: list[KeyPart] = []
        for item in self._page.items(node):
            text = self._page.text(item, "a field's name")
            part = self._key_part(item, text) if text else None
            if part is not None and part.field in (p.field for p in parts):
                self._page.tell(item, f"'{part.field}' twice", fix="keep one of the two")
            elif part is not None:
                parts.append(part)
        return tuple(parts)

    def _key_part(self, node: Node, text: str) -> KeyPart | None:
        name, *prefixes = text.split("/")
        self._scope.check(self._page, node, name)
        is_address = self._scope.type_of(name) == "address"
        if not prefixes:
            return KeyPart(name, 32, 64) if is_address else KeyPart(name)
        sizes = [int(p) if p.isdecimal() and len(p) < 4 else 0 for p in prefixes]
        if not is_address:
            self._page.tell(node, f"'{text}': '{name}' is not an address", expected=f"'{name}' alone")
        elif len(sizes) > 2 or not 1 <= sizes[0] <= 32 or not 1 <= sizes[-1] <= 128:
            self._page.tell(
                node, f"'{text}'", expected="prefix lengths of IPv4 and IPv6, such as client_ip/24/48"
            )
        else:
            return KeyPart(name, sizes[0], sizes[1] if len(sizes) == 2 else 64)
        return None

    def _severity(self, node: Node, reader: ConditionReader) -> tuple[SeverityStep, ...]:
        """One name, or steps of which the first that fits decides; `medium` where none does."""
        steps: list[SeverityStep] = []
        for item in self._page.items(node):
            if steps and steps[-1].when == ALWAYS:
                self._page.tell(item, "a step after one without a condition", fix="put it before that one")
            if isinstance(item, Table):
                steps += self._conditional(item, reader)
            elif (level := self._level(item)) is not None:
                steps.append(SeverityStep(level))
        if not steps or steps[-1].when != ALWAYS:
            steps.append(SeverityStep(Severity.medium))
        return tuple(steps)

    def _conditional(self, node: Table, reader: ConditionReader) -> list[SeverityStep]:
        if len(node.entries) != 1:
            self._page.tell(
                node, "a step with several severities", expected="one, such as {high: {days_left|lt: 3}}"
            )
            return []
        key, condition = node.entries[0]
        level = self._level(key)
        when = reader.read(condition, key.text)
        return [] if level is None else [SeverityStep(level, when)]

    def _level(self, node: Node) -> Severity | None:
        return read_severity(self._page, node)

    def _message(self, node: Node) -> Phrase | None:
        text = self._page.prose(node)
        return None if text is None else Phrase(text, self._page, node)

    def _mode(self, node: Node) -> Mode | None:
        match self._page.text(node, "alert or dry-run"):
            case "alert":
                return "alert"
            case "dry-run":
                return "dry-run"
            case str(other):
                self._page.unknown(node, "mode", other, ("alert", "dry-run"))
        return None

    def _notify(self, node: Node) -> tuple[str, ...]:
        names = self._page.texts(node, "a destination's name")
        known = self._names.surroundings.destinations
        for name, item in zip(names, self._page.items(node), strict=False):
            if known is not None and name not in known:
                self._page.unknown(item, "destination", name, known)
        return names


def read_severity(page: Page, node: Node) -> Severity | None:
    """A severity by its name."""
    text = page.text(node, "a severity")
    if text is None:
        return None
    try:
        return values.severity(text)
    except NotA as err:
        page.tell(node, f"'{text}'", expected=err.expected, near=nearest(text, Severity.__members__))
        return None


def check_keys(page: Page, node: Node, what: str, known: Collection[str]) -> dict[str, Node] | None:
    """A map's entries; unknown keys, keys of later versions and a second window are told and left out."""
    if not isinstance(node, Table):
        page.wrong(node, what)
        return None
    table: dict[str, Node] = {}
    first_window = ""
    for key, value in node.entries:
        if key.text in LATER:
            page.tell(key, f"'{key.text}' comes in a later version", fix="take it out")
        elif key.text not in known:
            page.unknown(key, "key", key.text, known)
            continue
        else:
            table[key.text] = value
        if key.text in (*windows.KINDS, *windows.LATER):
            if first_window:
                page.tell(
                    key,
                    f"a second window, '{key.text}' beside '{first_window}'",
                    expected="one window a rule",
                )
                table.pop(key.text, None)
            first_window = first_window or key.text
    return table


def default_message(body: Body, scope: Scope) -> str:
    """What a rule without a message says: who, how many, in what time."""
    who = ", ".join(f"{{{part.field}}}" for part in body.by or ())
    match body.window:
        case Distinct(field=field):
            many = f"{{distinct}} different {field} in {{window}}"
        case Count():
            many = "{count} in {window}"
        case _:
            many = "{message}" if "message" in scope.known else "{count}"
    return f"{who}: {many}" if who else many


def check_message(phrase: Phrase, body: Body, scope: Scope) -> None:
    """Tell of every name in a message that nothing can fill."""
    page, node = phrase.page, phrase.node
    for name in dict.fromkeys(template.names(phrase.text)):
        bare = name.removeprefix("top.")
        if name == "distinct" and not isinstance(body.window, Distinct):
            page.tell(node, "'{distinct}' in the message of a rule without 'distinct:'", fix="write {count}")
        elif name == "window" and body.window is None:
            page.tell(node, "'{window}' in the message of a rule without a window", fix="take it out")
        elif bare == "raw":
            page.tell(node, "'{raw}' in a message", fix="take it out: every alert shows sample lines")
        elif name not in TEMPLATE_NAMES and bare not in scope.known:
            known = {*scope.known, *TEMPLATE_NAMES} - {"raw"}
            page.tell(
                node,
                f"nothing can fill '{{{name}}}' in this message",
                near=nearest(bare, known),
                fix="it prints '?' in lines without it" if scope.open else "",
                warning=scope.open,
            )


def assemble(rule_id: str, body: Body, scope: Scope, place: Place) -> Rule:
    """The frozen rule; what nobody gave gets its default."""
    within = within_of(body.window) or MINUTE
    return Rule(
        id=rule_id,
        title=body.title or rule_id,
        sources=body.sources or (),
        when=body.when or ALWAYS,
        unless=_any_of(body.unless),
        by=body.by or (),
        window=body.window,
        quiet=within if body.quiet is None else body.quiet,
        severity=body.severity or (SeverityStep(Severity.medium),),
        cooldown=body.cooldown,
        cooldown_max=body.cooldown_max,
        message=body.message.text if body.message else default_message(body, scope),
        fix=body.fix or "",
        tags=body.tags,
        references=body.references or (),
        notify=body.notify or (),
        emit=body.emit,
        mode=body.mode or "alert",
        enabled=body.enabled is not False,
        version=body.version or 1,
        tests=body.tests,
        place=place,
    )


def _any_of(conditions: tuple[Condition, ...]) -> Condition:
    if not conditions:
        return NEVER
    return conditions[0] if len(conditions) == 1 else AnyOf(conditions)
