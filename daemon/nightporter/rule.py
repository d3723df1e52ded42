"""The frozen rule: what `ruleset` makes of text, and `detect` judges by.

Neither of those rooms imports the other; both import this one. Everything here is plain data: conditions
are trees of `Test`, lists are named and looked up when a condition is compiled, so that a rule's identity
(RULES §4.15) does not change when a list does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal

from nightporter.errors import Place
from nightporter.model import Nanos, Severity, Stamp, Value


class Op(Enum):
    """How a field is compared with values. `STATUS` takes `404`, `5xx`, `400-499`."""

    EQUALS = "equals"
    CONTAINS = "contains"
    STARTSWITH = "startswith"
    ENDSWITH = "endswith"
    GLOB = "glob"
    RE = "re"
    CIDR = "cidr"
    EXISTS = "exists"
    STATUS = "status"
    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"
    HOUR = "hour"
    WEEKDAY = "weekday"


@dataclass(frozen=True, slots=True)
class ListRef:
    """`$name`: the values of a list, looked up when the condition is compiled."""

    name: str


Operand = Value | ListRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One field compared with values; true if any value fits (all of them with `every`).

    A missing field makes it false, also under `negated` (`neq`); only EXISTS asks for absence.
    HOUR and WEEKDAY operands are normalised by the loader: `"22-6"`, `"mon-fri"`, lower case.
    """

    __test__ = False  # not a test class of pytest's

    field: str
    op: Op
    values: tuple[Operand, ...]
    cased: bool = False
    every: bool = False
    negated: bool = False


@dataclass(frozen=True, slots=True)
class All:
    """AND; true when empty."""

    parts: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """OR; false when empty."""

    parts: tuple[Condition, ...] = ()


Condition = Test | All | AnyOf
ALWAYS = All()
NEVER = AnyOf()


@dataclass(frozen=True, slots=True)
class KeyPart:
    """One field of `by`; the prefixes group addresses (client_ip alone: /32 and /64)."""

    field: str
    v4: int | None = None
    v6: int | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """`count: N in W`: N admitted events within `(t - W, t]`."""

    threshold: int
    within: Nanos


@dataclass(frozen=True, slots=True)
class Distinct:
    """`distinct: N FIELD in W`: N different values of a field within `(t - W, t]`."""

    threshold: int
    field: str
    within: Nanos


@dataclass(frozen=True, slots=True)
class Sum:
    """`sum: 5GB bytes in 1h`: a field's numbers over `(t - W, t]` add up to `threshold` or more."""

    threshold: int
    field: str
    within: Nanos


@dataclass(frozen=True, slots=True)
class Ratio:
    """`ratio: {above: 20%, of: {status: 5xx}, within: 10m, min: 15}`: of at least `least` admitted events
    within `(t - W, t]`, more than the share `above` (0 to 1) fit `of`."""

    above: float
    of: Condition
    within: Nanos
    least: int


@dataclass(frozen=True, slots=True)
class Spike:
    """`spike: {factor: 5, within: 10m, baseline: 6h, min: 200}`: what `within` holds is `factor` times its
    usual, and at least `least`.

    What is measured: admitted events, or the `sum` of a field's numbers, or how many `distinct` values a
    field has. The usual is the median of the earlier lengths of `within` in `baseline`; with `same_hour` of
    those alone that lay at this time of day.
    """

    factor: float
    within: Nanos
    baseline: Nanos
    least: int
    measure: Literal["events", "sum", "distinct"] = "events"
    field: str = ""
    same_hour: bool = False


@dataclass(frozen=True, slots=True)
class FirstSeen:
    """`first_seen: {fields: [user, country], learn: 7d, remember: 90d}`: a combination of values that the
    key has not shown within `remember`, once `learn` has passed since the key's first event. A field may be
    grouped as in `by`: `client_ip/24/48`."""

    fields: tuple[KeyPart, ...]
    learn: Nanos
    remember: Nanos


@dataclass(frozen=True, slots=True)
class Absence:
    """`absence: 30m`: no admitted event has arrived for so long, where there were some before."""

    within: Nanos


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a sequence: `times` events that fit `when`."""

    when: Condition
    times: int = 1


@dataclass(frozen=True, slots=True)
class Sequence:
    """`sequence: {steps: [{when: …, times: 5}, {when: …}], within: 15m}`: the steps in their order, the first
    event less than `within` before the last."""

    steps: tuple[Step, ...]
    within: Nanos


WindowSpec = Count | Distinct | Sum | Ratio | Spike | FirstSeen | Absence | Sequence


def within_of(window: WindowSpec | None) -> Nanos:
    """The length that `{window}` names and that `quiet` defaults to; 0 where a window has none."""
    return 0 if window is None or isinstance(window, FirstSeen) else window.within


def reach_of(window: WindowSpec | None) -> Nanos:
    """How long what a key did may still matter to its window."""
    match window:
        case FirstSeen(learn=learn, remember=remember):
            return max(learn, remember)
        case Spike(within=within, baseline=baseline):
            return within + baseline
    return within_of(window)


@dataclass(frozen=True, slots=True)
class SeverityStep:
    """One entry of a severity list; the first whose condition holds decides."""

    severity: Severity
    when: Condition = ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTest:
    """An inline test: `items` in order, then `fires` episodes are expected (None: not asked).

    Each item is an event given as fields, a raw line, or a wait that moves the clock. `sets` is what an
    `events:` entry must have made of the last line (None: the field is missing).
    """

    name: str
    items: tuple[TestItem, ...]
    source: str = ""
    """The `from` that raw lines are parsed as; the rule's own first `from` by default."""
    fires: int | None = None
    sets: tuple[tuple[str, Value | None], ...] = ()
    tuned: bool = False
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class TestItem:
    """`event` (fields; `{i}` in a text value is the repetition) or `line` or `wait`."""

    __test__ = False

    event: tuple[tuple[str, Value], ...] | None = None
    line: str | None = None
    repeat: int = 1
    every: Nanos = 0
    wait: Nanos = 0


Mode = Literal["alert", "dry-run"]

GIVEN_LISTS: Final = frozenset({"allow_list", "allow_list_maybe", "allow_list_near", "allow_list_routers"})
"""Lists whose values the config gives (`allow_list:`). What a rule file writes in one of these is for its
tests alone; without that key of the config, rules that name one are off."""
PLACE_FIELDS: Final = frozenset({"country", "network"})
"""Fields that only a database gives (`geo:`), by an event's `client_ip`; without it rules that need one are
off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One detection. `unless` is already the OR of the defaults', the rule's own and every tune's."""

    id: str
    title: str
    sources: tuple[str, ...]
    """The `from` names: a source's name, kind or format, `service:NAME`, or `any`."""
    when: Condition
    unless: Condition = NEVER
    by: tuple[KeyPart, ...] = ()
    window: WindowSpec | None = None
    lasts: Nanos = 0
    """`for`: how long it must have lasted before it is told."""
    resolve: Condition | None = None
    """What ends an episode of the same key; None: quiet does."""
    quiet: Nanos
    severity: tuple[SeverityStep, ...]
    subject: str = ""
    """The field by whose value incidents of several rules are one; empty: the rule and key alone."""
    waits: bool = True
    """False: its subject's incident is told again at once for it, and led by it among equals."""
    skip_pollers: bool = False
    """`pollers: skip`: keys that ask a few paths at steady intervals are not counted."""
    cooldown: Nanos | None = None
    """None: the severity's own waits (DEFAULTS, "Telling")."""
    cooldown_max: Nanos | None = None
    message: str
    fix: str = ""
    tags: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    emit: tuple[tuple[str, Value], ...] | None = None
    """Fields of the event that the detection goes on as (`from: detection`); text may hold {field}s."""
    mode: Mode = "alert"
    enabled: bool = True
    version: int = 1
    tests: tuple[LineTest, ...] = ()
    untuned: Rule | None = None
    """The rule as its own file wrote it, where a tune changed it: its own tests judge that one."""
    place: Place

    @property
    def is_state(self) -> bool:
        """Whether it tells of a state, which has an end worth telling, and not of something done."""
        return self.resolve is not None or isinstance(self.window, Absence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enricher:
    """An `events:` entry: adds fields to an event that fits; of all that fit, the first in file order wins.

    Text in `sets` may hold `{field}`, filled from the event (named groups included).
    """

    id: str
    sources: tuple[str, ...]
    when: Condition
    unless: Condition = NEVER
    sets: tuple[tuple[str, Value], ...]
    tests: tuple[LineTest, ...] = ()
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticList:
    """A list of values that files wrote."""

    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedList:
    """A list that a condition fills with one field's values, each kept for `keep` after its last sight."""

    name: str
    sources: tuple[str, ...]
    when: Condition
    field: str
    keep: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """An `ignore:` entry: events that fit are left uncounted, by one rule or by all."""

    when: Condition
    rule: str | None = None
    until: Stamp | None = None
    why: str = ""
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """All rules in force, merged and tuned, in the order of their files."""

    rules: tuple[Rule, ...] = ()
    enrichers: tuple[Enricher, ...] = ()
    lists: Mapping[str, StaticList | LearnedList] = field(default_factory=dict)
    ignores: tuple[Ignore, ...] = ()
    own_lists: Mapping[str, StaticList | LearnedList] = field(default_factory=dict)
    """The lists as the files that declared them wrote them, without additions from elsewhere: for tests."""
    timezone: str = "local"
    places: frozenset[str] = frozenset()
    """Those of `PLACE_FIELDS` that a database gives."""
