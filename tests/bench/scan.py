"""What it costs to find candidate lines: `python -m tests.bench.scan [LINES]`.

Every way is timed in the same run over the same chunks, best of a few rounds, and told as a ratio to a plain
split into lines: machines are noisy, ratios less so. No test: a slow machine is no failure.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter, process_time
from typing import Final

from tests.bench.traffic import ERRORS, Shape, lines

from nightporter.detect.scanner import BACKENDS, EveryLine, Scanner, choose_named
from nightporter.detect.scanner.backends import Unfit

CHUNK: Final = 256 << 10
"""Bytes: what a file source reads at once."""
ROUNDS: Final = 5

LITERALS: Final[dict[Shape, frozenset[bytes]]] = {
    "json": frozenset(b'"downstreamstatus":%d' % status for status in ERRORS),
    "clf": frozenset(b'" %d ' % status for status in ERRORS),
}
WORDS: Final = frozenset(
    b"%s %s" % (a, b) for a in (b"login", b"access", b"auth") for b in (b"failed", b"denied")
)


def main(count: int) -> None:
    """Print a table for each shape of log, share of errors and set of literals."""
    for shape in LITERALS:
        for errors in (0.03, 1.0):
            chunks = list(chunked(lines(shape, count, errors=errors)))
            size = sum(map(len, chunks))
            report(
                f"{shape}, {errors:.0%} errors, {count:,} lines of {size // count} bytes",
                chunks,
                LITERALS[shape],
            )
    chunks = list(chunked(lines("clf", count, errors=0.03)))
    report(f"clf, {len(WORDS)} literals that never hit", chunks, WORDS)


def chunked(source: Iterable[bytes]) -> Iterable[bytes]:
    """Whole lines in chunks of about CHUNK bytes, as a source hands them over."""
    held: list[bytes] = []
    size = 0
    for line in source:
        held.append(line)
        size += len(line)
        if size >= CHUNK:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


def report(title: str, chunks: list[bytes], literals: frozenset[bytes]) -> None:
    """One table: seconds, ratio to a plain split, nanoseconds a line, lines found."""
    print(f"\n{title}")
    base, _ = best(lambda chunk: len(chunk.split(b"\n")), chunks)
    total = sum(chunk.count(b"\n") for chunk in chunks)
    rows = [("split into lines", base, 0)]
    every = EveryLine()
    rows.append(
        ("spans of every line", *best(lambda chunk: len(every.candidates(chunk, len(chunk))), chunks))
    )
    rows.append(("re on each line", *best(each_line_by_re(literals), chunks)))
    for name in BACKENDS:
        try:
            scanner = choose_named(name, literals)
        except Unfit as err:
            print(f"  {name}: left out: {err}")
            continue
        rows.append((name, *best(count_of(scanner), chunks)))
    if shutil.which("rg"):
        rows.append(("rg -ciF (a process)", *ripgrep(chunks, literals)))
    else:
        print("  rg: left out: not installed")
    for name, seconds, found in rows:
        print(
            f"  {name:22} {seconds:8.4f} s {seconds / base:8.2f} x split "
            f"{seconds / total * 1e9:8.0f} ns/line {found:9,} found"
        )


def best(work: Callable[[bytes], int], chunks: list[bytes]) -> tuple[float, int]:
    """CPU seconds of the fastest of some rounds over all chunks, and the sum of what `work` gave."""
    times, found = [], 0
    for _ in range(ROUNDS):
        start = process_time()
        found = sum(map(work, chunks))
        times.append(process_time() - start)
    return min(times), found


def count_of(scanner: Scanner) -> Callable[[bytes], int]:
    """How many candidates a scanner finds in a chunk."""
    return lambda chunk: len(scanner.candidates(chunk, len(chunk)))


def each_line_by_re(literals: frozenset[bytes]) -> Callable[[bytes], int]:
    """What a plain program does: split, then ask a regex of each line."""
    search = re.compile(b"|".join(map(re.escape, sorted(literals))), re.IGNORECASE).search
    return lambda chunk: sum(search(line) is not None for line in chunk.split(b"\n"))


def ripgrep(chunks: list[bytes], literals: frozenset[bytes]) -> tuple[float, int]:
    """Wall seconds of `rg` over a file of the same bytes, start of the process included."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        path.write_bytes(b"".join(chunks))
        patterns = [part for literal in sorted(literals) for part in ("-e", literal.decode())]
        times = []
        for _ in range(ROUNDS):
            start = perf_counter()
            done = subprocess.run(["rg", "-ciFa", *patterns, str(path)], capture_output=True, check=False)
            times.append(perf_counter() - start)
    return min(times), int(done.stdout or 0)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
