"""Any other service that apprise knows, as plain text.

apprise tells yes or no and no more, so a no is tried again with growing waits; a message that is refused
while others get through is parked by the outbox in the end.
"""

from __future__ import annotations

from typing import Final

import apprise

from nightporter.config import AppriseDestination
from nightporter.errors import UserError
from nightporter.model import Severity
from nightporter.notify.channels.picture import attached
from nightporter.notify.outcome import Delivered, Outcome, Retry
from nightporter.notify.render import Message
from nightporter.safetext import for_plain, for_subject

TITLE: Final = 200
LINE: Final = 400
BODY: Final = 3000


class AnyChannel:
    """One apprise URL."""

    def __init__(self, destination: AppriseDestination) -> None:
        """Raises UserError when no plugin takes the URL."""
        # Its own threads, which it takes for its deadline too, would hold the whole shutdown if one hung.
        self._apprise = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False, service_timeout=0))
        if not self._apprise.add(destination.url.reveal()):
            raise UserError(
                f"destination {destination.name}: apprise knows no such URL; "
                "see https://appriseit.com/services/ for how each service's is written"
            )

    def send(self, message: Message, *, plain: bool = False) -> Outcome:
        title = message.title if message.kind == "review" else f"[{message.word}] {message.title}"
        accepted = self._apprise.notify(
            title=for_subject(title, TITLE),
            body=body(message, short=plain) or "-",
            body_format=apprise.NotifyFormat.TEXT,
            notify_type=_type(message),
            attach=None if plain else attached(message.picture),
            interpret_escapes=False,
        )
        return Delivered() if accepted else Retry("the service did not accept it")


def body(message: Message, *, short: bool) -> str:
    """The message as lines; `short`: without its parts."""
    lines: list[str] = [for_plain(message.text, LINE * 2)]
    for part in () if short else message.parts:
        texts = [for_plain(line, LINE, lines=False) for line in part.text.splitlines() if line.strip()]
        name = for_plain(part.name, LINE, lines=False)
        lines += [f"{name}: {texts[0]}"] if len(texts) == 1 else [f"{name}:", *texts]
    lines.append(for_plain(message.footer, LINE, lines=False))
    return "\n".join(lines)[:BODY]


def _type(message: Message) -> apprise.NotifyType:
    if message.kind == "resolved":
        return apprise.NotifyType.SUCCESS
    severity = message.severity
    if severity >= Severity.high:
        return apprise.NotifyType.FAILURE
    return apprise.NotifyType.WARNING if severity == Severity.medium else apprise.NotifyType.INFO
