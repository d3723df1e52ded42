"""Mail, through apprise's plugin: our subject and HTML, its MIME, recipients and SMTP.

apprise makes the text part from the HTML. Its plugin (2.2.0) answers yes or no; the SMTP controller that it
uses is replaced by a subclass that tells how it went. One message a recipient: who has accepted it gets it
once only, also when another recipient's refusal makes us try again (within this process).
"""

from __future__ import annotations

import smtplib
import warnings
from collections import OrderedDict
from typing import Any, Final

from apprise.common import NotifyFormat
from apprise.exception import AppriseException

from nightporter.config import AppriseDestination
from nightporter.errors import UserError
from nightporter.notify.channels.borrowed import with_names
from nightporter.notify.channels.picture import NAME, attached
from nightporter.notify.outcome import Barred, Delivered, Outcome, Refused, Retry, Uncertain
from nightporter.notify.render import Message, Part
from nightporter.safetext import for_html, for_plain, for_subject

with warnings.catch_warnings():
    # It imports imghdr, which Python 3.11 and 3.12 call deprecated: nothing that our reader can mend.
    warnings.simplefilter("ignore", DeprecationWarning)
    from apprise.plugins.email.base import NotifyEmail
    from apprise.plugins.email.smtp import AppriseSMTPController

SUBJECT: Final = 120
TEXT: Final = 4000
PART: Final = 4000
_REMEMBERED: Final = 64
"""Messages whose recipients are remembered, newest."""


class MailChannel:
    """One mail account and its recipients."""

    def __init__(self, destination: AppriseDestination) -> None:
        """Raises UserError when the URL is no mail account's."""
        try:
            parse_url: Any = NotifyEmail.parse_url  # Any: apprise types only some
            arguments = parse_url(destination.url.reveal())
            self._plugin = _Post(**(arguments or {"targets": []}))
        except AppriseException as err:
            raise UserError(
                f"destination {destination.name}: not a mail account; expected "
                "mailtos://USER:PASSWORD@HOST/?from=…&to=…"
            ) from err
        if not self._plugin.targets:
            raise UserError(f"destination {destination.name}: no valid recipient; expected to=NAME@HOST")

    def send(self, message: Message, *, plain: bool = False) -> Outcome:
        plugin = self._plugin
        plugin.begin(message.id)
        format_ = NotifyFormat.TEXT if plain else NotifyFormat.HTML
        body = plain_body(message) if plain else html_body(message)
        plugin.inline = bool(message.picture) and not plain
        attach = attached(message.picture) if plugin.inline else None
        send = with_names(NotifyEmail.send, {"AppriseSMTPController": _Controller})
        try:
            accepted = send(plugin, body=body, title=subject(message), attach=attach, body_format=format_)
        except _Ended as ended:
            return ended.outcome
        return Delivered() if accepted else Retry("apprise could not send the mail")


# --- the face


def subject(message: Message) -> str:
    """`[high] Failed logins: 203.0.113.9`; a review is neither good nor bad."""
    if message.kind == "review":
        return for_subject(message.title, SUBJECT)
    who = next((part.text for part in message.parts if part.name == "Who"), "")
    named = not who or who.lower() in message.title.lower()
    title = message.title if named else f"{message.title}: {who}"
    return for_subject(f"[{message.word}] {title}", SUBJECT)


def html_body(message: Message) -> str:
    """A whole small page: no colours to fight a dark theme, nothing loaded from anywhere."""
    pieces = [f"<h3>{for_html(message.title, 300)}</h3>", f"<p>{_breaks(for_html(message.text, TEXT))}</p>"]
    if message.picture:
        pieces.append(f'<p><img src="cid:{NAME}" alt="{for_html(message.title, 300)}" width="640"/></p>')
    pieces += [_html_part(part) for part in message.parts]
    pieces.append(f"<p><small>{for_html(message.footer, 300)}</small></p>")
    return "<html><body>" + "\n".join(pieces) + "</body></html>"


def _html_part(part: Part) -> str:
    name, text = for_html(part.name, 100), for_html(part.text, PART)
    if part.code:
        return f"<p><b>{name}</b></p><pre>{text}</pre>"
    return f"<p><b>{name}</b><br/>{_breaks(text)}</p>"


def _breaks(text: str) -> str:
    return text.replace("\n", "<br/>")


def plain_body(message: Message) -> str:
    """What is said after the full mail was refused."""
    return for_plain(f"{message.title}\n{message.text}\n{message.footer}", 1000)


# --- the wire


class _Ended(Exception):
    """The attempt is over; raised past apprise's method, which would make a bare False of it."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class _Post(NotifyEmail):  # type: ignore[no-untyped-call]  # apprise types only some
    """The plugin, with a memory of which recipients have which message."""

    def __init__(self, **arguments: Any) -> None:  # Any: apprise's own
        super().__init__(**arguments)  # type: ignore[no-untyped-call]  # as above
        self._accepted: OrderedDict[str, set[str]] = OrderedDict()
        self._now: set[str] = set()

    def begin(self, message_id: str) -> None:
        self._now = self._accepted.setdefault(message_id, set())
        while len(self._accepted) > _REMEMBERED:
            self._accepted.popitem(last=False)

    def throttle(self, *arguments: Any, **named: Any) -> None:
        """apprise's pause between mails; pacing is the outbox's."""

    def is_delivered(self, key: Any, per_message: bool = False) -> bool:
        return str(key) in self._now

    def mark_delivered(self, key: Any, per_message: bool = False) -> None:
        self._now.add(str(key))


class _Controller(AppriseSMTPController):
    """apprise's SMTP session, telling apart what its bare False mixes."""

    def __enter__(self) -> Any:
        try:
            return super().__enter__()
        except smtplib.SMTPAuthenticationError as err:
            raise _Ended(Barred(f"the mail server refused the login ({err.smtp_code})")) from None
        except smtplib.SMTPResponseException as err:
            raise _Ended(Retry(f"the mail server answered {err.smtp_code}")) from None
        except (OSError, smtplib.SMTPException) as err:
            reason = f"no connection to the mail server: {type(err).__name__}"
            raise _Ended(Retry(reason, unreached=True)) from None

    def sendmail(self, from_addr: str, to_addrs: list[str], message: str) -> bool:
        """True, or raises `_Ended`."""
        body_out = False
        session: Any = self._socket  # Any: smtplib's SMTP, which apprise annotates as None
        data = session.data

        def noting(content: Any) -> Any:
            nonlocal body_out
            body_out = True
            return data(content)

        session.data = noting
        try:
            refused = session.sendmail(from_addr, to_addrs, message)
        except smtplib.SMTPException as err:
            raise _Ended(_outcome_of(err, body_out=body_out)) from None
        except OSError as err:
            raise _Ended(_broken(type(err).__name__, body_out=body_out)) from None
        finally:
            session.data = data
        if refused:
            raise _Ended(_outcome_of(smtplib.SMTPRecipientsRefused(refused), body_out=False))
        return True


def _outcome_of(err: smtplib.SMTPException, *, body_out: bool) -> Outcome:
    if isinstance(err, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in err.recipients.values()]
        reason = f"the mail server refused a recipient ({max(codes)})"
        return Refused(reason) if all(500 <= code < 600 for code in codes) else Retry(reason)
    if isinstance(err, smtplib.SMTPServerDisconnected):
        return _broken("disconnected", body_out=body_out)
    if isinstance(err, smtplib.SMTPResponseException):
        reason = f"the mail server answered {err.smtp_code}"
        return Refused(reason) if 500 <= err.smtp_code < 600 else Retry(reason)
    return Retry(f"the mail server did not take it: {type(err).__name__}")


def _broken(what: str, *, body_out: bool) -> Outcome:
    if body_out:
        return Uncertain(f"the mail server took the message and did not answer ({what})")
    return Retry(f"the connection to the mail server broke ({what})")
