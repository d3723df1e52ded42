"""`kind: command` and `kind: disk` in config.yaml: what is read, and what a person hears of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightporter.config import CommandSource, DiskPath, DiskSource, NewestFile, Secret, SourceConfig
from nightporter.configfile import World, parse_config


def read(text: str, tmp_path: Path) -> tuple[tuple[SourceConfig, ...], list[str]]:
    """The sources of a config with one entry, and its problems."""
    world = World(env={}, home=Path("/home/me"), state=tmp_path)
    loaded = parse_config("/etc/np/config.yaml", f"sources:\n  - {text}\n", world)
    sources = loaded.config.sources if loaded.config else ()
    return sources, [str(problem).partition("\n")[0] for problem in loaded.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "{name: x, kind: command, command: [~/bin/x, '~/a b'], env: {LANG: C}, format: json, service: X,"
            " lateness: 1m}",
            CommandSource(
                name="x",
                command=("/home/me/bin/x", "~/a b"),
                env=(("LANG", Secret("C")),),
                format="json",
                service="X",
                lateness_s=60.0,
            ),
            id="a command: its path is expanded, its arguments are not",
        ),
        pytest.param(
            "{name: x, kind: command, command: [journalctl, -f]}",
            CommandSource(name="x", command=("journalctl", "-f")),
            id="a program of PATH",
        ),
        pytest.param(
            "{name: mac, kind: command, preset: macos, predicate: p}",
            CommandSource(name="mac", preset="macos", predicate="p", format="macos"),
            id="macos",
        ),
        pytest.param(
            "{name: j, kind: command, preset: journald, args: [-u, ssh]}",
            CommandSource(name="j", preset="journald", args=("-u", "ssh"), format="journald"),
            id="journald",
        ),
        pytest.param(
            "{name: d, kind: disk, volumes: in_use, host: 'unix:///x.sock'}",
            DiskSource(name="d", volumes=True, host="unix:///x.sock"),
            id="only what containers use",
        ),
        pytest.param("{name: d, kind: disk, volumes: none}", DiskSource(name="d"), id="nothing at all"),
        pytest.param(
            "{name: d, kind: disk}", DiskSource(name="d", paths=(DiskPath(path="/"),)), id="the system's disk"
        ),
        pytest.param(
            "{name: d, kind: disk, every: 5m, paths: [/, {path: ~/m, mounted: true, writable: true,"
            " holds: media, low: 12.5%, high: 2 %, least: 1GiB}]}",
            DiskSource(
                name="d",
                every_s=300.0,
                paths=(
                    DiskPath(path="/"),
                    DiskPath(
                        path="/home/me/m",
                        mounted=True,
                        writable=True,
                        holds="media",
                        low_percent=12.5,
                        high_percent=2.0,
                        high_bytes=2**30,
                    ),
                ),
            ),
            id="paths",
        ),
        pytest.param(
            "{name: d, kind: disk, newest: [{path: ~/Backups/*.tar.gz, within: 26h, min_size: 10MB}],"
            " time_machine: true}",
            DiskSource(
                name="d",
                newest=(NewestFile(pattern="/home/me/Backups/*.tar.gz", within_s=93_600.0, min_bytes=10**7),),
                time_machine_s=180_000.0,
            ),
            id="backups",
        ),
        pytest.param(
            "{name: d, kind: disk, time_machine: {within: 7d}}",
            DiskSource(name="d", time_machine_s=604_800.0),
            id="Time Machine",
        ),
    ],
)
def test_what_is_read(text: str, expected: SourceConfig, tmp_path: Path) -> None:
    assert read(text, tmp_path) == ((expected,), [])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "{name: x, kind: command}",
            "the source 'x' has no command; expected command: [/usr/local/bin/program, argument]",
        ),
        (
            "{name: x, kind: command, command: tail -f /x}",
            "a command in one piece; expected a list, since no shell reads it: [tail, -f, /x]",
        ),
        ("{name: x, kind: command, command: []}", "a command without a program; expected"),
        (
            "{name: x, kind: command, preset: makos}",
            "unknown preset 'makos'; expected one of journald, macos; did you mean 'macos'?",
        ),
        (
            "{name: x, kind: command, preset: macos, command: [log]}",
            "'command' beside 'preset: macos'; take it out",
        ),
        (
            "{name: x, kind: command, preset: journald, predicate: x}",
            "'predicate' beside 'preset: journald'; take it out",
        ),
        ("{name: x, kind: command, command: [x], args: [y]}", "'args' without a preset; take it out"),
        (
            "{name: x, kind: command, command: [x], env: {A-B: c}}",
            "'A-B' as a variable; expected letters, digits and '_'",
        ),
        ("{name: x, kind: command, command: [x], shell: true}", "unknown key 'shell'"),
        (
            "{name: d, kind: disk, paths: [{mounted: true}]}",
            "a disk without 'path'; expected a path, or a map",
        ),
        ("{name: d, kind: disk, paths: [{path: /, low: 10}]}", "'10'; expected a share below 100%"),
        (
            "{name: d, kind: disk, paths: [{path: /, high: 300%}]}",
            "'300%'; expected a share below 100%, such as 10%",
        ),
        ("{name: d, kind: disk, paths: [{path: /, least: 5 gigs}]}", "'5 gigs'; expected"),
        ("{name: d, kind: disk, paths: [{path: /, low: 3%, high: 10%}]}", "low: 3% below high: 10%; "),
        ("{name: w, kind: integrity, paths: defaults}", "'defaults'; did you mean 'default'?"),
        ("{name: d, kind: disk, newest: [{within: 1h}]}", "a backup without 'path'; expected a map such as"),
        ("{name: d, kind: disk, volumes: in-use}", "unknown volumes 'in-use'; expected one of in_use, none"),
        (
            "{name: d, kind: disk, volumes: true}",
            "true (true or false); expected none or in_use; write 'volumes: in_use'",
        ),
        (
            "{name: d, kind: disk, volumes: no}",
            "no (true or false); expected none or in_use; write 'volumes: none'",
        ),
        (
            "{name: d, kind: disk, paths: [{path: /films, holds: movies}]}",
            "warning: 'movies', which only a rule of your own could ask for; the shipped ones ask for",
        ),
        ("{name: d, kind: disk, paths: [/], host: x}", "'host' without 'volumes'"),
        ("{name: d, kind: disk, time_machine: [1]}", "a list; expected true, or a map such as {within: 50h}"),
    ],
)
def test_what_a_person_hears_of_a_mistake(text: str, told: str, tmp_path: Path) -> None:
    _, problems = read(text, tmp_path)
    assert len(problems) == 1
    assert problems[0].partition(": ")[2].startswith(told), problems[0]


def test_there_is_an_end_of_paths(tmp_path: Path) -> None:
    paths = ", ".join(f"/{n}" for n in range(51))
    _, problems = read(f"{{name: d, kind: disk, paths: [{paths}]}}", tmp_path)
    assert "more than 50 paths" in problems[0]
