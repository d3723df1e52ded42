"""An evening of access logs with planted attackers and near misses, and the truth about them.

The same seed gives the same requests in both formats. Rules of the same thresholds must find every attacker,
no near miss and nobody else.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from tests.parts.access import as_json, clf

BEGIN = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
THRESHOLDS = {404: (20, 60), 403: (10, 60), 500: (10, 60)}
"""Status → how many within how many seconds make an attack."""

RULES = "rules:\n" + "".join(
    f"  r{status}: {{title: t, from: traefik, when: {{status: {status}}}, by: client_ip/32/128, "
    f"count: {need} in {within}s, message: m}}\n"
    for status, (need, within) in THRESHOLDS.items()
)


@dataclass
class Evening:
    """Requests in order of time: seconds after BEGIN, client, path, status."""

    requests: list[tuple[float, str, str, int]] = field(default_factory=list)
    attackers: set[tuple[str, str]] = field(default_factory=set)
    """(rule, client) of each planted attack."""

    def lines(self, kind: str) -> Iterator[bytes]:
        """The log in one of the formats, `json` or `clf`."""
        write = as_json if kind == "json" else clf
        for second, client, path, status in self.requests:
            yield write(client, path, status, at=BEGIN + timedelta(seconds=second)).encode()


def evening(seed: int, quiet_lines: int, *, attacks: int = 30) -> Evening:
    """`quiet_lines` ordinary requests at 20 a second, with `attacks` attackers and as many near misses."""
    dice = random.Random(seed)
    span = quiet_lines / 20
    made = Evening()
    addresses = (f"198.51.{100 + n // 250}.{n % 250 + 1}" for n in count())
    for n in range(attacks):
        status, (need, within) = list(THRESHOLDS.items())[n % 3]
        attacker, near = next(addresses), next(addresses)
        begin = dice.random() * max(1.0, span - within)
        made.attackers.add((f"r{status}", attacker))
        hits = sorted(dice.random() * within * 0.9 for _ in range(need + dice.randrange(need)))
        made.requests += [(begin + hit, attacker, f"/a{hit:.3f}", status) for hit in hits]
        # One short of the threshold within the window, or a drip that never fills one.
        if n % 2:
            near_hits = sorted(dice.random() * within * 0.9 for _ in range(need - 1))
        else:
            near_hits = [k * within / (need * 0.7) for k in range(3 * need)]
        made.requests += [(begin + hit, near, f"/n{hit:.3f}", status) for hit in near_hits]
    family = [f"192.168.1.{n}" for n in range(20, 30)]
    for n in range(quiet_lines):
        status = dice.choices((200, 206, 304, 404, 403, 500), (80, 10, 8, 1, 0.5, 0.5))[0]
        # Scattered errors come from addresses of their own: nobody collects enough of them.
        client = dice.choice(family) if status < 400 else f"203.0.{n // 250 % 250}.{n % 250 + 1}"
        made.requests.append((n / 20, client, f"/library/{dice.randrange(10_000)}?w=240&h=360", status))
    made.requests.sort()
    return made
