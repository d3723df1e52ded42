"""The real parts that whole runs are made with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.parts.discord import DiscordReceiver
from tests.parts.docker import docker_engine as docker_engine
from tests.parts.mariadb import mariadb as mariadb
from tests.parts.smtp import SmtpReceiver


@pytest.fixture
def discord(tmp_path: Path) -> Iterator[DiscordReceiver]:
    """A receiver with Discord's limits, over TLS."""
    folder = tmp_path / "discord"
    folder.mkdir()
    with DiscordReceiver(folder) as receiver:
        yield receiver


@pytest.fixture
def smtp() -> Iterator[SmtpReceiver]:
    """A mail server."""
    with SmtpReceiver() as receiver:
        yield receiver
