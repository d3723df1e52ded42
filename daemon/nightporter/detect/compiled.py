"""Rules made ready to judge: conditions as closures, fingerprints, and what applies to which lane."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Many
from dataclasses import dataclass, field
from typing import Final

from nightporter.detect import template
from nightporter.detect.gates import Gate, gate_of
from nightporter.detect.lacking import needs_of, off_for_places, tests_of, usable
from nightporter.detect.learned import LearnedMembers
from nightporter.detect.matchers import Shared
from nightporter.detect.patterns import Budgets
from nightporter.detect.predicates import ListValues, Predicate, compile_condition
from nightporter.formats import address
from nightporter.model import Fields, Key, Origin, Severity, Value, short_id
from nightporter.rule import (
    NEVER,
    PLACE_FIELDS,
    All,
    AnyOf,
    Condition,
    Count,
    Enricher,
    FirstSeen,
    Ignore,
    KeyPart,
    LearnedList,
    ListRef,
    Op,
    Ratio,
    Rule,
    Ruleset,
    Sequence,
    Spike,
    Sum,
    Test,
    WindowSpec,
)

Formats = frozenset[str] | None
"""The formats whose events an entry judges in its lane; None: all."""


LOGIN_PATHS: Final = "login_paths"
"""The list of the shipped rules that says which paths are logins."""
LOGIN_REQUEST: Final = Test(field="path", op=Op.GLOB, values=(ListRef(LOGIN_PATHS),))


MANY: Final = 200
"""A window that asks for more events than this, or for a sum, takes in the ordinary: its first lines would
push out those of all other rules, and what comes after its crossing shows as well what it is about."""


class CompiledRule:
    """A rule with its closures. `fingerprint` names its memory: it stays the same over a reload while what
    the memory means is the same (RULES §4.15)."""

    def __init__(self, rule: Rule, ruleset: Ruleset, lists: dict[str, ListValues], shared: Shared) -> None:
        def compiled(condition: Condition) -> Predicate:
            return compile_condition(
                condition, lists, timezone=ruleset.timezone, budgets=self.budgets, shared=shared
            )

        self.budgets = Budgets()
        """How much time its regexes spent on each source's lines (RULES §5)."""
        self.rule = rule
        self.id = rule.id
        self.by = rule.by
        self.window = rule.window
        self.quiet = rule.quiet
        self.lasts = rule.lasts
        self.is_state = rule.is_state
        self.skip_pollers = rule.skip_pollers
        self.emit = rule.emit
        self.when = compiled(rule.when)
        self.unless = compiled(rule.unless)
        self._ignores = [i for i in ruleset.ignores if i.rule in (None, rule.id)]
        self.ignored = compiled(AnyOf(tuple(_until(i) for i in self._ignores)))
        self._severity = [(step.severity, compiled(step.when)) for step in rule.severity]
        self.gate = compiled(gate_of(AnyOf((rule.when, rule.resolve)) if rule.resolve else rule.when))
        self.resolves = compiled(rule.resolve) if rule.resolve is not None else None
        """What ends an episode; None: quiet does."""
        self.of = compiled(rule.window.of if isinstance(rule.window, Ratio) else NEVER)
        steps = rule.window.steps if isinstance(rule.window, Sequence) else ()
        self.steps = [compiled(step.when) for step in steps]
        self.can_wait = (
            isinstance(rule.window, Count)
            and rule.window.threshold > 1
            and len(rule.severity) == 1
            and not (rule.lasts or rule.resolve or rule.skip_pollers)
        )
        """Whether a key's first event needs no more memory than its stamp."""
        count = rule.window.threshold if isinstance(rule.window, Count) else 0
        self.keeps_lines = count <= MANY and not isinstance(rule.window, Sum)
        """Whether what comes before a crossing is kept for the episode's samples and top values."""
        self.fingerprint = f"{rule.id}:{short_id(rule.when, rule.unless, rule.by, _meaning(rule.window))}"
        wanted = dict.fromkeys(template.names(rule.message))
        emitted = [n for _, v in rule.emit or () if isinstance(v, str) for n in template.names(v)]
        self.top_fields = tuple(n.removeprefix("top.") for n in wanted if n.startswith("top."))
        behind = ("behind",) if rule.subject == "service" else ()
        asked = dict.fromkeys(("service", rule.subject, *behind, *wanted, *emitted))
        self.asked_fields = tuple(n for n in asked if n and n != "raw" and not n.startswith("top."))
        """What is kept of an episode's newest event: what its message, its subject or its `emit` asks for."""
        self.places = PLACE_FIELDS & {*needs_of(rule), *self.asked_fields, *self.top_fields}
        """What it needs or shows of where an address is."""
        self._key_ignores = [compiled(_until(i)) for i in self._ignores if self._speaks_of_key_only(i)]

    def _speaks_of_key_only(self, ignore: Ignore) -> bool:
        asked = set(fields_of(ignore.when))
        return bool(asked) and asked <= {part.field for part in self.by}

    def severity_of(self, fields: Fields) -> Severity:
        """The first step whose condition holds."""
        for severity, when in self._severity:
            if when(fields, None):
                return severity
        return Severity.medium

    def ignores_key(self, key: Key) -> bool:
        """Whether an `ignore:` entry that speaks of the key's own fields alone covers this key."""
        if not self._key_ignores:
            return False
        fields: Fields = {"time": 0}
        for part, value in zip(self.by, key, strict=True):
            fields[part.field] = str(value).partition("/")[0] if is_address(part) else value
        return any(ignored(fields, None) for ignored in self._key_ignores)


def _meaning(window: WindowSpec | None) -> tuple[object, ...]:
    """Of a window, what its memory depends on: with another threshold or length it is still true."""
    match window:
        case Ratio(of=of):
            return "Ratio", of
        case Spike(measure=measure, field=field, within=within):
            return "Spike", measure, field, within  # its slots and blocks have that length
        case FirstSeen(fields=fields):
            return "FirstSeen", fields
        case Sequence(steps=steps):
            return "Sequence", tuple(step.when for step in steps)
    return type(window).__name__, getattr(window, "field", "")


def is_address(part: KeyPart) -> bool:
    """Whether a key part is grouped as an address."""
    return part.field == "client_ip" or part.v4 is not None or part.v6 is not None


def key_value(part: KeyPart, fields: Fields) -> Value | None:
    """A key part's value. In a login event an unknown address is replaced by the user (RULES §4.8)."""
    value = fields.get(part.field)
    if value is None:
        if part.field == "client_ip" and fields.get("event") == "login":
            return _as_a_name(fields.get("user"))
        return None
    if part.field == "client_ip" and part.v4 in (None, 32) and ":" not in str(value):
        return value  # an IPv4 address, normalised long before, is its own group
    if is_address(part):
        return address.group(str(value), part.v4 or 32, part.v6 or 64)
    return value


def _as_a_name(user: Value | None) -> Value | None:
    """A user as a key in place of an address. Whoever logs in as `203.0.113.9` does not make that address
    guilty."""
    if user is None or address.network(str(user)) is None:
        return user
    return f"user {user}"


def fields_of(condition: Condition) -> Iterator[str]:
    """Every field that a condition asks about."""
    return (test.field for test in tests_of(condition))


def _until(ignore: Ignore) -> Condition:
    if ignore.until is None:
        return ignore.when
    return All((Test(field="time", op=Op.LT, values=(ignore.until,)), ignore.when))


class CompiledEnricher:
    """An `events:` entry with its closures."""

    def __init__(
        self, enricher: Enricher, lists: dict[str, ListValues], timezone: str, shared: Shared
    ) -> None:
        def compiled(condition: Condition) -> Predicate:
            return compile_condition(condition, lists, timezone=timezone, budgets=self.budgets, shared=shared)

        self.enricher = enricher
        self.id = enricher.id
        self.budgets = Budgets()
        self.when = compiled(enricher.when)
        self.unless = compiled(enricher.unless)
        self.gate = compiled(gate_of(enricher.when))
        self.sets = enricher.sets


@dataclass(frozen=True, slots=True)
class Plan:
    """What can apply to the lines of one origin."""

    enrichers: tuple[tuple[CompiledEnricher, Formats], ...]
    rules: tuple[tuple[CompiledRule, Formats], ...]
    learned: tuple[LearnedMembers, ...]
    learned_lists: tuple[LearnedList, ...]
    login_request: Predicate | None = None
    """In a proxy's access log: which requests are logins, at whatever service."""
    login_request_when: Condition | None = None
    places: bool = False
    """Whether any of these asks where a client's address is, and a database may tell."""
    rule_gate: Gate[CompiledRule] = field(init=False, compare=False, repr=False)
    enricher_gate: Gate[CompiledEnricher] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rule_gate", Gate(self.rules))
        object.__setattr__(self, "enricher_gate", Gate(self.enrichers))


class CompiledRuleset:
    """All rules in force, ready to judge; left out are disabled ones, and what lacks a list."""

    def __init__(self, ruleset: Ruleset, without: frozenset[type] = frozenset()) -> None:
        """`without`: kinds of windows whose rules are left out."""
        self.without_places = tuple(rule.id for rule in off_for_places(ruleset))
        """The rules that are off for want of a database of places."""
        self.ruleset = ruleset = usable(ruleset)
        self.learned: dict[str, LearnedMembers] = {}
        self.lists: dict[str, ListValues] = {}
        for name, entry in ruleset.lists.items():
            if isinstance(entry, LearnedList):
                self.lists[name] = self.learned[name] = LearnedMembers(name, entry.field, entry.keep)
            else:
                self.lists[name] = entry.values
        shared, zone = Shared(), ruleset.timezone
        for name, entry in ruleset.lists.items():
            if isinstance(entry, LearnedList):
                when = compile_condition(entry.when, self.lists, timezone=zone, shared=shared)
                self.learned[name].filled_by(when)
        self.login_request = (
            compile_condition(LOGIN_REQUEST, self.lists, timezone=zone, shared=shared)
            if LOGIN_PATHS in self.lists
            else None
        )
        self.joins = self.login_request is not None
        """Whether logins behind a proxy can be joined to its requests: the rules name the login paths."""
        self.rules = tuple(
            CompiledRule(r, ruleset, self.lists, shared)
            for r in ruleset.rules
            if r.enabled and type(r.window) not in without
        )
        self.by_id = {rule.id: rule for rule in self.rules}
        self.by_fingerprint = {rule.fingerprint: rule for rule in self.rules}
        self.enrichers = tuple(CompiledEnricher(e, self.lists, zone, shared) for e in ruleset.enrichers)

    def plan(self, origin: Origin, produces: Many[str]) -> Plan:
        """What can apply to lines of `origin` whose format yields events of the `produces` formats."""
        enrichers = ((e, applies(e.enricher.sources, origin, produces)) for e in self.enrichers)
        rules = ((r, applies(r.rule.sources, origin, produces)) for r in self.rules)
        lists = [
            entry
            for entry in self.ruleset.lists.values()
            if isinstance(entry, LearnedList) and applies(entry.sources, origin, produces) != frozenset()
        ]
        proxy = "traefik" in produces and LOGIN_PATHS in self.lists
        judging = tuple((r, f) for r, f in rules if f != frozenset())
        asked = {field for r, _ in judging for field in r.places}
        asked |= {field for entry in lists for field in (entry.field, *fields_of(entry.when))}
        return Plan(
            places=bool(asked & self.ruleset.places),
            login_request=self.login_request if proxy else None,
            login_request_when=LOGIN_REQUEST if proxy else None,
            enrichers=tuple((e, f) for e, f in enrichers if f != frozenset()),
            rules=judging,
            learned=tuple(self.learned[entry.name] for entry in lists),
            learned_lists=tuple(lists),
        )


def applies(names: Many[str], origin: Origin, produces: Many[str]) -> Formats:
    """Which of a lane's formats a `from` speaks of: None for all of them, empty for none.

    A name is a source's name, a kind, a format, `service:NAME`, or `any`, which is everything but
    detections (a rule that hears every detection would hear itself).
    """
    for name in names:
        if name in (origin.source, origin.kind) or (name == "any" and origin.kind != "detection"):
            return None
        if name.startswith("service:") and name.removeprefix("service:").lower() in origin.services:
            return None
    return frozenset(p for p in produces if p in names)
