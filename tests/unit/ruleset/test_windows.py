"""What each window's keys become, what they may not be, and what goes with what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.model import DAY, HOUR, MINUTE, SECOND
from nightporter.rule import (
    ALWAYS,
    Absence,
    All,
    AnyOf,
    Count,
    Distinct,
    FirstSeen,
    KeyPart,
    Op,
    Ratio,
    Rule,
    Sequence,
    Spike,
    Step,
    Sum,
    Test,
    WindowSpec,
    within_of,
)
from nightporter.ruleset import SourceText, load
from nightporter.ruleset.forms import FORMS, KINDS, kind_of
from nightporter.ruleset.messages import TEMPLATE_NAMES, template_names
from nightporter.ruleset.values import duration_text


def read(*texts: str) -> tuple[list[Rule], list[str]]:
    result = load([SourceText(name=f"{n}.yaml", text=text) for n, text in enumerate(texts)])
    return list(result.ruleset.rules), [str(problem).partition("\n")[0] for problem in result.problems]


def rule(body: str, tune: str = "") -> Rule:
    """One rule of these keys, written as one flow map, and what a tune changes of it."""
    texts = [f"rules:\n  r: {{{body}}}\n", *([f"tune:\n  r: {{{tune}}}\n"] if tune else [])]
    rules, told = read(*texts)
    assert told == []
    return rules[0]


def told(body: str, tune: str = "") -> list[str]:
    """What is wrong of such a rule, without the places."""
    texts = [f"rules:\n  r: {{{body}}}\n", *([f"tune:\n  r: {{{tune}}}\n"] if tune else [])]
    return [line.split(" ", 1)[1] for line in read(*texts)[1]]


def equal(field: str, value: str) -> Test:
    return Test(field=field, op=Op.EQUALS, values=(value,))


FAILED, WORKED = equal("outcome", "failure"), equal("outcome", "success")
ERRORS = Test(field="status", op=Op.STATUS, values=("5xx",))
STEPS = "steps: [{when: {outcome: failure}, times: 5}, {when: {outcome: success}}]"


@pytest.mark.parametrize(
    ("window", "spec"),
    [
        ("sum: 5GB bytes in 1h", Sum(5 * 10**9, "bytes", HOUR)),
        ("sum: 1.5 GiB bytes in 1h", Sum(3 * 2**29, "bytes", HOUR)),
        ("sum: 300kB bytes in 1h", Sum(300_000, "bytes", HOUR)),
        ("sum: 2TB bytes in 7d", Sum(2 * 10**12, "bytes", 7 * DAY)),
        ("sum: 5000 retries in 1h", Sum(5_000, "retries", HOUR)),
        ("sum: 2h duration in 1d", Sum(7_200, "duration", DAY)),
        ("sum: {threshold: 64MiB, field: bytes, within: 1m}", Sum(2**26, "bytes", MINUTE)),
        ("sum: {threshold: 64, field: bytes, within: 1m}", Sum(64, "bytes", MINUTE)),
        ("absence: 30m", Absence(30 * MINUTE)),
        ("absence: {within: 1h30m}", Absence(90 * MINUTE)),
        (
            "ratio: {above: 20%, of: {status: 5xx}, within: 10m, min: 15}",
            Ratio(0.2, ERRORS, 10 * MINUTE, 15),
        ),
        (
            "ratio: {above: 0.5, of: [{status: 5xx}, {}], within: 10m, min: 1}",
            Ratio(0.5, AnyOf((ERRORS, ALWAYS)), 10 * MINUTE, 1),
        ),
        ("ratio: {above: 0%, of: {}, within: 1m, min: 2}", Ratio(0, ALWAYS, MINUTE, 2)),
        (
            "spike: {factor: 5, within: 10m, baseline: 6h, min: 200}",
            Spike(5, 10 * MINUTE, 6 * HOUR, 200),
        ),
        (
            "spike: {factor: 1.5, within: 1h, baseline: 14d, min: 5GB, sum: bytes, same_hour: true}",
            Spike(1.5, HOUR, 14 * DAY, 5 * 10**9, "sum", "bytes", same_hour=True),
        ),
        (
            "spike: {factor: 3, within: 10m, baseline: 1h, min: 9, distinct: client_ip}",
            Spike(3, 10 * MINUTE, HOUR, 9, "distinct", "client_ip"),
        ),
        (
            "first_seen: {fields: [user, client_ip/24/48], learn: 3d, remember: 30d}",
            FirstSeen((KeyPart("user"), KeyPart("client_ip", 24, 48)), 3 * DAY, 30 * DAY),
        ),
        ("first_seen: {fields: user}", FirstSeen((KeyPart("user"),), 7 * DAY, 90 * DAY)),
        ("first_seen: {fields: user, learn: 0s}", FirstSeen((KeyPart("user"),), 0, 90 * DAY)),
    ],
)
def test_what_a_window_means(window: str, spec: WindowSpec) -> None:
    made = rule(f"from: traefik, {window}")
    assert made.window == spec
    assert made.quiet == (within_of(spec) or MINUTE)


def test_an_episode_of_a_first_sight_is_quiet_after_a_minute() -> None:
    assert rule("from: any, first_seen: {fields: user, learn: 1d}").quiet == MINUTE
    assert rule("from: any, first_seen: {fields: user}, quiet: 1h").quiet == HOUR


@given(st.integers(1, 10**15), st.integers(1, 90 * 24 * 60))
def test_any_sum_is_read_as_it_was_written(threshold: int, minutes: int) -> None:
    within = minutes * MINUTE
    made = rule(f"from: traefik, sum: {threshold} bytes in {duration_text(within)}")
    assert made.window == Sum(threshold, "bytes", within)


# Sequences


def sequence(keys: str = "", steps: str = STEPS) -> Rule:
    return rule(f"from: any, {keys} sequence: {{{steps}, within: 15m}}")


def test_a_sequence_admits_only_events_of_its_steps() -> None:
    made = sequence()
    assert made.window == Sequence((Step(FAILED, 5), Step(WORKED)), 15 * MINUTE)
    assert made.when == AnyOf((FAILED, WORKED))


def test_a_sequences_own_condition_holds_for_every_step() -> None:
    made = sequence("when: {event: login},")
    assert made.when == All((equal("event", "login"), AnyOf((FAILED, WORKED))))


def test_a_tuned_condition_keeps_the_steps() -> None:
    made = rule(f"from: any, sequence: {{{STEPS}, within: 15m}}", "when: {event: login}")
    assert made.when == All((equal("event", "login"), AnyOf((FAILED, WORKED))))
    assert made.untuned is not None
    assert made.untuned.when == AnyOf((FAILED, WORKED))


def test_named_groups_of_steps_a_ratio_and_a_resolve_are_fields() -> None:
    rule(
        "from: text, by: who, message: '{who} {job}',"
        r" sequence: {steps: [{when: {message|re: 'start (?P<who>\w+)'}},"
        r" {when: {message|re: 'end (?P<who>\w+) (?P<job>\w+)'}}], within: 1m}"
    )
    rule(
        "from: text, by: who,"
        r" ratio: {above: 1%, of: {message|re: 'x(?P<who>\w)'}, within: 1m, min: 2}"
    )
    rule(r"from: text, resolve: {message|re: 'ok (?P<name>\w+)'}, message: '{name}'")


@pytest.mark.parametrize("count", [2, 8])
def test_a_sequence_has_two_to_eight_steps(count: int) -> None:
    made = sequence(steps=f"steps: [{', '.join(['{when: {}}'] * count)}]")
    assert made.window == Sequence((Step(ALWAYS),) * count, 15 * MINUTE)
    for wrong in (1, 9):
        steps = ", ".join(["{when: {}}"] * wrong)
        assert told(f"from: any, sequence: {{steps: [{steps}], within: 15m}}") == [
            f"a sequence of {wrong}; expected a list of 2 to 8 steps, such as {{when: {{…}}, times: 5}}"
        ]


# States


def test_what_lasts_and_what_ends_it() -> None:
    made = rule(
        "from: probe, when: {up: false}, by: name, for: 2m, resolve: {up: true},"
        " subject: service, pollers: skip"
    )
    assert (made.lasts, made.subject, made.skip_pollers) == (2 * MINUTE, "service", True)
    assert made.resolve == Test(field="up", op=Op.EQUALS, values=(True,))
    assert made.is_state


def test_without_them_a_rule_has_none() -> None:
    made = rule("from: probe, by: name")
    assert (made.lasts, made.resolve, made.subject, made.skip_pollers) == (0, None, "", False)
    assert not made.is_state
    assert rule("from: any, absence: 1h").is_state


def test_a_tune_replaces_them() -> None:
    made = rule(
        "from: probe, by: name, for: 2m, resolve: {up: true}, subject: service",
        "for: 5m, resolve: {latency|lt: 1s}, subject: name, pollers: skip",
    )
    assert (made.lasts, made.subject, made.skip_pollers) == (5 * MINUTE, "name", True)
    assert made.resolve == Test(field="latency", op=Op.LT, values=(1.0,))
    assert rule("from: probe, for: 2m, quiet: 5m", "for: 0s").lasts == 0


def test_defaults_give_them_to_every_rule_of_a_file() -> None:
    rules, problems = read(
        "defaults: {from: probe, by: name, for: 3m, quiet: 9m, subject: service, pollers: skip}\n"
        "rules:\n  a: {}\n  b: {for: 1m, subject: name}\n"
    )
    assert problems == []
    assert [(r.lasts, r.subject, r.skip_pollers) for r in rules] == [
        (3 * MINUTE, "service", True),
        (MINUTE, "name", True),
    ]


def test_a_default_that_does_not_fit_one_rule_is_told_where_it_stands() -> None:
    _, problems = read("defaults: {from: any, for: 3m}\nrules:\n  a: {absence: 1h}\n  b: {count: 3 in 1m}\n")
    assert problems == [
        "0.yaml:1:28: the rule 'a' has 'for' beside 'absence', which does not last; take one of the two out"
    ]


def test_a_floor_of_a_few_bytes_is_warned_of() -> None:
    spike = "from: traefik, spike: {{factor: 5, within: 1h, baseline: 7d, sum: {}, min: {}}}"
    fix = "write its unit, such as 500MB: the sum below which nothing is told"
    assert told(spike.format("bytes", 200)) == [
        f"warning: a floor of 200 bytes, which a page or two make; {fix}"
    ]
    assert told(spike.format("bytes", "200MB")) == told(spike.format("retries", 200)) == []
    assert told(spike.format("bytes", "2GB"), "min: 300") == [
        f"warning: a floor of 300 bytes, which a page or two make; {fix}"
    ]


def test_a_tune_may_bring_two_keys_together_that_do_not_fit() -> None:
    assert told("from: any, when: {event: x}, for: 3m", "first_seen: {fields: user}") == [
        "this tune breaks 'r', whose 'for:' is at 0.yaml:2:41: the rule 'r' has 'for' beside 'first_seen',"
        " which does not last; take out of the tune what does not go with that one"
    ]
    assert told("from: any, by: user, resolve: {event: y}", "quiet: 5m") == [
        "warning: the rule 'r' has 'quiet' beside 'resolve', which alone ends its episodes; take it out"
    ]


def test_an_end_that_would_be_everybodys_is_told() -> None:
    (problem,) = told("from: probe, when: {up: false}, resolve: {up: true}, subject: name")
    assert problem.startswith("warning: the rule 'r' has 'resolve' and 'subject' and no 'by'")
    assert problem.endswith("add 'by: name'")


def test_a_long_window_that_leaves_pollers_out_is_a_cloak() -> None:
    (problem,) = told("from: any, by: client_ip, count: 100 in 24h, pollers: skip")
    assert problem.startswith("warning: the rule 'r' has 'pollers: skip' and a window over 2h; take it out")
    assert told("from: any, by: client_ip, count: 100 in 2h, pollers: skip") == []


# Tunes


@pytest.mark.parametrize(
    ("window", "tune", "spec"),
    [
        ("sum: 5GB bytes in 1h", "threshold: 50GB", Sum(50 * 10**9, "bytes", HOUR)),
        ("sum: 5GB bytes in 1h", "field: retries, within: 2h", Sum(5 * 10**9, "retries", 2 * HOUR)),
        ("absence: 30m", "within: 2h", Absence(2 * HOUR)),
        (
            "ratio: {above: 20%, of: {status: 5xx}, within: 10m, min: 15}",
            "above: 40%, min: 30",
            Ratio(0.4, ERRORS, 10 * MINUTE, 30),
        ),
        (
            "ratio: {above: 20%, of: {path: /x}, within: 10m, min: 15}",
            "of: {status: 5xx}",
            Ratio(0.2, ERRORS, 10 * MINUTE, 15),
        ),
        (
            "spike: {factor: 5, within: 10m, baseline: 6h, min: 200}",
            "factor: 9, baseline: 1d, within: 5m, min: 300",
            Spike(9, 5 * MINUTE, DAY, 300),
        ),
        (
            "spike: {factor: 5, within: 10m, baseline: 6h, min: 200}",
            "sum: bytes, min: 5GB, baseline: 7d, same_hour: true",
            Spike(5, 10 * MINUTE, 7 * DAY, 5 * 10**9, "sum", "bytes", same_hour=True),
        ),
        (
            "spike: {factor: 5, within: 10m, baseline: 6h, min: 200MB, sum: bytes}",
            "distinct: client_ip, min: 9",
            Spike(5, 10 * MINUTE, 6 * HOUR, 9, "distinct", "client_ip"),
        ),
        (
            "spike: {factor: 5, within: 10m, baseline: 6h, min: 2GB, sum: bytes}",
            "min: 7GB",
            Spike(5, 10 * MINUTE, 6 * HOUR, 7 * 10**9, "sum", "bytes"),
        ),
        (
            "first_seen: {fields: user, learn: 3d, remember: 30d}",
            "fields: [user, host], learn: 1d",
            FirstSeen((KeyPart("user"), KeyPart("host")), DAY, 30 * DAY),
        ),
        (
            "sequence: {steps: [{when: {}}, {when: {}}], within: 15m}",
            "within: 1h",
            Sequence((Step(ALWAYS),) * 2, HOUR),
        ),
        # And a window anew, of its own kind or another.
        ("sum: 5GB bytes in 1h", "sum: 9 retries in 1m", Sum(9, "retries", MINUTE)),
        (
            "spike: {factor: 5, within: 10m, baseline: 6h, min: 200}",
            "sum: 5GB bytes in 1h",
            Sum(5 * 10**9, "bytes", HOUR),
        ),
        (
            "spike: {factor: 5, within: 10m, baseline: 6h, min: 200}",
            "distinct: {threshold: 5, field: path, within: 1m}",
            Distinct(5, "path", MINUTE),
        ),
        ("count: 5 in 1m", "absence: 1h", Absence(HOUR)),
    ],
)
def test_a_tune_changes_a_windows_own_keys(window: str, tune: str, spec: WindowSpec) -> None:
    made = rule(f"from: traefik, {window}", tune)
    assert made.window == spec
    assert made.quiet == (within_of(spec) or MINUTE)


def test_a_tune_is_held_to_the_same_bounds() -> None:
    spike = "from: traefik, spike: {factor: 5, within: 10m, baseline: 6h, min: 200}"
    assert told(spike, "within: 2h") == ["a baseline of 6h; expected at least 6 times 'within', 12h"]


def test_a_tune_to_another_measure_needs_its_own_min() -> None:
    spike = "from: traefik, spike: {factor: 5, within: 10m, baseline: 6h, min: 200}"
    assert told(spike, "sum: bytes") == ["'sum' in place of events, without a 'min' of it; add 'min:'"]


# Messages


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("sum: 5GB bytes in 1h", "{client_ip}: {sum} in {window}"),
        ("sum: 50 retries in 1h", "{client_ip}: {sum} retries in {window}"),
        ("sum: 2h duration in 1d", "{client_ip}: {sum} seconds of duration in {window}"),
        ("absence: 30m", "{client_ip}: nothing for {silence}"),
        ("ratio: {above: 1%, of: {}, within: 1m, min: 2}", "{client_ip}: {share} of events in {window}"),
        (
            "spike: {factor: 5, within: 10m, baseline: 6h, min: 200}",
            "{client_ip}: {value} in {window}, {times} times the usual {usual}",
        ),
        (
            "spike: {factor: 5, within: 10m, baseline: 6h, min: 200, distinct: path}",
            "{client_ip}: {value} different path in {window}, {times} times the usual {usual}",
        ),
        ("first_seen: {fields: user}", "{client_ip}: {new} for the first time"),
        ("sequence: {steps: [{when: {}}, {when: {}}], within: 1m}", "{client_ip}: all 2 steps in {window}"),
        ("count: 5 in 1m, for: 10m", "{client_ip}: {count} in {window}, for {for}"),
        ("for: 10m, quiet: 5m", "{client_ip}: {count}, for {for}"),
    ],
)
def test_a_rule_without_a_message_says_what_its_window_found(keys: str, message: str) -> None:
    made = rule(f"from: traefik, by: client_ip, {keys}")
    assert made.message == message
    rule(f"from: traefik, by: client_ip, message: '{message}', {keys}")  # and it may be written


ONE_OF_EACH: tuple[WindowSpec, ...] = (
    Count(1, 1),
    Distinct(1, "x", 1),
    Sum(1, "x", 1),
    Absence(1),
    Ratio(0.1, ALWAYS, 1, 1),
    Spike(2, 1, 6, 1),
    FirstSeen((KeyPart("x"),), 0, 1),
    Sequence((Step(ALWAYS), Step(ALWAYS)), 1),
)


def test_every_kind_of_window_has_a_form() -> None:
    assert tuple(kind_of(window) for window in ONE_OF_EACH) == KINDS
    assert set(FORMS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_forms_example_is_read(kind: str) -> None:
    window = rule(f"from: any, {kind}: {FORMS[kind].example}".replace(", country", "")).window
    assert window is not None
    assert kind_of(window) == kind


def test_every_name_of_a_message_is_filled_by_some_rule() -> None:
    filled = {name for window in (None, *ONE_OF_EACH) for name in template_names(window, SECOND)}
    assert filled == set(TEMPLATE_NAMES)


@pytest.mark.parametrize("name", ["sum", "share", "value", "usual", "times", "new", "silence", "for"])
def test_a_name_that_the_rules_window_does_not_fill_is_told(name: str) -> None:
    (problem,) = told(f"from: traefik, count: 5 in 1m, message: '{{{name}}}'")
    assert problem.startswith(f"'{{{name}}}' in a rule without '")
    assert problem.endswith("expected a field, or one of {count}, {window}, {first}, {last}")
    (problem,) = told(f"from: traefik, count: 5 in 1m, emit: {{x: '{{{name}}}'}}")
    assert problem.startswith(f"'{{{name}}}' in a rule without '")


def test_where_lines_may_carry_any_field_such_a_name_may_be_one() -> None:
    (problem,) = told("from: json, count: 5 in 1m, message: '{value}'")
    assert problem.startswith("warning: nothing can fill '{value}' in this message")
    rule(r"from: text, when: {message|re: '(?P<value>\d+)'}, message: '{value}'")


def test_a_ratios_share_is_of_a_condition_like_when() -> None:
    window = rule("from: traefik, ratio: {above: 1%, of: {client_ip: 10.0.0.0/8}, within: 1m, min: 2}").window
    assert isinstance(window, Ratio)
    assert window.of == Test(field="client_ip", op=Op.CIDR, values=("10.0.0.0/8",))
