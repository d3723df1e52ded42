"""People's regexes on hostile text: which engine, which meaning, which errors, which budget."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.detect.patterns import (
    ALLOWANCE,
    MATCH_CHARS,
    OVERRUN,
    PAUSE,
    PERIOD,
    Budget,
    Budgets,
    Pattern,
    PatternError,
    compile_pattern,
)
from nightporter.errors import UserError
from nightporter.model import SECOND

NOW = 1_790_000_000 * SECOND


def on_regex(text: str, monkeypatch: pytest.MonkeyPatch) -> Pattern:
    """The pattern as a machine without re2 compiles it."""
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "re2", None)
        return compile_pattern(text)


def test_named_groups_are_what_a_match_gives() -> None:
    pattern = compile_pattern(r"Failed login by (?P<user>\S+) from (?P<client_ip>\S+)(?P<port>:\d+)?")
    assert pattern.groups == ("user", "client_ip", "port")
    found = pattern.search("12:00 Failed login by bob from 203.0.113.9 today")
    assert found == {"user": "bob", "client_ip": "203.0.113.9"}
    assert pattern.search("Failed logout by bob") is None
    assert compile_pattern("fail").search("a failure") == {}


SLOW = {
    r"(?<=user )\w+": "look behind",
    r"foo(?!bar)": "look ahead",
    r"(a)\1": "backreference",
    r"(?P<n>a)(?P=n)": "backreference",
    r"(x)?(?(1)a|b)": "condition",
    r"(?>a+)b": "atomic",
    r"a++b": "possessive",
    r"x{1,5000}": "more than 1000",
    r"(?x) a b": "flag x",
    r"(?P<a>x)|(?P<a>y)": "two groups of one name",
}


@pytest.mark.parametrize(("text", "why"), SLOW.items(), ids=SLOW)
def test_what_re2_lacks_runs_on_the_slower_engine_and_says_why(text: str, why: str) -> None:
    pattern = compile_pattern(text)
    assert pattern.engine == "regex"
    assert why in pattern.note


def test_a_plain_pattern_runs_on_re2_without_a_word() -> None:
    pattern = compile_pattern(r"^(?P<a>\w+)$")
    assert (pattern.engine, pattern.note, pattern.text) == ("re2", "", r"^(?P<a>\w+)$")


def test_without_re2_all_runs_on_regex_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    pattern = on_regex(r"a(?P<b>b)", monkeypatch)
    assert (pattern.engine, pattern.note) == ("regex", "")
    assert pattern.search("xab") == {"b": "b"}


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("a(b", "missing )", 3),
        ("*a", "nothing to repeat", 0),
        ("ab[z-a]", "bad character range", 5),
        ("a{3,1}", "min repeat greater than max repeat", 2),
        ("(?P<a", "missing >", 5),
        (r"a\Qb\E", r"bad escape \Q", 3),
        (r"\C", r"bad escape \C", 2),
        (r"\x{41}", r"incomplete escape \x", 2),
        ("(?U)a+", "unknown extension", 2),
        ("ab(?i)c", "flags must stand first", 2),
        ("(?u)a", "mutually incompatible", 0),
        ("(" * 3_000, "nested too deeply", 0),
        ("a\\", "bad escape (end of pattern)", 1),
    ],
    ids=lambda value: str(value)[:20],
)
@pytest.mark.parametrize("re2", [True, False], ids=["with re2", "without"])
def test_mistakes_are_told_with_their_position(
    text: str, message: str, position: int, re2: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PatternError) as caught:
        compile_pattern(text) if re2 else on_regex(text, monkeypatch)
    assert message in caught.value.message
    assert abs(caught.value.position - position) <= 1
    assert isinstance(caught.value, UserError)
    assert f"at character {caught.value.position + 1} of" in str(caught.value)


AGREED = {
    r"end$": [("the end", True), ("the end\n", True), ("the end\r\n", True), ("end of it", False)],
    r"\Aone\Z": [("one", True), ("one\n", True), ("one two", False)],
    r"^\d+$": [("123", True), ("١٢٣", False)],
    r"^\w+$": [("abc_1", True), ("é", False)],
    r"a\sb": [("a b", True), ("a\tb", True), ("a\u00a0b", False)],
    r"\bx\b": [("a x b", True), ("éxé", True), ("axb", False)],
    r"a.b": [("aéb", True), ("a\nb", False), ("a😀b", True)],
    r"(?s)a.b": [("a\nb", True)],
    r"(?m)^b$": [("a\nb\nc", True)],
    r"^a{,2}$": [("aa", True), ("aaa", False), ("a{,2}", False)],
    r"[{,2}]": [("x2", True), ("x", False)],
    r"[]a]": [("]", True), ("b", False)],
    r"^[^]a]$": [("]", False), ("b", True)],
    r"\u0041\U00000042": [("AB", True)],
    r"[\u0041-\u0043]": [("B", True), ("D", False)],
    r"(?i)kiss": [("KISS", True), ("\u212aISS", False), ("Ki\u017f\u017f", False)],
    r"(?i:k)x": [("Kx", True), ("kX", False), ("\u212ax", False)],
    r"(?i)[a-z]+$": [("AbC", True), ("\u212a", False)],
    r"[[:digit:]]x": [("1x", True), ("dx", False)],
    r"\[(?P<a>[^\]]*)\]": [("[x]", True), ("[", False)],
    r"(?P<a>a)|b": [("b", True), ("a", True)],
    r"é": [("é", True), ("É", False)],
    r"\.\-\/\"\'\ \#\@\_": [(".-/\"' #@_", True)],
}


@pytest.mark.parametrize("text", AGREED, ids=AGREED)
def test_both_engines_mean_the_same(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fast, slow = compile_pattern(text), on_regex(text, monkeypatch)
    assert (fast.engine, slow.engine) == ("re2", "regex")
    assert fast.groups == slow.groups
    for subject, fits in AGREED[text]:
        assert (fast.search(subject) is not None) is fits, subject
        assert fast.search(subject) == slow.search(subject), subject


@given(st.text(st.sampled_from("aAkK\u212a\u017fsSé\r\n .1\U0001f600\ud800"), max_size=12))
def test_groups_are_cut_from_the_text_itself(subject: str) -> None:
    pattern = compile_pattern(r"(?i)(?P<first>[a-k])(?P<rest>.*)")
    assert pattern.engine == "re2"
    shown = subject.rstrip("\r\n").encode("utf-8", "replace").decode()
    plain = re.search(r"(?P<first>[a-kA-K])(?P<rest>.*)", shown)
    expected = {name: value for name, value in plain.groupdict().items() if value} if plain else None
    assert pattern.search(subject) == expected


@given(st.text(st.characters(), max_size=40))
@pytest.mark.parametrize("text", [r"(?P<a>\S+)\s(?P<b>.)", r"(?i)(?P<a>.)s", r"(?<=a)(?P<b>.)"])
def test_no_text_raises(text: str, subject: str) -> None:
    compile_pattern(text).search(subject)


@pytest.mark.parametrize("text", ["x$", "(?=x)x$"], ids=["re2", "regex"])
def test_a_long_text_is_cut(text: str) -> None:
    pattern = compile_pattern(text)
    assert pattern.search("a" * (MATCH_CHARS - 1) + "x" + "y") is not None
    assert pattern.search("a" * MATCH_CHARS + "x") is None


@pytest.mark.parametrize("text", [r"(a+)+$", r"(?:a|aa)+$", r"(a|a?)+b", r"^(\w+\s?)*$", r"(.*)*x"])
def test_re2_answers_at_once_whatever_the_pattern(text: str) -> None:
    pattern = compile_pattern(text)
    assert pattern.engine == "re2"
    assert pattern.search("a" * (MATCH_CHARS - 1) + "!") is None


def test_regex_gives_up_in_time() -> None:
    pattern = compile_pattern(r"(?:a|aa)+(?=$)")
    assert pattern.engine == "regex"
    with pytest.raises(TimeoutError):
        pattern.search("a" * 200 + "!")


def _spend(budget: Budget, times: int, start: int, step: int) -> int:
    """Overrun `times` times, `step` apart; how many pauses began."""
    return sum(budget.overran(start + step * i) for i in range(times))


MOST = ALLOWANCE // OVERRUN


def test_a_budget_pauses_past_its_allowance_and_tries_again() -> None:
    budget = Budget()
    assert _spend(budget, MOST, NOW, SECOND) == 0
    last = NOW + MOST * SECOND
    assert budget.allows(last)
    assert budget.overran(last)
    assert not budget.allows(last)
    assert not budget.allows(last + PAUSE - 1)
    assert budget.allows(last + PAUSE)
    assert (budget.overruns, budget.skipped, budget.pauses, budget.paused_from) == (MOST + 1, 2, 1, None)


def test_overruns_that_are_far_apart_never_pause() -> None:
    budget = Budget()
    assert _spend(budget, 10 * MOST, NOW, PERIOD // MOST) == 0


def test_a_pause_costs_a_full_allowance_again() -> None:
    budget = Budget()
    assert _spend(budget, MOST + 1, NOW, 1) == 1
    later = NOW + PAUSE + SECOND
    assert budget.allows(later)
    assert _spend(budget, MOST, later, 1) == 0
    assert budget.allows(later + SECOND)
    assert budget.overran(later + SECOND)
    assert budget.pauses == 2


def test_a_clock_set_back_ends_a_pause() -> None:
    budget = Budget()
    _spend(budget, MOST + 1, NOW, 1)
    assert not budget.allows(NOW + SECOND)
    assert budget.allows(NOW - 1)
    assert _spend(budget, MOST, NOW, 1) == 0, "what the pause has paid for is not charged again"


@given(st.lists(st.integers(0, 5 * PERIOD), max_size=200))
def test_a_budget_never_remembers_more_than_its_allowance(times: list[int]) -> None:
    budget = Budget()
    for now in times:
        if budget.allows(now):
            budget.overran(now)
        assert len(budget._spent) <= MOST


def test_budgets_are_one_a_source() -> None:
    budgets = Budgets()
    _spend(budgets.of("traefik"), MOST + 1, NOW, 1)
    assert not budgets.of("traefik").allows(NOW + SECOND)
    assert budgets.of("docker").allows(NOW + SECOND)
    assert [name for name, _ in budgets.items()] == ["traefik", "docker"]


def test_budgets_are_bounded() -> None:
    budgets = Budgets()
    for number in range(3_000):
        budgets.of(f"source-{number}").cut += 1
    assert len(budgets.items()) <= 1_025
    assert sum(budget.cut for _, budget in budgets.items()) == 3_000
