"""Evidence from the system's own log: a real journald, and a `log` that stands first in PATH for macOS's."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.integration.evidence.conftest import gathered, texts
from tests.parts.journald import Journald

from nightporter.clock import SystemClock
from nightporter.config import CommandSource
from nightporter.evidence.span import Span
from nightporter.model import MINUTE, SECOND

FAKE_LOG = """#!/bin/sh
printf '%s\\n' "$@" > "$HOME/asked"
echo 'Filtering the log data using "process == 1"'
echo '{"timestamp":"2026-11-24 02:00:00.000001+0100","eventMessage":"password: SECRET"}'
echo '{"count":1,"finished":1}'
"""


@pytest.fixture
def journal() -> Iterator[Journald]:
    with Journald(f"npe{os.getpid()}") as journal:
        yield journal


@pytest.mark.real
async def test_the_journal_gives_the_lines_of_the_span(journal: Journald) -> None:
    for number in range(20):
        journal.write("sshd", f"Failed password for root number {number} password=SECRET")
    subprocess.run(["journalctl", f"--namespace={journal.namespace}", "--sync"], check=False)
    now = SystemClock().now()
    source = CommandSource(name="journal", preset="journald", args=(f"--namespace={journal.namespace}",))
    with ExitStack() as stack:
        bag = await gathered(source, Span(now - MINUTE, now), stack)
        assert bag.troubles == []
        entries = [json.loads(line) for line in texts(bag)["journald"].splitlines()]
        mine = [entry["MESSAGE"] for entry in entries if entry.get("SYSLOG_IDENTIFIER") == "sshd"]
        assert mine == [f"Failed password for root number {n} password=***" for n in range(20)]
        # Asked again it gives the same entries; the order of an entry's fields is another each time.
        again = shlex.split(str(bag.parts[0].original.where["command"]))
        done = subprocess.run(again, capture_output=True, check=True, text=True)
        cursors = [json.loads(line)["__CURSOR"] for line in done.stdout.splitlines()]
        assert cursors == [entry["__CURSOR"] for entry in entries]
        before = await gathered(source, Span(now - 60 * MINUTE, now - 50 * MINUTE), stack)
        assert before.parts == []


async def test_a_mac_is_asked_for_the_span(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log").write_text(FAKE_LOG)
    (tmp_path / "log").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    night = 1_795_482_000 * SECOND  # 2026-11-24T01:00:00Z
    source = CommandSource(name="mac", preset="macos", predicate="process == 1")
    with ExitStack() as stack:
        bag = await gathered(source, Span(night, night + 10 * MINUTE), stack)
        assert texts(bag) == {
            "macos": '{"timestamp":"2026-11-24 02:00:00.000001+0100","eventMessage":"password: ***"}\n'
        }
    assert (tmp_path / "asked").read_text().splitlines() == [
        *("show", "--info", "--start", "2026-11-24 01:00:00+0000", "--end", "2026-11-24 01:10:01+0000"),
        *("--style", "ndjson", "--predicate", "process == 1"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#!/bin/sh\necho broken >&2; exit 64\n", "log ended with code 64: broken"),
        ("#!/bin/sh\nyes '{}'\n", None),
    ],
    ids=["fails", "floods"],
)
async def test_a_program_that_fails_or_never_ends_is_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str | None
) -> None:
    (tmp_path / "log").write_text(text)
    (tmp_path / "log").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with ExitStack() as stack:
        bag = await gathered(CommandSource(name="mac", preset="macos"), Span(0, SECOND), stack, room=50_000)
        assert bag.troubles == ([said] if said else [])
        assert bag.is_full is (said is None)


async def test_what_another_program_wrote_is_kept_by_nobody() -> None:
    with ExitStack() as stack:
        bag = await gathered(CommandSource(name="own", command=("/bin/yes",)), Span(0, SECOND), stack)
        assert bag.notes == ["what this program wrote is kept by nobody"]
