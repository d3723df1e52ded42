"""What lasts and what ends it: `for`, `resolve`, `absence`, and all windows over a restart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.engines import NOON, Bench, rules

from nightporter.detect.engine import Engine
from nightporter.model import SECOND, Episode, Value
from nightporter.rule import Absence

DOWN = """
rules:
  down:
    title: Down
    from: traefik
    when: {status: 502}
    resolve: {status: 200}
    for: 2m
    by: service
    subject: service
    message: "{service} is down for {for}"
"""
BURST_UNTIL_STEADY = """
rules:
  loop: {title: t, from: traefik, when: {status: 500}, resolve: {status: 201}, by: service,
         count: 3 in 10m, message: m}
"""
SILENCE = """
rules:
  silent: {title: t, from: traefik, when: {status: 200}, by: service, absence: 30m,
           message: "{service}: nothing for {silence}"}
"""
ERRORS = """
rules:
  errors: {title: t, from: traefik, by: service, ratio: {above: 50%, of: {status: 5xx}, within: 1m, min: 4},
           for: 30s, message: "{share} of {count}"}
"""


def shape(bench: Bench) -> list[tuple[str, float, float, bool]]:
    """Key's value, first and last in seconds after noon, and whether it has ended."""
    return [
        (str(*e.key.values()), (e.first - NOON) / SECOND, (e.last - NOON) / SECOND, e.ended)
        for e in bench.episodes()
    ]


def test_what_has_lasted_is_told_by_time_alone() -> None:
    bench = Bench(DOWN)
    bench.feed(0, status=502, service="Plex")
    bench.quiet(119)
    assert bench.episodes() == []
    bench.quiet(120)
    (episode,) = bench.episodes()
    assert (episode.crossed - NOON) / SECOND == 120
    assert episode.message == "Plex is down for 2 min"
    assert (episode.state, episode.subject, episode.ended) == (True, "plex", False)


def test_what_was_well_again_in_time_is_never_told() -> None:
    bench = Bench(DOWN)
    bench.feed(0, status=502, service="plex")
    bench.feed(119, status=200, service="plex")
    bench.quiet(1000)
    assert bench.episodes() == []


def test_the_order_of_looking_at_the_clock_changes_nothing() -> None:
    """A chunk that holds the failure and a recovery five minutes later, judged at once."""
    bench = Bench(DOWN)
    bench.feed(0, status=502, service="plex")
    bench.feed(300, status=200, service="plex")
    assert shape(bench) == [("plex", 0, 300, True)]


def test_a_state_stays_open_until_it_is_resolved() -> None:
    bench = Bench(DOWN)
    bench.feed(0, status=502, service="plex")
    bench.quiet(86_400 * 20)
    assert shape(bench) == [("plex", 0, 0, False)]
    bench.feed(86_400 * 20, status=200, service="plex")
    assert shape(bench) == [("plex", 0, 86_400 * 20, True)]


PROBED = """
rules:
  down: {title: t, from: probe, when: {action: down}, resolve: {action: [up, removed]}, by: name, message: m}
  away: {title: t, from: probe, when: {state: missing}, resolve: {state: [ok, removed]}, by: name, message: m}
"""


@pytest.mark.parametrize(
    ("over", "is_told"),
    [({"action": "up"}, True), ({"action": "removed"}, False)],
)
def test_what_is_no_longer_watched_is_over_but_not_said_to_be_well(
    over: dict[str, Value], is_told: bool
) -> None:
    bench = Bench(PROBED, source="probe")
    bench.feed(0, action="down", name="plex")
    bench.feed(300, name="plex", **over)
    (episode,) = bench.episodes()
    assert (episode.ended, episode.state) == (True, is_told)
    bench.feed(600, action="down", name="plex")
    assert [(e.ended, e.state) for e in bench.episodes()] == [(True, is_told), (False, True)]


def test_a_disk_that_is_no_longer_watched_is_over_too() -> None:
    bench = Bench(PROBED, source="probe")
    bench.feed(0, state="missing", name="/mnt/a")
    bench.feed(300, state="removed", name="/mnt/a")
    (episode,) = bench.episodes()
    assert (episode.ended, episode.state) == (True, False)


WATCHED = """
rules:
  changed: {title: t, from: integrity, when: {action: [changed, accepted]}, by: path, quiet: 10m, message: m}
  any-file: {title: t, from: integrity, when: {action: changed}, by: what, quiet: 10m, message: m}
"""


def test_what_a_person_accepts_is_over_and_the_next_change_is_another_episode() -> None:
    bench = Bench(WATCHED, source="integrity")
    for second, action, path in (
        (0, "changed", "/etc/hosts"),
        (1, "changed", "/etc/motd"),
        (60, "accepted", "/etc/hosts"),
        (90, "changed", "/etc/hosts"),
        (95, "changed", "/etc/hosts"),
    ):
        bench.feed(second, action=action, path=path, what="w")
    found = [(e.key, e.count, e.ended, e.accepted) for e in bench.episodes() if e.rule == "changed"]
    assert found == [
        ({"path": "/etc/hosts"}, 1, True, True),
        ({"path": "/etc/motd"}, 1, False, False),
        ({"path": "/etc/hosts"}, 2, False, False),
    ]
    # A rule that does not tell of files one by one goes on: the others of its episode are not accepted
    assert [(e.count, e.ended) for e in bench.episodes() if e.rule == "any-file"] == [(4, False)]


def test_only_the_watch_of_files_may_say_that_one_is_accepted() -> None:
    """Words of a log line are anybody's."""
    bench = Bench(WATCHED.replace("integrity", "json"), source="json")
    bench.feed(0, action="changed", path="/etc/hosts")
    bench.feed(60, action="accepted", path="/etc/hosts")
    assert [(e.count, e.ended) for e in bench.episodes() if e.rule == "changed"] == [(2, False)]


def test_only_a_probe_may_say_that_nobody_watches() -> None:
    """Words of a log line are anybody's."""
    bench = Bench(
        """
        rules:
          died: {title: t, from: docker_events, when: {action: die}, resolve: {action: removed},
                 by: service, message: m}
        """,
        source="docker_events",
    )
    bench.feed(0, action="die", service="plex")
    bench.feed(300, action="removed", service="plex")
    (episode,) = bench.episodes()
    assert (episode.ended, episode.state) == (True, True)


def test_keys_are_resolved_each_by_itself() -> None:
    bench = Bench(DOWN)
    bench.feed(0, status=502, service="plex")
    bench.feed(0, status=502, service="ombi")
    bench.feed(200, status=200, service="ombi")
    bench.quiet(201)
    assert shape(bench) == [("ombi", 0, 200, True), ("plex", 0, 0, False)]


def test_what_happened_before_the_recovery_is_over() -> None:
    bench = Bench(DOWN)
    bench.feed(0, status=502, service="plex")
    bench.quiet(121)
    bench.feed(200, status=200, service="plex")
    assert bench.feed(150, status=502, service="plex") == []
    bench.quiet(10_000)
    assert shape(bench) == [("plex", 0, 200, True)]


def test_an_old_recovery_says_nothing_of_now() -> None:
    bench = Bench(DOWN)
    bench.feed(100, status=502, service="plex")
    bench.feed(50, status=200, service="plex")
    bench.quiet(221)
    assert shape(bench) == [("plex", 100, 100, False)]


def test_a_window_counts_anew_after_a_recovery() -> None:
    bench = Bench(BURST_UNTIL_STEADY)
    bench.burst([0, 10, 20], status=500, service="ombi")
    bench.feed(100, status=201, service="ombi")
    bench.burst([110, 120], status=500, service="ombi")
    assert shape(bench) == [("ombi", 0, 100, True)]
    bench.feed(130, status=500, service="ombi")
    assert shape(bench)[1:] == [("ombi", 110, 130, False)]


def test_a_window_must_stay_over() -> None:
    bench = Bench(ERRORS)
    bench.burst([0, 1, 2, 3], status=500, service="ombi")
    bench.burst([20, 21, 22, 23, 24, 25], status=200, service="ombi")  # no longer over
    bench.burst([26, 27, 28, 29, 31, 32, 33, 34], status=500, service="ombi")
    assert bench.episodes() == []
    bench.burst(range(36, 66, 2), status=500, service="ombi")
    (episode,) = bench.episodes()
    assert (episode.crossed - NOON) / SECOND == pytest.approx(57, abs=3)


def test_a_trickle_below_the_share_does_not_hold_an_episode_open() -> None:
    bench = Bench(ERRORS.replace("for: 30s,", ""))
    bench.burst([0, 1, 2, 3], status=500, service="ombi")
    bench.burst(range(4, 400), status=200, service="ombi")
    bench.burst([401], status=500, service="ombi")
    bench.quiet(402)
    (episode,) = bench.episodes()
    assert (episode.ended, episode.message) == (True, "100% of 7")


def test_silence_is_told_and_ended_by_the_next_event() -> None:
    bench = Bench(SILENCE)
    bench.feed(0, status=200, service="plex")
    bench.feed(600, status=200, service="plex")
    bench.quiet(600 + 1799)
    assert bench.episodes() == []
    bench.quiet(600 + 1800)
    assert [e.message for e in bench.episodes()] == ["plex: nothing for 30 min"]
    bench.feed(3000, status=200, service="plex")
    assert shape(bench) == [("plex", 600, 3000, True)]
    bench.quiet(3000 + 1800)
    assert shape(bench)[1:] == [("plex", 3000, 3000, False)]


def test_one_silence_is_one_episode() -> None:
    bench = Bench(SILENCE)
    bench.feed(0, status=200, service="plex")
    for hour in range(1, 10):
        bench.quiet(hour * 3600)
    assert len(bench.episodes()) == 1


def test_silence_while_we_were_away_means_nothing() -> None:
    bench = Bench(SILENCE)
    bench.feed(0, status=200, service="plex")
    bench.engine.listen(since=NOON + 7200 * SECOND)
    bench.quiet(7200 + 1799)
    assert bench.episodes() == []
    bench.quiet(7200 + 1800)
    assert len(bench.episodes()) == 1


def test_a_clock_that_was_ahead_does_not_hide_silence() -> None:
    bench = Bench(SILENCE)
    bench.engine.listen(since=NOON + 90_000 * SECOND)
    bench.quiet(90_000)
    bench.feed(0, status=200, service="plex")
    bench.quiet(0)
    bench.quiet(1800)
    assert len(bench.episodes()) == 1


def test_kinds_of_windows_can_be_left_out() -> None:
    bench = Bench(SILENCE)
    bench.engine = Engine(bench.ruleset, without=frozenset({Absence}))
    assert bench.feed(0, status=200, service="plex") == []


def test_a_key_that_makes_room_is_not_said_to_be_well() -> None:
    bench = Bench(DOWN)
    bench.engine = Engine(bench.ruleset, key_cap=4)
    bench.feed(0, status=502, service="plex")
    bench.quiet(121)
    for i in range(6):
        bench.feed(200, status=502, service=f"s{i}")
    plex = next(e for e in bench.episodes() if e.key == {"service": "plex"})
    assert (plex.ended, plex.state) == (True, False)


def test_a_time_that_has_lasted_goes_on_as_an_event() -> None:
    bench = Bench("""
        rules:
          down: {title: t, from: traefik, when: {status: 502}, resolve: {status: 200}, for: 1m, by: service,
                 message: m, emit: {kind: outage, what: "{service}", host: "{host}"}}
          both: {title: t, from: detection, when: {kind: outage, host: nas}, by: what, message: "{what}"}
    """)
    bench.feed(0, status=502, service="plex", host="nas")
    bench.quiet(60)
    assert {e.rule: e.message for e in bench.episodes()} == {"down": "m", "both": "plex"}


ALL_WINDOWS = """
rules:
  sum: {title: t, from: traefik, when: {bytes|exists: true}, by: service, sum: 5kB bytes in 1m,
        message: "{sum}"}
  ratio: {title: t, from: traefik, by: service, ratio: {above: 40%, of: {status: 5xx}, within: 1m, min: 3},
          message: "{share}"}
  lasting: {title: t, from: traefik, when: {status: 5xx}, by: service, count: 3 in 1m, for: 20s, message: m}
  state: {title: t, from: traefik, when: {status: 502}, resolve: {status: 200}, for: 10s, by: service,
          message: m}
  silence: {title: t, from: traefik, by: service, absence: 40s, message: "{silence}"}
  first: {title: t, from: traefik, by: service, first_seen: {fields: status, learn: 30s, remember: 90s},
          message: "{new}"}
  steps: {title: t, from: traefik, by: service, message: "{count}",
          sequence: {steps: [{when: {status: 5xx}, times: 2}, {when: {status: 200}}], within: 1m}}
"""
LOADED = rules(ALL_WINDOWS)
HAPPENINGS = st.lists(
    st.tuples(
        st.integers(0, 30),  # seconds since the last
        st.sampled_from([200, 500, 502, None]),  # None: only time goes on
        st.sampled_from(["plex", "ombi"]),
        st.integers(0, 4000),
        st.sampled_from([0, 0, 0, 25]),  # how late it comes
    ),
    max_size=40,
)
Happening = tuple[int, int | None, str, int, int]


def play(bench: Bench, happenings: list[Happening], since: int) -> int:
    for gap, status, service, size, late in happenings:
        since += gap
        if status is not None:
            fields: dict[str, Value] = {"status": status, "service": service, "bytes": size}
            bench.feed(since - late, **fields)
        bench.quiet(since)
    return since


def facts(episodes: list[Episode]) -> list[tuple[object, ...]]:
    return sorted((e.rule, e.id, e.first, e.last, e.crossed, e.count, e.ended, e.message) for e in episodes)


@given(happenings=HAPPENINGS, cut=st.integers(0, 40))
def test_a_restart_anywhere_changes_nothing_in_any_window(happenings: list[Happening], cut: int) -> None:
    whole = Bench(LOADED)
    play(whole, happenings, 100)
    before = Bench(LOADED)
    since = play(before, happenings[:cut], 100)
    rows = before.engine.take_changes()
    after = Bench(LOADED)
    assert after.engine.load(rows.windows, rows.learned) == []
    after._number = before._number
    after.known = {e.id: e for e in rows.episodes}
    play(after, happenings[cut:], since)
    assert facts(after.episodes()) == facts(whole.episodes())


@given(happenings=HAPPENINGS)
def test_an_episode_is_one_silence_or_crossing_and_ends_after_it_began(happenings: list[Happening]) -> None:
    bench = Bench(LOADED)
    play(bench, happenings, 100)
    bench.engine.finish()
    for episode in bench.episodes():
        assert episode.first <= episode.crossed or episode.rule == "silence"
        assert episode.first <= episode.last
        assert episode.ended


def test_a_poller_is_not_counted_once_it_is_known_and_counts_when_it_strays() -> None:
    bench = Bench("""
        rules:
          refused: {title: t, from: traefik, when: {status: 403}, by: client_ip, pollers: skip,
                    count: 100 in 1h, message: m}
    """)
    bench.burst(range(0, 7200, 60), status=403, client_ip="203.0.113.9", path="/")
    assert bench.feed(7200, status=403, client_ip="203.0.113.9", path="/") == []
    assert bench.engine.counts["pollers:refused"] == 1
    assert bench.feed(7210, status=403, client_ip="203.0.113.9", path="/admin") == ["refused"]


def test_the_subject_stays_what_the_first_event_said() -> None:
    bench = Bench("""
        rules:
          down: {title: t, from: traefik, when: {status: 502}, by: router, subject: service, message: m}
    """)
    bench.feed(0, status=502, router="r", service="Plex")
    bench.feed(1, status=502, router="r")
    bench.feed(2, status=502, router="s")
    bench.feed(3, status=502, router="s", service="ombi")
    assert [e.subject for e in bench.episodes()] == ["plex", "ombi"]


LOGINS = """
rules:
  guessing: {title: t, from: any, when: {event: login}, by: client_ip, count: 2 in 1m, subject: client_ip,
             message: "{client_ip}"}
"""


def test_a_user_who_stands_for_an_address_is_no_subject() -> None:
    """Somebody who calls himself after a service, or an address, has no part in its incidents."""
    bench = Bench(LOGINS)
    bench.burst([0, 1], event="login", user="plex")
    bench.burst([2, 3], event="login", user="203.0.113.9")
    bench.burst([4, 5], event="login", client_ip="203.0.113.9", user="mum")
    bench.burst([6, 7], event="login", client_ip="2001:db8:1:2::3", user="mum")
    assert [(e.key["client_ip"], e.subject) for e in bench.episodes()] == [
        ("plex", ""),
        ("user 203.0.113.9", ""),
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2::/64", "2001:db8:1:2::/64"),
    ]
