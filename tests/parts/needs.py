"""What a test needs of the machine, and what happens where it is not there."""

from __future__ import annotations

import os

import pytest


def in_ci() -> bool:
    """Whether this run must show everything: a skip is a failure."""
    return os.environ.get("CI", "") not in ("", "0", "false")


def require(condition: object, reason: str) -> None:
    """Go on if `condition` is true; else skip on a person's machine, and fail in CI.

    `reason` says what is missing and how to get it: it is what `make test` prints for the skip.
    """
    if condition:
        return
    if in_ci():
        pytest.fail(f"missing in CI: {reason}", pytrace=False)
    pytest.skip(reason)
