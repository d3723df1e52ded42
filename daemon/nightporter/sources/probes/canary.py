"""The canary: a request of ours through Traefik must appear in Traefik's log.

A proxy whose log has moved, is filtered, or is followed at the wrong place looks like a quiet house. That
Traefik does not answer at all is another probe's matter, and tells nothing here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nightporter.clock import Clock
from nightporter.config import CanaryProbe, HttpProbe
from nightporter.sources.probes.ask import Door, ask_http
from nightporter.sources.probes.state import Outcome

OwnSeen = Callable[[str], int]
"""Source → how many lines about our own requests the lanes of its Traefik's logs have met; of the empty name
those of all sources."""

LOOK_EVERY_S: Final = 0.25
_ANY_STATUS: Final = "100-599"


async def send_canary(
    probe: CanaryProbe, door: Door, own_seen: OwnSeen, clock: Clock, platform: str
) -> Outcome:
    """Ask, then wait for the line."""
    before = own_seen(probe.source)
    answer = await ask_http(door, _request(probe), clock.monotonic, platform)
    if not answer.up:
        return Outcome(up=False, unknown=True, why=f"Traefik was not reached: {answer.why}")
    deadline = clock.monotonic() + probe.within_s
    while own_seen(probe.source) == before:
        if clock.monotonic() >= deadline:
            log = f"the log of the source {probe.source}" if probe.source else "its log"
            why = f"Traefik answered, but the request is not in {log} after {probe.within_s:g} s"
            return Outcome(up=False, why=why, latency=answer.latency, facts=answer.facts)
        await clock.sleep(LOOK_EVERY_S)
    return Outcome(up=True, latency=answer.latency, facts=answer.facts)


def _request(probe: CanaryProbe) -> HttpProbe:
    """Whatever Traefik answers will do, a refusal as well: it is in the log."""
    return HttpProbe(
        name=probe.name,
        url=probe.url,
        host=probe.host,
        port=probe.port,
        timeout_s=probe.timeout_s,
        status=(_ANY_STATUS,),
        redirects=False,
        insecure=probe.insecure,
        ca=probe.ca,
    )
