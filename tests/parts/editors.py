"""Real editors that save a file, each in its own way.

vim renames the old file to a backup and writes a new one (`backupcopy=no`) or writes over it (`yes`), nano
writes over it, sed writes a temporary file beside it and renames that over it.
"""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from pexpect import fdpexpect
from tests.parts.needs import require
from tests.parts.patience import PATIENCE_S


def by_vim(path: Path, old: str, new: str, *, copy: bool = False) -> None:
    """Replace a text by vim, with a swap file and a backup that stays."""
    program = shutil.which("vim.tiny") or shutil.which("vim")
    require(program, "vim is not installed: apt-get install vim-tiny")
    assert program
    settings = (
        f"set nocompatible writebackup backup backupcopy={'yes' if copy else 'no'} backupdir=. directory=."
    )
    subprocess.run(
        [program, "-u", "NONE", "-N", "-es", "-c", settings, "-c", f"%s/{old}/{new}/", "-c", "wq", str(path)],
        check=True,
        timeout=PATIENCE_S,
        cwd=path.parent,
        stdin=subprocess.DEVNULL,
    )


def by_vim_with_a_copy(path: Path, old: str, new: str) -> None:
    by_vim(path, old, new, copy=True)


def by_nano(path: Path, old: str, new: str) -> None:
    """Replace a text by nano, as a person at a terminal does: each key follows what the screen shows."""
    program = shutil.which("nano")
    require(program, "nano is not installed: apt-get install nano")
    assert program
    terminal, its_end = pty.openpty()
    process = subprocess.Popen(
        [program, "-I", str(path)],  # -I: no settings of this machine
        stdin=its_end,
        stdout=its_end,
        stderr=its_end,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm", "LC_ALL": "C"},
    )
    os.close(its_end)
    screen = fdpexpect.fdspawn(terminal, timeout=PATIENCE_S)
    try:
        for shown, keys in (
            ("Exit", "\x1c"),  # its help at the bottom; ^\ replaces
            ("Search", f"{old}\r"),
            ("Replace with", f"{new}\r"),
            ("this instance", "A"),  # it draws only what differs from the prompt before: no "Replace"
            ("Replaced", "\x0f"),
            ("to Write", "\r"),
            ("Wrote", "\x18"),
        ):
            screen.expect_exact(shown)
            screen.send(keys)
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
        screen.close()


def by_sed(path: Path, old: str, new: str) -> None:
    """`sed -i`: a temporary file, renamed."""
    subprocess.run(["sed", "-i", f"s/{old}/{new}/", str(path)], check=True, timeout=PATIENCE_S)


EDITORS: Final[Mapping[str, Callable[[Path, str, str], None]]] = {
    "vim": by_vim,
    "vim with a copy": by_vim_with_a_copy,
    "nano": by_nano,
    "sed": by_sed,
}
"""Name → a function of path, old and new text."""
