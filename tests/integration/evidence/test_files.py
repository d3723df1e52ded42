"""Evidence of real files: rotated, compressed, broken, hostile; and the proof that the hashes promise."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import os
import subprocess
import zlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.parts.access import as_json, clf

from nightporter.config import FileSource, IntegritySource, SourceConfig
from nightporter.evidence import files
from nightporter.evidence.bag import Bag
from nightporter.evidence.gather import Wanted, gather
from nightporter.evidence.span import Span
from nightporter.model import MINUTE, SECOND, Stamp

NIGHT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
"""Half an hour around which most of these tests ask for."""


def stamp(moment: datetime) -> Stamp:
    return int(moment.timestamp()) * SECOND


SPAN = Span(stamp(NIGHT), stamp(NIGHT + timedelta(minutes=30, seconds=30)))


def traffic(start: datetime, minutes: int, *, each: int = 1, form: str = "json") -> bytes:
    """`each` requests a minute, each for a path that names its minute."""
    make: Callable[..., str] = as_json if form == "json" else clf
    return b"".join(
        make("203.0.113.9", f"/{moment:%d-%H-%M}-{n}?token=SECRET{n}", 404, at=moment).encode()
        for moment in (start + timedelta(minutes=m) for m in range(minutes))
        for n in range(each)
    )


def put(path: Path, data: bytes, *, written: datetime) -> None:
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    os.utime(path, ns=(stamp(written), stamp(written)))


class Asked:
    """What was gathered, as texts."""

    def __init__(
        self, stack: ExitStack, sources: Sequence[SourceConfig], span: Span, close: Span, room: int
    ) -> None:
        wanted = Wanted(span, close)
        self.bags = asyncio.run(gather(tuple(sources), wanted, stack, source_bytes=room))

    @property
    def bag(self) -> Bag:
        return self.bags[0]

    def text(self, index: int = 0) -> str:
        out = io.BytesIO()
        self.bag.copy(self.bag.parts[index], out)
        return out.getvalue().decode()

    @property
    def all(self) -> str:
        return "".join(self.text(index) for index in range(len(self.bag.parts)))

    @property
    def names(self) -> list[str]:
        return [part.name for part in self.bag.parts]


def ask(
    stack: ExitStack,
    *paths: Path | str,
    span: Span = SPAN,
    close: Span = SPAN,
    room: int = 10**8,
    form: str = "auto",
) -> Asked:
    source = FileSource(name="traefik", paths=tuple(map(str, paths)), format=form)
    return Asked(stack, [source], span, close, room)


@pytest.fixture
def stack() -> ExitStack:
    """What holds the bags; a test opens it with `with`."""
    return ExitStack()


@pytest.fixture
def rotated(tmp_path: Path) -> Path:
    """A log whose night lies in three files: packed, renamed, and the live one. One line a minute."""
    log = tmp_path / "access.log"
    begin = NIGHT - timedelta(hours=12)
    for name, start, minutes in (
        ("access.log.3.gz", begin, 600),
        ("access.log.2.gz", begin + timedelta(minutes=600), 130),  # until 01:10
        ("access.log.1", NIGHT + timedelta(minutes=10), 10),
        ("access.log", NIGHT + timedelta(minutes=20), 300),
    ):
        put(tmp_path / name, traffic(start, minutes), written=start + timedelta(minutes=minutes - 1))
    return log


def test_a_night_in_three_files_is_whole(rotated: Path, stack: ExitStack) -> None:
    with stack:
        found = ask(stack, rotated, form="traefik")
        assert found.names == ["access.log.2.gz", "access.log.1", "access.log"]
        lines = found.all.splitlines()
        assert len(lines) == 31
        assert all(f"/24-01-{minute:02d}-0?token=***" in line for minute, line in enumerate(lines))
        assert found.bag.troubles == []


@pytest.mark.parametrize("index", [0, 1, 2])
def test_the_original_can_be_cut_out_again(rotated: Path, stack: ExitStack, index: int) -> None:
    """By the command that the archive's guide names."""
    with stack:
        original = ask(stack, rotated).bag.parts[index].original
        path, start, end = (original.where[key] for key in ("path", "start", "end"))
        read = f"zcat '{path}'" if str(path).endswith(".gz") else f"cat '{path}'"
        command = f"{read} | tail -c +$(({start} + 1)) | head -c $(({end} - {start})) | sha256sum"
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)
        assert done.stdout.split()[0] == original.sha256
        assert original.bytes == int(end) - int(start)


def test_it_says_from_when_on_there_is_anything(rotated: Path, stack: ExitStack) -> None:
    early = Span(SPAN.first - 24 * 60 * MINUTE, SPAN.last)
    with stack:
        assert ask(stack, rotated, span=early).bag.notes == [
            "the oldest line that is still there is of 2026-11-23T13:00:00.000000000Z"
        ]
    with stack:
        assert ask(stack, rotated).bag.notes == []


@pytest.mark.parametrize("form", ["json", "clf"])
def test_of_a_large_file_little_is_read(
    tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """Three weeks in one file."""
    log = tmp_path / "access.log"
    put(
        log,
        traffic(NIGHT - timedelta(days=20), 21 * 1440, each=2, form=form),
        written=NIGHT + timedelta(days=1),
    )
    asked = 0
    read = files.FileContent.read

    def counting(self: files.FileContent, offset: int, length: int) -> bytes:
        nonlocal asked
        piece = read(self, offset, length)
        asked += len(piece)
        return piece

    monkeypatch.setattr(files.FileContent, "read", counting)
    with stack:
        found = ask(stack, log, form="traefik")
        assert len(found.all.splitlines()) == 31 * 2
        assert asked < 4_000_000 < log.stat().st_size


def test_what_is_too_much_is_brought_to_the_incident_itself(tmp_path: Path, stack: ExitStack) -> None:
    log = tmp_path / "access.log"
    put(log, traffic(NIGHT, 31, each=200), written=NIGHT + timedelta(minutes=31))
    close = Span(SPAN.first + 15 * MINUTE, SPAN.first + 16 * MINUTE)
    with stack:
        found = ask(stack, log, close=close, room=500_000)
        assert {line.split("/24-")[1][:5] for line in found.all.splitlines()} == {"01-15", "01-16"}
        assert found.bag.notes == [
            "there is too much of it: only 2026-11-24T01:15:00.000000000Z to "
            "2026-11-24T01:16:00.000000000Z is here"
        ]
    with stack:
        found = ask(stack, log, close=close, room=50_000)
        assert 40_000 < len(found.all) <= 50_000
        assert "what goes beyond 0 MB is left out" in found.bag.notes
        (part,) = found.bag.parts
        data = log.read_bytes()[int(part.original.where["start"]) : int(part.original.where["end"])]
        assert data.count(b"\n") == part.lines
        assert hashlib.sha256(data).hexdigest() == part.original.sha256


def test_lines_of_a_stack_trace_go_with_their_first(tmp_path: Path, stack: ExitStack) -> None:
    log = tmp_path / "ombi.log"
    trace = "2026-11-24 01:05:00 +00:00 [Error] Login failed\n  at Ombi.Login()\n  at Ombi.Main()\n"
    put(
        log,
        f"2026-11-24 00:30:00 +00:00 before\n  more\n{trace}2026-11-24 02:00:00 +00:00 after\n".encode(),
        written=NIGHT,
    )
    with stack:
        assert ask(stack, log).all == trace


def test_a_log_that_tells_no_time_gives_its_end_if_it_was_written_since(
    tmp_path: Path, stack: ExitStack
) -> None:
    log = tmp_path / "plain.log"
    put(log, b"first\n" + b"something happened\n" * 40_000, written=NIGHT + timedelta(minutes=5))
    with stack:
        found = ask(stack, log)
        assert 0 < len(found.all) <= files.TAIL_BYTES
        assert found.all.splitlines()[0] == "something happened"
        assert found.bag.notes == [f"{log}: its lines tell no time; these are its last 256 KiB"]
    put(log, log.read_bytes(), written=NIGHT - timedelta(minutes=5))
    with stack:
        assert ask(stack, log).names == []


def test_globs_mean_the_logs_and_their_copies_once(tmp_path: Path, stack: ExitStack) -> None:
    for name in ("log-20261123.txt", "log-20261124.txt", "notes.md"):
        put(tmp_path / name, b"2026-11-24 01:00:01 +00:00 in " + name.encode() + b"\n", written=NIGHT)
    with stack:
        found = ask(stack, f"{tmp_path}/log-*.txt", tmp_path / "log-20261124.txt")
        assert sorted(found.names) == ["log-20261123.txt", "log-20261124.txt"]


# --- what goes wrong


def test_what_cannot_be_read_is_said_and_the_rest_is_there(rotated: Path, stack: ExitStack) -> None:
    rotated.with_name("access.log.2.gz").write_bytes(b"no gzip at all")
    pipe = rotated.with_name("pipe.log")
    os.mkfifo(pipe)
    with stack:
        found = ask(stack, rotated, pipe, rotated.with_name("gone.log"))
        assert found.names == ["access.log.1", "access.log"]
        troubles = " ".join(found.bag.troubles)
        assert "access.log.2.gz: is a broken gzip file" in troubles
        assert "pipe.log: is not a regular file" in troubles
        assert any("gone.log is not there" in note for note in found.bag.notes)


def test_a_file_made_to_unpack_for_ever_ends(
    tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gigabyte of zeros in a megabyte; here the limit is lower, and so is the bomb."""
    monkeypatch.setattr(files, "UNPACKED_BYTES", 30_000_000)
    log = tmp_path / "access.log"
    put(log, traffic(NIGHT, 2), written=NIGHT)
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(b"\0" * 1_000_000) for _ in range(200)) + packer.flush()
    log.with_name("access.log.1.gz").write_bytes(bomb)
    unpacked = 0
    read = gzip.GzipFile.read

    def counting(self: gzip.GzipFile, size: int | None = -1) -> bytes:
        nonlocal unpacked
        piece = read(self, size)
        unpacked = max(unpacked, self.tell())
        return piece

    monkeypatch.setattr(gzip.GzipFile, "read", counting)
    with stack:
        found = ask(stack, log)
        assert found.names == ["access.log"]
        assert unpacked < 35_000_000


def test_a_line_without_end_is_cut_and_hashed_whole(tmp_path: Path, stack: ExitStack) -> None:
    log = tmp_path / "app.log"
    data = b"2026-11-24T01:00:01Z " + b"A" * 3_000_000 + b"\n2026-11-24T01:00:02Z \x1b[2J\x07 \xff end"
    put(log, data, written=NIGHT)
    with stack:
        found = ask(stack, log)
        first, second = found.all.splitlines()
        assert len(first) < 17_000
        assert first.endswith("characters more]")
        assert second == "2026-11-24T01:00:02Z ␛[2J␇ \\xff end"
        assert found.bag.parts[0].original.sha256 == hashlib.sha256(data).hexdigest()


def test_a_name_of_control_characters_is_made_harmless(tmp_path: Path, stack: ExitStack) -> None:
    folder = tmp_path / "a\x1b[31m"
    folder.mkdir()
    log = folder / "..evil\n.log"
    put(log, b"2026-11-24T01:00:01Z here\n", written=NIGHT)
    with stack:
        found = ask(stack, log)
        assert found.all == "2026-11-24T01:00:01Z here\n"


def test_links_that_lead_away_are_not_followed(tmp_path: Path, stack: ExitStack) -> None:
    """A container that may write to its log folder must not have our keys put into an archive."""
    key = tmp_path / "id_ed25519"
    put(key, b"-----BEGIN OPENSSH PRIVATE KEY-----\n", written=NIGHT + timedelta(minutes=1))
    folder = tmp_path / "logs"
    folder.mkdir()
    put(folder / "app.log", b"2026-11-24T01:00:01Z here\n", written=NIGHT)
    for name in ("app.log.1", "other.log"):
        (folder / name).symlink_to(key)
    with stack:
        found = ask(stack, f"{folder}/*.log")
        assert found.all == "2026-11-24T01:00:01Z here\n"
        assert found.bag.notes[:2] == [
            f"{folder}/*.log: 1 links lead out of that folder; they were not followed",
            f"{folder}/app.log.1 is a link, which no rotation makes; it was not followed",
        ]


def test_a_log_that_the_config_names_may_be_a_link(tmp_path: Path, stack: ExitStack) -> None:
    put(tmp_path / "today.log", b"2026-11-24T01:00:01Z here\n", written=NIGHT)
    (tmp_path / "current.log").symlink_to(tmp_path / "today.log")
    with stack:
        assert ask(stack, tmp_path / "current.log").all == "2026-11-24T01:00:01Z here\n"


def test_sources_without_lines_say_so(stack: ExitStack) -> None:
    with stack:
        found = Asked(stack, [IntegritySource(name="watched", paths=("/etc/hosts",))], SPAN, SPAN, 100)
        assert found.names == []
        assert found.bag.notes == ["it reads no lines; what it found is among the incidents of that time"]


def test_all_sources_together_have_their_limit(tmp_path: Path, stack: ExitStack) -> None:
    sources = []
    for name in ("one", "two", "three"):
        put(tmp_path / f"{name}.log", traffic(NIGHT, 31), written=NIGHT + timedelta(hours=1))
        sources.append(FileSource(name=name, paths=(str(tmp_path / f"{name}.log"),)))
    with stack:
        bags = asyncio.run(gather(tuple(sources), Wanted(SPAN, SPAN), stack, all_bytes=30_000))
        assert sum(bag.used for bag in bags) <= 30_000
        assert bags[0].used == bags[0].parts[0].bytes
        assert bags[2].notes[-1] == "what goes beyond 0 MB is left out"
