"""What a quiet house costs: `python -m tests.bench.idle [SECONDS]`.

One file and five containers that say nothing, an apprise destination configured; prints the share of one core
and the memory of the daemon over that time (60 s by default). Needs root and a Docker engine's programs.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import psutil
from tests.parts.daemon import Daemon
from tests.parts.docker import running_engine


def main(seconds: float = 60.0) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_engine() as engine:
            for number in range(5):
                engine.run("sleep 100000", name=f"quiet-{number}")
            (folder / "access.log").touch()
            daemon = Daemon(
                folder / "daemon",
                sources=[
                    {"name": "traefik", "kind": "file", "paths": [str(folder / "access.log")]},
                    {"name": "docker", "kind": "docker", "host": engine.host},
                ],
                destinations=[{"name": "phone", "kind": "apprise", "url": "discord://1234567890/abcdef"}],
            )
            with daemon:
                time.sleep(10)  # what the start itself costs is not idling
                process = psutil.Process(daemon.pid)
                before = process.cpu_times()
                time.sleep(seconds)
                after = process.cpu_times()
                used = after.user + after.system - before.user - before.system
                memory = process.memory_info().rss / 2**20
                print(f"idle for {seconds:.0f} s: {100 * used / seconds:.2f} % of a core, {memory:.0f} MiB")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
