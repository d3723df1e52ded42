"""Stand-ins for launchctl and systemctl: small programs on PATH that record how they were called.

They keep just enough state (loaded, running) to answer as the real ones do, exit codes included.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

PRINT: Final = """\
gui/501/local.nightporter = {
\tactive count = 1
\tpath = /Users/mina/Library/LaunchAgents/local.nightporter.plist
\ttype = LaunchAgent
\tstate = running

\tprogram = /Users/mina/Library/Application Support/nightporter/bin/nightporter
\targuments = {
\t\t/Users/mina/Library/Application Support/nightporter/bin/nightporter
\t\trun
\t}

\tstdout path = /Users/mina/Library/Logs/Nightporter/agent.out
\tenvironment = {
\t\tPATH => /usr/bin:/bin
\t\tXPC_SERVICE_NAME => local.nightporter
\t}

\tdomain = gui/501 [100005]
\tasid = 100005
\tminimum runtime = 10
\texit timeout = 15
\truns = 2
\tpid = 4711
\tlast exit code = 78: EX_CONFIG

\tresource limits = {
\t\tfiles = 4096 => (unlimited)
\t\tpid = 99
\t}
\tspawn type = daemon (3)
}
"""
"""`launchctl print` as macOS 14 shows it, shortened; one nested `pid` added, which is not the service's."""

_LAUNCHCTL: Final = """\
#!/bin/sh
here='{folder}'
printf '%s\\n' "$*" >> "$here/calls"
case "$1" in
print)
    if [ -s "$here/stopping" ]; then
        sed -i '1d' "$here/stopping"
    elif [ ! -e "$here/loaded" ]; then
        echo 'Bad request.' >&2
        echo 'Could not find service "local.nightporter" in domain for user gui: 501' >&2
        exit 113
    fi
    cat "$here/print" ;;
bootstrap)
    if [ -e "$here/loaded" ] || [ -s "$here/stopping" ]; then
        echo 'Bootstrap failed: 5: Input/output error' >&2
        exit 5
    fi
    if [ -e "$here/no-session" ]; then
        echo 'Bootstrap failed: 125: Domain does not support specified action' >&2
        exit 125
    fi
    touch "$here/loaded" ;;
bootout)
    if [ ! -e "$here/loaded" ]; then
        echo 'Boot-out failed: 3: No such process' >&2
        exit 3
    fi
    rm "$here/loaded"
    printf 'x\\nx\\n' > "$here/stopping" ;;
kickstart)
    [ -e "$here/loaded" ] || exit 113 ;;
esac
"""

_SYSTEMCTL: Final = """\
#!/bin/sh
here='{folder}'
printf '%s\\n' "$*" >> "$here/calls"
shift
if [ -e "$here/no-session" ]; then
    echo 'Failed to connect to bus: No medium found' >&2
    exit 1
fi
case "$1" in
show)
    if [ -e "$here/loaded" ]; then
        printf 'LoadState=loaded\\nActiveState=active\\nUnitFileState=enabled\\nMainPID=4711\\n'
    else
        printf 'LoadState=not-found\\nActiveState=inactive\\nUnitFileState=\\nMainPID=0\\n'
    fi
    printf 'ExecMainStatus=0\\nExecMainExitTimestampMonotonic=0\\n' ;;
show-environment) cat "$here/environment" ;;
enable) touch "$here/loaded" ;;
disable) rm -f "$here/loaded" ;;
esac
"""


@dataclass(frozen=True, slots=True)
class FakeManager:
    """One stand-in: `folder` holds its state, `calls` what it was asked, a line each."""

    folder: Path

    def calls(self) -> list[str]:
        """All calls since the last time this was asked."""
        record = self.folder / "calls"
        lines = record.read_text().splitlines() if record.exists() else []
        record.unlink(missing_ok=True)
        return lines

    def says_environment(self, text: str) -> None:
        """What the user's systemd sets for its services, a `NAME=value` a line."""
        (self.folder / "environment").write_text(text)

    def set(self, flag: str, on: bool = True) -> None:
        """`loaded` (it runs), `no-session` (nobody is logged in)."""
        if on:
            (self.folder / flag).touch()
        else:
            (self.folder / flag).unlink(missing_ok=True)


def install_fake(bin_folder: Path, name: str) -> FakeManager:
    """Put a stand-in for `launchctl` or `systemctl` into a folder that is on PATH."""
    folder = bin_folder / f"{name}-state"
    folder.mkdir(parents=True)
    (folder / "print").write_text(PRINT)
    (folder / "environment").touch()
    program = bin_folder / name
    body = {"launchctl": _LAUNCHCTL, "systemctl": _SYSTEMCTL}[name]
    program.write_text(body.replace("{folder}", str(folder)))
    program.chmod(0o755)
    return FakeManager(folder)


def fake_program(bin_folder: Path, name: str, says: str = "", code: int = 0) -> FakeManager:
    """Put a program on PATH that says one thing, whatever it is asked, and records how it was asked."""
    folder = bin_folder / f"{name}-state"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "says").write_text(says)
    program = bin_folder / name
    program.write_text(
        f"#!/bin/sh\nprintf '%s\\n' \"$*\" >> '{folder}/calls'\ncat '{folder}/says'\nexit {code}\n"
    )
    program.chmod(0o755)
    return FakeManager(folder)
