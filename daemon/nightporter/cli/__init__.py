"""The door for a person: a file a verb, imported when the verb is used.

A verb is one line in `VERBS` and one module here whose `command` is a click command. What it returns is the
exit code: None or 0 when all is well, 1 when it ran and found trouble, 2 for a mistake of the person's
(raise `errors.UserError`; its text is printed, without a traceback).
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module, metadata
from typing import Final

import click

from nightporter.errors import NightporterError, UserError, nearest

VERBS: Final[Mapping[str, tuple[str, str]]] = {
    "init": ("nightporter.cli.init:command", "Look around, write a config, send the first message."),
    "run": ("nightporter.cli.run:command", "Watch the logs until told to stop."),
    "check": ("nightporter.cli.check:command", "Look over config and rules; name every mistake."),
    "test": ("nightporter.cli.test:command", "Judge the rules by their own tests."),
    "replay": ("nightporter.cli.replay:command", "Judge old log files; send nothing."),
    "explain": ("nightporter.cli.explain:command", "Say how lines are read and which rules count them."),
    "tail": ("nightporter.cli.tail:command", "Show lines as they come, with the rules that count each."),
    "alerts": ("nightporter.cli.alerts:command", "List what was found, newest first."),
    "status": ("nightporter.cli.status:command", "Say what runs, what is watched, what waits to be sent."),
    "evidence": ("nightporter.cli.evidence:command", "Keep the lines around an incident, masked, in a zip."),
    "review": ("nightporter.cli.review:command", "Say what to look at once a month, and what nobody knows."),
    "accept": ("nightporter.cli.accept:command", "Make watched files as they are now the baseline."),
    "doctor": ("nightporter.cli.doctor:command", "Say what is wrong or blind, and how to mend it."),
    "notify": ("nightporter.cli.notify:command", "Send a test message."),
    "drill": ("nightporter.cli.drill:command", "Send a rule's own test lines through it all, marked DRILL."),
    "install": ("nightporter.cli.install:command", "Run in the background from every login on."),
    "uninstall": ("nightporter.cli.uninstall:command", "Take back what install made."),
    "restart": ("nightporter.cli.restart:command", "Restart the background service."),
    "demo": ("nightporter.cli.demo:command", "Show it at work for half a minute; touches nothing."),
}
"""Verb → (`module:object`, what it does), in the order of `--help`."""

FOUND_TROUBLE: Final = 1
MISTAKE: Final = 2
INTERRUPTED: Final = 130
"""128 + SIGINT, as a shell reports it."""


class LazyGroup(click.Group):
    """A click group that knows its verbs by name and imports one only when it is asked for."""

    def __init__(self, *, verbs: Mapping[str, tuple[str, str]], name: str, help: str, epilog: str) -> None:
        super().__init__(name=name, help=help, epilog=epilog, no_args_is_help=True)
        self.verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.verbs:
            return None
        module, _, attribute = self.verbs[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.verbs and not args[0].startswith("-"):
            meant = nearest(args[0], self.verbs)
            hint = f"did you mean '{meant}'?" if meant else f"one of: {', '.join(self.verbs)}"
            ctx.fail(f"there is no verb '{args[0]}'; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, without importing any of them."""
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, summary) for verb, (_, summary) in self.verbs.items()])


def build() -> click.Group:
    """The whole command line."""
    group = LazyGroup(
        verbs=VERBS,
        name="nightporter",
        help="Watches a home server's logs and tells its owner what matters.",
        epilog="Example: nightporter demo",
    )
    return click.version_option(metadata.version("nightporter"), prog_name="nightporter")(group)


def main(argv: Sequence[str] | None = None) -> None:
    """The console script: run one verb and exit with its code."""
    code = _flushed(exit_code(build(), argv))
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others and all(thread.daemon for thread in others):
        # What hangs is not waited for. Python would end such a thread in the middle of an extension's code
        # (regexes, TLS), and C++ answers that with an abort.
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def exit_code(group: click.Command, argv: Sequence[str] | None = None) -> int:
    """Run one verb and give its exit code; every error a person can cause is told here, and only here.

    Not called `run`: the module of that verb is this package's attribute `run` once it is imported.
    An exception that nobody foresaw is a bug of ours: its traceback is printed, and the code is 1.
    """
    try:
        result = group.main(
            args=None if argv is None else list(argv), prog_name="nightporter", standalone_mode=False
        )
    except click.ClickException as err:
        err.show()
        return MISTAKE
    except click.Abort:  # what click makes of Ctrl-C
        return INTERRUPTED
    except NightporterError as err:
        return _tell([err])
    except ExceptionGroup as group_of_errors:
        ours, others = group_of_errors.split(NightporterError)
        if ours is None or others is not None:
            return _bug()
        return _tell(leaves(ours))
    except Exception:  # noqa: BLE001 - the edge of the program: told as a bug
        return _bug()
    return result if isinstance(result, int) else 0


def leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """The errors in a group of groups, in their order."""
    found: list[BaseException] = []
    for error in group.exceptions:
        found += leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


def _tell(errors: Sequence[BaseException]) -> int:
    """Print errors for a person; 2 if one of them is the person's mistake, else 1 (the world's failure)."""
    for error in errors:
        click.echo(str(error), err=True)
    return MISTAKE if any(isinstance(error, UserError) for error in errors) else FOUND_TROUBLE


def _bug() -> int:
    # Imported here: it is for the rarest of ends. What a library raises may carry a webhook's address.
    from nightporter.safetext import mask_secrets

    click.echo(mask_secrets(traceback.format_exc()), err=True, nl=False)
    click.echo("This is a mistake in Nightporter, not yours.", err=True)
    return FOUND_TROUBLE


def _flushed(code: int) -> int:
    """Write out what is still buffered; a reader that has gone (`| head`) is no error to speak of."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes once more at its end and would complain there: give it a place to write to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return code or FOUND_TROUBLE
    return code
