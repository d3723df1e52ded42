"""`waits: false`: a key of the language that only a rule with a subject can mean."""

from __future__ import annotations

from nightporter.ruleset import Loaded, SourceText, load


def loaded(keys: str) -> Loaded:
    return load([SourceText(name="0.yaml", text=f"rules:\n  r: {{from: any, when: {{event: x}}, {keys}}}\n")])


def test_by_default_a_rule_waits() -> None:
    asked, plain = loaded("subject: name, waits: false"), loaded("subject: name")
    assert [r.waits for made in (asked, plain) for r in made.ruleset.rules] == [False, True]
    assert [*asked.problems, *plain.problems] == []


def test_without_a_subject_there_is_nothing_in_which_it_could_wait() -> None:
    (problem,) = loaded("waits: false").problems
    assert problem.warning
    assert "the rule 'r' has 'waits' and no 'subject'" in str(problem)
    assert "add 'subject:'" in str(problem)
