"""One daemon a state folder, and who it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nightporter.agent.service import ServiceState
from nightporter.cli import uninstall
from nightporter.config import Config
from nightporter.configfile import default_state
from nightporter.errors import UserError
from nightporter.store.lock import LOCK, holder, only_one


def test_the_second_is_told_who_the_first_is(tmp_path: Path) -> None:
    with only_one(tmp_path):
        assert holder(tmp_path) == os.getpid()
        with pytest.raises(UserError, match=rf"process {os.getpid()}"), only_one(tmp_path):
            pass
    assert holder(tmp_path) is None


def test_a_folder_without_a_lock_is_held_by_nobody(tmp_path: Path) -> None:
    assert holder(tmp_path / "nothing") is None
    (tmp_path / LOCK).write_text("4711\n")
    assert holder(tmp_path) is None, "left by one that was killed"


def test_purging_with_another_config_spares_a_daemon_that_runs(tmp_path: Path) -> None:
    other = Config(state=tmp_path / "elsewhere")
    stopped = ServiceState(manager="systemd", installed=False)
    with only_one(default_state()), pytest.raises(UserError, match="still runs"):
        uninstall._refuse_while_running(other, stopped)
    uninstall._refuse_while_running(other, stopped)
