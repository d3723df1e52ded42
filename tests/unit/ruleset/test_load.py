"""Rule files → the frozen set: what each key means, and how files, lists, tunes and ignores merge."""

from __future__ import annotations

import pytest

from nightporter.errors import Place
from nightporter.model import DAY, HOUR, MINUTE, SECOND, Severity
from nightporter.rule import (
    ALWAYS,
    NEVER,
    All,
    AnyOf,
    Condition,
    Count,
    Distinct,
    Enricher,
    KeyPart,
    LearnedList,
    LineTest,
    ListRef,
    Op,
    Rule,
    Ruleset,
    SeverityStep,
    StaticList,
    Test,
    TestItem,
)
from nightporter.ruleset import Loaded, SourceText, Surroundings, load, watch_rules


def loaded(*texts: str, known: Surroundings | None = None, shipped: bool = False) -> Loaded:
    return load([SourceText(name=f"{n}.yaml", text=t, shipped=shipped) for n, t in enumerate(texts)], known)


def ruleset(*texts: str, known: Surroundings | None = None, shipped: bool = False) -> Ruleset:
    result = loaded(*texts, known=known, shipped=shipped)
    assert [str(problem) for problem in result.problems] == []
    return result.ruleset


def rule(body: str, head: str = "") -> Rule:
    """One rule of these keys, written as one flow map; `head` is the rest of the file."""
    return ruleset(f"{head}\nrules:\n  r: {{{body}}}\n").rules[0]


def condition(when: str, source: str = "traefik", head: str = "") -> Condition:
    return rule(f"from: {source}, when: {when}", head).when


def errors(*texts: str, known: Surroundings | None = None) -> list[str]:
    problems = loaded(*texts, known=known).problems
    return [str(problem).partition("\n")[0] for problem in problems]


# The language's own example

EXAMPLE = """
lists:
  trusted: [127.0.0.0/8, "::1/128"]
defaults:
  unless: {client_ip: $trusted}
  cooldown: 1h
rules:
  http-404-scan:
    title: Many different missing pages from one address
    from: traefik
    when: {status: 404, router|exists: true}
    unless: {path: ["*.jpg", "*.png"]}
    by: client_ip
    distinct: 20 path_shape in 5m      # at most one window per rule
    severity: medium
    tags: [attack.t1595.003]
    message: "{client_ip} asked for {distinct} missing pages on {top.host} in {window}"
    fix: "If it keeps coming back, drop it at the router."
    tests:
      - {name: scan, fires: 1, events: [{repeat: 25, every: 2s, event: {status: 404, path: "/p/x{i}"}}]}
"""


def test_a_rule_in_one_look() -> None:
    assert ruleset(EXAMPLE).rules == (
        Rule(
            id="http-404-scan",
            title="Many different missing pages from one address",
            sources=("traefik",),
            when=All(
                (
                    Test(field="status", op=Op.STATUS, values=(404,)),
                    Test(field="router", op=Op.EXISTS, values=(True,)),
                )
            ),
            unless=AnyOf(
                (
                    Test(field="client_ip", op=Op.CIDR, values=(ListRef("trusted"),)),
                    Test(field="path", op=Op.GLOB, values=("*.jpg", "*.png")),
                )
            ),
            by=(KeyPart("client_ip", 32, 64),),
            window=Distinct(20, "path_shape", 5 * MINUTE),
            quiet=5 * MINUTE,
            severity=(SeverityStep(Severity.medium),),
            cooldown=HOUR,
            message="{client_ip} asked for {distinct} missing pages on {top.host} in {window}",
            fix="If it keeps coming back, drop it at the router.",
            tags=("attack.t1595.003",),
            tests=(
                LineTest(
                    name="scan",
                    items=(
                        TestItem(event=(("status", 404), ("path", "/p/x{i}")), repeat=25, every=2 * SECOND),
                    ),
                    fires=1,
                    place=Place("0.yaml", 20, 9),
                ),
            ),
            place=Place("0.yaml", 8, 3),
        ),
    )


def test_events_in_one_look() -> None:
    text = r"""
events:
  ombi-login-failed:
    from: service:Ombi
    when: {message|re: 'Failed login attempt by IP: (?P<client_ip>\S+)'}
    set: {event: login, outcome: failure, service: ombi}
    tests:
      - {lines: ["Failed login attempt by IP: 203.0.113.9"], sets: {client_ip: 203.0.113.9, user: null}}
"""
    assert ruleset(text).enrichers == (
        Enricher(
            id="ombi-login-failed",
            sources=("service:ombi",),
            when=Test(
                field="message",
                op=Op.RE,
                values=(r"Failed login attempt by IP: (?P<client_ip>\S+)",),
                cased=True,
            ),
            sets=(("event", "login"), ("outcome", "failure"), ("service", "ombi")),
            tests=(
                LineTest(
                    name="test 1",
                    items=(TestItem(line="Failed login attempt by IP: 203.0.113.9"),),
                    sets=(("client_ip", "203.0.113.9"), ("user", None)),
                    place=Place("0.yaml", 8, 9),
                ),
            ),
            place=Place("0.yaml", 3, 3),
        ),
    )


def test_what_a_rule_is_without_its_optional_keys() -> None:
    made = rule("from: any")
    assert (made.title, made.when, made.unless, made.by, made.window) == ("r", ALWAYS, NEVER, (), None)
    assert (made.quiet, made.cooldown, made.cooldown_max) == (MINUTE, None, None)
    assert made.severity == (SeverityStep(Severity.medium),)
    assert (made.mode, made.enabled, made.version, made.message) == ("alert", True, 1, "{message}")


# Plain values and modifiers

IN_TEN_OR_LOCAL = Test(field="client_ip", op=Op.CIDR, values=("10.0.0.0/8", "::1"))


@pytest.mark.parametrize(
    ("when", "test"),
    [
        ("{client_ip: 203.0.113.9}", Test(field="client_ip", op=Op.CIDR, values=("203.0.113.9",))),
        (
            "{client_ip: [10.0.0.7/8, '::1']}",
            Test(field="client_ip", op=Op.CIDR, values=("10.0.0.0/8", "::1")),
        ),
        ("{raw: failed}", Test(field="raw", op=Op.CONTAINS, values=("failed",))),
        ("{path: /a?b*}", Test(field="path", op=Op.GLOB, values=("/a?b*",))),
        ("{path: /login}", Test(field="path", op=Op.EQUALS, values=("/login",))),
        ("{path: 404}", Test(field="path", op=Op.EQUALS, values=("404",))),
        ("{path|exact: '/*'}", Test(field="path", op=Op.EQUALS, values=("/*",))),
        ("{host: '*.example.org'}", Test(field="host", op=Op.GLOB, values=("*.example.org",))),
        ("{status: [404, 5xx, 400-499]}", Test(field="status", op=Op.STATUS, values=(404, "5xx", "400-499"))),
        ("{status|gte: 500}", Test(field="status", op=Op.GTE, values=(500,))),
        ("{user: '*'}", Test(field="user", op=Op.EQUALS, values=("*",))),
        ("{user: 42}", Test(field="user", op=Op.EQUALS, values=("42",))),
        ("{bytes|gt: 5GB}", Test(field="bytes", op=Op.GT, values=(5 * 10**9,))),
        ("{duration|lt: 1m30s}", Test(field="duration", op=Op.LT, values=(90.0,))),
        ("{container_age|lt: 180}", Test(field="container_age", op=Op.LT, values=(180,))),
        ("{router|exists: false}", Test(field="router", op=Op.EXISTS, values=(False,))),
        ("{router|exists: no}", Test(field="router", op=Op.EXISTS, values=(False,))),
        ("{status|neq: [404, 403]}", Test(field="status", op=Op.STATUS, values=(404, 403), negated=True)),
        (
            "{path|contains|all|cased: [a, b]}",
            Test(field="path", op=Op.CONTAINS, values=("a", "b"), every=True, cased=True),
        ),
        ("{path|startswith: /x}", Test(field="path", op=Op.STARTSWITH, values=("/x",))),
        ("{path|endswith|neq: .js}", Test(field="path", op=Op.ENDSWITH, values=(".js",), negated=True)),
        ("{user|glob: 'a*'}", Test(field="user", op=Op.GLOB, values=("a*",))),
        ("{path|re: '^/\\d+$'}", Test(field="path", op=Op.RE, values=(r"^/\d+$",), cased=True)),
        ("{upstream|cidr: 10.0.0.0/8}", Test(field="upstream", op=Op.CIDR, values=("10.0.0.0/8",))),
        ("{time|hour: [22-6, 12]}", Test(field="time", op=Op.HOUR, values=("22-6", "12-13"))),
        ("{time|weekday: Sat-Sun}", Test(field="time", op=Op.WEEKDAY, values=("sat-sun",))),
        ("{user: $5}", Test(field="user", op=Op.EQUALS, values=("$5",))),
        ("{user: a$b}", Test(field="user", op=Op.EQUALS, values=("a$b",))),
        ("{path: [$paths, /y]}", Test(field="path", op=Op.GLOB, values=(ListRef("paths"), "/y"))),
        ("{path|contains: $paths}", Test(field="path", op=Op.CONTAINS, values=(ListRef("paths"),))),
        ("{path|re: $paths}", Test(field="path", op=Op.RE, values=(ListRef("paths"),), cased=True)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_condition_means(when: str, test: Test) -> None:
    assert condition(when, head="lists: {paths: [/x]}") == test


def test_a_map_is_and_and_a_list_of_maps_is_or() -> None:
    a, b = (Test(field=name, op=Op.EQUALS, values=("x",)) for name in ("user", "method"))
    assert condition("{user: x, method: x}") == All((a, b))
    assert condition("[{user: x}, {method: x, user: x}]") == AnyOf((a, All((b, a))))
    assert condition("{}") == ALWAYS


def test_named_groups_are_fields_for_by_window_message_and_severity() -> None:
    made = rule(
        r"from: text, when: {message|re: 'job (?P<job>\w+) took (?P<took>\d+)'}, by: job,"
        r" distinct: 3 took in 1m, message: '{job} {took}', severity: [{high: {took|gt: 9}}]"
    )
    assert made.by == (KeyPart("job"),)
    assert made.severity[1] == SeverityStep(Severity.medium)


def test_fields_that_events_and_emit_add_are_known_to_all_rules() -> None:
    ruleset(
        """
rules:
  a: {from: traefik, when: {country: XX}, by: country, message: "{country} {score}"}
  b: {from: any, when: {message: x}, emit: {score: "1"}}
""",
        "events:\n  geo: {from: traefik, when: {path: /}, set: {country: XX}}\n",
    )


@pytest.mark.parametrize(
    ("by", "parts"),
    [
        ("client_ip", (KeyPart("client_ip", 32, 64),)),
        ("client_ip/24/48", (KeyPart("client_ip", 24, 48),)),
        ("client_ip/24", (KeyPart("client_ip", 24, 64),)),
        ("[service, user]", (KeyPart("service"), KeyPart("user"))),
    ],
)
def test_by(by: str, parts: tuple[KeyPart, ...]) -> None:
    assert rule(f"from: traefik, by: {by}").by == parts


@pytest.mark.parametrize(
    ("window", "spec"),
    [
        ("count: 15 in 1m", Count(15, MINUTE)),
        ("count: {threshold: 15, within: 1m}", Count(15, MINUTE)),
        ("distinct: 20 path in 1h30m", Distinct(20, "path", 90 * MINUTE)),
        ("distinct: {threshold: 20, field: path, within: 7d}", Distinct(20, "path", 7 * DAY)),
    ],
)
def test_windows_have_a_short_form_and_a_map(window: str, spec: Count | Distinct) -> None:
    made = rule(f"from: traefik, {window}")
    assert made.window == spec
    assert made.quiet == spec.within


def test_quiet_zero_is_one_episode_a_match() -> None:
    assert rule("from: traefik, quiet: 0s").quiet == 0


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("from: traefik, by: client_ip, count: 5 in 1m", "{client_ip}: {count} in {window}"),
        (
            "from: traefik, by: [service, user], distinct: 3 path in 1m",
            "{service}, {user}: {distinct} different path in {window}",
        ),
        ("from: docker", "{message}"),
        ("from: traefik", "{count}"),
    ],
)
def test_a_rule_without_a_message_says_who_and_how_many(keys: str, message: str) -> None:
    assert rule(keys).message == message


def test_tests_of_every_form() -> None:
    made = rule(
        "from: traefik, tests: [{fires: 2, wait: 5m, repeat: 3, every: 10s, lines: ["
        "'a', {line: b, repeat: 2}, {wait: 1h}, 'c: #x']},"
        "{name: e, from: json, fires: 0, sets: {user: bob},"
        " events: [{event: login, user: bob}, {wait: 2m}, {event: {user: eve}, every: 0s}]}]"
    )
    first, second = made.tests
    assert first.items == (
        TestItem(line="a", repeat=3, every=10 * SECOND),
        TestItem(line="b", repeat=2, every=10 * SECOND),
        TestItem(wait=HOUR),
        TestItem(line="c: #x", repeat=3, every=10 * SECOND),
        TestItem(wait=5 * MINUTE),
    )
    assert (first.name, first.fires, first.source) == ("test 1", 2, "")
    assert second.items == (
        TestItem(event=(("event", "login"), ("user", "bob"))),
        TestItem(wait=2 * MINUTE),
        TestItem(event=(("user", "eve"),)),
    )
    assert (second.name, second.fires, second.source, second.sets) == ("e", 0, "json", (("user", "bob"),))


# Files


def test_defaults_are_for_their_own_file_and_a_rules_own_keys_go_first() -> None:
    made = ruleset(
        "defaults: {from: traefik, cooldown: 1h, severity: low, tags: [x], unless: {user: a}}\n"
        "rules:\n  a: {severity: high, tags: [y], unless: {user: b}}\n  b: {from: json}\n",
        "rules:\n  c: {from: traefik}\n",
    )
    a, b, c = made.rules
    assert (a.sources, a.cooldown, a.severity, a.tags) == (
        ("traefik",),
        HOUR,
        (SeverityStep(Severity.high),),
        ("x", "y"),
    )
    assert a.unless == AnyOf(tuple(Test(field="user", op=Op.EQUALS, values=(v,)) for v in "ab"))
    assert b.sources == ("json",)
    assert (c.cooldown, c.tags, c.unless) == (None, (), NEVER)


def test_defaults_may_speak_of_a_field_that_only_some_rules_have() -> None:
    ruleset(
        "defaults: {unless: {client_ip: 10.0.0.1}}\n"
        "rules:\n  a: {from: traefik}\n  b: {from: docker_events, when: {action: die}}\n"
    )


def test_lists_add_up_over_files_and_tests_see_them_as_declared() -> None:
    made = ruleset("lists: {a: [x, y]}", "lists: {a: [y, z], b: [1]}")
    assert made.lists == {
        "a": StaticList(name="a", values=("x", "y", "z")),
        "b": StaticList(name="b", values=(1,)),
    }
    assert made.own_lists == {
        "a": StaticList(name="a", values=("x", "y")),
        "b": StaticList(name="b", values=(1,)),
    }


def test_a_trusted_network_that_is_everybody_is_a_warning() -> None:
    text = "lists: {trusted: [10.0.0.0/8, 0.0.0.0/0, 'fc00::/7', '2000::/3'], other: [0.0.0.0/0]}\n"
    loaded = load([SourceText(name="mine.yaml", text=text)])
    assert loaded.ok
    told = [str(problem).splitlines()[0] for problem in loaded.problems]
    assert [line.partition("; ")[0] for line in told] == [
        "mine.yaml:1:31: warning: 0.0.0.0/0 in 'trusted': rules about traffic would leave out almost anyone",
        "mine.yaml:1:54: warning: 2000::/3 in 'trusted': rules about traffic would leave out almost anyone",
    ]


def test_a_misspelt_list_is_a_warning() -> None:
    rules = "lists: {trusted: [10.0.0.1]}\nrules: {a: {from: traefik, unless: {client_ip: $trusted}}}\n"
    assert errors(rules, "lists: {trustd: [203.0.113.9], other: [x]}") == [
        "1.yaml:1:9: warning: no rule names the list 'trustd'; did you mean 'trusted'?"
    ]


def test_learned_lists() -> None:
    text = """
lists:
  known_clients: {when: {event: login, outcome: success}, field: client_ip, keep: 7d}
rules:
  a: {from: any, when: {event: login}, unless: {client_ip: $known_clients}}
"""
    made = ruleset(text)
    entry = LearnedList(
        name="known_clients",
        sources=("any",),
        when=All(
            (
                Test(field="event", op=Op.EQUALS, values=("login",)),
                Test(field="outcome", op=Op.EQUALS, values=("success",)),
            )
        ),
        field="client_ip",
        keep=7 * DAY,
    )
    assert made.lists == made.own_lists == {"known_clients": entry}
    assert made.rules[0].unless == Test(field="client_ip", op=Op.CIDR, values=(ListRef("known_clients"),))


def test_a_list_cannot_be_both_written_and_learned() -> None:
    learned = "lists: {a: {when: {event: login}, field: user}}"
    assert errors("lists: {a: [x]}", learned) == [
        "1.yaml:1:9: the list 'a' is declared elsewhere; use another name"
    ]
    assert errors(learned, "lists: {a: [x]}") == [
        "1.yaml:1:9: the list 'a' is declared elsewhere; use another name"
    ]


SHIPPED = """
rules:
  burst:
    from: traefik
    when: {status: 403}
    unless: {user: a}
    by: client_ip
    count: 200 in 10m
    tags: [x]
    message: "{count}"
    tests: [{fires: 0, events: [{status: 403}]}]
"""


def tuned(entry: str) -> Rule:
    return ruleset(SHIPPED, f"tune:\n  burst: {entry}\n").rules[0]


def test_a_tune_replaces_scalars_and_windows() -> None:
    made = tuned("{threshold: 100, within: 1m, severity: high, cooldown: 2h, enabled: false, mode: dry-run}")
    assert (made.window, made.quiet, made.cooldown) == (Count(100, MINUTE), MINUTE, 2 * HOUR)
    assert (made.severity, made.enabled, made.mode) == ((SeverityStep(Severity.high),), False, "dry-run")
    assert made.place == Place("0.yaml", 3, 3)


def test_a_tune_may_write_the_window_anew() -> None:
    made = tuned("{distinct: 3 path in 1h, message: '{distinct}', title: Tuned}")
    assert (made.window, made.title) == (Distinct(3, "path", HOUR), "Tuned")


def test_a_tunes_unless_and_tags_add() -> None:
    made = tuned("{unless: {user: b}, tags: [y], when: {status: 5xx}}")
    assert made.unless == AnyOf(tuple(Test(field="user", op=Op.EQUALS, values=(v,)) for v in "ab"))
    assert made.tags == ("x", "y")
    assert made.when == Test(field="status", op=Op.STATUS, values=("5xx",))


def test_a_tune_replaces_them_when_it_says_so() -> None:
    made = tuned("{replace: [unless, tags], unless: {user: b}}")
    assert made.unless == Test(field="user", op=Op.EQUALS, values=("b",))
    assert made.tags == ()


def test_a_tuned_rule_keeps_what_its_own_file_wrote() -> None:
    plain = ruleset(SHIPPED).rules[0]
    assert plain.untuned is None
    made = tuned("{threshold: 1, tests: [{name: mine, fires: 1, events: [{status: 403}]}]}")
    assert made.untuned == plain
    assert [(test.name, test.tuned) for test in made.tests] == [("test 1", False), ("mine", True)]


def test_two_tunes_of_one_rule_lie_over_each_other() -> None:
    made = ruleset(SHIPPED, "tune: {burst: {threshold: 9, within: 1m}}", "tune: {burst: {within: 2m}}").rules[
        0
    ]
    assert made.window == Count(9, 2 * MINUTE)
    assert made.untuned == ruleset(SHIPPED).rules[0]


def test_a_tune_that_breaks_the_message_is_told_at_the_tune() -> None:
    text = SHIPPED.replace('"{count}"', '"{count} in {window}, {distinct}"').replace(
        "count: 200 in", "distinct: 9 path in"
    )
    assert errors(text, "tune: {burst: {count: 5 in 1m}}") == [
        "1.yaml:1:8: this tune breaks 'burst', whose 'message:' is at 0.yaml:10:14: '{distinct}' in a rule"
        " without 'distinct:'; expected a field, or one of {count}, {window}, {first}, {last}; give the tune"
        " a 'message:' that fits, or take out of the tune what does not go with that one"
    ]


def test_of_several_tunes_the_one_is_told_that_breaks_the_rule() -> None:
    text = SHIPPED.replace('"{count}"', '"{count} of {sum}"').replace("count: 200 in", "sum: 9MB bytes in")
    several = "tune: {burst: {severity: low}}", "tune: {burst: {count: 5 in 1m}}", "tune: {burst: {title: B}}"
    assert [told.split(":")[0] for told in errors(text, *several)] == ["2.yaml"]
    assert errors(text, *several, 'tune: {burst: {message: "{count}"}}') == []


def test_a_renamed_rule_is_a_warning_and_only_that_entry_is_skipped() -> None:
    shipped = SourceText(name="s.yaml", text=SHIPPED + "renamed: {old: burst, gone: null}\n", shipped=True)
    own = SourceText(
        name="t.yaml",
        text="tune: {old: {threshold: 1}, gone: {threshold: 1}, burst: {threshold: 7}}\n"
        "ignore: [{rule: old, user: x}, {rule: burst, user: y}]\n",
    )
    result = load([shipped, own])
    assert result.ok
    assert [p.warning for p in result.problems] == [True] * 3
    assert "now called 'burst'" in str(result.problems[0])
    assert result.ruleset.rules[0].window == Count(7, 10 * MINUTE)
    assert [ignore.rule for ignore in result.ruleset.ignores] == ["burst"]


def test_ignores() -> None:
    text = """
ignore:
  - {client_ip: 203.0.113.9, why: mum}
  - {rule: burst, path: /remote.php/*, until: 2027-01-31}
  - {rule: burst, until: "2027-01-31T12:00"}
"""
    first, second, third = ruleset(SHIPPED, text, known=Surroundings(timezone="UTC")).ignores
    assert (first.rule, first.until, first.why) == (None, None, "mum")
    assert first.when == Test(field="client_ip", op=Op.CIDR, values=("203.0.113.9",))
    assert (second.rule, second.until) == ("burst", 1_801_440_000 * SECOND)
    assert second.when == Test(field="path", op=Op.GLOB, values=("/remote.php/*",))
    assert (third.when, third.until) == (ALWAYS, 1_801_396_800 * SECOND)
    assert second.place == Place("1.yaml", 4, 5)


def test_an_ignore_whose_conditions_are_all_wrong_ignores_nothing() -> None:
    result = loaded(SHIPPED, "ignore: [{client_ip: nobody}, {rule: burst, client_ip: nobody}]")
    assert len(result.problems) == 2
    assert result.ruleset.ignores == ()


# What the config adds


def test_names_of_the_configs_sources_and_destinations_are_checked() -> None:
    known = Surroundings(sources={"proxy": "traefik", "engine": "docker"}, destinations=("phone",))
    made = ruleset("rules: {a: {from: [proxy, engine], when: {status: 404}, notify: phone}}", known=known)
    assert made.rules[0].notify == ("phone",)
    assert errors("rules:\n  a: {from: prxy, notify: [fone]}", known=known) == [
        "0.yaml:2:13: no source, kind or format is called 'prxy'; expected one of any, auto, command,"
        " detection, docker, docker_events, engine, file, integrity, journald, json, logfmt, macos, probe,"
        " proxy, record, syslog, text, traefik, traefik_service, service:NAME; did you mean 'proxy'?",
        "0.yaml:2:28: unknown destination 'fone'; expected one of phone; did you mean 'phone'?",
    ]


def test_a_source_of_a_known_format_has_its_fields() -> None:
    known = Surroundings(sources={"proxy": "traefik"})
    assert errors("rules: {a: {from: proxy, when: {stauts: 404}}}", known=known) == [
        "0.yaml:1:33: no source of this rule has a field 'stauts'; did you mean 'status'?"
    ]


def test_a_source_named_like_a_format_means_both() -> None:
    known = Surroundings(sources={"traefik": "text"})
    ruleset("rules: {a: {from: traefik, when: [{status: 404}, {message: x}]}}", known=known)


def test_watched_words_are_rules_that_can_be_tuned() -> None:
    known = Surroundings(watch={"Ombi": ("unauthorized", "database is locked")})
    (made,) = ruleset(known=known).rules
    assert (made,) == watch_rules(known.watch)
    assert (made.id, made.sources) == ("watch-Ombi", ("service:ombi",))
    assert made.when == Test(field="raw", op=Op.CONTAINS, values=("unauthorized", "database is locked"))
    (made,) = ruleset("tune: {watch-Ombi: {severity: high}}", known=known).rules
    assert made.severity == (SeverityStep(Severity.high),)


def test_a_regex_that_needs_the_slower_engine_is_a_warning() -> None:
    (problem,) = loaded("rules: {a: {from: text, when: {message|re: '(?<!x)y'}}}").problems
    assert problem.warning
    assert "this regex runs on the slower engine" in problem.found


def test_warnings_never_keep_an_error_from_being_seen() -> None:
    many = "".join(f"  r{n}: {{from: json, when: {{mesage: x}}}}\n" for n in range(300))
    result = loaded(f"rules:\n{many}  bad: {{from: json, wehn: x}}\n")
    assert sum(problem.warning for problem in result.problems) == 200
    assert not result.ok


def test_what_emit_says_is_checked_as_a_message_is() -> None:
    ok = "rules: {a: {from: traefik, count: 5 in 1m, emit: {who: '{client_ip}', n: '{count} {top.path}'}}}"
    ruleset(ok)
    assert errors(ok.replace("{client_ip}", "{client}")) == [
        "0.yaml:1:56: no source of this rule has a field 'client'; did you mean 'client_ip'?"
    ]


def test_shipped_files_warn_nobody() -> None:
    text = "rules: {a: {from: json, when: {mesage: x}}}"
    assert [p.warning for p in loaded(text).problems] == [True]
    assert loaded(text, shipped=True).problems == ()


def test_a_file_with_a_mistake_is_not_ok_and_a_warning_is() -> None:
    assert not loaded("rule: {}").ok
    assert loaded("rules: {a: {from: json, when: {mesage: x}}}").ok


@pytest.mark.parametrize("name", ["SomeField", "user.name", "users", "code", "duration_ms", "req.id", "url"])
def test_a_lines_own_field_is_no_slip(name: str) -> None:
    text = f"rules: {{a: {{from: json, when: {{{name}: x}}, by: {name}, message: '{{{name}}}'}}}}"
    assert loaded(text).problems == ()


@pytest.mark.parametrize("name", ["usr", "client_pi", "mesage", "conatiner", "Levle"])
def test_a_slip_is(name: str) -> None:
    text = f"rules: {{a: {{from: json, when: {{{name}: x}}, message: '{{{name}}}'}}}}"
    assert [problem.warning for problem in loaded(text).problems] == [True, True]
    assert all("did you mean" in str(problem) for problem in loaded(text).problems)


@pytest.mark.parametrize("text", ["", "# nothing", "rules:\nlists:\ntune:\n", "rules: {}\nignore: []\n"])
def test_empty_files_and_empty_keys_are_fine(text: str) -> None:
    made = ruleset(text)
    assert (made.rules, made.ignores, dict(made.lists)) == ((), (), {})
