"""A real SMTP server (aiosmtpd) that keeps what it was given and answers as scripted.

with SmtpReceiver() as post:
    notify(post.url("porter@home.example", "owner@home.example"))
    post.wait_for(1)
"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Self
from urllib.parse import quote

from aiosmtpd.controller import Controller
from tests.parts.patience import PATIENCE_S
from tests.parts.ports import free_port


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One message as it came over the wire."""

    at: float
    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    answer: str

    @property
    def message(self) -> EmailMessage:
        parsed = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    def part(self, kind: str) -> str:
        """The text of the first part of this kind, `plain` or `html`; "" without one."""
        found = self.message.get_body(preferencelist=(kind,))
        return str(found.get_content()) if found is not None else ""


class SmtpReceiver:
    """`script` takes SMTP answers such as "451 4.3.0 later", or `hang` and `close`, one a message."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._script: list[str] = []
        self._mails: list[Mail] = []
        self._controller: Any = None  # Any: aiosmtpd ships no types

    def __enter__(self) -> Self:
        self._controller = Controller(self, hostname="127.0.0.1", port=free_port(), ready_timeout=PATIENCE_S)
        self._controller.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._controller.stop()

    @property
    def port(self) -> int:
        return int(self._controller.port)

    def url(self, sender: str, *recipients: str) -> str:
        """The apprise URL of a mail through this server, unencrypted."""
        to = ",".join(quote(r) for r in recipients)
        return f"mailto://127.0.0.1:{self.port}/?from={quote(sender)}&to={to}&mode=insecure"

    def script(self, *answers: str) -> None:
        with self._lock:
            self._script.extend(answers)

    @property
    def attempts(self) -> list[Mail]:
        with self._lock:
            return list(self._mails)

    @property
    def mails(self) -> list[Mail]:
        """What was accepted, in order."""
        return [m for m in self.attempts if m.answer.startswith("250")]

    def wait_for(self, count: int, timeout: float = PATIENCE_S) -> list[Mail]:
        """Wait until `count` mails were accepted; AssertionError if they are not."""
        deadline = time.monotonic() + timeout
        with self._lock:
            while True:
                there = [m for m in self._mails if m.answer.startswith("250")]
                if len(there) >= count:
                    return there
                left = deadline - time.monotonic()
                assert left > 0, f"{len(there)} of {count} mails came within {timeout} s"
                self._lock.wait(left)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """aiosmtpd's hook; the types are its own (it ships none)."""
        with self._lock:
            answer = self._script.pop(0) if self._script else "250 2.0.0 OK"
            mail = Mail(
                at=time.time(),
                sender=envelope.mail_from,
                recipients=tuple(envelope.rcpt_tos),
                raw=bytes(envelope.content),
                answer=answer,
            )
            self._mails.append(mail)
            self._lock.notify_all()
        if answer == "hang":
            await asyncio.sleep(3600)
        if answer == "close":
            server.transport.abort()
        return answer
