"""What the names in a message and in an `emit` stand for."""

from __future__ import annotations

from tests.parts.engines import Bench


def test_an_emit_may_name_what_a_message_may() -> None:
    bench = Bench("""
        rules:
          first: {from: traefik, by: client_ip, count: 3 in 1m, message: m,
                  emit: {what: "{client_ip}: {count} in {window}, {top.path}", none: "{user}"}}
          second: {from: detection, when: {what|exists: true}, message: "{what}; {none}"}
    """)
    bench.burst([0, 1, 2], client_ip="203.0.113.9", path="/x")
    told = {episode.rule: episode.message for episode in bench.episodes()}
    assert told["second"] == "203.0.113.9: 3 in 1 min, /x; ?"


def test_a_silence_that_the_end_of_the_input_ends_lasted_until_it_was_told() -> None:
    bench = Bench("rules: {silent: {from: traefik, absence: 30m, message: '{silence}'}}")
    bench.feed(0, status=200)
    bench.quiet(1800)
    bench.engine.finish()
    assert [episode.message for episode in bench.episodes()][-1] == "30 min"


def test_a_spike_of_bytes_counts_events_not_bytes() -> None:
    bench = Bench("""
        rules:
          much: {from: traefik, spike: {factor: 5, within: 10m, baseline: 1h, min: 1GB, sum: bytes},
                 message: "{value} by {count}, usually {usual}"}
    """)
    bench.burst(range(0, 9000, 600), bytes=1_000_000)
    bench.feed(9001, bytes=5_000_000_000)
    (episode,) = bench.episodes()
    assert (episode.count, episode.message) == (1, "5.0 GB by 1, usually 1.0 MB")
