"""Builds every destination's channel, and on request sends one true message to each."""

from __future__ import annotations

import sys

from nightporter.config import Config, Destination
from nightporter.doctor.looking.view import View
from nightporter.errors import UserError
from nightporter.notify.channels import channel_for
from nightporter.notify.localtime import zone_of
from nightporter.notify.outcome import Barred, Delivered, Refused, Retry, Uncertain
from nightporter.notify.trial import send_now, trial_telling


def build(config: Config) -> dict[str, str]:
    """Destination → why its channel cannot be built. Blocking; imports apprise's plugins."""
    unusable = {}
    for entry in config.destinations:
        try:
            channel_for(entry, zone_of(config.timezone), sys.stderr)
        except UserError as err:
            unusable[entry.name] = str(err)
    return unusable


def send(view: View, config: Config, entry: Destination) -> str:
    """Send a test message to one that can be built; "" or what went wrong. Blocking, about a minute for one
    that does not answer."""
    zone, now = zone_of(config.timezone), view.clock.now()
    match send_now(channel_for(entry, zone, sys.stderr), trial_telling(entry.name, now), zone, now):
        case Delivered():
            return ""
        case Uncertain(reason=reason):
            return f"sent, but no answer came: {reason}"
        case Retry(reason=reason) | Refused(reason=reason) | Barred(reason=reason):
            return f"the test message did not get through: {reason}"
