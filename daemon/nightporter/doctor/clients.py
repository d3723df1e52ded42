"""Services that log the address of the proxy or of Docker's bridge in place of their visitors'."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from nightporter.doctor.finding import Finding, Voice

_SAY: Final = Voice("addresses")
_COUNTER: Final = "address_unknown:"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFacts:
    """How often the running daemon saw a hiding address, by container; and what mends it there."""

    unknown: Mapping[str, int]
    settings: Mapping[str, str]
    """Container → the service's own setting that makes it log the true client; "" or missing: not known."""


def counted(counters: Mapping[str, int]) -> Mapping[str, int]:
    """Container → lines, of the engine's counters."""
    return {
        name.removeprefix(_COUNTER): count for name, count in counters.items() if name.startswith(_COUNTER)
    }


def findings(facts: ClientFacts) -> Iterator[Finding]:
    """All checks."""
    for container, count in sorted(facts.unknown.items(), key=lambda item: -item[1]):
        setting = facts.settings.get(container, "")
        mend = setting or "tell the service which proxies to trust; most call it trusted or known proxies"
        yield _SAY.wrong(
            f"{container} logged the address of the proxy or of Docker's bridge {count} times: its own log "
            "names no visitor",
            mend,
        )
