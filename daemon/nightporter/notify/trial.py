"""One true message on request, past the outbox: what `notify test` and `doctor --send` say and learn."""

from __future__ import annotations

from datetime import tzinfo

from nightporter.model import Severity, Stamp, Telling, short_id
from nightporter.notify.outcome import Channel, Outcome
from nightporter.notify.plan import Reason, Send
from nightporter.notify.render import render
from nightporter.store.outbox import OutboxRow


def trial_telling(destination: str, now: Stamp) -> Telling:
    """A telling of kind `test` for this destination; it passes caps, quiet hours and folding."""
    return Telling(
        id=short_id("test", destination, now),
        kind="test",
        severity=Severity.info,
        title="Nightporter can reach you",
        message=f"This is a test for the destination {destination}. Alerts will look like this.",
        at=now,
        fix="Nothing. If this came late or not at all, ask `nightporter status`.",
        notify=[destination],
    )


def send_now(channel: Channel, telling: Telling, zone: tzinfo | None, now: Stamp) -> Outcome:
    """Send this telling at once and give what came of it; blocks as the channel does."""
    row = OutboxRow(id=telling.id, destination="", telling=telling)
    return channel.send(render(Send(rows=(row,), shape="test", reason=Reason.test), zone, now))
