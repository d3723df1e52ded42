"""A real exchange of certificates: Pebble (Let's Encrypt's test server), its DNS, and a Traefik that asks it.

    with Pebble(tmp_path / "ca") as pebble, AcmeTraefik(tmp_path / "t", pebble, "a.example") as traefik:
        traefik.acme_json   # as Traefik wrote it
        pebble.root()       # PEM

Everything is on 127.0.0.1; every name is 127.0.0.1 to Pebble.
"""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import urllib.request
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final, Self

from tests.parts.certificates import Authority
from tests.parts.needs import require
from tests.parts.patience import PATIENCE_S
from tests.parts.ports import free_port
from tests.parts.traefik import binary, wait_until

PROGRAMS: Final = ("pebble", "pebble-challtestsrv")


class _Processes:
    """Started in order, ended in the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str, **env: str) -> None:
        with (self.folder / f"{Path(command[0]).name}.log").open("wb") as out:
            self._running.append(
                subprocess.Popen(
                    command,
                    cwd=self.folder,
                    env={**os.environ, **env},
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                )
            )

    def said(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-2000:] for path in self.folder.glob("*.log"))

    def __exit__(self, *_exc: object) -> None:
        for process in reversed(self._running):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


class Pebble(_Processes):
    """The authority. `http_port` is where it looks for the answers to its challenges."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port, self.management, self.http_port = free_port(), free_port(), free_port()
        self._dns = free_port()
        self.ca = folder / "root.pem"
        """Signs what Pebble itself speaks TLS with; not its certificates."""

    @property
    def directory(self) -> str:
        return f"https://127.0.0.1:{self.port}/dir"

    def __enter__(self) -> Self:
        require(all(map(shutil.which, PROGRAMS)), "no pebble here: `apt-get install pebble`")
        authority = Authority()
        authority.file(self.folder)
        made = authority.sign("127.0.0.1", "localhost", left=timedelta(days=1))
        (self.folder / "cert.pem").write_bytes(made.certificate)
        (self.folder / "key.pem").write_bytes(made.key)
        config = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": "cert.pem",
            "privateKey": "key.pem",
            "httpPort": self.http_port,
            "tlsPort": free_port(),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
        }
        (self.folder / "pebble.json").write_text(json.dumps({"pebble": config}))
        dns = f"127.0.0.1:{self._dns}"
        others = ("-http01", "", "-https01", "", "-tlsalpn01", "", "-management", f"127.0.0.1:{free_port()}")
        self.start("pebble-challtestsrv", "-defaultIPv6", "", "-dns01", dns, *others)
        quick = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
        self.start("pebble", "-config", "pebble.json", "-dnsserver", dns, **quick)
        try:
            wait_until(self._answers, "pebble answers")
        except BaseException:
            self.__exit__()
            raise
        return self

    def root(self) -> bytes:
        """The root of what it signs, in PEM: made anew at each start."""
        return self._get(f"https://127.0.0.1:{self.management}/roots/0")

    def _answers(self) -> bool:
        with suppress(OSError):
            return bool(self._get(self.directory))
        return False

    def _get(self, url: str) -> bytes:
        context = ssl.create_default_context(cafile=str(self.ca))
        with urllib.request.urlopen(url, timeout=PATIENCE_S, context=context) as answer:
            data: bytes = answer.read()
        return data


class AcmeTraefik(_Processes):
    """A Traefik that has got certificates for these names; it shows them on `port`. With `refused` it answers
    Pebble's challenges where nobody asks, and has got none."""

    def __init__(self, folder: Path, pebble: Pebble, *names: str, refused: bool = False) -> None:
        super().__init__(folder)
        self.log = folder / "traefik.log"
        self._refused = refused
        self.port = free_port()
        self.acme_json = folder / "acme.json"
        self._pebble = pebble
        self._names = names

    def __enter__(self) -> Self:
        dynamic = self.folder / "dynamic.yml"
        routers = {
            name.replace(".", "-"): {
                "rule": f"Host(`{name}`)",
                "service": "nowhere",
                "entryPoints": ["secure"],
                "tls": {"certResolver": "pebble"},
            }
            for name in self._names
        }
        nowhere = {"loadBalancer": {"servers": [{"url": "http://127.0.0.1:9"}]}}
        dynamic.write_text(json.dumps({"http": {"routers": routers, "services": {"nowhere": nowhere}}}))
        acme = {
            "email": "ada@home.example",
            "storage": str(self.acme_json),
            "caServer": self._pebble.directory,
            "caCertificates": [str(self._pebble.ca)],
            "httpChallenge": {"entryPoint": "web"},
        }
        static = {
            "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
            "entryPoints": {
                "web": {"address": f"127.0.0.1:{free_port() if self._refused else self._pebble.http_port}"},
                "secure": {"address": f"127.0.0.1:{self.port}"},
            },
            "providers": {"file": {"filename": str(dynamic)}},
            "certificatesResolvers": {"pebble": {"acme": acme}},
            "log": {"level": "DEBUG"},
        }
        config = self.folder / "traefik.yml"
        config.write_text(json.dumps(static))
        self.start(binary(), f"--configFile={config}")
        try:
            wait_until(self._is_refused if self._refused else self._has_all, "the exchange is over")
        except BaseException as err:
            self.__exit__()
            err.add_note(self.said() + self._pebble.said())
            raise
        return self

    def _is_refused(self) -> bool:
        return "Unable to obtain" in self.log.read_text(errors="replace")

    def _has_all(self) -> bool:
        try:
            [resolver] = json.loads(self.acme_json.read_text()).values()
        except (OSError, ValueError):
            return False
        return len(resolver["Certificates"] or ()) == len(self._names)
