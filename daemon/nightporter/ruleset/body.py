"""The keys that a rule, a file's `defaults:` and a `tune:` entry share; read once, laid over each other.

A `Body` says only what was written: None is "not given". `Rule` is made of the last body by `assemble`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from nightporter.errors import nearest
from nightporter.model import Nanos, Severity, Value
from nightporter.rule import ALWAYS, Condition, KeyPart, LineTest, Mode, SeverityStep, WindowSpec
from nightporter.ruleset import values, windows
from nightporter.ruleset.complaint import Spot
from nightporter.ruleset.conditions import ConditionReader
from nightporter.ruleset.forms import KINDS
from nightporter.ruleset.inline import read_filled, read_tests
from nightporter.ruleset.keys import read_key
from nightporter.ruleset.messages import TEMPLATE_NAMES
from nightporter.ruleset.names import Names, Scope
from nightporter.ruleset.values import NotA
from nightporter.ruleset.windows import read_duration
from nightporter.yamltext.page import Node, Page, Scalar, Table, describe

T = TypeVar("T")

KEYS: Final = (
    "title",
    "from",
    "when",
    "unless",
    "by",
    *KINDS,
    "for",
    "resolve",
    "quiet",
    "severity",
    "subject",
    "waits",
    "pollers",
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
    key for key in KEYS if key not in (*KINDS, "title", "when", "resolve", "message", "emit", "tests")
)
PLACED: Final = ("for", "resolve", "waits", "pollers", "quiet", "message", "emit")
"""Keys that may not go together with what others say, and whose place is kept to say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What one place says of a rule."""

    title: str | None = None
    sources: tuple[str, ...] | None = None
    when: Condition | None = None
    groups: frozenset[str] = frozenset()
    """Named groups of the regexes in `when`, the window and `resolve`."""
    unless: tuple[Condition, ...] = ()
    by: tuple[KeyPart, ...] | None = None
    window: WindowSpec | None = None
    lasts: Nanos | None = None
    resolve: Condition | None = None
    quiet: Nanos | None = None
    severity: tuple[SeverityStep, ...] | None = None
    subject: str | None = None
    waits: bool | None = None
    skip_pollers: bool | None = None
    cooldown: Nanos | None = None
    cooldown_max: Nanos | None = None
    message: str | None = None
    fix: str | None = None
    tags: tuple[str, ...] = ()
    references: tuple[str, ...] | None = None
    notify: tuple[str, ...] | None = None
    emit: tuple[tuple[str, Value], ...] | None = None
    mode: Mode | None = None
    enabled: bool | None = None
    version: int | None = None
    tests: tuple[LineTest, ...] = ()
    spots: Mapping[str, Spot] = field(default_factory=dict)
    """Where the `PLACED` keys stand."""


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
    changes["spots"] = {**base.spots, **top.spots}
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
        # Conditions first: their named groups are fields for all that follows.
        when = reader.read(table["when"], "when") if "when" in table else None
        window = self._window(table, reader)
        resolve = reader.read(table["resolve"], "resolve") if "resolve" in table else None
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
            by=got("by", lambda n: read_key(page, n, scope)),
            window=window,
            lasts=got("for", lambda n: read_duration(page, n, least=0, most=windows.MAX_WITHIN)),
            resolve=resolve,
            quiet=got("quiet", lambda n: read_duration(page, n, least=0)),
            severity=got("severity", lambda n: self._severity(n, reader)),
            subject=got("subject", self._subject),
            waits=got("waits", page.flag),
            skip_pollers=got("pollers", self._pollers),
            cooldown=got("cooldown", lambda n: read_duration(page, n, least=0)),
            cooldown_max=got("cooldown_max", lambda n: read_duration(page, n, least=0)),
            message=got("message", page.prose),
            fix=got("fix", page.prose),
            tags=got("tags", page.texts) or (),
            references=got("references", page.texts),
            notify=got("notify", self._notify),
            emit=got("emit", self._emit),
            mode=got("mode", self._mode),
            enabled=got("enabled", page.flag),
            version=got("version", lambda n: page.whole(n, "a version", 1, 1_000_000)),
            tests=got("tests", lambda n: read_tests(page, n, self._names, scope, tuned=self._tuned)) or (),
            spots={key: Spot(page, table[key]) for key in PLACED if key in table},
        )

    def _emit(self, node: Node) -> tuple[tuple[str, Value], ...]:
        return read_filled(self._page, node, self._scope, TEMPLATE_NAMES)

    def _window(self, table: dict[str, Node], reader: ConditionReader) -> WindowSpec | None:
        for kind in KINDS:
            if kind in table:
                return windows.read_window(self._page, kind, table[kind], reader)
        return None

    def _subject(self, node: Node) -> str | None:
        name = self._page.text(node, "a field's name")
        if name is not None:
            self._scope.check(self._page, node, name)
        return name

    def _pollers(self, node: Node) -> bool | None:
        if isinstance(node, Scalar) and node.text == "skip":
            return True
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            fix = "write 'pollers: skip'" if node.value else "take it out: pollers are counted like others"
            self._page.tell(node, describe(node), expected="skip", fix=fix)
        else:
            self._page.wrong(node, "skip")
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
    """A map's entries; unknown keys and a second window are told and left out."""
    if not isinstance(node, Table):
        page.wrong(node, what)
        return None
    table: dict[str, Node] = {}
    first_window = ""
    for key, value in node.entries:
        if key.text not in known:
            page.unknown(key, "key", key.text, known)
            continue
        table[key.text] = value
        if key.text in KINDS:
            if first_window:
                page.tell(
                    key,
                    f"a second window, '{key.text}' beside '{first_window}'",
                    expected="one window a rule",
                )
                table.pop(key.text, None)
            first_window = first_window or key.text
    return table
