"""What a rule file may speak of: sources, fields, lists and destinations; and the check of each name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, get_args

from nightporter.errors import nearest
from nightporter.formats import FORMATS, FieldSpec, FieldType, field_type, fields_of
from nightporter.model import Kind, Value
from nightporter.rule import GIVEN_LISTS, LearnedList, StaticList
from nightporter.yamltext.page import Node, Page

EVERYWHERE: Final = ("source", "time", "started", "arrived", "raw")
"""Fields of every event, whatever its format."""
ELSEWHERE: Final[frozenset[str]] = frozenset({*get_args(Kind), "any", *FORMATS})
"""What `from` may name without a config."""

_SLIP: Final = 0.8
"""From this likeness on a name is taken for a slip of ours: `mesage` is one, `code` is none of `mode`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the config says that rule files refer to. None: not known, so such names cannot be checked."""

    sources: Mapping[str, str] | None = None
    """A source's name → its format (`auto` where lines decide)."""
    destinations: Collection[str] | None = None
    timezone: str = "local"
    watch: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    watch_file: str = "config.yaml"
    """The file that `watch` stands in."""


@dataclass(frozen=True, slots=True)
class ListValue:
    """One value of a list and where it stands."""

    value: Value
    text: str
    page: Page
    node: Node


@dataclass(slots=True, kw_only=True)
class Names:
    """All names of one load; filled file by file before the rules are read."""

    surroundings: Surroundings
    values: dict[str, list[ListValue]] = field(default_factory=dict)
    """Static lists, as merged so far."""
    own: dict[str, int] = field(default_factory=dict)
    """How many values of a static list the file that declared it wrote (they come first)."""
    learned: dict[str, LearnedList | None] = field(default_factory=dict)
    """Learned lists; None until its condition is read (or if it was wrong)."""
    used: set[str] = field(default_factory=set)
    """Lists that some condition names."""
    made: set[str] = field(default_factory=set)
    """Fields that `events:` and `emit` entries of any file add."""

    def is_list(self, name: str) -> bool:
        return name in self.values or name in self.learned

    def list_names(self) -> list[str]:
        return [*self.values, *self.learned]

    def merged(self) -> dict[str, StaticList | LearnedList]:
        """All lists with what every file added; but those that the config gives are not any file's."""
        static = {
            name: StaticList(name=name, values=tuple(dict.fromkeys(v.value for v in values)))
            for name, values in self.values.items()
            if name not in GIVEN_LISTS
        }
        return {**static, **self._filled()}

    def declared(self) -> dict[str, StaticList | LearnedList]:
        """All lists as the file that declared each wrote it."""
        static = {
            name: StaticList(name=name, values=tuple(v.value for v in values[: self.own[name]]))
            for name, values in self.values.items()
        }
        return {**static, **self._filled()}

    def _filled(self) -> dict[str, LearnedList]:
        return {name: entry for name, entry in self.learned.items() if entry is not None}

    def read_from(self, page: Page, node: Node) -> tuple[str, ...]:
        """A `from`: names of sources, kinds, formats, or `service:NAME` (lower case)."""
        read = page.texts(node, "the name of a source, a kind, a format, service:NAME, or any")
        names = []
        for name, item in zip(read, page.items(node), strict=False):
            if name.startswith("service:"):
                name = name.lower()
                if name == "service:":
                    page.tell(item, "no name after 'service:'", expected="service:NAME")
            else:
                self._check_source(page, item, name)
            names.append(name)
        if not page.items(node):
            page.tell(node, "an empty list", expected="at least one source")
        return tuple(dict.fromkeys(names))

    def _check_source(self, page: Page, node: Node, name: str) -> None:
        known = ELSEWHERE
        configured = self.surroundings.sources
        if name in known or (configured is not None and name in configured):
            return
        names = known | set(configured or ())
        page.tell(
            node,
            f"no source, kind or format is called '{name}'",
            expected="one of " + ", ".join(sorted(names)) + ", service:NAME",
            near=nearest(name, names),
            warning=configured is None,  # it may be the name of a source in a config we have not seen
        )

    def scope(self, sources: Iterable[str]) -> Scope:
        """The fields that events of these sources can have."""
        fields: dict[str, FieldSpec] = {}
        is_open = False
        configured = self.surroundings.sources or {}
        for name in sources:
            # A source may be called like a format; the name then means both.
            own = {configured[name]} if name in configured else set()
            for form in own | ({name} if name in ELSEWHERE or not own else set()):
                some, some_open = fields_of(form)
                fields.update(some)
                is_open = is_open or some_open
        return Scope(known={*fields, *EVERYWHERE, *self.made}, specs=fields, open=is_open)


@dataclass(slots=True, kw_only=True)
class Scope:
    """The fields that a rule may ask about; named groups of its regexes are added while it is read."""

    known: set[str]
    specs: Mapping[str, FieldSpec]
    open: bool

    def type_of(self, name: str) -> FieldType:
        spec = self.specs.get(name)
        return spec.type if spec else field_type(name)

    def unit_of(self, name: str) -> str:
        spec = self.specs.get(name)
        return spec.unit if spec else ""

    def check(self, page: Page, node: Node, name: str) -> None:
        """Tell of a field that no event of these sources can have. Where lines may carry any, only warn, and
        only of a name that is nearly one of ours."""
        if name in self.known:
            return
        if not self.open:
            near = nearest(name, self.known)
            page.tell(node, f"no source of this rule has a field '{name}'", near=near)
        elif near := self.misspelt(name):
            found = f"'{name}' is no field that this rule's sources always have"
            page.tell(node, found, near=near, fix="it is missing in lines that do not carry it", warning=True)

    def misspelt(self, name: str, also: Collection[str] = ()) -> str:
        """The known field, or one of `also`, that a name may well be a slip of; empty for a line's own names,
        such as `users` or `user.name`."""
        near = nearest(name, {*self.known, *also}, likeness=_SLIP)
        return "" if name.startswith(near) else near
