"""Texts of rule files → one `Ruleset` and every mistake in them. Pure: no file is read here.

The order of work follows what depends on what: lists first (conditions name them), then `events:` (they add
fields), then rules, then tunes and ignores (they name rules). Each step goes over all files before the next
begins, so that files may refer to each other in any order.

The walk over positioned nodes is by hand and not a pydantic model: half of the checks need the fields that
a rule's sources can have, which a field validator cannot know, and every message needs the node's own place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from nightporter.errors import Place, Problem, nearest
from nightporter.model import DAY, Value
from nightporter.rule import NEVER, Enricher, Ignore, LearnedList, Rule, Ruleset
from nightporter.ruleset.body import DEFAULT_KEYS, KEYS, Body, BodyReader, check_keys, laid_over
from nightporter.ruleset.conditions import ConditionReader
from nightporter.ruleset.files import SourceText
from nightporter.ruleset.inline import read_filled, read_tests
from nightporter.ruleset.names import EVERYWHERE, ListValue, Names, Scope, Surroundings
from nightporter.ruleset.tuning import Draft, Renamed, complaints, read_ignores, read_renamed, tune
from nightporter.ruleset.values import is_everybody
from nightporter.ruleset.watch import watch_rules
from nightporter.ruleset.whole import assemble
from nightporter.ruleset.windows import read_duration
from nightporter.yamltext.composing import parse
from nightporter.yamltext.page import Items, Node, Page, Scalar, Table

TOP_KEYS: Final = ("lists", "defaults", "events", "rules", "ignore", "tune", "renamed")
TRUSTED: Final = "trusted"
"""The list whose clients the shipped rules about traffic leave out."""
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_NAME: Final = re.compile(r"[A-Za-z_][\w-]{0,99}\Z")
_ENRICHER_KEYS: Final = ("from", "when", "unless", "set", "tests")
_LEARNED_KEYS: Final = ("from", "when", "field", "keep")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The set, and what is wrong. With an error (a problem that is no warning) the set is not to be used."""

    ruleset: Ruleset
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        return all(problem.warning for problem in self.problems)


def load(texts: Sequence[SourceText], surroundings: Surroundings | None = None) -> Loaded:
    """All files merged by id, in their order, tuned. Problems are in file order, by place."""
    surroundings = surroundings or Surroundings()
    loading = _Loading(Names(surroundings=surroundings))
    pages = [loading.open(text) for text in texts]
    loading.lists()
    loading.made_fields()
    loading.learned_conditions()
    loading.enrichers()
    loading.rules()
    renamed = loading.renamed()
    rules = tuple(loading.tuned(renamed))
    ignores = loading.ignores(renamed)
    loading.unused_lists()
    # Warnings about shipped files (a field that only some JSON lines carry) are not the owner's affair.
    problems = [
        problem
        for text, page in zip(texts, pages, strict=True)
        for problem in sorted(page.problems, key=lambda problem: problem.place)
        if not (text.shipped and problem.warning)
    ]
    ruleset = Ruleset(
        rules=rules,
        enrichers=tuple(loading.made),
        lists=loading.names.merged(),
        ignores=ignores,
        own_lists=loading.names.declared(),
        timezone=surroundings.timezone,
    )
    return Loaded(ruleset, tuple(problems))


@dataclass(slots=True)
class _File:
    page: Page
    top: dict[str, Node]
    shipped: bool


@dataclass(slots=True)
class _Loading:
    """The state of one load; each method is one step over all files."""

    names: Names
    files: list[_File] = field(default_factory=list)
    drafts: dict[str, Draft] = field(default_factory=dict)
    made: list[Enricher] = field(default_factory=list)
    learned_nodes: list[tuple[Page, str, Table]] = field(default_factory=list)

    def open(self, text: SourceText) -> Page:
        page = parse(text.name, text.text)
        if page.root is not None:
            top = page.keyed(page.root, "a map with " + ", ".join(TOP_KEYS), TOP_KEYS)
            # A key without a value (`rules:` with all below it commented out) is an empty one.
            kept = {k: v for k, v in (top or {}).items() if not (isinstance(v, Scalar) and v.value is None)}
            self.files.append(_File(page, kept, text.shipped))
        return page

    def _section(self, key: str, what: str) -> Iterator[tuple[_File, Scalar, Node]]:
        """All entries of a top-level map, over all files."""
        for file in self.files:
            if key in file.top:
                for name, node in file.page.entries(file.top[key], what):
                    yield file, name, node

    # Lists

    def lists(self) -> None:
        """Static values of all files; learned lists by name."""
        origin: dict[str, Page] = {}
        for file, key, node in self._section("lists", "a map of lists"):
            page, name = file.page, key.text
            if not _NAME.match(name):
                page.tell(key, f"'{name}' as the name of a list", expected="letters, digits, '_' and '-'")
                continue
            other = name in self.names.learned if not isinstance(node, Table) else name in origin
            if other:
                page.tell(key, f"the list '{name}' is declared elsewhere", fix="use another name")
            elif isinstance(node, Table):
                origin[name] = page
                self.names.learned[name] = None
                self.learned_nodes.append((page, name, node))
            else:
                origin.setdefault(name, page)
                values = self.names.values.setdefault(name, [])
                values += self._values(page, node, trusted=name == TRUSTED)
                if origin[name] is page:
                    self.names.own[name] = len(values)

    def _values(self, page: Page, node: Node, *, trusted: bool) -> Iterator[ListValue]:
        if not isinstance(node, Items):
            page.tell(node, "no list", expected="a list of values, such as [a, b], or a learned list's map")
            return
        for item in node.items:
            value = page.value(item, "a value")
            if isinstance(item, Scalar) and item.text.startswith("$") and self.names.is_list(item.text[1:]):
                page.tell(item, "a list inside a list", fix="write its values out")
            elif value is not None and isinstance(item, Scalar):
                if trusted and is_everybody(item.text):
                    found = f"{item.text} in '{TRUSTED}': rules about traffic would leave out almost anyone"
                    page.tell(item, found, fix="name your own addresses alone", warning=True)
                yield ListValue(value, item.text, page, item)

    def learned_conditions(self) -> None:
        for page, name, node in self.learned_nodes:
            table = page.keyed(node, "a learned list", _LEARNED_KEYS)
            if table is None:
                continue
            for key in ("when", "field"):
                if key not in table:
                    page.tell(node, f"the learned list '{name}' has no '{key}'", fix=f"add '{key}:'")
            sources = self.names.read_from(page, table["from"]) if "from" in table else ("any",)
            scope = self.names.scope(sources)
            when = (
                ConditionReader(page, self.names, scope).read(table["when"], "when")
                if "when" in table
                else None
            )
            what = page.text(table["field"], "a field's name") if "field" in table else None
            keep = read_duration(page, table["keep"]) if "keep" in table else 30 * DAY
            if what:
                scope.check(page, table["field"], what)
            if when is not None and what and keep:
                self.names.learned[name] = LearnedList(
                    name=name, sources=sources, when=when, field=what, keep=keep
                )

    def unused_lists(self) -> None:
        """A list that nothing names, beside one of a like name: likely meant to add to that one."""
        names = self.names
        for file, key, _ in self._section("lists", "a map of lists"):
            near = nearest(key.text, names.used) if key.text not in names.used else ""
            if near and names.is_list(key.text):
                file.page.tell(key, f"no rule names the list '{key.text}'", near=near, warning=True)

    # Events

    def made_fields(self) -> None:
        """The names of all fields that `events:` and `emit` add, before any condition is read."""
        for section, key in (("events", "set"), ("rules", "emit")):
            for _, _, node in self._section(section, f"a map of {section}"):
                for name, value in node.entries if isinstance(node, Table) else ():
                    if name.text == key and isinstance(value, Table):
                        self.names.made.update(k.text for k, _ in value.entries)

    def enrichers(self) -> None:
        first: dict[str, Place] = {}
        for file, key, node in self._section("events", "a map of events"):
            page = file.page
            table = check_keys(page, node, f"the keys of the event '{key.text}'", _ENRICHER_KEYS)
            if not _is_new_id(page, key, first.get(key.text), "event"):
                continue
            first[key.text] = page.place(key)
            if table is not None and (enricher := self._enricher(page, key, table)) is not None:
                self.made.append(enricher)

    def _enricher(self, page: Page, key: Scalar, table: dict[str, Node]) -> Enricher | None:
        for needed in ("from", "when", "set"):
            if needed not in table:
                page.tell(key, f"the event '{key.text}' has no '{needed}'", fix=f"add '{needed}:'")
        sources = self.names.read_from(page, table["from"]) if "from" in table else ("any",)
        scope = self.names.scope(sources)
        reader = ConditionReader(page, self.names, scope)
        when = reader.read(table["when"], "when") if "when" in table else None
        unless = reader.read(table["unless"], "unless") if "unless" in table else NEVER
        sets = self._sets(page, table["set"], scope) if "set" in table else ()
        self.names.made.update(reader.groups)
        tests = read_tests(page, table["tests"], self.names, scope, of_event=True) if "tests" in table else ()
        if when is None or not sets or not sources:
            return None
        return Enricher(
            id=key.text,
            sources=sources,
            when=when,
            unless=unless,
            sets=sets,
            tests=tests,
            place=page.place(key),
        )

    def _sets(self, page: Page, node: Node, scope: Scope) -> tuple[tuple[str, Value], ...]:
        fields = read_filled(page, node, scope)
        for name, _ in fields:
            if name in EVERYWHERE:
                page.tell(page.key(node, name), f"'{name}' is the line's own", expected="another field")
        return fields

    # Rules

    def rules(self) -> None:
        surroundings = self.names.surroundings
        for rule in watch_rules(surroundings.watch, surroundings.watch_file):
            self.drafts[rule.id] = Draft.of_watch(rule, self.names.scope(rule.sources))
        for file in self.files:
            entries = file.page.entries(file.top["rules"], "a map of rules") if "rules" in file.top else ()
            defaults = self._defaults(file, [node for _, node in entries])
            for key, node in entries:
                self._rule(file.page, key, node, defaults)

    def _defaults(self, file: _File, rules: list[Node]) -> Body:
        if "defaults" not in file.top:
            return Body()
        table = check_keys(file.page, file.top["defaults"], "defaults for this file's rules", DEFAULT_KEYS)
        # Its conditions may speak of whatever any rule of the file may speak of.
        quiet = Page(file.page.file)
        nodes = [v for r in rules if isinstance(r, Table) for k, v in r.entries if k.text == "from"]
        sources = [name for node in nodes for name in self.names.read_from(quiet, node)]
        if table and "from" in table:
            sources += self.names.read_from(quiet, table["from"])
        scope = self.names.scope(sources or ("any",))
        return BodyReader(file.page, self.names, scope).read(table or {})

    def _rule(self, page: Page, key: Scalar, node: Node, defaults: Body) -> None:
        table = check_keys(page, node, f"the keys of the rule '{key.text}'", KEYS)
        before = self.drafts.get(key.text)
        if not _is_new_id(page, key, before.place if before else None, "rule") or table is None:
            return
        own = self.names.read_from(page, table["from"]) if "from" in table else defaults.sources
        if own is None:
            page.tell(
                key, f"the rule '{key.text}' has no 'from'", expected="from: a source, a format, or any"
            )
        scope = self.names.scope(own or ("any",))
        body = laid_over(defaults, BodyReader(page, self.names, scope).read(table))
        self.drafts[key.text] = Draft(id=key.text, page=page, node=key, body=body, scope=scope)

    # Tunes and ignores

    def renamed(self) -> Renamed:
        return read_renamed([(f.page, f.top.get("renamed"), f.shipped) for f in self.files], self.drafts)

    def tuned(self, renamed: Renamed) -> Iterator[Rule]:
        """All rules with every tune laid over, in file order."""
        for file, key, node in self._section("tune", "a map of rule ids and what to change"):
            tune(self.names, self.drafts, renamed, file.page, key, node)
        for draft in self.drafts.values():
            for complaint in complaints(draft).values():
                complaint.tell()
            place = draft.place
            rule = assemble(draft.id, draft.body, draft.scope, place)
            if (own := draft.own) is not draft:
                rule = replace(rule, untuned=assemble(own.id, own.body, own.scope, place))
            yield rule

    def ignores(self, renamed: Renamed) -> tuple[Ignore, ...]:
        return tuple(
            ignore
            for file in self.files
            if "ignore" in file.top
            for ignore in read_ignores(self.names, self.drafts, renamed, file.page, file.top["ignore"])
        )


def _is_new_id(page: Page, key: Scalar, first: Place | None, kind: str) -> bool:
    """Whether a key may be the id of a rule or event; told if not."""
    if key.trap:
        return False  # told when the map was read
    if not _ID.match(key.text):
        found = f"'{key.text[:40]}' as an id"
        page.tell(key, found, expected="letters, digits, '-', '_' and '.'")
        return False
    if first is None:
        return True
    fix = "to change that one, use 'tune:'" if kind == "rule" else "use another id"
    page.tell(key, f"a second {kind} '{key.text}'; the first is at {first}", fix=fix)
    return False
