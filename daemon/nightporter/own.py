"""Which log lines tell of our own requests: by a token that is made for each request and is soon worthless.

A token is the daemon's prefix, by which a scanner finds such lines, and a nonce. Whoever is asked learns the
token; so it explains a few lines, for a few minutes, and the prefix alone explains none.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nightporter.model import MINUTE, Nanos, Stamp

LIVES: Final[Nanos] = 10 * MINUTE
"""How long after its request a line may come; a log that is read later is judged as any other."""
MAX_LINES: Final = 8
"""Lines of one request: a proxy's access log, the service's own, and what else either has to say of it."""
MAX_NONCES: Final = 4_096
"""Requests that are remembered; beyond, the oldest are forgotten."""
_NONCE_BYTES: Final = 8
_NONCE_CHARS: Final = 2 * _NONCE_BYTES


@dataclass(slots=True)
class _Issued:
    at: Stamp
    lines: int = 0
    """How many it has explained."""


class Own:
    """The tokens of one daemon. Not for several threads: probes and lanes run on the same loop."""

    def __init__(self, prefix: str) -> None:
        """`prefix`: ASCII that stands in no line by chance, new for each daemon."""
        self.prefix: Final = prefix.encode("ascii")
        self._issued: dict[bytes, _Issued] = {}
        """By nonce, the oldest first."""

    def issue(self, now: Stamp) -> str:
        """A token for one request: the prefix and 16 hexadecimal digits."""
        self._forget(now)
        nonce = secrets.token_hex(_NONCE_BYTES)
        self._issued[nonce.encode("ascii")] = _Issued(now)
        return self.prefix.decode("ascii") + nonce

    def _forget(self, now: Stamp) -> None:
        while self._issued:
            oldest = next(iter(self._issued))
            if len(self._issued) < MAX_NONCES and _lives(self._issued[oldest], now):
                return
            del self._issued[oldest]

    def fits(self, line: bytes, arrived: Stamp) -> bool:
        """Whether the line tells of a request of ours. Counts it if so: a line is asked about once."""
        for nonce in self._nonces(line):
            issued = self._issued.get(nonce)
            if issued is not None and issued.lines < MAX_LINES and _lives(issued, arrived):
                issued.lines += 1
                return True
        return False

    def _nonces(self, line: bytes) -> Iterator[bytes]:
        """What follows the prefix, wherever it stands: mostly in the query, and again in the User-Agent."""
        at = line.find(self.prefix)
        while at >= 0:
            end = at + len(self.prefix)
            yield line[end : end + _NONCE_CHARS]
            at = line.find(self.prefix, end)


def _lives(issued: _Issued, now: Stamp) -> bool:
    """Either way: a wall clock that was set back makes no nonce live longer."""
    return abs(now - issued.at) < LIVES
