"""`tune:`, `ignore:` and `renamed:`: what changes rules from outside their own file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from nightporter.errors import Place, nearest
from nightporter.rule import ALWAYS, Ignore, Rule, Spike, WindowSpec
from nightporter.ruleset import forms, values
from nightporter.ruleset.body import KEYS, Body, BodyReader, check_keys, laid_over
from nightporter.ruleset.complaint import Complaint, Spot
from nightporter.ruleset.conditions import ConditionReader
from nightporter.ruleset.names import Names, Scope
from nightporter.ruleset.values import NotA
from nightporter.ruleset.whole import wrong_in_whole
from nightporter.ruleset.windows import read_changed
from nightporter.yamltext.page import Items, Node, Page, Scalar, Table

TUNE_KEYS: Final = (*KEYS, *forms.TUNE_KEYS, "replace")
REPLACEABLE: Final = ("unless", "tags")
_IGNORE_KEYS: Final = frozenset({"rule", "until", "why"})


@dataclass(slots=True, kw_only=True)
class Draft:
    """A rule while tunes may still change it."""

    id: str
    page: Page
    node: Node
    body: Body
    scope: Scope
    before: Draft | None = None
    """As it was without its last tune; None: as its own file wrote it."""
    tuned_at: Spot | None = None
    """Where its last tune stands."""

    @property
    def place(self) -> Place:
        """Where the rule stands in its own file."""
        return self.page.place(self.node)

    @property
    def own(self) -> Draft:
        """As its own file wrote it, without any tune."""
        return self if self.before is None else self.before.own

    @classmethod
    def of_watch(cls, rule: Rule, scope: Scope) -> Draft:
        """A rule that the config's `watch:` made, so that it can be tuned like any other."""
        page = Page(rule.place.file)
        node = Scalar(line=rule.place.line, column=rule.place.column, text=rule.id, value=rule.id, plain=True)
        body = Body(
            title=rule.title,
            sources=rule.sources,
            when=rule.when,
            message=rule.message,
            fix=rule.fix,
            spots={"message": Spot(page, node)},
        )
        return cls(id=rule.id, page=page, node=node, body=body, scope=scope)


def complaints(draft: Draft) -> dict[tuple[str, str], Complaint]:
    """What does not go together in a rule, by key and words, each at the place of who made it so: what a tune
    breaks is told at the tune, and not where the rule's own file says what was right without it."""
    found = {(c.key, c.found): c for c in wrong_in_whole(draft.id, draft.body, draft.scope)}
    if draft.before is None or draft.tuned_at is None:
        return found
    known, before = complaints(draft.before), draft.before.body.spots
    return {
        name: known.get(name) or _blamed(draft.id, complaint, draft.tuned_at, before.get(complaint.key))
        for name, complaint in found.items()
    }


def _blamed(rule_id: str, complaint: Complaint, tuned_at: Spot, before: Spot | None) -> Complaint:
    """A complaint that is new with a tune. `before`: where its key stood then; the tune itself may have
    written another, which is the mistake."""
    key = complaint.key
    if before is None or complaint.spot.page is not before.page or complaint.spot.node is not before.node:
        return complaint
    own = f"give the tune a '{key}:' that fits, or " if key in ("message", "emit") else ""
    return replace(
        complaint,
        spot=tuned_at,
        found=f"this tune breaks '{rule_id}', whose '{key}:' is at {before.place}: {complaint.found}",
        fix=f"{own}take out of the tune what does not go with that one",
    )


Renamed = Mapping[str, str | None]
"""Old id → new id, or None for a rule that was dropped."""


def read_renamed(
    sections: Sequence[tuple[Page, Node | None, bool]], drafts: Mapping[str, Draft]
) -> dict[str, str | None]:
    """The shipped `renamed:` tables."""
    renamed: dict[str, str | None] = {}
    for page, node, shipped in sections:
        if node is None:
            continue
        if not shipped:
            page.tell(
                node, "'renamed:' in a file of your own", fix="it belongs to shipped files; take it out"
            )
            continue
        for key, value in page.entries(node, "a map of old ids and new ones"):
            dropped = isinstance(value, Scalar) and value.value is None
            new = None if dropped else page.text(value, "a rule's id")
            if new is not None and new not in drafts:
                page.unknown(value, "rule", new, drafts)
            renamed[key.text] = new
    return renamed


def _target(
    drafts: Mapping[str, Draft], renamed: Renamed, page: Page, at: Node, rule_id: str
) -> Draft | None:
    """The rule that an entry speaks of; a renamed one is a warning and skips the entry."""
    if rule_id in drafts:
        return drafts[rule_id]
    if rule_id in renamed:
        new = renamed[rule_id]
        fix = f"write '{new}'" if new else "take this entry out"
        found = (
            f"the rule '{rule_id}' is now called '{new}'"
            if new
            else f"the rule '{rule_id}' is no longer shipped"
        )
        page.tell(at, f"{found}; this entry is skipped", fix=fix, warning=True)
    else:
        page.tell(at, f"there is no rule '{rule_id}'", near=nearest(rule_id, drafts))
    return None


def tune(
    names: Names, drafts: MutableMapping[str, Draft], renamed: Renamed, page: Page, key: Scalar, node: Node
) -> None:
    """Lay one `tune:` entry over its rule."""
    draft = _target(drafts, renamed, page, key, key.text)
    table = check_keys(page, node, f"what to change of '{key.text}'", TUNE_KEYS)
    if draft is None or table is None or not isinstance(node, Table):
        return
    scope = draft.scope
    if "from" in table:
        scope = names.scope(names.read_from(page, table["from"]))
        scope.known |= draft.body.groups
    written_for = page.whole(table.pop("version"), "a version", 1, 1_000_000) if "version" in table else None
    if written_for is not None and (draft.body.version or 1) > written_for:
        found = (
            f"the rule '{key.text}' is at version {draft.body.version}; this was written for {written_for}"
        )
        page.tell(
            page.key(node, "version"), found, fix="look at what changed, then raise the version", warning=True
        )
    own, rest = _own_window_keys(table, draft.body.window)
    reader = ConditionReader(page, names, scope)
    window = _changed_window(page, node, own, rest, draft.body.window, reader)
    top = BodyReader(page, names, scope, tuned=True).read(rest)
    top = replace(top, window=window or top.window, groups=top.groups | reader.groups)
    replaced = _replaced(page, table["replace"]) if "replace" in table else ()
    body = laid_over(draft.body, top, replaced)
    drafts[key.text] = replace(draft, body=body, scope=scope, before=draft, tuned_at=Spot(page, key))


def _own_window_keys(
    table: Mapping[str, Node], window: WindowSpec | None
) -> tuple[dict[str, Node], dict[str, Node]]:
    """The keys of a tune that change the rule's own window, and the others.

    `sum` and `distinct` with a field alone say what a spike measures; else each is a window anew.
    """
    own = {key: value for key, value in table.items() if key in forms.TUNE_KEYS}
    if isinstance(window, Spike):
        bare = ((key, table.get(key)) for key in ("sum", "distinct"))
        own |= {key: v for key, v in bare if isinstance(v, Scalar) and " " not in v.text.strip()}
    return own, {key: value for key, value in table.items() if key not in own}


def _changed_window(
    page: Page,
    node: Table,
    own: dict[str, Node],
    rest: Collection[str],
    window: WindowSpec | None,
    reader: ConditionReader,
) -> WindowSpec | None:
    """The rule's own window with what these keys say instead."""
    if not own:
        return None
    name = next(iter(own))
    first = page.key(node, name)
    if any(kind in rest for kind in forms.KINDS):
        page.tell(first, f"'{name}' beside a window written anew", fix="keep one of the two")
        return None
    if window is None:
        page.tell(first, f"'{name}': this rule has no window", fix="write one, such as 'count: 5 in 10m'")
        return None
    kind = forms.kind_of(window)
    keys = forms.FORMS[kind].keys
    for key in [key for key in own if key not in keys]:
        found = f"'{key}': this rule's window is '{kind}'"
        page.tell(page.key(node, key), found, expected=", ".join(keys))
        del own[key]
    return read_changed(page, node, own, window, reader)


def _replaced(page: Page, node: Node) -> tuple[str, ...]:
    names = page.texts(node, "unless or tags")
    for name, item in zip(names, page.items(node), strict=False):
        if name not in REPLACEABLE:
            page.unknown(item, "key in 'replace'", name, REPLACEABLE)
    return tuple(name for name in names if name in REPLACEABLE)


def read_ignores(
    names: Names, drafts: Mapping[str, Draft], renamed: Renamed, page: Page, node: Node
) -> Iterator[Ignore]:
    """The entries of one `ignore:`; one that is wrong is told and left out."""
    if not isinstance(node, Items):
        page.wrong(node, "a list of entries, each with '- '")
        return
    for item in node.items:
        if not isinstance(item, Table):
            page.wrong(item, "conditions, such as {client_ip: 203.0.113.9, why: …}")
            continue
        ignore = _ignore(names, drafts, renamed, page, item)
        if ignore is not None:
            yield ignore


def _ignore(
    names: Names, drafts: Mapping[str, Draft], renamed: Renamed, page: Page, node: Table
) -> Ignore | None:
    table = {key.text: value for key, value in node.entries}
    rule_id = page.text(table["rule"], "a rule's id") if "rule" in table else None
    draft = _target(drafts, renamed, page, table["rule"], rule_id) if rule_id else None
    scope = draft.scope if draft else names.scope(("any",))
    rest = [(key, value) for key, value in node.entries if key.text not in _IGNORE_KEYS]
    when = ConditionReader(page, names, scope).all_of(rest)
    why = page.prose(table["why"]) if "why" in table else None
    end = _until(page, table["until"], names.surroundings.timezone) if "until" in table else None
    if not rest and "rule" not in table:
        page.tell(
            node, "an entry without a condition", fix="it would leave every event uncounted: name a field"
        )
        return None
    if ("rule" in table and draft is None) or ("until" in table and end is None):
        return None
    if when == ALWAYS and rest:
        return None  # every condition of it was wrong, and told
    return Ignore(when=when, rule=rule_id, until=end, why=why or "", place=page.place(node))


def _until(page: Page, node: Node, timezone: str) -> int | None:
    text = page.text(node, "a date such as 2027-01-31")
    if text is None:
        return None
    zone: tzinfo | None = None if timezone == "local" else ZoneInfo(timezone)
    try:
        return values.until(text, zone)
    except NotA as err:
        page.tell(node, f"'{text}'", expected=err.expected)
        return None
