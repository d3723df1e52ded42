"""A whole replay beside simpler programs on the same file: `python -m tests.bench.end_to_end [LINES]`.

Each runs as a process of its own, twice; the better CPU time counts, and ratios are to `grep -c`, the floor.
What judges every line by a regex, as most such programs do, is the `re` row.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import get_args

from tests.bench.traffic import Shape, lines
from tests.parts.daemon import PROGRAM
from tests.parts.planted import RULES

PATTERN = {"json": '"DownstreamStatus":(401|403|404|500)', "clf": '" (401|403|404|500) '}
EVERY_LINE = """
import re, sys
find = re.compile(sys.argv[2].encode()).search
print(sum(find(line) is not None for line in open(sys.argv[1], "rb")))
"""
DECODE_EVERY_LINE = """
import json, sys
statuses = {401, 403, 404, 500}
print(sum(json.loads(line)["DownstreamStatus"] in statuses for line in open(sys.argv[1], "rb")))
"""


def cpu_s(command: list[str]) -> float:
    """User and system seconds of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # A pipe, since grep stops at the first hit when its output goes to /dev/null.
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def commands(shape: Shape, log: Path, rules: Path) -> dict[str, list[str]]:
    """What is measured, by its name in the table."""
    measured = {
        "grep -c": ["grep", "-cE", PATTERN[shape], str(log)],
        "nightporter replay, 3 rules": [
            PROGRAM, "replay", "--from", "traefik", "--rules", str(rules), "--json", str(log),
        ],
        "nightporter replay, all shipped rules": [PROGRAM, "replay", "--from", "traefik", "--json", str(log)],
        "python re on every line": [sys.executable, "-c", EVERY_LINE, str(log), PATTERN[shape]],
    }  # fmt: skip
    if shape == "json":
        measured["python json on every line"] = [sys.executable, "-c", DECODE_EVERY_LINE, str(log)]
    return measured


def main(count: int = 300_000) -> None:
    """Measure both shapes and print a table."""
    with tempfile.TemporaryDirectory() as name:
        rules = Path(name) / "rules.yaml"
        rules.write_text(RULES)
        for shape in get_args(Shape):
            log = Path(name) / f"access.{shape}"
            with log.open("wb") as file:
                file.writelines(lines(shape, count, errors=0.03))
            print(f"{shape}: {count:,} lines, {log.stat().st_size >> 20} MiB, 3 % errors")
            runs = commands(shape, log, rules)
            best = {what: min(cpu_s(command) for _ in range(2)) for what, command in runs.items()}
            for what, used in best.items():
                print(f"  {what:40} {used:6.2f} s  {used / best['grep -c']:6.1f} ×")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
