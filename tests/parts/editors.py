"""Real editors that save a file, each in its own way.

vim renames the old file to a backup and writes a new one (`backupcopy=no`) or writes over it (`yes`), nano
writes over it, sed writes a temporary file beside it and renames that over it.
"""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests.parts.needs import require

_DEADLINE_S: Final = 20.0


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
        timeout=_DEADLINE_S,
        cwd=path.parent,
        stdin=subprocess.DEVNULL,
    )


def by_vim_with_a_copy(path: Path, old: str, new: str) -> None:
    by_vim(path, old, new, copy=True)


def by_nano(path: Path, old: str, new: str) -> None:
    """Replace a text by nano, as a person at a terminal does: one who looks whether it was saved, since keys
    that a busy machine hands over at once are taken for a paste."""
    for _ in range(5):
        if new in path.read_text():
            return
        _type_to_nano(path, old, new)


def _type_to_nano(path: Path, old: str, new: str) -> None:
    program = shutil.which("nano")
    require(program, "nano is not installed: apt-get install nano")
    assert program
    keys = f"\x1c{old}\r{new}\rA\x0f\r\x18"  # ^\ what, by what, all; ^O under its own name; ^X
    process, terminal = pty.fork()
    if process == 0:
        os.environ["TERM"] = "xterm"
        os.execv(program, [program, "-I", str(path)])  # -I: no settings of this machine
    try:
        for key in keys:
            time.sleep(0.05)  # it takes keys that come at once for a paste
            os.write(terminal, key.encode())
        deadline = time.monotonic() + _DEADLINE_S
        while os.waitpid(process, os.WNOHANG) == (0, 0):
            assert time.monotonic() < deadline, "nano does not end"
            time.sleep(0.01)
    finally:
        os.close(terminal)


def by_sed(path: Path, old: str, new: str) -> None:
    """`sed -i`: a temporary file, renamed."""
    subprocess.run(["sed", "-i", f"s/{old}/{new}/", str(path)], check=True, timeout=_DEADLINE_S)


EDITORS: Final[Mapping[str, Callable[[Path, str, str], None]]] = {
    "vim": by_vim,
    "vim with a copy": by_vim_with_a_copy,
    "nano": by_nano,
    "sed": by_sed,
}
"""Name → a function of path, old and new text."""
