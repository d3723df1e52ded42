"""The demo with the real daemon, its story told faster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.parts.patience import PATIENCE_S

from nightporter.cli.demo import play
from nightporter.clock import SystemClock
from nightporter.demo.story import Story, read_story


def fast(story: Story) -> Story:
    acts = tuple(replace(act, start_s=act.start_s / 20, every_s=act.every_s / 20) for act in story.acts)
    return replace(story, acts=acts)


async def test_it_shows_every_alert_and_ends_by_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nightporter.cli.demo.LAST_WAIT_S", float(PATIENCE_S))
    story = fast(read_story())
    assert await play(tmp_path, story, SystemClock(), keep=False) == 0
    out = capsys.readouterr().out
    assert f"{len(story.beats())} lines were written, {len(story.expected)} alerts came of them" in out
    for expected in story.expected:
        assert f"({expected.rule})" in out


async def test_an_alert_that_does_not_come_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nightporter.cli.demo.LAST_WAIT_S", 5.0)
    story = fast(read_story())
    cut = replace(
        story,
        acts=tuple(replace(act, lines=act.lines[:1]) if act.file == "mysql" else act for act in story.acts),
    )
    assert await play(tmp_path, cut, SystemClock(), keep=False) == 1
    assert "missing: mysql-denied (user wordpress, client_host 172.18.0.9)" in capsys.readouterr().out
