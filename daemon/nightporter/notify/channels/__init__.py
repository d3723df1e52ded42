"""One file a channel, and the registry that picks one for a destination.

apprise is imported late and by the plugin: its full manager loads 180 plugins (16 MiB, a second), so only a
scheme that has no channel of its own pays for it. A new channel is a file here and an arm in `channel_for`.
"""

from __future__ import annotations

import re
import sys
from datetime import tzinfo
from typing import Final, TextIO

from nightporter.config import AppriseDestination, Destination, FileDestination, TerminalDestination
from nightporter.notify.outcome import Channel

_DISCORD_URL: Final = re.compile(r"(?i)discord://|https?://discord(?:app)?\.com/api/webhooks/")
_MAIL_URL: Final = re.compile(r"(?i)mailtos?://")


def channel_for(destination: Destination, zone: tzinfo | None, terminal: TextIO) -> Channel:
    """Build the channel of a destination; `terminal` is where kind `terminal` writes.

    Raises UserError for an apprise URL that its plugin does not take. Imports apprise where it is needed.
    """
    match destination:
        case TerminalDestination():
            from nightporter.notify.channels.terminal import TerminalChannel

            return TerminalChannel(terminal, zone)
        case FileDestination(path=path):
            from nightporter.notify.channels.file import FileChannel

            return FileChannel(path)
        case AppriseDestination():
            return _apprise_channel(destination)


def own_voice(platform: str = sys.platform) -> Channel | None:
    """The voice of this machine itself, for when nothing else gets out; None where it has none."""
    if platform != "darwin":
        return None
    from nightporter.notify.channels.macos import MacChannel

    return MacChannel()


def _apprise_channel(destination: AppriseDestination) -> Channel:
    url = destination.url.reveal()
    if _DISCORD_URL.match(url):
        from nightporter.notify.channels.discord import DiscordChannel

        return DiscordChannel(destination)
    if _MAIL_URL.match(url):
        from nightporter.notify.channels.mail import MailChannel

        return MailChannel(destination)
    from nightporter.notify.channels.apprise_any import AnyChannel

    return AnyChannel(destination)
