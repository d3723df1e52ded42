"""The Mac's own voice: a notification on its screen, by `osascript`.

The text is an argument of the script (`on run argv`), never a part of it, so that no line of a log can say
AppleScript. The first argument is our own word: nothing that a stranger wrote can look like an option.
"""

from __future__ import annotations

import subprocess
from typing import Final

from nightporter.notify.outcome import Delivered, Outcome, Retry
from nightporter.notify.render import Message
from nightporter.safetext import for_plain, for_subject

SCRIPT: Final = (
    "on run argv",
    "display notification (item 3 of argv) with title (item 1 of argv) subtitle (item 2 of argv) "
    'sound name "Sosumi"',
    "end run",
)
TITLE: Final = 120
BODY: Final = 240
"""Characters; macOS itself shows about four lines."""
TIMEOUT_S: Final = 20.0


class MacChannel:
    """Says a message on this Mac's screen. Only where somebody is logged in is there anybody to see it."""

    def send(self, message: Message, *, plain: bool = False) -> Outcome:
        title = f"Nightporter: {message.word}"
        subtitle = for_subject(message.title, TITLE) or "-"
        body = "-" if plain else for_plain(message.text, BODY, lines=False) or "-"
        try:
            subprocess.run(
                ["osascript", *(word for line in SCRIPT for word in ("-e", line)), title, subtitle, body],
                capture_output=True,
                timeout=TIMEOUT_S,
                check=True,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.SubprocessError) as err:
            return Retry(f"osascript: {type(err).__name__}", unreached=True)
        return Delivered()
