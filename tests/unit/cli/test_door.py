"""The command line itself: late imports, exit codes, what a person reads."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import click
import pytest

from nightporter import cli
from nightporter.errors import BadFiles, Place, Problem, Unreachable, UserError


def door(error: BaseException | None = None, result: object = None) -> click.Group:
    """A command line whose only verb raises or returns this."""

    @click.group()
    def group() -> None: ...

    @group.command()
    def verb() -> object:
        if error is not None:
            raise error
        return result

    return group


PROBLEMS = BadFiles(
    [
        Problem(place=Place("rules/b.yaml", 7, 5), found="unknown key 'cuont'", nearest="count"),
        Problem(place=Place("rules/a.yaml", 2, 1), found="unknown key 'fom'", nearest="from"),
    ]
)


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        pytest.param(UserError("no such destination"), 2, "no such destination\n", id="a mistake"),
        pytest.param(Unreachable("no engine"), 1, "no engine\n", id="the world"),
        pytest.param(
            PROBLEMS,
            2,
            "rules/a.yaml:2:1: unknown key 'fom'; did you mean 'from'?\n"
            "rules/b.yaml:7:5: unknown key 'cuont'; did you mean 'count'?\n",
            id="every problem, in file order",
        ),
        pytest.param(
            ExceptionGroup("", [Unreachable("a"), ExceptionGroup("", [UserError("b")])]),
            2,
            "a\nb\n",
            id="a group",
        ),
        pytest.param(click.Abort(), 130, "", id="interrupted"),
        pytest.param(click.UsageError("no such option"), 2, None, id="wrong usage"),
    ],
)
def test_errors_are_told_without_a_traceback(
    error: BaseException, code: int, told: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.exit_code(door(error), ["verb"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    if told is not None:
        assert captured.err == told


def test_ctrl_c_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.exit_code(door(KeyboardInterrupt()), ["verb"]) == 130
    assert capsys.readouterr().err.strip() == ""


@pytest.mark.parametrize(
    "bug", [ZeroDivisionError("x"), ExceptionGroup("", [UserError("a"), KeyError("b")])], ids=["one", "mixed"]
)
def test_a_bug_shows_its_traceback(bug: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.exit_code(door(bug), ["verb"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(("result", "code"), [(None, 0), (0, 0), (1, 1), (2, 2), ("text", 0)])
def test_what_a_verb_returns_is_the_exit_code(result: object, code: int) -> None:
    assert cli.exit_code(door(result=result), ["verb"]) == code


def test_help_lists_every_verb_and_imports_none() -> None:
    program = (
        "import sys; from nightporter import cli; cli.exit_code(cli.build(), ['--help']); "
        "print(*[name for name in sys.modules if name.startswith('nightporter.cli.')], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    for verb, (_, summary) in cli.VERBS.items():
        assert f"{verb} " in done.stdout
        assert summary in done.stdout
    assert done.stderr.strip() == ""


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.exit_code(cli.build(), ["--version"]) == 0
    assert version("nightporter") in capsys.readouterr().out


def test_a_misspelt_verb_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.exit_code(cli.build(), ["instal"]) == 2
    assert "there is no verb 'instal'; did you mean 'install'?" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error_to_speak_of(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-c", "from nightporter.cli import main; main(['--help'])"],
            stdout=gone,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.stderr == b""
    assert done.returncode == 1


@pytest.mark.parametrize("verb", list(cli.VERBS))
def test_every_verb_is_there_and_shows_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.exit_code(cli.build(), [verb, "--help"]) == 0
    assert f"Example: nightporter {verb}" in capsys.readouterr().out
