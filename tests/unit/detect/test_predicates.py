"""Compiled conditions answer as the plainest reading of the rule language does."""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nightporter.detect.matchers import Shared
from nightporter.detect.patterns import MATCH_CHARS, Budgets, PatternError
from nightporter.detect.predicates import (
    ConditionError,
    ListValues,
    captures,
    compile_condition,
    resolve_values,
)
from nightporter.model import SECOND, Fields, Stamp, Value
from nightporter.rule import ALWAYS, NEVER, All, AnyOf, Condition, ListRef, Op, Operand, Test

ZONE = "Europe/Berlin"


class Learned:
    """A learned list with a few values, each with its end."""

    def __init__(self, **until: Stamp) -> None:
        self._until = until

    def contains(self, value: str, now: Stamp) -> bool:
        return now <= self._until.get(value, -1)


LISTS: Mapping[str, ListValues] = {
    "trusted": ("127.0.0.0/8", "::1/128", "192.168.1.7"),
    "words": ("unauthorized", "Denied"),
    "pages": ("/.env*", "/wp-login.php", "*.php"),
    "known": Learned(bob=100, eve=5),
    "none": (),
}


def a_test(
    field: str, op: Op, *values: Operand, cased: bool = False, every: bool = False, negated: bool = False
) -> Test:
    """A test, written short."""
    return Test(field=field, op=op, values=values, cased=cased, every=every, negated=negated)


def asked(condition: Condition, fields: Fields, out: Fields | None = None) -> bool:
    """The compiled condition's answer."""
    return compile_condition(condition, LISTS, timezone=ZONE)(fields, out)


# --- the naive reading -------------------------------------------------------------------------------------


def naive(condition: Condition, fields: Fields) -> bool:
    """The rule language read word by word, one value at a time, with nothing worked out before."""
    match condition:
        case All(parts=parts):
            return all(naive(part, fields) for part in parts)
        case AnyOf(parts=parts):
            return any(naive(part, fields) for part in parts)
        case Test():
            return naive_test(condition, fields)


def naive_test(test: Test, fields: Fields) -> bool:
    present = test.field in fields
    if test.op is Op.EXISTS:
        return (present is (True in test.values)) is not test.negated
    if not present:
        return False
    answers = []
    for operand in test.values:
        if isinstance(operand, ListRef):
            entry = LISTS[operand.name]
            if isinstance(entry, tuple):
                answers += [naive_fits(test, fields[test.field], value) for value in entry]
            else:
                text, now = plain(fields[test.field]), cast(int, fields.get("time", 0))
                answers.append(entry.contains(text, now) or entry.contains(text.lower(), now))
        else:
            answers.append(naive_fits(test, fields[test.field], operand))
    fits = bool(answers) and (all(answers) if test.every else any(answers))
    return fits is not test.negated


def plain(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def naive_fits(test: Test, actual: Value, wanted: Value) -> bool:
    a, b = plain(actual), plain(wanted)
    if not test.cased and test.op is not Op.RE:
        a, b = a.lower(), b.lower()
    match test.op:
        case Op.EQUALS:
            return a == b
        case Op.CONTAINS:
            return b in a
        case Op.STARTSWITH:
            return a.startswith(b)
        case Op.ENDSWITH:
            return a.endswith(b)
        case Op.GLOB:
            return fnmatch.fnmatchcase(a, b)
        case Op.RE:
            return re.search(b, a) is not None
        case Op.STATUS:
            return naive_status(a, b)
        case Op.CIDR:
            return naive_within(a, b)
        case Op.LT | Op.LTE | Op.GT | Op.GTE:
            return naive_compare(test.op, actual, float(b))
        case _:
            raise AssertionError(test.op)


def naive_status(actual: str, wanted: str) -> bool:
    if not actual.isdigit():
        return False
    if wanted.endswith("xx"):
        return 0 <= int(actual) < 1000 and int(actual) // 100 == int(wanted[0])
    low, _, high = wanted.partition("-")
    return int(low) <= int(actual) <= int(high or low)


def naive_within(actual: str, wanted: str) -> bool:
    try:
        return ipaddress.ip_address(actual) in ipaddress.ip_network(wanted)
    except ValueError:
        return False


def naive_compare(op: Op, actual: Value, bound: float) -> bool:
    if isinstance(actual, bool):
        return False
    try:
        number = float(actual)
    except ValueError:
        return False
    return {Op.LT: number < bound, Op.LTE: number <= bound, Op.GT: number > bound, Op.GTE: number >= bound}[
        op
    ]


# --- the law -----------------------------------------------------------------------------------------------

texts = st.text(st.sampled_from("aAbB/.é?*"), max_size=6)
some_texts = st.one_of(
    texts,
    st.sampled_from(
        [
            "404",
            "503",
            "/.env.bak",
            "/index.PHP",
            "denied",
            "127.0.0.1",
            "::1",
            "bob",
            "BOB",
            "true",
            "1.5",
            "7",
        ]
    ),
)
values = st.one_of(some_texts, st.integers(-5, 600), st.booleans(), st.sampled_from([404.0, 1.5, -0.0]))
events = st.dictionaries(st.sampled_from("abcd"), values, max_size=4).map(
    lambda fields: cast(Fields, {**fields, "time": 50})
)

OPERANDS: dict[Op, st.SearchStrategy[Operand]] = {
    Op.EQUALS: st.one_of(values, st.sampled_from([ListRef("words"), ListRef("known")])),
    Op.CONTAINS: st.one_of(some_texts, st.just(ListRef("words"))),
    Op.STARTSWITH: some_texts,
    Op.ENDSWITH: st.one_of(some_texts, st.just(ListRef("none"))),
    Op.GLOB: st.one_of(
        texts, st.sampled_from(["*", "a*b*a", "*?", "**a", ListRef("pages"), ListRef("known")])
    ),
    Op.RE: st.sampled_from(["a+b", "^/", "[aé].$", "(?P<x>b)(?P<y>a)?", "(?<=a)b", "x{1,2000}"]),
    Op.CIDR: st.sampled_from(
        ["127.0.0.0/8", "10.0.0.0/8", "::/0", "0.0.0.0/0", "127.0.0.1", ListRef("trusted"), ListRef("known")]
    ),
    Op.STATUS: st.sampled_from([404, "404", "5xx", "400-499", 503]),
    Op.LT: st.sampled_from([0, 404, "404", 1.5]),
    Op.LTE: st.sampled_from([0, 404, "404", 1.5]),
    Op.GT: st.sampled_from([0, 404, "404", 1.5]),
    Op.GTE: st.sampled_from([0, 404, "404", 1.5]),
    Op.EXISTS: st.booleans(),
}


@st.composite
def any_test(draw: st.DrawFn) -> Test:
    op = draw(st.sampled_from(list(OPERANDS)))
    operands = draw(st.lists(OPERANDS[op], min_size=1, max_size=1 if op is Op.EXISTS else 4))
    flag = st.booleans()
    return a_test(
        draw(st.sampled_from("abcd")), op, *operands, cased=draw(flag), every=draw(flag), negated=draw(flag)
    )


conditions = st.recursive(
    any_test(),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda parts: All(tuple(parts))),
        st.lists(inner, max_size=4).map(lambda parts: AnyOf(tuple(parts))),
    ),
    max_leaves=8,
)


@given(condition=conditions, fields=events)
@example(condition=a_test("a", Op.GLOB, "*ab*b"), fields={"a": "abab"})
@example(condition=a_test("a", Op.GLOB, "a*a"), fields={"a": "a"})
@example(condition=a_test("a", Op.EQUALS, "404"), fields={"a": 404.0})
@example(condition=a_test("a", Op.EQUALS, True, negated=True), fields={"a": 1})
@example(condition=a_test("a", Op.STATUS, "0xx", 404), fields={"a": True})
def test_compiled_answers_as_the_naive_reading(condition: Condition, fields: Fields) -> None:
    assert asked(condition, dict(fields)) == naive(condition, fields)


@given(some=st.lists(conditions, min_size=2, max_size=4), asked_of=st.lists(events, min_size=1, max_size=4))
@example(some=[a_test("f", Op.GLOB, True), a_test("f", Op.GLOB, 1)], asked_of=[{"f": "true"}, {"f": "1"}])
@example(some=[a_test("f", Op.GLOB, "A*", cased=cased) for cased in (True, False)], asked_of=[{"f": "ab"}])
def test_what_conditions_share_changes_no_answer(some: list[Condition], asked_of: list[Fields]) -> None:
    shared = Shared()
    asks = [compile_condition(one, LISTS, timezone=ZONE, shared=shared) for one in some]
    for fields in asked_of:
        assert [ask(fields, None) for ask in asks] == [naive(one, fields) for one in some]


def test_a_line_is_asked_once_of_what_two_rules_share() -> None:
    shared = Shared()
    first, second = (shared.matcher(Op.GLOB, ("*.php",), cased=False, zone=ZONE) for _ in range(2))
    assert first is second


@given(condition=conditions, fields=events)
def test_groups_are_written_only_where_the_answer_is_true(condition: Condition, fields: Fields) -> None:
    out: Fields = {}
    answer = asked(condition, dict(fields), out)
    assert set(out) <= captures(condition)
    assert answer or out == {}
    for name, value in out.items():
        assert value == {"x": "b", "y": "a"}[name]


wild_values = st.one_of(
    st.text(st.characters()),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.just(1 << 70_000),
    st.just(-(10**30)),
)
TIMED = (a_test("a", Op.HOUR, "22-6"), a_test("a", Op.WEEKDAY, "mon-fri"))


@given(
    condition=st.one_of(conditions, st.sampled_from(TIMED)),
    fields=st.dictionaries(st.sampled_from(["a", "b", "c", "d", "time", "arrived", "source"]), wild_values),
)
def test_no_value_raises(condition: Condition, fields: dict[str, Value]) -> None:
    asked(condition, fields, {})


# --- one by one --------------------------------------------------------------------------------------------


def test_always_and_never() -> None:
    assert asked(ALWAYS, {})
    assert not asked(NEVER, {})


@pytest.mark.parametrize("op", [op for op in Op if op is not Op.EXISTS])
@pytest.mark.parametrize("negated", [False, True], ids=["", "neq"])
def test_a_missing_field_is_false_neq_included(op: Op, negated: bool) -> None:
    operand = {Op.CIDR: "10.0.0.0/8", Op.WEEKDAY: "mon", Op.RE: ""}.get(op, 5)
    assert not asked(a_test("gone", op, operand, negated=negated), {"time": 0, "other": "x"})


@pytest.mark.parametrize(
    ("fields", "wanted", "negated", "answer"),
    [
        ({"user": "a"}, True, False, True),
        ({}, True, False, False),
        ({"user": "a"}, False, False, False),
        ({}, False, False, True),
        ({}, True, True, True),
        ({"user": ""}, True, False, True),
        ({"user": 0}, True, False, True),
    ],
)
def test_exists(fields: Fields, wanted: bool, negated: bool, answer: bool) -> None:
    assert asked(a_test("user", Op.EXISTS, wanted, negated=negated), fields) is answer


ONE_BY_ONE: dict[str, tuple[Test, Value, bool]] = {
    "text ignores case": (a_test("f", Op.EQUALS, "POST"), "post", True),
    "cased does not": (a_test("f", Op.EQUALS, "POST", cased=True), "post", False),
    "cased set": (a_test("f", Op.EQUALS, "GET", "post", cased=True), "post", True),
    "beyond ASCII too": (a_test("f", Op.CONTAINS, "ÉTÉ"), "l'été", True),
    "the Kelvin sign is no k": (a_test("f", Op.CONTAINS, "kill"), "\u212aill", False),
    "the Kelvin sign is itself": (a_test("f", Op.CONTAINS, "\u212aILL"), "\u212aill", True),
    "the dotted I is no i": (a_test("f", Op.EQUALS, "i"), "\u0130", False),
    "a number as text": (a_test("f", Op.EQUALS, 404), "404", True),
    "text as a number": (a_test("f", Op.EQUALS, "404"), 404, True),
    "leading zeros count": (a_test("f", Op.EQUALS, "0404"), 404, False),
    "true as text": (a_test("f", Op.EQUALS, "true"), True, True),
    "true is not 1": (a_test("f", Op.EQUALS, 1), True, False),
    "1 is not true": (a_test("f", Op.EQUALS, True), 1, False),
    "a long number": (a_test("f", Op.EQUALS, str(10**200)), 10**200, True),
    "all of": (a_test("f", Op.CONTAINS, "login", "fail", every=True), "Login failed", True),
    "all of, one lacking": (a_test("f", Op.CONTAINS, "login", "user", every=True), "Login failed", False),
    "glob crosses /": (a_test("f", Op.GLOB, "/a/*.php"), "/a/b/c.PHP", True),
    "glob ? is one": (a_test("f", Op.GLOB, "/?.php"), "/ab.php", False),
    "glob has no sets": (a_test("f", Op.GLOB, "/[ab]"), "/a", False),
    "glob takes brackets as they are": (a_test("f", Op.GLOB, "/[ab]?"), "/[ab]c", True),
    "glob needs room": (a_test("f", Op.GLOB, "aba*ba"), "aba", False),
    "glob over a newline": (a_test("f", Op.GLOB, "a*b?c"), "a\nb\nc", True),
    "re minds case": (a_test("f", Op.RE, "Fail"), "fail", False),
    "re with (?i)": (a_test("f", Op.RE, "(?i)Fail"), "fail", True),
    "re on a number": (a_test("f", Op.RE, "^4"), 404, True),
    "a network": (a_test("f", Op.CIDR, "203.0.113.0/24"), "203.0.113.9", True),
    "an address as a network": (a_test("f", Op.CIDR, "203.0.113.9"), "203.0.113.9", True),
    "a network with host bits": (a_test("f", Op.CIDR, "203.0.113.77/24"), "203.0.113.9", True),
    "v4 in v6": (a_test("f", Op.CIDR, "10.0.0.0/8"), "::ffff:10.1.1.1", True),
    "a mapped network": (a_test("f", Op.CIDR, "::ffff:10.0.0.0/104"), "10.1.1.1", True),
    "v6 is not v4": (a_test("f", Op.CIDR, "0.0.0.0/0"), "2001:db8::1", False),
    "no address is in no network": (a_test("f", Op.CIDR, "0.0.0.0/0"), "localhost", False),
    "no address is outside every network": (
        a_test("f", Op.CIDR, "0.0.0.0/0", negated=True),
        "localhost",
        True,
    ),
    "octal is no address": (a_test("f", Op.CIDR, "10.0.0.0/8"), "010.1.1.1", False),
    "a list of networks": (a_test("f", Op.CIDR, ListRef("trusted")), "127.9.9.9", True),
    "an empty list": (a_test("f", Op.EQUALS, ListRef("none")), "x", False),
    "not in an empty list": (a_test("f", Op.EQUALS, ListRef("none"), negated=True), "x", True),
    "all of an empty list": (a_test("f", Op.CONTAINS, ListRef("none"), every=True), "x", False),
    "status text": (a_test("f", Op.STATUS, "5xx"), "503", True),
    "status range, its end": (a_test("f", Op.STATUS, "400-499"), 499, True),
    "status range, past it": (a_test("f", Op.STATUS, "400-499"), 500, False),
    "status is no flag": (a_test("f", Op.STATUS, 1), True, False),
    "number in text": (a_test("f", Op.LT, 3), "2.5", True),
    "no number in text": (a_test("f", Op.LT, 3), "few", False),
    "any of two bounds": (a_test("f", Op.GT, 10, 2), 5, True),
    "all of two bounds": (a_test("f", Op.GT, 10, 2, every=True), 5, False),
    "big integers exactly": (a_test("f", Op.GT, 2**60), 2**60 + 1, True),
    "infinity": (a_test("f", Op.GT, 5), float("inf"), True),
    "not a number": (a_test("f", Op.GT, 5), float("nan"), False),
}


@pytest.mark.parametrize(("test", "value", "answer"), ONE_BY_ONE.values(), ids=ONE_BY_ONE)
def test_one_by_one(test: Test, value: Value, answer: bool) -> None:
    assert asked(test, {"f": value}) is answer


def stamp(text: str, zone: str = ZONE) -> Stamp:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * SECOND


TIMES: dict[str, tuple[Op, Operand, Stamp, bool]] = {
    "from 22": (Op.HOUR, "22-6", stamp("2026-10-26T22:00:00"), True),
    "before 22": (Op.HOUR, "22-6", stamp("2026-10-26T21:59:59"), False),
    "over midnight": (Op.HOUR, "22-6", stamp("2026-10-26T00:30:00"), True),
    "until 6": (Op.HOUR, "22-6", stamp("2026-10-26T05:59:59"), True),
    "6 is out": (Op.HOUR, "22-6", stamp("2026-10-26T06:00:00"), False),
    "one hour": (Op.HOUR, 7, stamp("2026-10-26T07:59:59"), True),
    "until 24": (Op.HOUR, "18-24", stamp("2026-10-26T23:59:59"), True),
    "all day": (Op.HOUR, "0-24", stamp("2026-10-26T12:00:00"), True),
    "summer time": (Op.HOUR, 12, stamp("2026-07-01T10:30:00", "UTC"), True),
    "winter time": (Op.HOUR, 12, stamp("2026-12-01T11:30:00", "UTC"), True),
    "Monday": (Op.WEEKDAY, "mon-fri", stamp("2026-10-26T08:00:00"), True),
    "Sunday": (Op.WEEKDAY, "mon-fri", stamp("2026-10-25T08:00:00"), False),
    "the zone's Sunday": (Op.WEEKDAY, "sun", stamp("2026-10-24T22:30:00", "UTC"), True),
    "days that wrap": (Op.WEEKDAY, "fri-mon", stamp("2026-10-25T08:00:00"), True),
    "one day": (Op.WEEKDAY, "sat", stamp("2026-10-24T08:00:00"), True),
    "beyond the calendar": (Op.HOUR, "0-24", 1 << 80, False),
    "before the epoch": (Op.HOUR, 0, -1, True),
}


@pytest.mark.parametrize(("op", "operand", "time", "answer"), TIMES.values(), ids=TIMES)
def test_hours_and_weekdays(op: Op, operand: Operand, time: Stamp, answer: bool) -> None:
    assert asked(a_test("time", op, operand), {"time": time}) is answer


def test_local_time_is_this_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    now = stamp("2026-10-26T12:00:00", "UTC")
    here = datetime.fromtimestamp(now // SECOND, tz=UTC).astimezone().hour
    ask = compile_condition(a_test("time", Op.HOUR, here), {}, timezone="local")
    assert ask({"time": now}, None)


def test_a_learned_list_is_asked_with_event_time() -> None:
    test = a_test("user", Op.EQUALS, ListRef("known"))
    assert asked(test, {"user": "eve", "time": 5})
    assert not asked(test, {"user": "eve", "time": 6})
    assert asked(test, {"user": "Bob", "time": 50})
    assert not asked(a_test("user", Op.EQUALS, ListRef("known"), negated=True), {"user": "bob", "time": 50})


def test_a_learned_list_beside_fixed_values() -> None:
    test = a_test("user", Op.EQUALS, ListRef("known"), "admin")
    assert asked(test, {"user": "Admin", "time": 50})
    assert asked(test, {"user": "bob", "time": 50})
    assert not asked(test, {"user": "mallory", "time": 50})


def test_named_groups_of_the_first_pattern_that_matches() -> None:
    test = a_test("message", Op.RE, r"by (?P<user>\w+)", r"from (?P<client_ip>\S+)")
    out: Fields = {}
    assert asked(test, {"message": "by bob from 203.0.113.9"}, out)
    assert out == {"user": "bob"}
    both: Fields = {}
    assert asked(
        Test(field="message", op=Op.RE, values=test.values, every=True), {"message": "by bob from ::1"}, both
    )
    assert both == {"user": "bob", "client_ip": "::1"}


def test_a_branch_that_fails_leaves_no_groups() -> None:
    first = All((a_test("m", Op.RE, "(?P<a>x)"), a_test("m", Op.RE, "(?P<b>never)")))
    out: Fields = {"kept": 1}
    assert asked(AnyOf((first, a_test("m", Op.RE, "(?P<c>y)"))), {"m": "xy"}, out)
    assert out == {"kept": 1, "c": "y"}


def test_a_negated_regex_writes_nothing() -> None:
    out: Fields = {}
    assert asked(a_test("m", Op.RE, "(?P<a>x)", negated=True), {"m": "y"}, out)
    assert not asked(a_test("m", Op.RE, "(?P<a>x)", negated=True), {"m": "x"}, out)
    assert out == {}


def test_captures_are_those_that_can_be_written() -> None:
    tree = All(
        (
            a_test("m", Op.RE, "(?P<a>x)", "(?P<b>y)"),
            AnyOf((a_test("m", Op.RE, "(?P<c>z)(?<=z)"), a_test("m", Op.RE, "(?P<no>z)", negated=True))),
            a_test("m", Op.EQUALS, "(?P<text>x)"),
        )
    )
    assert captures(tree) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("operands", "resolved"),
    [
        ((1, "a"), (1, "a")),
        ((ListRef("words"), "a"), ("unauthorized", "Denied", "a")),
        ((ListRef("none"),), ()),
        ((ListRef("known"), "a"), None),
    ],
)
def test_values_with_lists_in_place(
    operands: tuple[Operand, ...], resolved: tuple[Value, ...] | None
) -> None:
    assert resolve_values(a_test("f", Op.EQUALS, *operands), LISTS) == resolved


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (a_test("f", Op.CIDR, "trusted"), "'trusted' is not an address"),
        (a_test("f", Op.STATUS, "abc"), "'abc' is no status"),
        (a_test("f", Op.LT, "few"), "'few' is not a number"),
        (a_test("f", Op.HOUR, "25"), "'25' are no hours"),
        (a_test("f", Op.WEEKDAY, "someday"), "'someday' is no weekday"),
        (a_test("f", Op.CONTAINS, ListRef("known")), "cannot be compared with a learned list"),
    ],
)
def test_operands_that_cannot_be_used_are_told(test: Test, said: str) -> None:
    with pytest.raises(ConditionError, match=re.escape(said)):
        asked(test, {})


def test_a_bad_regex_a_bad_zone_and_a_missing_list_are_told() -> None:
    with pytest.raises(PatternError):
        asked(a_test("f", Op.RE, "(a"), {})
    with pytest.raises(ConditionError, match="no time zone"):
        compile_condition(a_test("f", Op.HOUR, 1), {}, timezone="Mars/Olympus")
    with pytest.raises(KeyError):
        asked(a_test("f", Op.EQUALS, ListRef("gone")), {})


# --- slow patterns -----------------------------------------------------------------------------------------

CATASTROPHE = r"(?:a|aa)+(?=$)"
HOSTILE = "a" * 200 + "!"


@pytest.mark.parametrize("negated", [False, True], ids=["", "neq"])
def test_a_match_that_overruns_is_false_either_way_and_counted(negated: bool) -> None:
    budgets = Budgets()
    ask = compile_condition(
        a_test("m", Op.RE, CATASTROPHE, negated=negated), {}, timezone=ZONE, budgets=budgets
    )
    assert not ask({"m": HOSTILE, "source": "traefik", "arrived": SECOND}, None)
    assert budgets.of("traefik").overruns == 1
    assert ask({"m": "aaa" if not negated else "b", "source": "traefik", "arrived": SECOND}, None)


def test_another_pattern_may_still_decide() -> None:
    test = a_test("m", Op.RE, CATASTROPHE, "(?P<end>!)")
    out: Fields = {}
    assert asked(test, {"m": HOSTILE, "arrived": 1}, out)
    assert out == {"end": "!"}
    assert not asked(Test(field="m", op=Op.RE, values=test.values, every=True), {"m": HOSTILE, "arrived": 1})


def test_a_crafted_line_pauses_a_pattern_in_its_own_source_alone() -> None:
    budgets = Budgets()
    ask = compile_condition(a_test("m", Op.RE, CATASTROPHE), {}, timezone=ZONE, budgets=budgets)
    hostile: Fields = {"m": HOSTILE, "source": "traefik", "arrived": 60 * SECOND}
    while budgets.of("traefik").pauses == 0:
        assert not ask(hostile, None)
    assert budgets.of("traefik").overruns == 51
    good = {**hostile, "m": "aaa"}
    assert not ask(good, None)
    assert budgets.of("traefik").skipped == 1
    assert ask({**good, "source": "ombi"}, None)
    assert ask({**good, "arrived": 121 * SECOND}, None)


@pytest.mark.parametrize("pattern", ["a", "(?=a)a"], ids=["re2", "regex"])
def test_a_text_that_is_cut_is_counted(pattern: str) -> None:
    budgets = Budgets()
    ask = compile_condition(a_test("m", Op.RE, pattern), {}, timezone=ZONE, budgets=budgets)
    assert ask({"m": "a" * (MATCH_CHARS + 1), "source": "s"}, None)
    assert ask({"m": "a" * MATCH_CHARS, "source": "s"}, None)
    assert budgets.of("s").cut == 1
