"""From what a probe finds, time after time, to the changes worth an event. Pure: the time is handed in.

A record is made when a state changes; that it goes on is only said of what is down, now and then:

| action | when |
| --- | --- |
| `first` | it was never asked before, and is up |
| `down` | it failed as often in a row as `retries` says, and the grace is over; again every ten minutes |
| `up` | it is back; `down_for` says after how long |
| `blocked` | there is no way to ask, and the grace is over: nothing is known |
| `expiring` | a certificate reached a step of days left; one record a step |
| `renewed` | a certificate that had reached a step has been replaced in time |
| `issuer_changed`, `key_changed` | another organisation signed it; another key, though it was not due |
| `mode`, `mode_right` | acme.json may be read by others; that was mended |
| `removed` | the config no longer names a probe of which something bad was told; for each such certificate |
| `gone` | a certificate that had reached a step is no longer in acme.json |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import msgspec

from nightporter.detect.narrate import duration
from nightporter.model import GONE, MINUTE, REMOVED, SECOND, Fields, Nanos, Stamp
from nightporter.sources.probes.certificates import TURN_SHARE, Certificate, clean, step_reached

STILL_DOWN: Final[Nanos] = 10 * MINUTE
"""So often a service that stays down is said to be: it may have been stopped by hand when it was first, which
is no outage, and started since without becoming well, which is one."""
_WHY_CHARS: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one asking came to. `facts` are more fields for records (`status`, `mode` …)."""

    up: bool
    why: str = ""
    """Why it is not up, for a person."""
    blocked: bool = False
    """Not up, because there was no way to ask; then nothing else is known."""
    unknown: bool = False
    """Not up, but not down either: what was learnt says nothing, and what was known stays."""
    latency: float | None = None
    """Seconds."""
    facts: Fields = field(default_factory=dict)
    certificates: tuple[Certificate, ...] | None = None
    """None: nothing was learned of any."""
    mode: int | None = None
    """Permission bits of the file that holds them."""


class KnownCertificate(msgspec.Struct):
    """What is remembered of a certificate."""

    issuer: str
    public_key: str
    not_before: Stamp
    not_after: Stamp
    step: float | None = None
    """The smallest step that was told of it."""
    host: str = ""
    """Its first name, by which people were told."""
    missing: bool = False
    """The last look did not find it. Traefik writes acme.json anew in place: only the next one can tell."""


class Known(msgspec.Struct):
    """All that has to survive a restart: the mark of a probe's stream."""

    target: str = ""
    """What was asked: another target starts anew."""
    up: bool | None = None
    since: Stamp = 0
    told: Stamp = 0
    """When it was last said to be down."""
    blocked: bool = False
    open_mode: bool = False
    certificates: dict[str, KnownCertificate] = {}
    """By their keys."""
    by_names: bool = False
    """Those keys hold every name of a certificate: before, two of one main name were taken for one."""


def remembered(mark: bytes, target: str) -> Known:
    """The state that a mark holds; a new one for none, for a broken one, and for another target's."""
    known = _decoded(mark)
    return known if known.target == target else Known(target=target)


def removed(name: str, mark: bytes, now: Stamp) -> list[Fields] | None:
    """What is said of a probe that the config no longer names: nothing where all was well, else that nobody
    watches any more, in as many records as there are certificates of which a step was told. None: the mark is
    no probe's."""
    known = _decoded(mark)
    if not known.target:
        return None
    told = [one for one in known.certificates.values() if one.step is not None and one.host]
    if known.up is not False and not known.open_mode and not told:
        return []
    kind, _, where = known.target.partition(" ")
    record: Fields = {"probe": kind, "name": name, "action": REMOVED, "time": now}
    if kind == "acme":
        record["path"] = where
    return [record | {"certificate": one.host} for one in told] or [record]


def _decoded(mark: bytes) -> Known:
    try:
        return msgspec.json.decode(mark, type=Known) if mark else Known()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Known()


class Watched:
    """One probe's state. `about`: fields of all its records (`probe name host service`)."""

    def __init__(self, about: Fields, known: Known, retries: int) -> None:
        self.known = known
        self.failures = 0
        self.last = Outcome(up=False, why="not asked yet")
        self._about = about
        self._retries = retries
        self._failing_since: Stamp = 0

    @property
    def mark(self) -> bytes:
        return msgspec.json.encode(self.known)

    @property
    def doubtful(self) -> bool:
        """It failed, but not often enough to say so: worth asking again soon."""
        return self.failures > 0 and self.known.up is not False

    def forgive(self) -> None:
        """Start counting anew: the machine slept, and what failed meanwhile says nothing."""
        self.failures = 0

    def take(self, outcome: Outcome, now: Stamp, *, settled: bool) -> list[Fields]:
        """The records of one outcome. `settled`: the grace is over, failures may be told."""
        self.last = outcome
        if outcome.unknown:
            return []
        if outcome.blocked:
            self.failures = 0
            if self.known.blocked or not settled:
                return []
            self.known.blocked = True
            return [self._record("blocked", outcome, now)]
        self.known.blocked = False
        records = self._reached(outcome, now) if outcome.up else self._failed(outcome, now, settled)
        if outcome.mode is not None:
            records += self._mode(outcome, outcome.mode, now)
        if outcome.certificates is not None:
            records += self._certificates(outcome.certificates, now, whole=outcome.up)
        return records

    def _record(self, action: str, outcome: Outcome, now: Stamp, **more: str | float | bool) -> Fields:
        record: Fields = {**self._about, "action": action, "time": now, **outcome.facts}
        if not outcome.blocked:
            record["up"] = outcome.up
        if outcome.latency is not None:
            record["latency"] = round(outcome.latency, 3)
        if outcome.why:
            record["reason"] = clean(outcome.why, _WHY_CHARS)
        if outcome.certificates is not None and len(outcome.certificates) == 1:
            record |= _described(outcome.certificates[0], now)
        return record | more

    def _reached(self, outcome: Outcome, now: Stamp) -> list[Fields]:
        self.failures = 0
        before, self.known.up = self.known.up, True
        if before:
            return []
        since, self.known.since = self.known.since, now
        if before is None:
            return [self._record("first", outcome, now)]
        away = max(now - since, 0)
        shown = duration(away // SECOND * SECOND)
        return [self._record("up", outcome, now, down_for=shown, downtime=round(away / SECOND, 1))]

    def _failed(self, outcome: Outcome, now: Stamp, settled: bool) -> list[Fields]:
        if self.failures == 0:
            self._failing_since = now
        self.failures += 1
        if self.failures < self._retries or not settled:
            return []
        if self.known.up is not False:
            self.known.up, self.known.since = False, min(self._failing_since, now)
        elif 0 <= now - self.known.told < STILL_DOWN:
            return []
        self.known.told = now
        return [self._record("down", outcome, now, failures=self.failures)]

    def _mode(self, outcome: Outcome, mode: int, now: Stamp) -> list[Fields]:
        """Traefik itself refuses an acme.json that its group or others may touch."""
        is_open = bool(mode & 0o077)
        if is_open == self.known.open_mode:
            return []
        self.known.open_mode = is_open
        return [self._record("mode" if is_open else "mode_right", outcome, now)]

    def _certificates(self, found: tuple[Certificate, ...], now: Stamp, *, whole: bool) -> list[Fields]:
        """`whole`: what is not among these is not there, and not only unreadable."""
        records: list[Fields] = []
        if not self.known.by_names:
            self._rename(found)
            self.known.by_names = whole
        kept: dict[str, KnownCertificate] = {}
        for certificate in found:
            old = self.known.certificates.get(certificate.key)
            for action, more in _changes(old, certificate, now):
                records.append(
                    {**self._about, "action": action, "time": now, **_described(certificate, now), **more}
                )
            kept[certificate.key] = _keep(old, certificate, now)
        if whole:
            records += self._lost(found, kept, now)
        self.known.certificates = kept if whole else {**self.known.certificates, **kept}
        return records

    def _rename(self, found: tuple[Certificate, ...]) -> None:
        """Put what an earlier version remembered by a certificate's shorter key under its own. Where several
        could be meant it is the one whose public key that was, and if none has it, it is let go: nobody can
        say which of them it was."""
        known = self.known.certificates
        for former in {c.former for c in found} & known.keys():
            old = known.pop(former)
            meant = [c for c in found if c.former == former]
            if len(meant) > 1:
                meant = [c for c in meant if c.public_key == old.public_key]
            if meant:
                known[meant[0].key] = old

    def _lost(
        self, found: tuple[Certificate, ...], kept: dict[str, KnownCertificate], now: Stamp
    ) -> list[Fields]:
        """Of certificates that are not found any more. One that another resolver has of the same host now was
        replaced, which is told as its renewal if the new one has time."""
        records: list[Fields] = []
        by_host = {certificate.host: certificate for certificate in found}
        for key, old in self.known.certificates.items():
            if key in kept:
                continue
            if not old.missing:
                kept[key] = msgspec.structs.replace(old, missing=True)
                continue
            if old.step is None or not old.host:
                continue
            other = by_host.get(old.host)
            if other is None:
                records.append({**self._about, "action": GONE, "time": now, "certificate": old.host})
            elif step_reached(other, now) is None:
                records.append({**self._about, "action": "renewed", "time": now, **_described(other, now)})
        return records


def _described(certificate: Certificate, now: Stamp) -> Fields:
    return {
        "certificate": certificate.host,
        "issuer": certificate.issuer,
        "days_left": round(certificate.days_left(now), 1),
        "lifetime": round(certificate.lifetime / (86_400 * SECOND), 1),
    }


def _same(old: KnownCertificate, new: Certificate) -> bool:
    was = (old.public_key, old.not_before, old.not_after, old.issuer)
    return was == (new.public_key, new.not_before, new.not_after, new.issuer)


def _changes(old: KnownCertificate | None, new: Certificate, now: Stamp) -> list[tuple[str, Fields]]:
    """What is to be told of a certificate, in the order in which it happened."""
    step = step_reached(new, now)
    told = old.step if old is not None else None
    changes: list[tuple[str, Fields]] = []
    if old is not None and not _same(old, new):
        if old.issuer != new.issuer:
            changes.append(("issuer_changed", {"previous": old.issuer}))
        elif old.public_key != new.public_key and not _was_due(old, now):
            changes.append(("key_changed", {"previous": f"key {old.public_key[:16]}"}))
        if told is not None and (step is None or step > told):
            changes.append(("renewed", {}))
        told = None if old.not_after != new.not_after else told
    if step is not None and (told is None or step < told):
        changes.append(("expiring", {"step": round(step, 1)}))
    return changes


def _keep(old: KnownCertificate | None, new: Certificate, now: Stamp) -> KnownCertificate:
    """The smallest step told stays while the certificate does, even if the clock is set back."""
    step = step_reached(new, now)
    if old is not None and old.not_after == new.not_after and old.step is not None:
        step = old.step if step is None else min(step, old.step)
    return KnownCertificate(new.issuer, new.public_key, new.not_before, new.not_after, step, new.host)


def _was_due(old: KnownCertificate, now: Stamp) -> bool:
    return old.not_after - now <= TURN_SHARE * (old.not_after - old.not_before)
