"""What is kept for samples: bounded in bytes and for each key, the longest unseen go first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nightporter import origins
from nightporter.detect.recent import PER_KEY, Recent
from nightporter.model import Event, Untrusted

ORIGIN = origins.named("traefik")


def event(stamp: int, raw: str = "line") -> Event:
    return Event(
        fields={},
        time=stamp,
        arrived=stamp,
        origin=ORIGIN,
        format="traefik",
        position="",
        raw=Untrusted(raw),
    )


def lines(recent: Recent, key: str) -> list[str]:
    return [raw for raw, _ in recent.since("rule", (key,), 0)]


def test_a_key_keeps_its_newest() -> None:
    recent = Recent(1 << 20)
    for stamp in range(PER_KEY + 3):
        recent.add("rule", ("a",), event(stamp, f"line {stamp}"), {})
    assert lines(recent, "a") == [f"line {n}" for n in range(3, PER_KEY + 3)]
    assert len(list(recent.since("rule", ("a",), PER_KEY))) == 3


def test_a_loud_key_does_not_push_out_a_quiet_one() -> None:
    recent = Recent(1 << 20)
    recent.add("rule", ("quiet",), event(0), {})
    for stamp in range(100_000):
        recent.add("rule", ("loud",), event(stamp), {})
    assert lines(recent, "quiet") == ["line"]


@given(
    limit=st.integers(2_000, 20_000),
    added=st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3_000)), max_size=60),
)
def test_it_stays_within_its_bytes_and_the_longest_unseen_go_first(
    limit: int, added: list[tuple[str, int]]
) -> None:
    recent = Recent(limit)
    for stamp, (key, size) in enumerate(added):
        recent.add("rule", (key,), event(stamp, "x" * size), {})
    kept = {key: lines(recent, key) for key in "abcdef"}
    assert sum(len(raw) + 600 for entries in kept.values() for raw in entries) <= limit
    seen = list(dict.fromkeys(key for key, _ in reversed(added)))
    there = [bool(kept[key]) for key in seen]
    assert there == sorted(there, reverse=True)
