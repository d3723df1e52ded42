"""Certificates for tests, made on the spot: an authority of one's own, and what it signs.

authority = Authority("Test Authority")
made = authority.sign("localhost", left=timedelta(days=20), lifetime=timedelta(days=90))
with TlsServer(tmp_path, made) as server: ...
"""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Made:
    """A certificate with its key, both in PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """Signs certificates in the name of an organisation."""

    def __init__(self, organisation: str = "Test Authority") -> None:
        self.name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
                x509.NameAttribute(NameOID.COMMON_NAME, f"{organisation} R1"),
            ]
        )
        self.key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        public = self.key.public_key()
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(self.name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1000))
            .not_valid_after(now + timedelta(days=1000))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(_usage(signs=True), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def file(self, folder: Path) -> Path:
        path = folder / "root.pem"
        path.write_bytes(self.pem)
        return path

    def sign(
        self, *names: str, left: timedelta, lifetime: timedelta = LIFETIME, key: bytes | None = None
    ) -> Made:
        """A certificate for these names, which ends in `left` from now on."""
        end = datetime.now(UTC) + left
        private = _key(key)
        public = private.public_key()
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]))
            .issuer_name(self.name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - lifetime)
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([_named(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return Made(
            made.public_bytes(serialization.Encoding.PEM),
            private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )


def _key(pem: bytes | None) -> ec.EllipticCurvePrivateKey:
    if pem is None:
        return ec.generate_private_key(ec.SECP256R1())
    loaded = serialization.load_pem_private_key(pem, None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    return loaded


def _named(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def acme_json(certificates: Mapping[str, Sequence[tuple[str, Made]]]) -> bytes:
    """An acme.json as Traefik 3 writes it: resolver → (names, the main one first, with blanks between;
    certificate)."""
    return json.dumps(
        {
            resolver: {
                "Account": {
                    "Email": "ada@example.net",
                    "Registration": {"body": {"status": "valid"}, "uri": "https://ca.example/acct/1"},
                    "PrivateKey": base64.b64encode(b"not a key").decode(),
                    "KeyType": "4096",
                },
                "Certificates": [
                    {
                        "domain": {"main": main} | ({"sans": sans} if sans else {}),
                        "certificate": base64.b64encode(made.certificate).decode(),
                        "key": base64.b64encode(made.key).decode(),
                        "Store": "default",
                    }
                    for names, made in entries
                    for main, *sans in [names.split()]
                ]
                or None,
            }
            for resolver, entries in certificates.items()
        },
        indent=2,
    ).encode()


class TlsServer:
    """Shakes hands on a port of 127.0.0.1 and hangs up; `show` changes its certificate."""

    def __init__(self, folder: Path, made: Made) -> None:
        self._folder = folder
        self._context = self._with(made)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, name="tls-server")
        self._closing = False

    def show(self, made: Made) -> None:
        """From now on show this certificate."""
        self._context = self._with(made)

    def _with(self, made: Made) -> ssl.SSLContext:
        pem = self._folder / f"server-{id(self)}.pem"
        pem.write_bytes(made.certificate + made.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return context

    def _serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                if self._closing:
                    return
                connection.settimeout(5)
                try:
                    with self._context.wrap_socket(connection, server_side=True) as secured:
                        secured.recv(1)
                except OSError:
                    continue  # the client refused us, which is what some tests want

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._closing = True
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._socket.close()
