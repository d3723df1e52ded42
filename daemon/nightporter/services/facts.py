"""What can be known of a service: the shapes of the rows in the table of known services."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Checked = Literal["measured", "read", "memory"]
Where = Literal["stdout", "file", "proxy", "nowhere"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """A log file of a service, as globs."""

    inside: str
    """In its container, where the usual images have it."""
    host: tuple[str, ...] = ()
    """On the machine itself, where it runs without a container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Something a person has to set in the service."""

    where: str
    """The file, or the page of its settings."""
    paste: str
    """What to write there; on a settings page, the switch's name."""
    why: str
    checked: Checked


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRequest:
    """How a login looks in the log of the proxy in front of the service."""

    paths: tuple[str, ...]
    """Globs, as on the field `path`."""
    failure: tuple[int, ...]
    """Statuses that a refused login has."""
    success: tuple[int, ...]
    """Statuses that a login has that was let in."""
    method: str = "POST"
    """`*`: any."""
    checked: Checked = "memory"

    @property
    def telling(self) -> bool:
        """Whether the status alone tells a refused login from any other."""
        return not set(self.failure) & set(self.success)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service."""

    name: str
    """As in `from: service:NAME`."""
    title: str
    images: tuple[str, ...]
    """Last parts of its images' names, without tag; also what its containers are usually called."""
    failures: Where
    """Where a refused login is told of; `proxy`: only in the access log of the proxy in front of it."""
    names_client: bool
    """Whether its own line of a refused login has the client's address."""
    checked: Checked
    files: tuple[LogFile, ...] = ()
    needs: Setting | None = None
    """Without this it writes no line of a refused login, or none with an address."""
    client_setting: Setting | None = None
    """With this it writes the visitor's address instead of its proxy's; None: it needs none, or has none."""
    logins: tuple[LoginRequest, ...] = ()
