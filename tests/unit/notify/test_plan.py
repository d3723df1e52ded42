"""What goes now and what waits, as a table and as laws."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.telling import EVENING, MIDDAY, telling

from nightporter.config import Caps, QuietHours
from nightporter.model import HOUR, MINUTE, SECOND, Severity, Stamp
from nightporter.notify.plan import GATHER, Policy, Reason, below_high, plan
from nightporter.store.outbox import OutboxRow, SentMessage

NIGHT = QuietHours(start=23 * 60, end=7 * 60 + 30)
POLICY = Policy(zone=UTC)
QUIET = Policy(zone=UTC, quiet=NIGHT)


def row(number: int = 1, *, weight: int = 1, **changes: object) -> OutboxRow:
    told = telling(number, **changes)
    return OutboxRow(id=told.id, destination="phone", telling=told, weight=weight)


def sent(at: Stamp, rule: str = "http-404-scan", severity: Severity = Severity.medium) -> SentMessage:
    return SentMessage(at=at, shape="single", rule=rule, severity=severity)


def shapes(rows: list[OutboxRow], history: list[SentMessage], policy: Policy, now: Stamp) -> list[str]:
    return [
        f"{send.shape} {len(send.rows)} {send.reason.name}" for send in plan(rows, history, policy, now).sends
    ]


def test_the_first_of_a_rule_goes_at_once() -> None:
    assert shapes([row()], [], POLICY, MIDDAY) == ["single 1 first"]


def test_many_at_once_are_one_message() -> None:
    assert shapes([row(n) for n in range(300)], [], POLICY, MIDDAY) == ["folded 300 first"]


@pytest.mark.parametrize(("told", "wait"), list(enumerate(GATHER, start=1)), ids=str)
def test_each_message_of_a_rule_lets_the_next_gather_longer(told: int, wait: int) -> None:
    roomy = Policy(zone=UTC, caps=Caps(per_hour=60, per_day=60))
    history = [sent(MIDDAY - (told - 1 - n) * MINUTE) for n in range(told)]
    rows = [row(n, at=MIDDAY + n) for n in range(5)]
    early = plan(rows, history, roomy, MIDDAY + wait - 1)
    assert early.sends == ()
    assert [(held.reason, held.until) for held in early.held] == [(Reason.gathering, MIDDAY + wait)]
    assert shapes(rows, history, roomy, MIDDAY + wait) == ["folded 5 gathered"]


def test_after_an_hours_calm_a_rule_starts_anew() -> None:
    history = [sent(MIDDAY - HOUR - 20 * MINUTE + n * MINUTE) for n in range(4)]
    assert shapes([row()], history, POLICY, MIDDAY) == ["single 1 first"]


def test_what_is_louder_does_not_gather() -> None:
    rows = [row(severity=Severity.high)]
    assert shapes(rows, [sent(MIDDAY - 1)], POLICY, MIDDAY) == ["single 1 louder"]


def test_what_was_seen_late_is_one_message_a_rule() -> None:
    rows = [row(n, seen_late=True) for n in range(3)]
    assert plan(rows, [], POLICY, MIDDAY).wake_at == MIDDAY + 30 * SECOND
    assert shapes(rows, [], POLICY, MIDDAY + 30 * SECOND) == ["folded 3 first"]


def test_low_waits_for_the_digest() -> None:
    rows = [row(n, severity=Severity.low, rule=f"r{n}") for n in range(3)]
    held = plan(rows, [], POLICY, MIDDAY)
    assert held.sends == ()
    assert held.wake_at == MIDDAY + 20 * HOUR
    assert shapes(rows, [], POLICY, MIDDAY + 20 * HOUR) == ["digest 3 digest_time"]


@pytest.mark.parametrize(
    ("day", "digest_utc"),
    [("2026-03-28", "2026-03-29T06:00"), ("2026-10-24", "2026-10-25T07:00")],
    ids=["spring forward", "fall back"],
)
def test_the_digest_keeps_to_the_wall_clock_over_daylight_saving(day: str, digest_utc: str) -> None:
    policy = Policy(zone=ZoneInfo("Europe/Berlin"))
    evening = round(datetime.fromisoformat(f"{day}T20:00+00:00").timestamp()) * SECOND
    expected = round(datetime.fromisoformat(f"{digest_utc}+00:00").timestamp()) * SECOND
    low = row(severity=Severity.low, at=evening)
    assert plan([low], [], policy, evening).wake_at == expected


def test_quiet_hours_hold_all_below_high_and_then_one_digest_goes() -> None:
    midnight, morning = EVENING + 2 * HOUR, EVENING + 9 * HOUR + 30 * MINUTE
    rows = [row(n, rule=f"r{n % 7}", at=midnight + n) for n in range(20)]
    loud = [
        row(90, rule="h", severity=Severity.high, at=midnight),
        row(91, rule="c", severity=Severity.critical, at=midnight),
    ]
    night = plan([*rows, *loud], [], QUIET, midnight + MINUTE)
    assert [send.severity for send in night.sends] == [Severity.critical, Severity.high]
    assert night.wake_at == morning
    assert shapes(rows, [], QUIET, morning) == ["digest 20 quiet_over"]


def test_what_came_just_before_the_quiet_hours_is_held_too() -> None:
    before = EVENING + 59 * MINUTE
    rows = [row(at=before)]
    history = [sent(before)]
    assert plan(rows, history, QUIET, EVENING + HOUR).sends == ()


def test_a_cap_holds_until_there_is_room_and_then_folds() -> None:
    history = [sent(MIDDAY - (6 - n) * MINUTE, rule=f"old{n}", severity=Severity.high) for n in range(6)]
    rows = [row(n, rule=f"r{n}", severity=Severity.high) for n in range(5)]
    held = plan(rows, history, POLICY, MIDDAY)
    assert held.sends == ()
    assert {h.reason for h in held.held} == {Reason.capped}
    assert held.wake_at == MIDDAY - 6 * MINUTE + HOUR
    assert shapes(rows, history, POLICY, held.wake_at) == ["digest 5 late"]


@pytest.mark.parametrize(("severity", "told"), [(Severity.medium, 2), (Severity.high, 4)])
def test_the_last_free_place_is_a_digests(severity: Severity, told: int) -> None:
    history = [sent(MIDDAY - MINUTE, rule=f"old{n}", severity=severity) for n in range(told)]
    rows = [row(n, rule=f"r{n}", severity=severity) for n in range(5)]
    assert shapes(rows, history, POLICY, MIDDAY) == ["single 1 first", "digest 4 no_room"]


@pytest.mark.parametrize(("severity", "most"), [(Severity.medium, 24), (Severity.high, 30)])
def test_the_daily_cap_counts_24_hours(severity: Severity, most: int) -> None:
    spaced = [MIDDAY - (most - n) * 40 * MINUTE for n in range(most)]
    history = [sent(at, rule=f"old{n}", severity=severity) for n, at in enumerate(spaced)]
    held = plan([row(severity=severity)], history, POLICY, MIDDAY)
    assert held.sends == ()
    assert held.wake_at == spaced[0] + 24 * HOUR


def test_a_fifth_of_the_room_is_kept_for_high() -> None:
    history = [sent(MIDDAY - MINUTE, rule=f"old{n}") for n in range(4)]
    medium = [row(n, rule=f"m{n}") for n in range(3)]
    high = [row(10 + n, rule=f"h{n}", severity=Severity.high) for n in range(2)]
    both = plan([*medium, *high], history, POLICY, MIDDAY)
    assert {send.rule for send in both.sends} == {"h0", "h1"}
    assert {(held.reason, held.until) for held in both.held} == {(Reason.capped, MIDDAY - MINUTE + HOUR)}


def test_a_scan_all_day_does_not_hold_back_a_high_alert() -> None:
    """One rule that finds an address a minute for ten hours; then a container falls over and over."""
    start, loop_at = MIDDAY - 3 * HOUR, MIDDAY + 6 * HOUR
    history: list[SentMessage] = []
    waiting: list[OutboxRow] = []
    for minute in range(10 * 60):
        now = start + minute * MINUTE
        waiting.append(row(minute, at=now))
        if now == loop_at:
            waiting.append(row(9999, rule="container-restart-loop", severity=Severity.high, at=now))
        decided = plan(waiting, history, POLICY, now)
        history += [
            SentMessage(at=now, shape=s.shape, rule=s.rule, severity=s.severity) for s in decided.sends
        ]
        waiting = [r for held in decided.held for r in held.rows]
    assert [m.at for m in history if m.rule == "container-restart-loop"] == [loop_at]
    assert len(history) == 24 + 1


@pytest.mark.parametrize(("cap", "most"), [(0, 0), (1, 1), (2, 1), (5, 4), (6, 4), (30, 24)])
def test_what_below_high_may_take_of_a_cap(cap: int, most: int) -> None:
    assert below_high(cap) == most


def test_critical_passes_caps_and_quiet_hours_folded_per_rule() -> None:
    history = [sent(MIDDAY - MINUTE, rule=f"old{n}") for n in range(30)]
    rows = [row(n, rule=f"r{n % 2}", severity=Severity.critical) for n in range(40)]
    policy = Policy(zone=UTC, quiet=QuietHours(start=11 * 60, end=13 * 60))
    assert shapes(rows, history, policy, MIDDAY) == ["folded 20 first", "folded 20 first"]


def test_late_messages_are_a_digest_when_there_are_more_than_a_few() -> None:
    rows = [row(n, rule=f"r{n}") for n in range(4)]
    assert shapes(rows[:3], [], POLICY, MIDDAY + 2 * HOUR) == ["single 1 first"] * 3
    assert shapes(rows, [], POLICY, MIDDAY + 2 * HOUR) == ["digest 4 late"]


def test_a_test_passes_everything_and_counts_for_nothing() -> None:
    history = [sent(MIDDAY - MINUTE, rule=f"old{n}") for n in range(30)]
    test = row(kind="test", severity=Severity.info)
    assert shapes([test], history, QUIET, EVENING + 2 * HOUR) == ["test 1 test"]
    tests = [SentMessage(at=MIDDAY - 1, shape="test", rule="x") for _ in range(50)]
    assert shapes([row()], tests, POLICY, MIDDAY) == ["single 1 first"]


def test_terminal_and_file_get_every_row_singly() -> None:
    rows = [row(n, severity=Severity(n % 5)) for n in range(30)]
    policy = Policy(zone=UTC, quiet=NIGHT, direct=True)
    assert shapes(rows, [], policy, EVENING + 2 * HOUR) == ["single 1 direct"] * 30


def test_a_clock_set_back_holds_nothing_for_ever() -> None:
    future = MIDDAY + 400 * 24 * HOUR
    history = [sent(future, rule=f"old{n}") for n in range(50)]
    assert shapes([row(at=future)], history, POLICY, MIDDAY) == ["single 1 first"]


def test_no_cap_at_all_still_gives_a_digest() -> None:
    policy = Policy(zone=UTC, caps=Caps(per_hour=0, per_day=0))
    held = plan([row()], [], policy, MIDDAY)
    assert held.sends == ()
    assert held.wake_at is not None
    assert len(plan([row()], [], policy, held.wake_at + 1).sends) == 1


# --- laws

ROWS = st.lists(
    st.builds(
        lambda n, rule, severity, back: row(
            n, rule=f"r{rule}", severity=Severity(severity), at=MIDDAY - back * MINUTE
        ),
        st.integers(0, 10_000),
        st.integers(0, 12),
        st.integers(0, 4),
        st.integers(-60, 3000),
    ),
    max_size=60,
    unique_by=lambda r: r.id,
)
HISTORY = st.lists(
    st.builds(
        lambda back, rule, severity: sent(
            MIDDAY - back * MINUTE, rule=f"r{rule}", severity=Severity(severity)
        ),
        st.integers(-10, 1500),
        st.integers(0, 12),
        st.integers(1, 4),
    ),
    max_size=60,
).map(lambda messages: sorted(messages, key=lambda m: m.at))
POLICIES = st.sampled_from([POLICY, QUIET, Policy(zone=UTC, quiet=QuietHours(start=11 * 60, end=14 * 60))])


@given(ROWS, HISTORY, POLICIES)
def test_every_row_is_either_sent_once_or_held_with_a_reason(
    rows: list[OutboxRow], history: list[SentMessage], policy: Policy
) -> None:
    decided = plan(rows, history, policy, MIDDAY)
    placed = [r.id for send in decided.sends for r in send.rows]
    placed += [r.id for held in decided.held for r in held.rows]
    assert sorted(placed) == sorted(r.id for r in rows)
    assert all(held.until > MIDDAY for held in decided.held)


@given(ROWS, HISTORY, POLICIES)
def test_the_caps_are_kept_but_for_critical_and_the_days_digest(
    rows: list[OutboxRow], history: list[SentMessage], policy: Policy
) -> None:
    decided = plan(rows, history, policy, MIDDAY)
    counted = [m for m in history if m.severity < Severity.critical and m.at <= MIDDAY]
    hour = sum(m.at > MIDDAY - HOUR for m in counted)
    day = sum(m.at > MIDDAY - 24 * HOUR for m in counted)
    new = [s for s in decided.sends if s.severity < Severity.critical and s.shape != "digest"]
    assert len(new) <= max(0, min(6 - hour, 30 - day)) + any(
        # a digest of one thing is that thing
        s.reason in (Reason.quiet_over, Reason.digest_time) or s.rows[0].telling.at < MIDDAY - 4 * HOUR
        for s in new
    )
    assert sum(s.shape == "digest" for s in decided.sends) <= 1
    if all(r.telling.at >= MIDDAY - 4 * HOUR and r.telling.severity > Severity.low for r in rows):
        below = [m.at for m in counted if m.severity < Severity.high]
        left = min(
            4 - sum(at > MIDDAY - HOUR for at in below), 24 - sum(at > MIDDAY - 24 * HOUR for at in below)
        )
        assert sum(s.severity < Severity.high and s.reason is not Reason.quiet_over for s in new) <= max(
            0, left
        )


@given(ROWS, HISTORY, POLICIES)
def test_a_rule_is_in_one_message_at_a_time_and_critical_never_waits_for_caps(
    rows: list[OutboxRow], history: list[SentMessage], policy: Policy
) -> None:
    decided = plan(rows, history, policy, MIDDAY)
    rules = [s.rule for s in decided.sends if s.shape != "digest"]
    assert len(rules) == len(set(rules))
    for held in decided.held:
        if any(r.telling.severity == Severity.critical for r in held.rows):
            assert held.reason is Reason.gathering


@given(ROWS, HISTORY, POLICIES)
def test_looking_again_at_wake_at_moves_something(
    rows: list[OutboxRow], history: list[SentMessage], policy: Policy
) -> None:
    decided = plan(rows, history, policy, MIDDAY)
    told = [m for m in history if m.at <= MIDDAY]
    now, waiting = decided.wake_at, [r for held in decided.held for r in held.rows]
    for _ in range(200):
        if now is None:
            break
        decided = plan(waiting, told, policy, now)
        told = told + [
            SentMessage(at=now, shape=s.shape, rule=s.rule, severity=s.severity) for s in decided.sends
        ]
        waiting = [r for held in decided.held for r in held.rows]
        now = decided.wake_at
    assert waiting == [], "everything is told in the end"


def review(number: int = 1, title: str = "Quiet week", at: Stamp = MIDDAY) -> OutboxRow:
    return row(number, kind="review", severity=Severity.info, rule="", key={}, title=title, at=at)


def test_a_review_goes_when_it_comes_by_itself() -> None:
    rows = [review(1), review(2, title="Review"), row(3, severity=Severity.low)]
    assert shapes(rows, [], POLICY, MIDDAY) == ["single 1 review", "single 1 review"]


def test_a_review_waits_for_the_end_of_quiet_hours_and_is_no_digest_then() -> None:
    night = MIDDAY + 12 * HOUR
    waiting = plan([review(at=night)], [], QUIET, night)
    assert waiting.sends == ()
    (held,) = waiting.held
    assert held.reason == Reason.quiet_hours
    assert shapes([review(at=night)], [], QUIET, held.until) == ["single 1 review"]


def test_a_review_that_waited_for_a_dead_receiver_is_no_digest() -> None:
    assert shapes([review(at=MIDDAY - 9 * HOUR)], [], POLICY, MIDDAY) == ["single 1 review"]
