"""Gates may only ever skip work: whatever a condition holds for, its gate is open to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.parts.engines import NOON, Bench, rules

from nightporter import origins
from nightporter.detect.gates import COMBINATIONS, FIELDS, gate_of
from nightporter.detect.matchers import ConditionError
from nightporter.detect.predicates import Predicate, compile_condition
from nightporter.model import Event, Fields, Untrusted, Value
from nightporter.rule import All, AnyOf, Condition, ListRef, Op, Operand, Test

VALUES: st.SearchStrategy[Value] = st.sampled_from([200, 404, "404", "login", "die", True, 1, 1.0, "", "x"])
LISTS = {"codes": ("404", "login")}
OPERANDS: list[Operand] = [404, "404", "login", "die", "true", ListRef("codes")]
TESTS = st.builds(
    lambda field, op, values, negated: Test(field=field, op=op, values=tuple(values), negated=negated),
    field=st.sampled_from([*FIELDS, "path", "user"]),
    op=st.sampled_from([Op.EQUALS, Op.CONTAINS, Op.STARTSWITH, Op.EXISTS, Op.STATUS, Op.GT, Op.RE]),
    values=st.lists(
        st.sampled_from([404, "404", "login", "die", "true", ListRef("codes")]), min_size=1, max_size=2
    ),
    negated=st.booleans(),
)


def compiled(condition: Condition) -> Predicate:
    return compile_condition(condition, LISTS, timezone="UTC")


def usable(condition: Condition) -> bool:
    """Conditions that the loader lets pass: operators with values of their kind."""
    try:
        compiled(condition)
    except ConditionError:
        return False
    return True


CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    TESTS.filter(usable),
    lambda parts: st.one_of(
        st.lists(parts, max_size=3).map(lambda p: All(tuple(p))),
        st.lists(parts, max_size=3).map(lambda p: AnyOf(tuple(p))),
    ),
    max_leaves=6,
)
EVENTS = st.dictionaries(st.sampled_from([*FIELDS, "path", "user"]), VALUES)


@given(condition=CONDITIONS, fields=EVENTS)
def test_a_gate_is_open_wherever_its_condition_holds(condition: Condition, fields: Fields) -> None:
    holds = compiled(condition)(fields, None)
    asked = {name: value for name, value in fields.items() if name in FIELDS}
    if holds:
        assert compiled(gate_of(condition))(asked, None)


def event(**fields: Value) -> Event:
    return Event(
        fields=dict(fields),
        time=NOON,
        arrived=NOON,
        origin=origins.named("traefik"),
        format="traefik",
        position="",
        raw=Untrusted(""),
    )


RULES = """
rules:
  missing: {title: t, from: traefik, when: {status: 404}, message: m}
  failing: {title: t, from: traefik, when: {status: 5xx, path: /x}, message: m}
  all: {title: t, from: traefik, message: m}
  back: {title: t, from: traefik, when: {status: 502}, resolve: {status: 200}, message: m}
"""


def open_to(bench: Bench, made: Event) -> list[str]:
    return [rule.id for rule in bench.plan.rule_gate.open_to(made)]


def test_few_rules_are_asked_about_a_line() -> None:
    bench = Bench(RULES)
    assert open_to(bench, event(status=404)) == ["missing", "all"]
    assert open_to(bench, event(status=502)) == ["failing", "all", "back"]
    assert open_to(bench, event(status=200)) == ["all", "back"]
    assert open_to(bench, event()) == ["all"]


def test_one_and_true_are_two_things() -> None:
    ruleset = rules("rules: {one: {title: t, from: json, when: {action: 1}, message: m}}")
    plan = Bench(ruleset).engine.plan(origins.named("json"), ("traefik",))
    assert len(plan.rule_gate.open_to(event(action=1))) == 1
    assert len(plan.rule_gate.open_to(event(action=True))) == 0
    assert len(plan.rule_gate.open_to(event(action=1))) == 1


def test_what_is_remembered_is_bounded_and_the_answer_stays_right() -> None:
    gate = Bench(RULES).plan.rule_gate
    for number in range(COMBINATIONS + 50):
        assert len(gate.open_to(event(status=404, action=f"a{number}"))) == 2
    assert len(gate.open_to(event(status=404, action="a" * 10_000))) == 2
    assert len(gate._known) == COMBINATIONS
