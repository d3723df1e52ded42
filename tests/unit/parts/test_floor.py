"""What `conftest.py` promises of every test is itself tested: on a small project, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[3]
OPTIONS: Final = (
    "-p",
    "no:cacheprovider",
    "-p",
    "no:randomly",
    "-o",
    "asyncio_mode=auto",
    "-o",
    "asyncio_default_fixture_loop_scope=function",
)


def outcome(folder: Path, body: str, **environment: str) -> tuple[int, str]:
    """Exit code and output of pytest on one test file under our conftest."""
    (folder / "conftest.py").write_text("from tests.conftest import *\n")
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_it.py").write_text(body)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CI"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *OPTIONS, "test_it.py"],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


LEAKS_TASK = """
import asyncio
async def test_it():
    asyncio.get_running_loop().create_task(asyncio.Event().wait(), name="forgotten")
"""
LEAKS_THREAD = """
import threading
def test_it():
    threading.Thread(target=threading.Event().wait, name="forgotten", daemon=True).start()
"""
ENDS_IN_TIME = """
import asyncio, threading
async def test_it():
    await asyncio.to_thread(len, "")
    done = threading.Event()
    threading.Thread(target=done.wait).start()
    done.set()
"""
SKIPS = """
from tests.parts.needs import require
def test_it():
    require(False, "no engine here")
"""
PLAIN_SKIP = """
import pytest
def test_it():
    pytest.skip("not today")
"""


@pytest.mark.parametrize(
    ("body", "ci", "code", "told"),
    [
        pytest.param(LEAKS_TASK, "", 1, "tasks left running: ['forgotten']", id="task"),
        pytest.param(LEAKS_THREAD, "", 1, "threads left running: ['forgotten']", id="thread"),
        pytest.param(ENDS_IN_TIME, "", 0, "1 passed", id="clean"),
        pytest.param(SKIPS, "", 0, "1 skipped", id="need, at home"),
        pytest.param(SKIPS, "true", 1, "missing in CI: no engine here", id="need, in CI"),
        pytest.param(PLAIN_SKIP, "true", 1, "1 skipped: in CI nothing may be", id="any skip, in CI"),
    ],
)
def test_the_floor_holds(tmp_path: Path, body: str, ci: str, code: int, told: str) -> None:
    found, text = outcome(tmp_path, body, **({"CI": ci} if ci else {}))
    assert told in text
    assert found == code


def test_a_test_has_a_home_of_its_own(tmp_path: Path) -> None:
    body = """
from pathlib import Path
import os
def test_it():
    assert Path.home().is_dir() and not any(Path.home().iterdir())
    assert "NIGHTPORTER_LOG" not in os.environ
"""
    code, text = outcome(tmp_path, body, NIGHTPORTER_LOG="/somewhere")
    assert code == 0, text
