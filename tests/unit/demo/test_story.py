"""The demo's story is short, and tells what it says it tells."""

from __future__ import annotations

import json
from collections import Counter

from tests.parts.clock import NOON

from nightporter.demo.story import read_story


def test_it_is_over_in_half_a_minute_at_a_natural_speed() -> None:
    beats = read_story().beats()
    times = [beat.at_s for beat in beats]
    assert times == sorted(times)
    assert times[-1] < 32
    assert max(Counter(int(at) for at in times).values()) <= 8


def test_each_rule_has_one_act_and_each_act_an_address_of_its_own() -> None:
    story = read_story()
    assert len(story.expected) == len({expected.rule for expected in story.expected}) >= 5
    visitors = [{line.get("client") for line in act.lines} for act in story.acts if act.expected is not None]
    assert all(len(addresses) == 1 for addresses in visitors)
    assert len(set.union(*visitors)) == len(visitors)


def test_every_line_can_be_written() -> None:
    story = read_story()
    for number, beat in enumerate(story.beats(), 1):
        line = story.line(beat, number, NOON + 123_456_789)
        assert "\n" not in line
        assert "$" not in line
        if beat.file == "traefik":
            fields = json.loads(line)
            assert fields["StartUTC"] == "2025-11-30T12:00:00.123Z"
            assert isinstance(fields["DownstreamStatus"], int)


def test_stamps_are_spelled_as_each_program_does() -> None:
    story = read_story()
    firsts = {beat.file: beat for beat in reversed(story.beats())}
    lines = {file: story.line(beat, 1, NOON + 123_456_789) for file, beat in firsts.items()}
    assert lines["ombi"].startswith("2025-11-30 12:00:00.123 +00:00 [WRN] ")
    assert lines["sonarr"].startswith("2025-11-30 12:00:00.1|Warn|")
    assert lines["overseerr"].startswith("2025-11-30T12:00:00.123Z [warn]")
    assert lines["mysql"].startswith("2025-11-30T12:00:00.123456Z 1 [Note]")
