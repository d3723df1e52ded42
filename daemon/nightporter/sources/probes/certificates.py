"""Certificates: what is kept of one, when its end is told, and reading them. `cryptography` is loaded late.

Of Traefik's acme.json only the certificates are read; the keys beside them are never decoded.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from nightporter.errors import Unreachable
from nightporter.model import DAY, SECOND, Nanos, Stamp

FIRST_STEP_DAYS: Final = 21.0
FIRST_STEP_SHARE: Final = 0.23
"""Of the lifetime: of 90 days 20.7. Clients renew with a third left, so by then it has failed for days."""
LATER_STEPS: Final = (7.0, 3.0, 1.0)
EXPIRED: Final = 0.0
TURN_SHARE: Final = 0.4
"""With more of its lifetime left than this, a new key is out of turn: Traefik renews at a third or less."""
MAX_ACME_BYTES: Final = 16 << 20
MAX_CERTIFICATES: Final = 1_000
_NAME_CHARS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One certificate. `key` tells it from others of the same probe; its texts are others' words."""

    key: str
    host: str
    """Its first name."""
    issuer: str
    """The issuer's organisation, else its common name: intermediates take turns, organisations do not."""
    not_before: Stamp
    not_after: Stamp
    public_key: str
    """SHA-256 of the SubjectPublicKeyInfo, hex."""
    former: str = ""
    """A shorter key, by which an earlier version knew it, and others that begin with the same name."""

    @property
    def lifetime(self) -> Nanos:
        return max(self.not_after - self.not_before, 0)

    def days_left(self, now: Stamp) -> float:
        """Negative once it has expired."""
        return (self.not_after - now) / DAY


def steps(lifetime: Nanos) -> tuple[float, ...]:
    """The days left at which the end is told, largest first: for 90 days 20.7, 7, 3, 1, 0."""
    first = min(FIRST_STEP_DAYS, FIRST_STEP_SHARE * lifetime / DAY)
    return (first, *(step for step in LATER_STEPS if step < first), EXPIRED)


def step_reached(certificate: Certificate, now: Stamp) -> float | None:
    """The smallest step that is reached; None while there is time."""
    left = certificate.days_left(now)
    reached = [step for step in steps(certificate.lifetime) if left <= step]
    return min(reached, default=None)


def clean(text: str, limit: int) -> str:
    """A stranger's text as a record can hold it: shortened, and without halves of surrogate pairs."""
    return text[:limit].encode(errors="replace").decode()


def parsed(data: bytes, key: str, former: str = "") -> Certificate:
    """A certificate in DER, or the first one of a PEM chain. Raises Unreachable, which says why not."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        is_pem = b"-----BEGIN" in data[:200]
        found = x509.load_pem_x509_certificate(data) if is_pem else x509.load_der_x509_certificate(data)
        public = found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        subject, issuer = _names(found.subject), _names(found.issuer)
        try:
            extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            names = [str(name.value) for name in extension.value]
        except x509.ExtensionNotFound:
            names = []
        # Of a year that no calendar of Python's has (0) asking raises, not reading.
        begins, ends = _stamp(found.not_valid_before_utc), _stamp(found.not_valid_after_utc)
    except Exception as err:  # ValueError, UnsupportedAlgorithm and Rust's own: a stranger wrote these bytes
        raise Unreachable(f"a certificate that cannot be read: {str(err)[:200]}") from err
    return Certificate(
        key=key,
        host=clean(names[0] if names else subject[1], _NAME_CHARS),
        issuer=clean(issuer[0] or issuer[1], _NAME_CHARS),
        not_before=begins,
        not_after=ends,
        public_key=sha256(public).hexdigest(),
        former=former,
    )


def _names(name: object) -> tuple[str, str]:
    """Organisation and common name; empty where there is none."""
    from cryptography import x509

    assert isinstance(name, x509.Name)
    texts = []
    for oid in (x509.NameOID.ORGANIZATION_NAME, x509.NameOID.COMMON_NAME):
        values = [str(attribute.value) for attribute in name.get_attributes_for_oid(oid)]
        texts.append(values[0] if values else "")
    return texts[0], texts[1]


def _stamp(moment: datetime) -> Stamp:
    return int(moment.astimezone(UTC).timestamp()) * SECOND


class _Domain(msgspec.Struct):
    main: str = ""
    sans: list[str] | None = None
    """The other names; one `main` may have certificates with different ones."""


class _Entry(msgspec.Struct):
    domain: _Domain = msgspec.field(default_factory=_Domain)
    certificate: str = ""
    """Base64 of the chain in PEM."""


class _Resolver(msgspec.Struct):
    certificates: list[_Entry] | None = msgspec.field(default=None, name="Certificates")


@dataclass(frozen=True, slots=True)
class AcmeFile:
    """What stands in an acme.json, and how it lies there."""

    mode: int
    """Permission bits."""
    certificates: tuple[Certificate, ...]
    unreadable: tuple[str, ...] = ()
    """Names of those that cannot be read."""


def read_acme(path: Path) -> AcmeFile:
    """Every certificate in Traefik's acme.json: a map of resolvers, each with `Certificates`. An empty file
    (Traefik has just made it) has none. Blocks. Raises Unreachable."""
    try:
        with path.open("rb") as file:
            mode = path.stat().st_mode & 0o7777
            data = file.read(MAX_ACME_BYTES + 1)
    except OSError as err:
        raise Unreachable(f"{path} cannot be read: {err.strerror or err}") from err
    if len(data) > MAX_ACME_BYTES:
        raise Unreachable(f"{path} is larger than {MAX_ACME_BYTES >> 20} MiB")
    try:
        resolvers = msgspec.json.decode(data, type=dict[str, _Resolver]) if data.strip() else {}
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        raise Unreachable(f"{path} is no acme.json of Traefik: {str(err)[:200]}") from err
    found: dict[str, Certificate] = {}
    unreadable: list[str] = []
    entries = [(name, e) for name, r in resolvers.items() for e in r.certificates or ()]
    for resolver, entry in entries[:MAX_CERTIFICATES]:
        try:
            one = _of_entry(resolver, entry)
        except Unreachable:
            unreadable.append(entry.domain.main)
            continue
        # Of two for the very same names the newer one counts: as one they would change at every look.
        other = found.get(one.key)
        if other is None or one.not_after > other.not_after:
            found[one.key] = one
    return AcmeFile(mode, tuple(found.values()), tuple(unreadable))


def _of_entry(resolver: str, entry: _Entry) -> Certificate:
    try:
        data = base64.b64decode(entry.certificate, validate=True)
    except (binascii.Error, ValueError) as err:
        raise Unreachable("a certificate that is no base64") from err
    former = f"{resolver}/{entry.domain.main}"
    return parsed(data, " ".join((former, *sorted(entry.domain.sans or ()))), former)
