"""The engine: keys, episodes, lists, memory over reloads and restarts (RULES §4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.engines import NOON, Bench, rules

from nightporter.detect.engine import Engine
from nightporter.detect.episodes import DETAILED
from nightporter.model import SECOND, Severity

BURST = """
rules:
  burst:
    title: Many refusals
    from: traefik
    when: {status: 403}
    by: client_ip
    count: 5 in 1m
    severity: medium
    message: "{client_ip}: {count} times in {window}, mostly {top.path}"
"""
IP = "203.0.113.9"


def test_an_episode_opens_at_the_crossing_and_grows() -> None:
    bench = Bench(BURST)
    bench.burst(range(4), status=403, client_ip=IP)
    assert bench.episodes() == []
    bench.burst(range(4, 10), status=403, client_ip=IP, path="/x")
    (episode,) = bench.episodes()
    assert (episode.count, episode.ended) == (10, False)
    assert (episode.first, episode.crossed, episode.last) == (
        NOON,
        NOON + 4 * SECOND,
        NOON + 9 * SECOND,
    )
    assert episode.key == {"client_ip": IP}
    assert episode.message == f"{IP}: 10 times in 1 min, mostly /x"
    assert episode.samples == ["line 1", "line 2", "line 3", "line 4", "line 5"]


def test_quiet_ends_an_episode_and_the_next_burst_is_another() -> None:
    bench = Bench(BURST)
    bench.burst(range(5), status=403, client_ip=IP)
    bench.burst(range(100, 105), status=403, client_ip=IP)
    first, second = bench.episodes()
    assert (first.ended, first.count) == (True, 5)
    assert (second.ended, second.count) == (False, 5)


def test_below_the_threshold_an_open_episode_goes_on() -> None:
    bench = Bench(BURST)
    bench.burst([0, 1, 2, 3, 4, 60, 115, 170], status=403, client_ip=IP)
    (episode,) = bench.episodes()
    assert episode.count == 8


def test_the_timer_publishes_the_end_and_changes_nothing_else() -> None:
    bench = Bench(BURST)
    bench.burst(range(5), status=403, client_ip=IP)
    bench.quiet(4 + 60 + 120)
    assert not bench.episodes()[0].ended
    bench.quiet(4 + 60 + 120.1)
    assert bench.episodes()[0].ended


def test_a_late_stamp_that_bridges_the_gap_reopens_the_same_episode() -> None:
    bench = Bench(BURST)
    bench.burst([0, 1, 2, 3, 4, 100], status=403, client_ip=IP)
    assert bench.episodes()[0].ended
    bench.feed(50, status=403, client_ip=IP)
    (episode,) = bench.episodes()
    assert (episode.ended, episode.count) == (False, 7)
    assert episode.last == NOON + 100 * SECOND


def test_keys_are_apart_and_a_missing_key_is_counted() -> None:
    bench = Bench(BURST)
    for second in range(5):
        bench.feed(second, status=403, client_ip=f"203.0.113.{second}")
        bench.feed(second, status=403)
    assert bench.episodes() == []
    assert bench.engine.counts["no_key:burst:client_ip"] == 5


def test_ipv6_is_grouped_by_64() -> None:
    bench = Bench(BURST)
    for second in range(5):
        bench.feed(second, status=403, client_ip=f"2001:db8:1:2::{second + 1:x}")
    (episode,) = bench.episodes()
    assert episode.key == {"client_ip": "2001:db8:1:2::/64"}


def test_without_a_window_ten_thousand_matches_are_one_episode() -> None:
    bench = Bench("""
        rules:
          any: {title: t, from: traefik, when: {status: 500}, severity: low, message: m}
    """)
    bench.burst((i / 1000 for i in range(10_000)), status=500)
    (episode,) = bench.episodes()
    assert episode.count == 10_000


def test_quiet_0s_makes_one_episode_a_match() -> None:
    bench = Bench("""
        rules:
          any: {title: t, from: traefik, when: {status: 500}, quiet: 0s, message: m}
    """)
    bench.burst(range(3), status=500)
    assert [e.count for e in bench.episodes()] == [1, 1, 1]


def test_distinct_counts_values_and_says_both_numbers() -> None:
    bench = Bench("""
        rules:
          scan: {title: t, from: traefik, when: {status: 404}, by: client_ip, distinct: 3 path in 5m,
                 message: "{distinct} pages in {count} requests"}
    """)
    for second, path in enumerate(["/a", "/a", "/b", "/b", "/c"]):
        bench.feed(second, status=404, client_ip=IP, path=path)
    (episode,) = bench.episodes()
    assert (episode.count, episode.distinct) == (5, 3)
    assert episode.message == "3 pages in 5 requests"


def test_severity_rises_and_never_falls() -> None:
    bench = Bench("""
        rules:
          days: {title: t, from: traefik, when: {status: 500}, message: m,
                 severity: [{high: {path: /a*}}, {critical: {path: /b*}}, low]}
    """)
    seen = []
    for second, path in enumerate(["/x", "/a", "/x", "/b", "/a"]):
        bench.feed(second, status=500, path=path)
        seen.append(bench.episodes()[0].severity)
    assert seen == [Severity.low, Severity.high, Severity.high, Severity.critical, Severity.critical]


def test_enrichment_makes_a_login_of_a_line_and_one_rule_covers_every_service() -> None:
    text = """
        events:
          app:
            from: any
            when: {message|re: "^bad login from (?P<client_ip>\\\\S+)$"}
            set: {event: login, outcome: failure, service: app}
        rules:
          bruteforce:
            title: Failed logins
            from: any
            when: {event: login, outcome: failure}
            by: [service, client_ip]
            count: 3 in 10m
            message: "{service} {client_ip}"
    """
    bench = Bench(text, source="service:app")
    for second in range(3):
        bench.feed(second, message=f"bad login from [::ffff:{IP}]:4711")
    (episode,) = bench.episodes()
    assert episode.key == {"service": "app", "client_ip": IP}


def test_an_unknown_address_of_a_login_is_replaced_by_the_user() -> None:
    bench = Bench("""
        rules:
          bruteforce: {title: t, from: any, when: {event: login}, by: [service, client_ip], count: 2 in 1m,
                       message: m}
    """)
    bench.burst([0, 1], event="login", service="app", user="mario")
    (episode,) = bench.episodes()
    assert episode.key == {"service": "app", "client_ip": "mario"}


def test_ignore_leaves_events_uncounted_until_its_day() -> None:
    bench = Bench(
        BURST
        + """
ignore:
  - {client_ip: 203.0.113.9, why: mum, until: 2026-06-02}
"""
    )
    bench.burst(range(9), status=403, client_ip=IP)
    assert bench.episodes() == []
    assert bench.engine.counts["ignored"] == 9
    bench.burst(range(180_000, 180_005), status=403, client_ip=IP)
    assert len(bench.episodes()) == 1


def test_a_learned_list_knows_who_logged_in_and_forgets_in_event_time() -> None:
    bench = Bench("""
        lists:
          known: {from: any, when: {event: login, outcome: success}, field: client_ip, keep: 1h}
        rules:
          stranger: {title: t, from: any, when: {event: login, outcome: failure}, quiet: 0s,
                     unless: {client_ip: $known}, by: client_ip, message: m}
    """)
    bench.feed(0, event="login", outcome="success", client_ip=IP)
    bench.feed(3599, event="login", outcome="failure", client_ip=IP)
    assert bench.episodes() == []
    bench.feed(3601, event="login", outcome="failure", client_ip=IP)
    assert len(bench.episodes()) == 1


def test_a_detection_goes_on_as_an_event_and_loops_end() -> None:
    bench = Bench("""
        rules:
          first: {title: t, from: traefik, when: {status: 403}, by: client_ip, count: 2 in 1m, message: m,
                  emit: {kind: burst, client_ip: "{client_ip}"}}
          second: {title: t, from: detection, when: {kind: burst, severity: medium}, by: client_ip,
                   quiet: 0s, message: m,
                   emit: {kind: burst, client_ip: "{client_ip}"}}
    """)
    bench.burst([0, 1], status=403, client_ip=IP)
    assert [e.rule for e in bench.episodes()].count("second") == 3
    assert bench.engine.counts["emit_loop"] == 1


def test_the_cap_on_keys_forgets_the_unseen_and_says_so() -> None:
    bench = Bench(rules(BURST))
    bench.engine = Engine(bench.ruleset, key_cap=10)
    for i in range(11):
        bench.feed(0, status=403, client_ip=f"198.51.100.{i}")
    changes = bench.engine.take_changes()
    assert changes.crowded == ["burst"]
    assert bench.engine.counts["evicted:burst"] == 5
    assert sum(row.blob is None for row in changes.windows) == 5


def test_what_happened_while_nobody_watched_is_marked() -> None:
    bench = Bench(BURST, resumed_at=NOON + 3600 * SECOND)
    bench.burst(range(5), status=403, client_ip=IP)
    bench.burst(range(7200, 7205), status=403, client_ip="203.0.113.10")
    assert [e.seen_late for e in bench.episodes()] == [True, False]


def test_a_reload_keeps_the_memory_of_a_rule_that_means_the_same() -> None:
    bench = Bench(BURST)
    bench.burst(range(3), status=403, client_ip=IP)
    bench.engine.swap(rules(BURST.replace("5 in 1m", "4 in 1m").replace("Many", "So many")))
    bench.feed(3, status=403, client_ip=IP)
    assert [e.count for e in bench.episodes()] == [4]


def test_a_reload_that_changes_the_condition_starts_anew() -> None:
    bench = Bench(BURST)
    bench.burst(range(4), status=403, client_ip=IP)
    bench.engine.swap(rules(BURST.replace("{status: 403}", "{status: [403, 401]}")))
    bench.feed(4, status=403, client_ip=IP)
    assert bench.episodes() == []


def test_a_reload_drops_the_keys_that_are_now_ignored() -> None:
    bench = Bench(BURST)
    bench.burst(range(4), status=403, client_ip=IP)
    bench.engine.swap(rules(BURST + "ignore: [{client_ip: 203.0.113.9}]\n"))
    bench.engine.swap(rules(BURST))
    bench.feed(4, status=403, client_ip=IP)
    assert bench.episodes() == []


@given(
    seconds=st.lists(st.floats(0, 600, allow_nan=False), min_size=1, max_size=40),
    cut=st.integers(0, 40),
)
def test_a_restart_in_the_middle_changes_nothing(seconds: list[float], cut: int) -> None:
    whole = Bench(BURST)
    whole.burst(seconds, status=403, client_ip=IP, path="/x")
    before = Bench(BURST)
    before.burst(seconds[:cut], status=403, client_ip=IP, path="/x")
    rows = before.engine.take_changes()
    after = Bench(BURST)
    after.engine.load(rows.windows, rows.learned)
    after._number = before._number
    after.known = {e.id: e for e in rows.episodes}
    after.burst(seconds[cut:], status=403, client_ip=IP, path="/x")
    key = [(e.id, e.first, e.last, e.count, e.ended) for e in whole.episodes()]
    assert [(e.id, e.first, e.last, e.count, e.ended) for e in after.episodes()] == key


def test_rows_of_a_rule_that_is_gone_are_handed_back_for_deletion() -> None:
    bench = Bench(BURST)
    bench.burst(range(2), status=403, client_ip=IP)
    rows = bench.engine.take_changes().windows
    other = Engine(rules(BURST.replace("burst:", "other:")))
    assert [row.blob for row in other.load(rows, [])] == [None]


def test_keys_that_can_no_longer_matter_leave_the_store() -> None:
    bench = Bench(BURST)
    bench.feed(0, status=403, client_ip=IP)
    bench.engine.take_changes()
    for hour in range(1, 9):
        bench.quiet(hour * 3600)
    (row,) = bench.engine.take_changes().windows
    assert row.blob is None


@pytest.mark.parametrize("status", [403, "403"])
def test_a_number_and_its_text_are_the_same(status: int | str) -> None:
    bench = Bench(BURST)
    assert bench.feed(0, status=status, client_ip=IP) == ["burst"]


def test_a_regex_that_keeps_running_out_of_time_pauses_and_says_so_once() -> None:
    bench = Bench(
        """
        rules:
          slow: {title: t, from: traefik, when: {raw|re: '(?=a)(a|aa)+$'}, message: m}
    """
    )
    changes = []
    for second in range(80):
        bench.feed(second / 10, raw="a" * 4000 + "!", source="traefik")
        changes += bench.engine.take_changes().paused
    assert changes == [("slow", "traefik")]


@pytest.mark.parametrize("word", ["warn", "WRN", "warning"])
def test_a_level_may_be_spelled_in_any_way(word: str) -> None:
    bench = Bench(
        f"rules: {{r: {{title: t, from: any, when: {{level: {word}}}, message: m}}}}", source="docker"
    )
    assert bench.feed(0, level="warning") == ["r"]


def test_a_clock_that_was_ahead_does_not_make_today_late() -> None:
    bench = Bench(BURST)
    bench.quiet(86_400)
    bench.burst(range(86_400, 86_405), status=403, client_ip=IP)
    assert len(bench.episodes()) == 1
    bench.quiet(0)
    bench.burst(range(5), status=403, client_ip=IP)
    assert len(bench.episodes()) == 2
    assert bench.engine.counts["from_the_future"] == 1


def test_after_a_restart_stamps_from_the_future_are_let_go() -> None:
    before = Bench(BURST)
    before.burst(range(86_400, 86_403), status=403, client_ip=IP)
    after = Bench(BURST)
    after.engine.load(before.engine.take_changes().windows, [])
    after.quiet(0)
    after.burst(range(5), status=403, client_ip=IP)
    assert [episode.count for episode in after.episodes()] == [5]


def test_a_value_that_cannot_be_kept_stops_nothing_else() -> None:
    bench = Bench(BURST.replace("by: client_ip", "by: bytes"))
    bench.feed(0, status=403, bytes=2**70)
    bench.feed(1, status=403, bytes=7)
    assert [row.key for row in bench.engine.take_changes().windows] == [b"\x91\x07"]
    assert bench.engine.counts["unkept"] == 1


def test_a_thousand_attackers_at_once_are_counted_and_only_some_are_described() -> None:
    bench = Bench(rules(BURST))
    for n in range(DETAILED + 100):
        client = f"198.51.{n // 250}.{n % 250}"
        bench.burst(range(6), status=403, client_ip=client, path="/" + "x" * 5_000, user_agent="y" * 5_000)
    rows = bench.engine.take_changes().windows
    sizes = sorted(len(row.blob or b"") for row in rows)
    assert sizes[99] < 1_500, "beyond the described ones a key costs little"
    assert sizes[-1] < 8_000
    assert len(rows) == DETAILED + 100
