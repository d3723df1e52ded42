"""Each section over the states that a home can be in: fine, look at this, not known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.parts.reviewing import NOW, PERIOD, counts, incident, outage, well

from nightporter.config import Config
from nightporter.history import Account, Gap, Outage
from nightporter.history.rows import Day, What
from nightporter.model import DAY, HOUR, MINUTE, SECOND, Severity
from nightporter.review import sections, weekly
from nightporter.review.facts import AllowList, Asked, Certificate, Check, Facts, Source
from nightporter.review.page import page
from nightporter.review.sections import Section

NOTHING = Facts(period=PERIOD, now=NOW, zone=None)


def text(section: Section) -> str:
    return "\n".join(section.lines)


@pytest.mark.parametrize("section", sections.SECTIONS[:-1])
def test_a_home_where_all_is_well_is_fine(section: sections.Maker) -> None:
    assert section(well()).verdict == "fine"


@pytest.mark.parametrize("section", sections.SECTIONS)
def test_what_nobody_watches_is_not_known_and_never_fine(section: sections.Maker) -> None:
    found = section(NOTHING)
    assert found.verdict == "unknown"
    assert text(found)


@pytest.mark.parametrize(
    ("allowed", "verdict", "word"),
    [
        (
            AllowList(entries=("10.0.0.0/8",), wrong={"10.0.0.0/8": "too wide"}),
            "look",
            "10.0.0.0/8: too wide",
        ),
        (AllowList(troubles=(".env is gone",)), "look", ".env is gone"),
        (AllowList(), "look", "no entry that lets anybody in"),
        (
            AllowList(entries=("192.168.1.0/24", "home.example.net")),
            "fine",
            "192.168.1.0/24, home.example.net",
        ),
    ],
)
def test_the_allow_list(allowed: AllowList, verdict: str, word: str) -> None:
    found = sections.allow_list(well(allow_list=allowed))
    assert (found.verdict, word in text(found)) == (verdict, True)


def test_a_certificate_that_should_have_been_renewed_comes_first() -> None:
    late = Certificate(name="late.example.net", issuer="E7", days_left=0.5, is_late=True)
    gone = Certificate(name="gone.example.net", issuer="", days_left=-3.0, is_late=True)
    found = sections.certificates(well(certificates=(*well().certificates, late, gone)))
    assert found.verdict == "look"
    assert found.lines == (
        "gone.example.net: expired",
        "late.example.net: 12 hours left (E7)",
        "plex.example.net: 61 days left (Let's Encrypt)",
    )


def test_many_certificates_are_counted() -> None:
    many = tuple(Certificate(name=f"n{i}", issuer="", days_left=60.0 + i, is_late=False) for i in range(30))
    found = sections.certificates(well(certificates=many))
    assert len(found.lines) == sections.LISTED + 1
    assert found.lines[-1] == "… and 22 more with more time"


def new(user: str, first: int) -> Account:
    return Account(service="ombi", user=user, first=first, last=NOW - DAY, successes=1, client="203.0.113.9")


def test_a_new_account_is_to_be_looked_at() -> None:
    found = sections.accounts(well(accounts=(*well().accounts, new("mallory", PERIOD.since + 5 * DAY))))
    assert found.verdict == "look"
    assert found.lines[:2] == ("New: mallory at ombi, since 6 Nov from 203.0.113.9", "ombi: anna, mallory")


def test_in_its_first_week_nobody_is_new() -> None:
    facts = well(accounts=(new("anna", PERIOD.since + 5 * DAY),), began=PERIOD.days[0])
    assert sections.accounts(facts).verdict == "fine"
    facts = replace(facts, accounts=(*facts.accounts, new("late", PERIOD.since + 8 * DAY)))
    assert sections.accounts(facts).lines[0].startswith("New: late")


def test_an_account_that_was_not_used_is_asked_for() -> None:
    unused = Account(service="ombi", user="guest", first=0, last=PERIOD.since - DAY, successes=1)
    found = sections.accounts(well(accounts=(*well().accounts, unused)))
    assert "Not seen in this time: guest (ombi). Are they still needed?" in found.lines


def test_guessing_alone_makes_no_account_but_is_told() -> None:
    facts = well(accounts=(), counts=counts(failures=90_000))
    assert "Failed logins: (others) ×90,000" in sections.accounts(facts).lines


def test_refusals() -> None:
    refused = (("203.0.113.9", 300), ("203.0.113.10", 100))
    found = sections.access(well(counts=counts(refused=400, unrouted=12), refused=refused, most_refused=1))
    assert found.lines == (
        "400 requests refused, from 1 address on the busiest day",
        "203.0.113.9: 300",
        "203.0.113.10: 100",
        "12 requests for hosts and paths that are not yours",
    )


def test_what_was_found_is_by_rule_the_worst_first() -> None:
    told = (
        *(incident(n) for n in range(3)),
        incident(9, rule="login-spray", title="Spray", severity=Severity.critical),
        incident(10, rule="note", severity=Severity.info),
    )
    found = sections.found(well(incidents=told))
    assert found.verdict == "look"
    assert found.lines == (
        "critical: Spray ×1 (login-spray)",
        "medium: Many missing pages ×3 (http-404-scan)",
        "info: Many missing pages ×1 (note)",
    )
    assert sections.found(well(incidents=told[-1:])).verdict == "fine"


def test_what_is_forgotten_is_said() -> None:
    assert sections.found(well()).lines == ("Nothing.",)
    forgotten = well(incidents_since=PERIOD.since + 5 * DAY)
    assert sections.found(forgotten).lines == ("Nothing.", "Kept since 6 Nov; older ones are forgotten.")


def test_a_scan_is_no_reason_to_look_and_neither_is_an_outage_that_is_over() -> None:
    told = (incident(), outage("plex", PERIOD.since + DAY, PERIOD.since + DAY + HOUR))
    assert sections.found(well(incidents=told)).verdict == "fine"
    going_on = outage("plex", PERIOD.since + DAY)
    found = sections.found(well(incidents=(going_on,)))
    assert found.verdict == "look"
    assert found.lines[-1] == "Still going on: 1 of high severity or above"


def test_changed_files() -> None:
    changed = {**counts(), ("2026-11-10", "changed", "/etc/hosts"): 2}
    found = sections.files(well(counts=changed))
    assert (found.verdict, found.lines) == ("fine", ("Changed: /etc/hosts ×2",))
    found = sections.files(well(counts=changed, unaccepted={"/etc/hosts": "its mode is 0666 now"}))
    assert found.verdict == "look"
    assert found.lines[0] == "Not accepted: /etc/hosts: its mode is 0666 now"


def outages(**lasted: int) -> dict[str, list[Outage]]:
    start = PERIOD.since + DAY
    return {service: [Outage(service, start, start + long)] for service, long in lasted.items()}


def test_outages_are_minutes_and_a_share_of_the_time() -> None:
    asked = (Asked(name="nas", service="nas", state="up"),)
    found = sections.availability(well(outages=outages(plex=14 * MINUTE, ombi=20 * SECOND), asked=asked))
    assert found.verdict == "fine"
    assert found.lines == (
        "plex: 14 min in 1 outage, up 99.97 %",
        "ombi: under a minute in 1 outage, up 99.99 %",
        "Up whenever asked: nas",
    )


def test_a_service_that_was_away_for_long_or_is_down_now_is_to_be_looked_at() -> None:
    assert sections.availability(well(outages=outages(plex=8 * HOUR))).verdict == "look"
    found = sections.availability(well(outages=outages(plex=HOUR), down=("plex",)))
    assert (found.verdict, found.lines[0]) == ("look", "Down now: plex")


def test_up_is_only_what_was_seen_up() -> None:
    asked = (
        Asked(name="nas", service="nas", state="up"),
        Asked(name="mac", service="mac", state="blocked"),
        Asked(name="job", service="backup", state="blocked"),
        Asked(name="ombi", service="Ombi", state="up"),
        Asked(name="ombi-outside", service="ombi", state="blocked"),
        Asked(name="fresh", service="fresh", state="unknown"),
        Asked(name="later", service="later", state="up", since=PERIOD.until + HOUR),
    )
    found = sections.availability(well(asked=asked))
    assert (found.verdict, found.lines) == (
        "unknown",
        (
            "Up whenever asked: nas",
            "Could not be asked: job, mac, ombi-outside",
            "No answer yet that says anything: fresh",
        ),
    )


def test_what_somebody_stopped_is_neither_up_nor_an_outage() -> None:
    asked = (
        Asked(name="grafana", service="grafana", state="down", since=PERIOD.until - HOUR),
        Asked(name="sonarr", service="sonarr", state="up", since=PERIOD.since + DAY),
    )
    excused = {
        **outages(sonarr=20 * MINUTE),
        "grafana": [Outage("grafana", PERIOD.until - HOUR, PERIOD.until)],
    }
    found = sections.availability(well(asked=asked, excused=excused))
    assert (found.verdict, found.lines) == (
        "fine",
        (
            "Away, but no outage (somebody stopped it, or no rule told of it): "
            "grafana since Mon 30 Nov 23:00, sonarr 20 min",
        ),
    )


def test_minutes_that_nobody_watched_are_no_minutes_of_an_outage() -> None:
    start = PERIOD.since + DAY
    gap = Gap(start + MINUTE, start + DAY)
    found = sections.availability(well(outages=outages(plex=14 * MINUTE), unwatched=(gap,)))
    assert found.lines == ("plex: 1 min in 1 outage (and 13 min that nobody watched), up 99.99 %",)
    assert "1 min of outages" in page(well(outages=outages(plex=14 * MINUTE), unwatched=(gap,))).figures


def test_what_is_not_watched_any_more_was_last_seen_down() -> None:
    facts = well(outages=outages(plex=MINUTE), down=("plex",), unwatched_since=NOW - 14 * MINUTE)
    found = sections.availability(facts)
    assert found.verdict == "look"
    assert found.lines[0] == "Last seen down at 08:46:00, and not watched since: plex"


def test_availability_is_of_the_time_that_was_watched() -> None:
    facts = well(outages=outages(plex=12 * HOUR), began="2026-11-30")
    assert "up 50 %" in sections.availability(facts).lines[0]


def test_the_first_day_begins_when_the_watch_did() -> None:
    began = PERIOD.days[-1]
    facts = well(
        counts={(began, "lines", "traefik"): 9, (began, "watched_s", ""): 6 * 3_600},
        outages=outages(plex=3 * HOUR),
        began=began,
    )
    assert "up 50 %" in sections.availability(facts).lines[0]
    found = sections.watching(facts)
    assert found.verdict == "fine", found.lines
    assert not any("Nothing was watched" in line for line in found.lines)


@pytest.mark.parametrize(
    ("check", "verdict", "line"),
    [
        (
            Check(name="/m", probe="disk", state="low", free=9 * 10**9, free_percent=4.0),
            "look",
            "/m is getting full: 9 GB free (4 %)",
        ),
        (Check(name="/m", probe="disk", state="unmounted"), "look", "/m is not mounted"),
        (
            Check(name="/b", probe="backup", state="too_old", age_s=200_000),
            "look",
            "newest backup /b is too old: 2 d 7 h old",
        ),
        (Check(name="/b", probe="backup", state="unknown"), "unknown", "newest backup /b is not known"),
        (Check(name="/b", probe="backup", state="ok", age_s=7_200), "fine", "newest backup /b: 2 h old"),
    ],
)
def test_backups_and_disks(check: Check, verdict: str, line: str) -> None:
    found = sections.storage(well(checks=(check,)))
    assert (found.verdict, found.lines[0]) == (verdict, line)


def test_a_backup_that_nobody_names_is_not_known() -> None:
    found = sections.storage(well(checks=well().checks[:1]))
    assert found.verdict == "unknown"
    assert found.lines[-1].startswith("No backup is named in the config")


def test_a_source_that_cannot_be_read_is_told_first() -> None:
    blind = Source(name="docker", kind="docker", writes=True, blind="the engine does not answer")
    found = sections.watching(well(sources=(blind,)))
    assert (found.verdict, found.lines[0]) == (
        "look",
        "docker: cannot be read now: the engine does not answer",
    )


def test_a_steady_source_that_falls_silent_is_missed_and_one_that_writes_now_and_then_is_not() -> None:
    silent = {key: n for key, n in counts().items() if key[1] != "lines" or key[0] <= "2026-11-27"}
    steady = well(counts=silent)
    assert sections.watching(steady).lines[0] == "traefik: no line since 2026-11-27"
    rare = {
        key: n for key, n in silent.items() if key[1] != "lines" or key[0] in ("2026-11-03", "2026-11-12")
    }
    assert sections.watching(well(counts=rare)).verdict == "fine"
    until_yesterday = {key: n for key, n in counts().items() if key[1] != "lines" or key[0] <= "2026-11-29"}
    assert sections.watching(well(counts=until_yesterday)).verdict == "fine"


def test_our_own_requests_are_no_visits_but_show_that_a_source_writes() -> None:
    mine: dict[tuple[Day, What, str], int] = {
        (day, "own_lines" if what == "lines" else what, name): n for (day, what, name), n in counts().items()
    }
    found = sections.watching(well(counts=mine))
    assert found.verdict == "fine"
    assert f"traefik: 0 lines, and {well(counts=mine).total('own_lines'):,} of our own probes" in found.lines


def test_time_that_nobody_watched_is_told() -> None:
    days = {key: n for key, n in counts().items() if key[0] != "2026-11-15"}
    found = sections.watching(well(counts=days))
    assert found.lines[-1] == "Nothing was watched for 1 d: off, asleep, or Nightporter did not run"
    assert found.verdict == "fine"
    half = {key: n for key, n in counts().items() if key[0] > "2026-11-15"}
    assert sections.watching(well(counts=half)).verdict == "look"


def test_blind_hours_and_a_dead_destination_are_told() -> None:
    blind = {**counts(), ("2026-11-10", "blind_s", "docker"): 7_200, ("2026-11-10", "blind_s", "ombi"): 60}
    found = sections.watching(well(counts=blind, undelivered={"phone": "Discord answered 404"}))
    assert "docker: could not be read for 2 h" in found.lines
    assert not any("ombi" in line for line in found.lines)
    assert (found.verdict, found.lines[0]) == ("look", "phone: nothing gets there: Discord answered 404")


def test_what_no_log_says_is_the_persons() -> None:
    found = sections.ticks(well())
    assert found.ticks
    assert "Passwords" in found.lines[0]
    assert "ombi" in found.lines[1]


def test_the_headline_names_what_to_look_at() -> None:
    assert page(well()).headline == "Nothing needs you."
    some = page(well(unaccepted={"/x": "y"}, checks=well().checks[:1]))
    assert some.headline == "Look at: Changed files. Not known: Backups and disks."
    assert some.title == "Review: November 2026"
    assert some.figures == "30,000 lines, 0 incidents"


def test_the_week_in_one_line() -> None:
    assert weekly.line(well()) == "Quiet week: 30,000 lines, 0 incidents, all sources fresh."
    assert weekly.line(well(incidents=(incident(),))).startswith("Quiet week: 30,000 lines, 1 incident, ")
    busy = well(incidents=(incident(severity=Severity.high),), outages=outages(plex=14 * MINUTE))
    assert weekly.line(busy) == (
        "This week: 30,000 lines, 1 incident (1 high), 14 min of outages, all sources fresh."
    )
    blind = Source(name="docker", kind="docker", writes=True, blind="x")
    assert weekly.line(well(sources=(blind,))).endswith("nothing new from docker.")


def test_an_empty_config_gets_reviews_by_default() -> None:
    review = Config(state=Path("/x")).review
    assert review.weekly is not None
    assert review.monthly is not None
