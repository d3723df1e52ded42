"""`kind: probe` of config.yaml: a list of probes, each of which asks one thing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from nightporter.config import (
    AcmeProbe,
    CanaryProbe,
    ContainerProbe,
    FirewallProbe,
    HttpProbe,
    JobProbe,
    Probe,
    ProbeSource,
    Secret,
    TcpProbe,
    TlsProbe,
)
from nightporter.configfile.parts import Here, given, got, read_choice, read_notation
from nightporter.configfile.secrets import NoSecret
from nightporter.model import DAY, MINUTE, SECOND, Nanos
from nightporter.ruleset import values
from nightporter.ruleset.windows import read_duration
from nightporter.yamltext.page import Items, Node, Page

MAX_PROBES: Final = 200
_KEYS: Final = ("name", "kind", "probes", "interval", "timeout", "retries", "grace")
_ALL: Final = ("name", "service", "interval", "timeout", "retries")
_OWN: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "http": ("status", "text", "latency", "redirects", "to_https", "insecure", "ca"),
        "tcp": (),
        "tls": ("server_name", "issuer", "insecure", "ca"),
        "acme": (),
        "container": ("host",),
        "job": ("expect", "system"),
        "canary": ("source", "within", "insecure", "ca"),
        "firewall": (),
    }
)
"""What is asked → the keys of its own."""
_EXAMPLE: Final = "a map such as {name: plex, http: 'https://plex.example/identity'}"
_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,63}\Z")
_CONTAINER: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,254}\Z")
_JOB: Final = re.compile(r"[A-Za-z0-9][\w.@:\\-]{0,254}\Z")
_ADDRESS: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/\[\]@]+))(?::([0-9]{1,5}))?\Z")
_MOST_INTERVAL: Final[Nanos] = DAY
_MOST_TIMEOUT: Final[Nanos] = 2 * MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    """How a probe asks; a source's is the default of its probes. `interval_s` None: the kind's own."""

    interval_s: float | None = None
    timeout_s: float = 10.0
    retries: int = 3


def read_probes(page: Page, node: Node, name: str, here: Here) -> ProbeSource:
    """`kind: probe`; a probe that is wrong is told and left out."""
    table = given(page.keyed(node, "a source of probes", _KEYS))
    default = _asking(page, table, _Asking())
    listed = table.get("probes")
    items = listed.items if isinstance(listed, Items) else ()
    if not items:
        page.tell(listed or node, f"the source '{name}' has no probes", expected=f"a list, each {_EXAMPLE}")
    elif len(items) > MAX_PROBES:
        page.tell(listed or node, f"{len(items)} probes", expected=f"at most {MAX_PROBES} in a source")
    taken: dict[str, int] = {}
    probes = (_probe(page, item, default, here, taken) for item in items[:MAX_PROBES])
    return ProbeSource(
        name=name,
        probes=tuple(probe for probe in probes if probe is not None),
        grace_s=_seconds(page, table, "grace", 0, DAY) or 0.0 if "grace" in table else 300.0,
    )


def _asking(page: Page, table: dict[str, Node], default: _Asking) -> _Asking:
    interval_s = _seconds(page, table, "interval", SECOND, _MOST_INTERVAL)
    timeout_s = _seconds(page, table, "timeout", SECOND // 10, _MOST_TIMEOUT)
    return _Asking(
        interval_s=default.interval_s if interval_s is None else interval_s,
        timeout_s=default.timeout_s if timeout_s is None else timeout_s,
        retries=got(table, "retries", lambda n: page.whole(n, "failures in a row", 1, 100), default.retries),
    )


def _seconds(page: Page, table: dict[str, Node], key: str, least: Nanos, most: Nanos) -> float | None:
    """A duration in seconds; None where it is not there, or wrong and told."""
    if key not in table:
        return None
    length = read_duration(page, table[key], least=least, most=most)
    return None if length is None else length / SECOND


def _probe(page: Page, node: Node, default: _Asking, here: Here, taken: dict[str, int]) -> Probe | None:
    table = given(page.table(node, _EXAMPLE))
    kinds = [kind for kind in _OWN if kind in table]
    if len(kinds) != 1:
        if table:
            found = f"both '{kinds[0]}' and '{kinds[1]}'" if kinds else "a probe that asks nothing"
            page.tell(node, found, expected="one of " + ", ".join(_OWN))
        return None
    kind = kinds[0]
    page.keyed(node, f"a probe of {kind}", (*_ALL, kind, *_OWN[kind]))
    name = _name(page, node, table, taken)
    probe = _of_kind(kind, page, table, name or "", here)
    service = got(table, "service", lambda n: page.text(n, "a service's name"), "")
    asking = _asking(page, table, default)
    if probe is None or name is None:
        return None
    return replace(
        probe,
        service=service,
        interval_s=probe.interval_s if asking.interval_s is None else asking.interval_s,
        timeout_s=asking.timeout_s,
        retries=asking.retries,
    )


def _of_kind(kind: str, page: Page, table: dict[str, Node], name: str, here: Here) -> Probe | None:
    """What is a kind's own of a probe; all else is its default."""
    match kind:
        case "http":
            return _http(page, table, name, here)
        case "tcp":
            return _tcp(page, table, name)
        case "tls":
            return _tls(page, table, name, here)
        case "acme":
            return _acme(page, table, name, here)
        case "container":
            return _container(page, table, name)
        case "job":
            return _job(page, table, name)
        case "firewall":
            return _firewall(page, table, name)
        case _:
            return _canary(page, table, name, here)


def _name(page: Page, node: Node, table: dict[str, Node], taken: dict[str, int]) -> str | None:
    """A probe's name, which rules, alerts and the store know it by."""
    if "name" not in table:
        page.tell(node, "a probe without 'name'", fix="add 'name:'")
        return None
    name = page.text(table["name"], "a name")
    if name is None:
        return None
    if not _NAME.match(name):
        page.tell(table["name"], f"'{name}' as a name", expected="letters, digits, '-', '_' and '.'")
        return None
    if name in taken:
        page.tell(table["name"], f"a second '{name}'; the first is in line {taken[name]}", fix="rename one")
        return None
    taken[name] = table["name"].line
    return name


def _http(page: Page, table: dict[str, Node], name: str, here: Here) -> HttpProbe | None:
    found = _url(page, table["http"], here)
    statuses = page.items(table["status"]) if "status" in table else ()
    expected = (read_notation(page, n, values.status, "a status such as 404 or 2xx") for n in statuses)
    status = tuple(one for one in expected if one is not None)
    probe = HttpProbe(
        name=name,
        url=found[0] if found else Secret(""),
        host=found[1] if found else "",
        port=found[2] if found else 0,
        status=status or ("2xx",),
        text=got(table, "text", lambda n: page.text(n, "text that the answer holds"), ""),
        latency_s=_seconds(page, table, "latency", SECOND // 1000, _MOST_TIMEOUT),
        redirects=got(table, "redirects", page.flag, True),
        to_https=got(table, "to_https", page.flag, False),
        insecure=got(table, "insecure", page.flag, False),
        ca=_ca(page, table, here),
    )
    if found and probe.to_https and not probe.url.reveal().startswith("http://"):
        page.tell(
            table["http"], "'to_https' for what is HTTPS already", fix="ask http://…, which must redirect"
        )
    return probe if found else None


def _url(page: Page, node: Node, here: Here) -> tuple[Secret, str, int] | None:
    """The URL, its host and its port."""
    text = page.text(node, "a URL")
    if text is None:
        return None
    try:
        url = here.secret(text)
    except NoSecret as err:
        page.tell(node, err.found, fix=err.fix)
        return None
    try:
        parts = urlsplit(url.reveal())
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    else:
        if parts.scheme not in ("http", "https"):
            host = None
    if not host:
        page.tell(node, "no URL that can be asked", expected="http://HOST/PATH or https://HOST/PATH")
        return None
    return url, host, port or (443 if parts.scheme == "https" else 80)


def _tcp(page: Page, table: dict[str, Node], name: str) -> TcpProbe | None:
    found = _address(page, table["tcp"], None)
    if found is None:
        return None
    return TcpProbe(
        name=name,
        host=found[0],
        port=found[1],
    )


def _tls(page: Page, table: dict[str, Node], name: str, here: Here) -> TlsProbe | None:
    found = _address(page, table["tls"], 443)
    if found is None:
        return None
    return TlsProbe(
        name=name,
        host=found[0],
        port=found[1],
        server_name=got(table, "server_name", lambda n: page.text(n, "a host's name"), ""),
        issuer=got(table, "issuer", lambda n: page.text(n, "text that the issuer's name holds"), ""),
        insecure=got(table, "insecure", page.flag, False),
        ca=_ca(page, table, here),
    )


def _acme(page: Page, table: dict[str, Node], name: str, here: Here) -> AcmeProbe | None:
    path = page.text(table["acme"], "the path of Traefik's acme.json")
    if path is None:
        return None
    return AcmeProbe(
        name=name,
        path=here.path(path),
    )


def _container(page: Page, table: dict[str, Node], name: str) -> ContainerProbe | None:
    container = _word(page, table["container"], _CONTAINER, "a container's name, or its compose service")
    if container is None:
        return None
    return ContainerProbe(
        name=name,
        container=container,
        host=got(table, "host", lambda n: page.text(n, "the engine's address"), ""),
    )


def _job(page: Page, table: dict[str, Node], name: str) -> JobProbe | None:
    what = "a launchd label such as com.traefik.startup, or a systemd unit such as plex.service"
    job = _word(page, table["job"], _JOB, what)
    if job is None:
        return None
    return JobProbe(
        name=name,
        job=job,
        expect="ok" if _choice(page, table, "expect", ("running", "ok")) == "ok" else "running",
        system=got(table, "system", page.flag, False),
    )


def _firewall(page: Page, table: dict[str, Node], name: str) -> FirewallProbe | None:
    wanted = page.flag(table["firewall"])
    if wanted is False:
        page.tell(table["firewall"], "a probe that asks nothing", expected="firewall: true")
    return FirewallProbe(name=name) if wanted else None


def _word(page: Page, node: Node, shape: re.Pattern[str], what: str) -> str | None:
    """A text of that shape; None where it is none, which is told."""
    word = page.text(node, what)
    if word is not None and not shape.match(word):
        page.tell(node, f"'{word}'", expected=what)
        return None
    return word


def _choice(page: Page, table: dict[str, Node], key: str, choices: tuple[str, ...]) -> str:
    return got(table, key, lambda n: read_choice(page, n, key, choices), choices[0])


def _canary(page: Page, table: dict[str, Node], name: str, here: Here) -> CanaryProbe | None:
    found = _url(page, table["canary"], here)
    if found is None:
        return None
    return CanaryProbe(
        name=name,
        url=found[0],
        host=found[1],
        port=found[2],
        source=got(table, "source", lambda n: page.text(n, "the name of a source"), ""),
        within_s=_seconds(page, table, "within", SECOND, 5 * MINUTE) or 30.0,
        insecure=got(table, "insecure", page.flag, False),
        ca=_ca(page, table, here),
    )


def _ca(page: Page, table: dict[str, Node], here: Here) -> str:
    text = got(table, "ca", lambda n: page.text(n, "the path of a root certificate"), "")
    return str(here.path(text)) if text else ""


def _address(page: Page, node: Node, port: int | None) -> tuple[str, int] | None:
    """`HOST:PORT`, `[IPV6]:PORT`; without a port only where there is a default one."""
    shape = "HOST:PORT" if port is not None else "HOST:PORT, such as 'localhost:3306'"
    text = page.text(node, shape)
    if text is None:
        return None
    match = _ADDRESS.match(text)
    number = int(match[3]) if match and match[3] else port
    if match is None or number is None or not 0 < number < 65_536:
        page.tell(node, f"'{text}'", expected=shape)
        return None
    return match[1] or match[2], number
