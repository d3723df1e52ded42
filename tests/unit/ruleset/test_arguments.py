"""Conditions from a command line mean what they mean in a rule file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.rule import All
from nightporter.ruleset import SourceText, Surroundings, load
from nightporter.ruleset.arguments import Asked, read_asked

CONFIGURED = Surroundings(sources={"proxy": "traefik", "app": "auto"})


def asked(*words: str, source: str = "proxy") -> Asked:
    return read_asked(source, words, CONFIGURED, ["trusted"])


@pytest.mark.parametrize(
    ("words", "when"),
    [
        (["status=4xx,5xx"], "{status: [4xx, 5xx]}"),
        (["status=404"], "{status: 404}"),
        (["path=/api/*"], '{path: "/api/*"}'),
        (["path|contains=wp-", "method=GET"], "{path|contains: wp-, method: GET}"),
        (["client_ip=10.0.0.0/8,2001:db8::1"], '{client_ip: [10.0.0.0/8, "2001:db8::1"]}'),
        (["duration|gt=1.5"], "{duration|gt: 1.5}"),
        (["bytes|gte=2MB"], "{bytes|gte: 2MB}"),
        (["user|exists=true"], "{user|exists: true}"),
        (["status|neq=200"], "{status|neq: 200}"),
        ([r"path|re=^/(a|b)\.php$"], r"{path|re: '^/(a|b)\.php$'}"),
        (["user_agent|contains=a=b"], "{user_agent|contains: 'a=b'}"),
    ],
)
def test_they_are_those_of_a_rule(words: list[str], when: str) -> None:
    rule = f"rules: {{r: {{title: t, from: proxy, when: {when}, message: m}}}}"
    loaded = load([SourceText(name="r.yaml", text=rule)], CONFIGURED)
    assert loaded.ok, loaded.problems
    found = asked(*words)
    assert found.problems == ()
    assert found.condition == loaded.ruleset.rules[0].when


def test_no_condition_is_every_line() -> None:
    assert asked() == Asked(("proxy",), All(), ())


@pytest.mark.parametrize("word", ["user=no", "user=0x1f", "user=~", "user=22:30", "user=on", "user=@bob"])
def test_words_are_taken_as_written(word: str) -> None:
    found = asked(word)
    assert found.problems == ()
    assert word.partition("=")[2] in repr(found.condition)


def test_a_backslash_keeps_a_comma() -> None:
    assert "'a,b'" in repr(asked(r"user_agent=a\,b,c").condition)
    assert "'c'" in repr(asked(r"user_agent=a\,b,c").condition)


def test_lists_of_the_rules_can_be_named() -> None:
    assert asked("client_ip|neq=$trusted").problems == ()
    assert "unknown list" in asked("client_ip=$trustde").problems[0].found


@pytest.mark.parametrize(
    ("words", "source", "line", "column", "said"),
    [
        (["method=GET", "statu=4xx"], "proxy", 3, 1, "did you mean 'status'"),
        (["status=4xx,abc"], "proxy", 2, 12, "'abc' for 'status'"),
        (["path|foo=x"], "proxy", 2, 1, "unknown modifier 'foo'"),
        (["status"], "proxy", 2, 1, "'status' is no condition"),
        (["=x"], "proxy", 2, 1, "a condition without a field"),
        (["path="], "proxy", 2, 6, "exists: false"),
        (["client_ip=300.1.1.1"], "proxy", 2, 11, "300.1.1.1"),
        (["path|re=("], "proxy", 2, 9, "does not compile"),
        ([], "proxi", 1, 8, "did you mean 'proxy'"),
    ],
)
def test_mistakes_have_their_place(words: list[str], source: str, line: int, column: int, said: str) -> None:
    problem = asked(*words, source=source).problems[0]
    assert (problem.place.line, problem.place.column) == (line, column)
    assert said in str(problem)


@given(st.lists(st.text(min_size=1)), st.text())
def test_nothing_that_is_typed_breaks_it(words: list[str], source: str) -> None:
    asked(*words, source=source)
