"""The engine whose containers' labels are read."""

from __future__ import annotations

from tests.parts.docker import docker_engine

__all__ = ["docker_engine"]
