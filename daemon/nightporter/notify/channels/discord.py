"""Discord, through apprise's plugin: our embed, its talking.

The plugin (2.2.0, looked at in 2026-11) knows the webhook's address, proxies, certificates and timeouts, and
posts. It does not do what a log watcher needs, so that is ours: `allowed_mentions` (it sends a key that
Discord does not know, and turns `@everyone` in a text into a ping), Discord's limits, Retry-After (it ignores
it and tries again at once), and telling failures apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from traceback import extract_tb
from typing import Any, Final

import requests
from apprise.exception import AppriseException
from apprise.plugins.discord import NotifyDiscord

from nightporter.config import AppriseDestination
from nightporter.errors import UserError
from nightporter.model import Severity
from nightporter.notify.channels.borrowed import with_names
from nightporter.notify.channels.picture import NAME, attached
from nightporter.notify.outcome import Barred, Delivered, Outcome, Refused, Retry, Uncertain
from nightporter.notify.render import Message, Part
from nightporter.safetext import for_discord, for_discord_code, utf16_length

# https://docs.discord.com/developers/resources/message#embed-object-embed-limits (2026-11)
TITLE: Final = 256
DESCRIPTION: Final = 4096
FIELDS: Final = 25
FIELD_NAME: Final = 256
FIELD_VALUE: Final = 1024
FOOTER: Final = 2048
EMBED_TOTAL: Final = 6000
CONTENT: Final = 2000

_SHOWN_TEXT: Final = 1800
"""How much of a description we use: a phone shows no more, and the fields need the room."""
_SMALLEST_FIELD: Final = 60
"""Less room than this, and a field is left out."""

COLOURS: Final[Mapping[Severity, int]] = {
    Severity.info: 0x95A5A6,
    Severity.low: 0x3498DB,
    Severity.medium: 0xF1C40F,
    Severity.high: 0xE67E22,
    Severity.critical: 0xE74C3C,
}
RESOLVED: Final = 0x2ECC71
_CONNECTING: Final = frozenset({"connect", "_validate_conn", "_prepare_proxy", "do_handshake"})
"""urllib3's and ssl's functions in which no request is out yet."""
_MENTION: Final = re.compile(r"<@!?(\d{1,20})>")


class DiscordChannel:
    """One webhook. The config's `mention` is the one that may live: in `content`, allowed by its id."""

    def __init__(self, destination: AppriseDestination) -> None:
        """Raises UserError when the URL is no webhook's."""
        url = destination.url.reveal()
        arguments = NotifyDiscord.parse_native_url(url) or NotifyDiscord.parse_url(url)
        try:
            self._plugin = NotifyDiscord(**(arguments or {"webhook_id": "", "webhook_token": ""}))
        except AppriseException as err:
            raise UserError(
                f"destination {destination.name}: not a Discord webhook; expected discord://ID/TOKEN "
                "or https://discord.com/api/webhooks/ID/TOKEN: copy it from the channel's settings"
            ) from err
        self._mention = destination.mention

    def send(self, message: Message, *, plain: bool = False) -> Outcome:
        if plain:
            return self._post(plain_payload(message))
        return self._post(embed_payload(message, self._mention), message.picture)

    def _post(self, payload: dict[str, Any], picture: bytes = b"") -> Outcome:  # Any: JSON
        plugin, wire = self._plugin, _Wire()
        params = {"wait": "true"}  # then Discord answers with the message it made, or says why it did not
        if plugin.thread_id:
            params["thread_id"] = plugin.thread_id
        send = with_names(NotifyDiscord._send, {"requests": wire})
        try:
            send(plugin, payload, attach=attached(picture), params=params, rate_limit=0)
        except _Answered as answered:
            return outcome_of(answered.response)
        except _Failed as failed:
            return failed.outcome
        return Retry("apprise sent nothing")


# --- the face


def embed_payload(message: Message, mention: Mapping[Severity, str]) -> dict[str, Any]:
    """The JSON of a webhook message with one embed; always within Discord's limits. `Any`: JSON."""
    title = for_discord(message.title, TITLE) or "Nightporter"
    footer = for_discord(message.footer, 200)
    text = for_discord(message.text, _SHOWN_TEXT, lines=True)
    room = EMBED_TOTAL - sum(map(utf16_length, (title, footer, text)))
    payload: dict[str, Any] = {
        "embeds": [
            {
                "title": title,
                "description": text,
                "color": RESOLVED if message.kind == "resolved" else COLOURS[message.severity],
                "fields": list(_fields(message.parts, room)),
                "footer": {"text": footer},
            }
        ],
        "allowed_mentions": {"parse": []},
    }
    if message.picture:  # by the name under which it goes along
        payload["embeds"][0]["image"] = {"url": f"attachment://{NAME}"}
    found = _MENTION.fullmatch(mention.get(message.severity, ""))
    if found and message.kind in ("alert", "again", "folded"):
        payload["content"] = f"<@{found[1]}>"
        payload["allowed_mentions"] = {"parse": [], "users": [found[1]]}
    return payload


def plain_payload(message: Message) -> dict[str, Any]:
    """What is said after the embed was refused: little, and of an attacker's text only its plain ASCII."""
    text = f"{message.word}: {message.title}\n{message.text}\n{message.footer}"
    ascii_only = re.sub(r"[^ -~\n]", "?", text)
    return {"content": for_discord(ascii_only, CONTENT // 2, lines=True), "allowed_mentions": {"parse": []}}


def _fields(parts: Iterable[Part], room: int) -> Iterable[dict[str, Any]]:
    for number, part in enumerate(parts):
        name = for_discord(part.name, FIELD_NAME)
        space = min(FIELD_VALUE, room - utf16_length(name))
        value = _value(part, space)
        if number >= FIELDS or space < _SMALLEST_FIELD or not value.strip():
            continue
        room -= utf16_length(name) + utf16_length(value)
        yield {"name": name, "value": value, "inline": part.short}


def _value(part: Part, space: int) -> str:
    """The part's text in `space`; "" where there is none, or an exact one does not fit."""
    if not part.code:
        return for_discord(part.text.strip(), space, lines=True)
    opening, closing = ("```yaml\n" if part.exact else "```\n"), "\n```"
    inside = for_discord_code(part.text.strip(), max(0, space - len(opening) - len(closing)))
    if not inside or (part.exact and inside != part.text.strip()):
        return ""
    return f"{opening}{inside}{closing}"


# --- the wire


class _Answered(Exception):
    """Discord answered. Raised past apprise's method, which would try again at once on a 429."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class _Failed(Exception):
    """No answer; `outcome` says what that means."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class _Wire:
    """Stands in for the module `requests` in apprise's `_send`: posts as it asks, and tells how it went."""

    codes = requests.codes
    RequestException = requests.RequestException

    def post(self, url: str, *, timeout: Any, **request: Any) -> requests.Response:
        """Any: the arguments are apprise's, for requests."""
        try:
            # S113 is met: apprise's own timeout (cto=, rto= in the URL) comes as `timeout`.
            response = requests.post(url, timeout=timeout, **request)
        except requests.RequestException as err:
            raise _Failed(outcome_of_error(err)) from None  # its text holds the webhook's token
        raise _Answered(response)


def outcome_of(response: requests.Response) -> Outcome:
    """What Discord's answer means. https://docs.discord.com/developers/topics/opcodes-and-status-codes"""
    status = response.status_code
    if 200 <= status < 300:
        return Delivered(remote=_message_id(response), pause_s=_pause_s(response))
    reason = f"Discord answered {status}{_said(response)}"
    if status in (401, 403, 404):
        return Barred(f"{reason}: is the webhook still there?")
    if status == 429 or status >= 500 or status in (408, 425):
        return Retry(reason, after_s=_retry_after_s(response))
    return Refused(reason)


def outcome_of_error(err: requests.RequestException) -> Outcome:
    """What the lack of an answer means: it may have arrived unless the connection never stood."""
    if isinstance(err, requests.ConnectTimeout) or _while_connecting(err):
        return Retry(f"no connection to Discord: {_root_cause(err)}", unreached=True)
    if isinstance(err, requests.ReadTimeout):
        return Uncertain("Discord did not answer in time")
    if isinstance(err, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return Uncertain("the connection to Discord broke before an answer")
    return Retry(f"the request could not be made: {type(err).__name__}", unreached=True)


def _while_connecting(err: BaseException) -> bool:
    """Whether it broke before the connection stood. urllib3 words that like one that broke over a request
    (behind a proxy both are a ProxyError): only the place where it was raised tells."""
    link: BaseException | None = err
    while link is not None:
        if any(frame.name in _CONNECTING for frame in extract_tb(link.__traceback__)):
            return True
        link = link.__context__
    return False


def _root_cause(err: BaseException) -> str:
    """The kind of the innermost error, as ConnectionRefusedError; never its text: that names the webhook."""
    while err.__context__ is not None:
        err = err.__context__
    return type(err).__name__


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except requests.exceptions.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _said(response: requests.Response) -> str:
    said = _json(response).get("message")
    return f" ({for_discord(said, 120)})" if isinstance(said, str) and said else ""


def _message_id(response: requests.Response) -> str:
    found = _json(response).get("id", "")
    return found if isinstance(found, str) and found.isdigit() else ""


def _pause_s(response: requests.Response) -> float:
    """How long to be quiet after this answer, so that the next one is no 429."""
    if response.headers.get("X-RateLimit-Remaining") != "0":
        return 0.0
    return _seconds(response.headers.get("X-RateLimit-Reset-After")) or 0.0


def _retry_after_s(response: requests.Response) -> float | None:
    """The longest wait that the answer names: header (seconds or a date) or body."""
    header = response.headers.get("Retry-After")
    named = [_seconds(header), _seconds(_json(response).get("retry_after")), _date_s(header, response)]
    return max((n for n in named if n is not None), default=None)


def _seconds(value: object) -> float | None:
    try:
        return max(0.0, float(value))  # type: ignore[arg-type]  # anything that float refuses is no number
    except (TypeError, ValueError):
        return None


def _date_s(header: str | None, response: requests.Response) -> float | None:
    """Seconds from the answer's own Date to a Retry-After that is a date: our clock may differ."""
    try:
        return (
            parsedate_to_datetime(header or "") - parsedate_to_datetime(response.headers.get("Date", ""))
        ).total_seconds()
    except (TypeError, ValueError):
        return None
