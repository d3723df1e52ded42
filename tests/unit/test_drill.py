"""A rule's own test lines as a message: what is said, to whom, and what is refused."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from tests.parts.clock import NOON, ManualClock

from nightporter import bundled
from nightporter.config import AppriseDestination, Config, Destination, FileDestination, Route, Secret
from nightporter.drill import tellings
from nightporter.drill.post import (
    ANSWER,
    REQUEST,
    DrillDesk,
    Request,
    answer_to,
    ask,
    config_file,
    take,
    withdraw,
)
from nightporter.errors import Unreachable, UserError
from nightporter.model import MINUTE, SECOND, Severity, Telling
from nightporter.rule import Ruleset
from nightporter.ruleset import SourceText, Surroundings, load, read

RULES = """
rules:
  guessing:
    title: Failed logins
    from: text
    when: {message: "login failed"}
    count: 3 in 10m
    severity: high
    message: "{count} failed logins"
    fix: Change the password.
    tags: [security]
    tests:
      - {name: two, fires: 0, lines: ["login failed", "login failed"]}
      - {name: three, fires: 1, lines: [{line: "login failed for {i}", repeat: 3}]}
  chatter:
    title: A word
    from: text
    when: {message: hello}
    severity: low
    message: "somebody said hello"
    tests: [{fires: 1, lines: ["hello there"]}]
  review:
    title: For the page
    from: text
    when: {message: page}
    severity: info
    message: "a page"
    tests: [{fires: 1, lines: [page]}]
  trial:
    title: A trial
    from: text
    when: {message: trial}
    mode: dry-run
    message: "a trial"
    tests: [{fires: 1, lines: [trial]}]
  untested: {title: No test, from: text, when: {message: x}, message: x}
  resting:
    {title: Resting, from: text, when: {message: x}, message: x, enabled: false,
     tests: [{fires: 1, lines: [x]}]}
"""


def ruleset(*more: str) -> Ruleset:
    texts = [SourceText(name=f"{number}.yaml", text=text) for number, text in enumerate((RULES, *more))]
    loaded = load(texts, Surroundings())
    assert loaded.ok, loaded.problems
    return loaded.ruleset


def config(*routes: Route, destinations: Sequence[Destination] | None = None) -> Config:
    phone = AppriseDestination(name="phone", url=Secret("json://localhost"))
    post = AppriseDestination(name="post", url=Secret("json://localhost"))
    return Config(
        state=Path("/nowhere"),
        destinations=tuple(destinations if destinations is not None else (phone, post)),
        routes=routes or (Route(to="phone"), Route(to="post", min_severity=Severity.high)),
    )


def one(rule: str, *routes: Route) -> tellings.Drill:
    return tellings.one(ruleset(), rule, config(*routes), NOON, "nonce")


def test_what_is_sent_is_the_alert_marked_drill_as_if_it_happened_now() -> None:
    (telling,) = one("guessing").tellings
    assert (telling.kind, telling.title, telling.severity) == ("test", "DRILL: Failed logins", Severity.high)
    assert telling.message.startswith("3 failed logins\nA drill:")
    assert (telling.last, telling.at, telling.count) == (NOON, NOON, 3)
    assert telling.fix == "Change the password."
    assert telling.samples[0] == "login failed for 0"
    assert telling.notify == ["phone", "post"]


def test_two_drills_are_two_messages() -> None:
    rules, cfg = ruleset(), config()
    first = tellings.one(rules, "guessing", cfg, NOON, "a").tellings[0]
    second = tellings.one(rules, "guessing", cfg, NOON, "b").tellings[0]
    assert first.id != second.id


def test_it_goes_where_the_alert_would_go() -> None:
    assert one("guessing", Route(to="post", tags=("security",))).tellings[0].notify == ["post"]
    nowhere = one("guessing", Route(to="phone", rules=("docker-*",)))
    assert nowhere.tellings == ()
    assert "no route of the config leads anywhere" in nowhere.notes[0]


def test_low_goes_now_and_says_when_it_would_go_in_earnest() -> None:
    found = one("chatter")
    assert found.tellings[0].notify == ["phone", "post"]
    assert found.notes == ("In earnest, low waits for the digest at 08:00.",)


@pytest.mark.parametrize(("rule", "words"), [("review", "info is not sent"), ("trial", "is a dry run")])
def test_what_tells_nobody_is_not_sent(rule: str, words: str) -> None:
    found = one(rule)
    assert found.tellings == ()
    assert words in found.notes[0]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("guesing", "did you mean 'guessing'"),
        ("zzz", "without a name drills all"),
        ("untested", "no test that finds something"),
        ("resting", "is off"),
    ],
)
def test_what_cannot_be_drilled(rule: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        one(rule)


def test_a_tuned_rule_is_tested_as_it_was_written_and_told_as_it_is() -> None:
    tuned = ruleset("tune: {guessing: {count: 50 in 1h, title: Many failed logins}}")
    (telling,) = tellings.one(tuned, "guessing", config(), NOON, "n").tellings
    assert (telling.title, telling.count) == ("DRILL: Many failed logins", 3)


def test_all_rules_are_one_message_a_severity() -> None:
    everything = FileDestination(name="everything", path=Path("x"))
    base = config()
    cfg = replace(base, destinations=(*base.destinations, everything))
    found = tellings.every(ruleset(), cfg, NOON, "n")
    assert [(t.title, t.notify) for t in found.tellings] == [
        ("DRILL: a rule of severity high", ["phone", "post", "everything"]),
        ("DRILL: a rule of severity low", ["phone", "post", "everything"]),
        ("DRILL: a rule of severity info", ["everything"]),
    ]
    assert "guessing: 3 failed logins" in found.tellings[0].message
    assert any("untested" in note for note in found.notes)
    assert not any("trial" in t.message or "resting" in t.message for t in found.tellings)


def test_the_shipped_rules_can_all_be_drilled() -> None:
    rules = load(read([bundled.rules()], shipped=True).texts, Surroundings()).ruleset
    found = tellings.every(rules, config(), NOON, "n")
    assert 2 <= len(found.tellings) <= 4
    assert not [note for note in found.notes if "Without a test" in note]


# --- the files between the two


def a_request(rule: str = "guessing", at: int = NOON) -> Request:
    return Request(id="r1", at=at, rule=rule)


def test_a_request_is_the_owners_alone_and_taken_once(tmp_path: Path) -> None:
    ask(tmp_path, a_request())
    assert (tmp_path / REQUEST).stat().st_mode & 0o777 == 0o600
    assert take(tmp_path, NOON + SECOND) == a_request()
    assert take(tmp_path, NOON + SECOND) is None
    assert list(tmp_path.iterdir()) == []


def test_one_drill_at_a_time_but_a_forgotten_request_stands_in_nobodys_way(tmp_path: Path) -> None:
    ask(tmp_path, a_request())
    with pytest.raises(Unreachable, match="another drill"):
        ask(tmp_path, a_request(at=NOON + SECOND))
    ask(tmp_path, a_request(at=NOON + MINUTE))
    withdraw(tmp_path, a_request(at=NOON + MINUTE))
    assert list(tmp_path.iterdir()) == []


def test_an_old_request_is_dropped(tmp_path: Path) -> None:
    ask(tmp_path, a_request())
    assert take(tmp_path, NOON + MINUTE) is None
    assert list(tmp_path.iterdir()) == []


def _link(path: Path) -> None:
    (path.parent / "elsewhere").write_text(json.dumps({"id": "r1", "at": NOON}))
    path.symlink_to(path.parent / "elsewhere")


@pytest.mark.parametrize(
    "make",
    [
        _link,
        os.mkfifo,
        lambda path: path.write_text("{"),
        lambda path: path.write_text('{"id": 1}'),
        lambda path: path.write_bytes(b" " * 1_000_001),
        Path.mkdir,
    ],
    ids=["link", "pipe", "half", "another shape", "huge", "folder"],
)
def test_what_is_no_request_is_none(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / REQUEST)
    assert take(tmp_path, NOON) is None
    assert take(tmp_path, NOON) is None


async def served(tmp_path: Path, request: Request, path: Path | None = None) -> list[Telling]:
    told: list[Telling] = []
    clock = ManualClock()
    here = replace(config(), state=tmp_path, path=path)
    desk = DrillDesk(here, clock, structlog.get_logger(), ruleset, told.append)
    ask(tmp_path, request)
    task = asyncio.create_task(desk.run())
    await clock.until_asleep()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return told


async def test_the_daemon_tells_and_answers(tmp_path: Path) -> None:
    told = await served(tmp_path, a_request())
    assert [t.title for t in told] == ["DRILL: Failed logins"]
    assert answer_to(tmp_path, Request(id="another", at=NOON)) is None
    answer = answer_to(tmp_path, a_request())
    assert answer is not None
    assert [(t.id, t.destinations) for t in answer.tellings] == [(told[0].id, ["phone", "post"])]
    assert not (tmp_path / ANSWER).exists()


async def test_a_mistake_is_answered_in_words(tmp_path: Path) -> None:
    assert await served(tmp_path, a_request("guesing")) == []
    answer = answer_to(tmp_path, a_request())
    assert answer is not None
    assert "did you mean 'guessing'" in answer.mistake


async def test_all_of_them_at_once(tmp_path: Path) -> None:
    assert len(await served(tmp_path, a_request(""))) == 2


@pytest.mark.parametrize(("asked", "told"), [("other.yaml", 0), ("config.yaml", 1), ("link.yaml", 1)])
async def test_a_drill_of_another_config_is_refused(tmp_path: Path, asked: str, told: int) -> None:
    """Its destinations are not those of the daemon on the same state folder."""
    for name in ("config.yaml", "other.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "link.yaml").symlink_to(tmp_path / "config.yaml")
    file = config_file(replace(config(), path=tmp_path / asked))
    request = Request(id="r1", at=NOON, rule="guessing", config=file)
    assert len(await served(tmp_path, request, tmp_path / "config.yaml")) == told
    answer = answer_to(tmp_path, request)
    assert answer is not None
    assert (f"reads {tmp_path}/config.yaml, not {tmp_path}/other.yaml" in answer.mistake) is not bool(told)
