"""Ports for servers that are told their number beforehand, and for doors behind which nobody may be.

A number that the system gave (`bind` to port 0) and got back can be anybody's before the server takes it:
the next socket's, also that of a mere client. These lie below those that the system gives of itself (Linux
from 32768, macOS from 49152), and each process that runs tests has its own.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import cycle
from typing import Final

_PORTS: Final = range(20_000, 32_000)
_WORKERS: Final = 24
"""Shares; more workers than this would divide some."""


def free_port() -> int:
    """A port that nobody listens at, and that nobody here is given again for a long while."""
    for port in _own():
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("", port))
            return port
    raise AssertionError("a cycle has no end")


def worker() -> int:
    """The number of this process among those that run tests beside each other."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


@cache
def _own() -> Iterator[int]:
    """This process's share, round and round; two runs on one machine begin at different places of it."""
    share = _PORTS[worker() % _WORKERS :: _WORKERS]
    begin = os.getpid() % len(share)
    return cycle([*share[begin:], *share[:begin]])
