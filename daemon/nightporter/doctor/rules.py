"""The rules: which are off and why, which cost more than they need to, and which have nobody to listen to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from nightporter.detect import necessary
from nightporter.detect.compiled import CompiledRule, CompiledRuleset, Plan, applies
from nightporter.detect.lacking import tests_of
from nightporter.detect.patterns import PatternError, compile_pattern
from nightporter.detect.predicates import resolve_values
from nightporter.doctor.configuration import of_problem
from nightporter.doctor.finding import Finding, Voice, listed
from nightporter.doctor.proxy import HEADERS, STATIC
from nightporter.errors import Problem
from nightporter.formats import make_format
from nightporter.model import Origin
from nightporter.rule import All, AnyOf, Condition, Distinct, Enricher, Op, Rule, Ruleset, Test
from nightporter.services import recognised

_SAY: Final = Voice("rules")
_SERVICE: Final = "service:"
_MANY_KEYLESS: Final = 5
"""Lines without a key that are worth a word."""
_INNER: Final = frozenset({"any", "detection", "docker_events", "probe", "integrity", "command", "record"})
"""Names of `from` that our own records have, or everything: no person can bring lines for these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFacts:
    """The rules as the files have them, and what they would judge here."""

    ruleset: Ruleset
    problems: tuple[Problem, ...] = ()
    origins: tuple[Origin, ...] = ()
    """Where lines come from here: files that the config names, containers that are followed."""
    complete: bool = True
    """Whether `origins` is all: False while Docker could not be asked."""
    dropped: frozenset[str] = frozenset()
    """Header fields that Traefik's log never holds."""
    static: str = STATIC
    """Traefik's static configuration."""
    shipped: frozenset[str] = frozenset()
    """The files of the shipped rules."""
    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Running container → what `service:NAME` may call it."""
    counters: Mapping[str, int] = field(default_factory=dict)
    """The running engine's counters."""


def findings(facts: RuleFacts) -> Iterator[Finding]:
    """All checks."""
    yield from about_problems(facts)
    yield from about_off(facts.ruleset.rules)
    yield from about_headers(facts)
    yield from about_engines(facts.ruleset)
    yield from about_costs(facts)
    yield from about_packs(facts)
    yield from about_strangers(facts)
    yield from about_keys(facts.counters)


def about_problems(facts: RuleFacts) -> Iterator[Finding]:
    """Mistakes in files, each with its place; else how many rules there are."""
    yield from (of_problem(_SAY, problem) for problem in facts.problems)
    if all(problem.warning for problem in facts.problems):
        on = sum(rule.enabled for rule in facts.ruleset.rules)
        yield _SAY.right(f"{on} rules are on")


def about_off(rules: Iterable[Rule]) -> Iterator[Finding]:
    """What somebody switched off, or lets run without telling."""
    for rule in rules:
        if not rule.enabled:
            by = "by a tune" if rule.untuned is not None and rule.untuned.enabled else f"in {rule.place.file}"
            yield _SAY.note(f"{rule.id} is off: switched off {by}", f"tune:\n  {rule.id}: {{enabled: true}}")
        elif rule.mode == "dry-run":
            yield _SAY.note(f"{rule.id} runs dry: it counts and tells nobody")


def about_headers(facts: RuleFacts) -> Iterator[Finding]:
    """Rules that ask for a header which Traefik drops can never fire. That a shipped one cannot is no fault:
    Traefik drops headers unless it is told to keep them."""
    rules = [rule for rule in facts.ruleset.rules if rule.enabled]
    lacking = {rule.id: fields for rule in rules if (fields := lacks(rule, facts.dropped))}
    own = {rule.id for rule in rules if rule.place.file not in facts.shipped}
    for say, off in (
        (_SAY.wrong, [rule for rule in lacking if rule in own]),
        (_SAY.note, [rule for rule in lacking if rule not in own]),
    ):
        if off:
            names = sorted({HEADERS[name] for rule in off for name in lacking[rule]})
            yield say(
                f"{listed(off)}: off, since Traefik drops the header {' and '.join(names)}",
                keep_headers(names, facts.static),
            )
    if facts.dropped and not lacking:
        names = sorted({HEADERS[name] for name in facts.dropped})
        yield _SAY.note(
            f"Traefik's log keeps no {' or '.join(names)}; no rule that is on needs it",
            keep_headers(names, facts.static),
        )


def keep_headers(names: Iterable[str], static: str) -> str:
    """Traefik's static configuration that keeps headers (doc.traefik.io, "Access Logs", 2026-11)."""
    kept = "\n".join(f"        {name}: keep" for name in names)
    return f"accessLog:                      # in {static}\n  fields:\n    headers:\n      names:\n{kept}"


def lacks(rule: Rule, dropped: frozenset[str]) -> tuple[str, ...]:
    """The dropped fields for want of which a rule can never count a line; empty if it still can."""
    if "traefik" not in rule.sources:
        return ()
    grouped = {part.field for part in rule.by}
    if isinstance(rule.window, Distinct):
        grouped.add(rule.window.field)
    wanted = grouped & dropped
    if not can_hold(rule.when, dropped):
        wanted |= {test.field for test in tests_of(rule.when) if test.field in dropped}
    return tuple(sorted(wanted))


def can_hold(condition: Condition, missing: frozenset[str]) -> bool:
    """Whether a condition could be true of some event that lacks these fields."""
    match condition:
        case All(parts=parts):
            return all(can_hold(part, missing) for part in parts)
        case AnyOf(parts=parts):
            return any(can_hold(part, missing) for part in parts)
        case Test():
            return condition.field not in missing or _asks_absence(condition)


def _asks_absence(test: Test) -> bool:
    return test.op is Op.EXISTS and (test.negated or not any(value is True for value in test.values))


def about_engines(ruleset: Ruleset) -> Iterator[Finding]:
    """Regexes that run on the slower engine; or all of them, where the quick one is not installed."""
    notes: dict[str, str] = {}
    without_note = 0
    for rule, text in regexes(ruleset):
        try:
            pattern = compile_pattern(text)
        except PatternError:
            continue  # a list's value that is no regex; the loader has told it
        if pattern.engine == "regex" and not pattern.note:
            without_note += 1
        elif pattern.note:
            notes.setdefault(rule, pattern.note)
    if without_note:
        yield _SAY.note(
            f"google-re2 is not here, so {without_note} regexes run on the slower engine",
            "uv tool install --with google-re2 nightporter    # its wheels need macOS 13 or newer",
        )
    for rule, note in notes.items():
        yield _SAY.note(f"{rule}: a regex {note}", "write it without, or narrow `when` before it")


def regexes(ruleset: Ruleset) -> Iterator[tuple[str, str]]:
    """Every regex with the rule or event that it belongs to."""
    lists = CompiledRuleset(Ruleset(lists=ruleset.lists)).lists
    entries: tuple[Rule | Enricher, ...] = (*ruleset.rules, *ruleset.enrichers)
    for entry in entries:
        for test in (*tests_of(entry.when), *tests_of(entry.unless)):
            if test.op is Op.RE:
                values = resolve_values(test, lists) or ()
                yield from ((entry.id, value) for value in values if isinstance(value, str))


def about_costs(facts: RuleFacts) -> Iterator[Finding]:
    """A person's own rules for which every line of a source must be decoded, since no byte string stands in
    all their hits. The shipped ones are not theirs to mend, and our own records are few."""
    compiled = CompiledRuleset(facts.ruleset)
    own = {rule.id for rule in facts.ruleset.rules if rule.place.file not in facts.shipped}
    costly: dict[str, list[str]] = {}
    for origin in distinct(o for o in facts.origins if o.format != "record"):
        for rule in (rule for rule in costly_in(compiled, origin) if rule in own):
            costly.setdefault(rule, []).append(origin.stream if origin.kind == "docker" else origin.source)
    for rule, where in costly.items():
        yield _SAY.note(
            f"{rule} costs decoding every line of {listed(dict.fromkeys(where))}",
            "give its `when` a text, a status or a path that stands in the line",
        )


def distinct(origins: Iterable[Origin]) -> Iterator[Origin]:
    """One origin of each kind of lane: ten files of one glob are judged alike."""
    seen: set[tuple[object, ...]] = set()
    for origin in origins:
        key = (origin.source, origin.kind, origin.format, origin.services)
        if key not in seen:
            seen.add(key)
            yield origin


def costly_in(compiled: CompiledRuleset, origin: Origin) -> Sequence[str]:
    """The ids of the rules that make a lane judge every line."""
    form = make_format(origin)
    plan = compiled.plan(origin, form.produces)

    def literals(rules: tuple[tuple[CompiledRule, frozenset[str] | None], ...]) -> necessary.Literals:
        only = Plan(enrichers=plan.enrichers, rules=rules, learned=(), learned_lists=())
        return necessary.literals(only, origin, form, compiled.lists, compiled.ruleset.timezone)

    return [entry[0].id for entry in plan.rules if literals((entry,)) is None]


def about_packs(facts: RuleFacts) -> Iterator[Finding]:
    """Rules and events for a service that runs nowhere here, or for a source that the config lacks."""
    if not facts.complete:
        return
    idle: dict[str, None] = {}
    here = {recognised(origin.services) for origin in facts.origins}
    for service, owners in packs(facts.ruleset).items():
        if any(service in origin.services for origin in facts.origins):
            continue
        own = [entry for entry in owners if entry.place.file not in facts.shipped]
        if own:
            yield _SAY.wrong(
                f"{listed(entry.id for entry in own)}: no container for this pack: nothing here is called "
                f"'{service}'",
                f"service: {service}    # in the source of its lines, or call the container so",
            )
        else:
            known = recognised((service,))
            if known is None or known not in here:  # else it runs under another of its names
                idle[known.name if known else service] = None
    if idle:
        yield _SAY.note(
            f"no container for this pack: {listed(sorted(idle), 60)}; fine if you do not run them"
        )
    yield from _sourceless(facts)


def packs(ruleset: Ruleset) -> Mapping[str, list[Rule | Enricher]]:
    """Service name → the rules that are on and the events written for it."""
    found: dict[str, list[Rule | Enricher]] = {}
    on = [rule for rule in ruleset.rules if rule.enabled]
    entries: tuple[Rule | Enricher, ...] = (*on, *ruleset.enrichers)
    for entry in entries:
        for name in entry.sources:
            if name.startswith(_SERVICE):
                found.setdefault(name.removeprefix(_SERVICE).lower(), []).append(entry)
    return found


def _sourceless(facts: RuleFacts) -> Iterator[Finding]:
    """A person's own rules that no source of the config can feed."""
    for rule in facts.ruleset.rules:
        named = [name for name in rule.sources if not name.startswith(_SERVICE) and name not in _INNER]
        if rule.place.file in facts.shipped or not rule.enabled or len(named) != len(rule.sources):
            continue
        if not any(applies(named, o, make_format(o).produces) != frozenset() for o in facts.origins):
            yield _SAY.wrong(
                f"{rule.id}: off, since no source gives lines of {', '.join(named)}",
                f"add such a source to the config, or change `from` in {rule.place.file}",
            )


def about_strangers(facts: RuleFacts) -> Iterator[Finding]:
    """Which pack judges which container; and containers that no pack is written for."""
    known = packs(facts.ruleset).keys()
    for_traefik = "traefik"
    matched = {
        name: next((service for service in services if service in known), "")
        for name, services in facts.services.items()
    }
    if pairs := sorted(f"{pack} → {name}" for name, pack in matched.items() if pack):
        yield _SAY.right(f"packs and their containers: {listed(pairs, 30)}")
    strangers = [
        name
        for name, services in facts.services.items()
        if not known & set(services) and for_traefik not in services
    ]
    if strangers:
        yield _SAY.note(
            f"no pack for the container {listed(sorted(strangers), 12)}: only the rules for every container "
            "judge its lines",
            f'watch:\n  {sorted(strangers)[0]}: [unauthorized, "login failed"]',
        )


def about_keys(counters: Mapping[str, int]) -> Iterator[Finding]:
    """Rules that saw lines which fit, and could count none: those lacked the field to group by."""
    for name, count in counters.items():
        kind, _, rest = name.partition(":")
        rule, _, wanted = rest.rpartition(":")
        if kind == "no_key" and count >= _MANY_KEYLESS and not counters.get(f"admitted:{rule}"):
            yield _SAY.note(
                f"{rule}: {count} lines fitted, none was counted: they have no {wanted} to group by",
                f"tune:\n  {rule}: {{by: service}}    # or make the service log it",
            )
