"""The file in which Traefik keeps its certificates and their private keys: can others read it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from nightporter.doctor.finding import Finding, Voice
from nightporter.survey.facts import AcmeFacts

_SAY: Final = Voice("certificates")


def findings(files: Iterable[AcmeFacts]) -> Iterator[Finding]:
    """One a file. Traefik refuses a file whose mode is not 0600, and then has no certificate at all
    (doc.traefik.io/traefik/https/acme, "storage"; seen with 3.7)."""
    for acme in files:
        if acme.mode & 0o077:
            yield _SAY.wrong(
                f"{acme.path} can be read by others (mode {acme.mode:04o}), and Traefik refuses it",
                f"chmod 600 '{acme.path}'",
            )
        else:
            yield _SAY.right(f"{acme.path}: its owner's alone (mode {acme.mode:04o})")
