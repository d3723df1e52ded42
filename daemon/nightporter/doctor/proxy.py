"""Traefik's log: is it found and fresh, what does it tell, and whom does it name as the client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Final

from nightporter.doctor.finding import Finding, Voice
from nightporter.formats.inside import is_inside
from nightporter.model import DAY, HOUR, MINUTE, Nanos, Stamp
from nightporter.notify.localtime import span

_SAY: Final = Voice("traefik")
ENOUGH: Final = 20
"""Access lines from which on it can be said what such a log never holds."""
_NAT_LINES: Final = 30
"""Requests of one inside address alone, before it is called a disguise."""
_STALE: Final[Nanos] = DAY
_SKEW: Final[Nanos] = 2 * MINUTE
_VM: Final = tuple(ip_network(net) for net in ("192.168.65.0/24", "172.16.0.0/12"))
"""Docker Desktop's own network (docs.docker.com/desktop/settings, "Network") and Docker's default pools."""
STATIC: Final = "traefik.yml"
"""What a person calls Traefik's static configuration, where its file was not found."""
HEADERS: Final = {"user_agent": "User-Agent", "agent": "User-Agent", "referer": "Referer"}
"""Fields that exist only where `accessLog.fields.headers` keeps the header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyLog:
    """What the end of one of Traefik's logs shows. Counts are of lines in that end."""

    source: str
    path: str
    """The file, or `container NAME`."""
    real: str = ""
    """The path with its links followed (macOS: /tmp is /private/tmp); empty for a container."""
    trouble: str = ""
    """Why it could not be read; all else is empty then."""
    missing: bool = False
    """Whether that is because it is not there."""
    json: int = 0
    common: int = 0
    """CLF, with router and duration."""
    generic: int = 0
    """CLF without."""
    service: int = 0
    """Lines of Traefik's own log."""
    agents: int = 0
    referers: int = 0
    first: Stamp = 0
    last: Stamp = 0
    """Event times of the first and the last access line."""
    written: Stamp = 0
    """When the file last changed; 0: not known."""
    clients: tuple[tuple[str, int], ...] = ()
    """The commonest clients with their lines, most first."""
    chained: int = 0
    """Lines whose client is a list of addresses: a proxy in front that Traefik trusts."""
    last_hops: tuple[str, ...] = ()
    """The commonest right-most addresses of those lists."""
    trusts: bool = False
    """Whether the source has `trusted_proxies`."""

    @property
    def access(self) -> int:
        return self.json + self.common + self.generic

    @property
    def rate(self) -> float:
        """Access lines a minute; 0 where that cannot be said."""
        length = self.last - self.first
        return self.access / (length / MINUTE) if length > 0 and self.access > 1 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyFacts:
    """All logs of Traefik's that the config names or Docker has."""

    logs: tuple[ProxyLog, ...]
    now: Stamp
    platform: str
    home: str
    user: str
    emptied: tuple[str, ...] = ()
    """Folders that the machine empties, links followed."""
    elsewhere: tuple[tuple[str, str], ...] = ()
    """(path, who names it) of logs that Traefik writes and no source reads."""
    insecure: tuple[tuple[str, str], ...] = ()
    """(static configuration, entry point) of those that believe anybody's X-Forwarded-For."""
    static: str = STATIC
    """Traefik's static configuration, for mends."""


def dropped(logs: Iterable[ProxyLog]) -> frozenset[str]:
    """The header fields that no log holds, where enough lines were seen to say so."""
    seen = [log for log in logs if log.access >= ENOUGH]
    if not seen:
        return frozenset()
    agents, referers = sum(log.agents for log in seen), sum(log.referers for log in seen)
    if not agents:
        return frozenset(HEADERS)  # whoever drops the one that every browser sends drops both
    return frozenset() if referers else frozenset({"referer"})


def findings(facts: ProxyFacts) -> Iterator[Finding]:
    """All checks."""
    yield from about_unwatched(facts)
    yield from about_trust(facts.insecure)
    for log in facts.logs:
        if log.trouble and not log.missing:
            yield _SAY.blind(
                f"{log.path} {log.trouble}: see files", "nightporter doctor    # once that is mended"
            )
            continue
        if log.missing:
            yield about_absence(log, facts)
            yield from about_place(log, facts)
            continue
        if log.service and not log.access and any(other.access for other in facts.logs):
            yield _SAY.right(f"{log.path}: Traefik's own messages; its requests are elsewhere, and watched")
            yield from about_place(log, facts)
            continue
        for check in (about_content, about_form, about_clients):
            yield from check(log, facts.static)
        yield from about_chains(log)
        yield from about_place(log, facts)
        yield from about_freshness(log, facts.now)
        yield from about_stamps(log)


def about_unwatched(facts: ProxyFacts) -> Iterator[Finding]:
    """Logs that Traefik writes and nobody reads; or none at all."""
    for path, why in facts.elsewhere:
        yield _SAY.wrong(
            f"{path} is a log of Traefik's ({why}), and no source reads it",
            f"sources:\n  - {{name: traefik, kind: file, paths: [{path}], format: traefik}}",
        )
    if not facts.logs and not facts.elsewhere:
        yield _SAY.blind(
            "no log of Traefik's is watched: requests, scans and refusals are not seen",
            "sources:\n  - {name: traefik, kind: file, paths: [/PATH/TO/access.log], format: traefik}",
        )


def about_trust(insecure: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """An entry point where everyone may say who he is."""
    for place, point in insecure:
        yield _SAY.wrong(
            f"{place}: the entry point '{point}' believes anybody's X-Forwarded-For or PROXY header "
            "(insecure: true): whoever asks can call himself by any address, in logs and before allow-lists",
            f"entryPoints:                    # in {place}\n"
            f"  {point}:\n"
            "    forwardedHeaders:             # a proxy of yours in front; without one, no such lines\n"
            '      trustedIPs: ["ADDRESS/32"]',
        )


def about_absence(log: ProxyLog, facts: ProxyFacts) -> Finding:
    """Not there. Where Traefik writes another, that one is told with its own mend."""
    return _SAY.wrong(
        f"{log.path} {log.trouble}",
        f"accessLog:                      # in {facts.static}\n"
        f"  filePath: {log.real or log.path}\n"
        "  format: json\n"
        f"# or name the file that it writes in the source '{log.source}' of Nightporter's config",
    )


def about_content(log: ProxyLog, static: str = STATIC) -> Iterator[Finding]:
    """Are there requests in it."""
    if log.access:
        forms = {"JSON": log.json, "CLF": log.common, "generic CLF": log.generic}
        form = ", ".join(name for name, count in forms.items() if count)
        rate = f", {log.rate:.0f} a minute" if log.rate >= 1 else ""
        kept = [
            HEADERS[name] for name, lines in (("user_agent", log.agents), ("referer", log.referers)) if lines
        ]
        headers = f", keeps {' and '.join(kept)}" if kept else ", no header" if log.access >= ENOUGH else ""
        yield _SAY.right(f"{log.path}: {form}{rate}{headers}")
    elif log.service:
        yield _SAY.wrong(
            f"{log.path} holds Traefik's own messages and no request: the access log is off or elsewhere",
            f"accessLog:                      # in {static}\n  format: json",
        )
    else:
        yield _SAY.note(f"{log.path} is empty: nothing can be said of it yet")


def about_form(log: ProxyLog, static: str = STATIC) -> Iterator[Finding]:
    """JSON is safest; generic CLF lacks what most rules ask for."""
    json = f"accessLog:                      # in {static}\n  format: json"
    if log.generic > log.common + log.json:
        yield _SAY.wrong(f"{log.path} is generic CLF: without router and service most rules are silent", json)
    elif log.common > log.json:
        yield _SAY.note(
            f"{log.path} is CLF: a user name with a line end in it can forge a line there, and it lacks the "
            "host, the TLS version and the service's own status",
            json,
        )


def about_clients(log: ProxyLog, static: str = STATIC) -> Iterator[Finding]:
    """Everyone has the same inside address: something hides the visitors."""
    if log.access < _NAT_LINES or len(log.clients) != 1:
        return
    client, count = log.clients[0]
    address = ip_address(client)
    if not is_inside(address):
        return
    if any(address in net for net in _VM if net.version == address.version):
        hider = "Docker hides the visitors behind its own address"
        mend = (
            "# run Traefik on the machine itself; or, in a container:\n"
            "#   Docker Desktop: Settings > Resources > Network > Enable host networking\n"
            "services:\n  traefik:\n    network_mode: host"
        )
    else:
        hider = "a proxy or tunnel in front of Traefik, or the router, hides the visitors"
        bits = address.max_prefixlen
        mend = (
            f"entryPoints:                    # in {static}\n"
            "  websecure:\n    forwardedHeaders:\n"
            f'      trustedIPs: ["{client}/{bits}"]\n'
            f"# and in Nightporter's source '{log.source}':\n"
            f'trusted_proxies: ["{client}/{bits}"]'
        )
    yield _SAY.wrong(
        f"{log.path}: all of the last {count} requests come from {client}: {hider}, "
        "and every rule takes them for one",
        mend,
    )


def about_chains(log: ProxyLog) -> Iterator[Finding]:
    """Lists of addresses, and nobody told us which of them are ours."""
    if log.chained and not log.trusts:
        hops = ", ".join(f'"{hop}"' for hop in log.last_hops)
        yield _SAY.wrong(
            f"{log.path}: {log.chained} of {log.access} requests name a list of addresses, since a proxy "
            "stands in front; without trusted_proxies that proxy is taken for the client",
            f"trusted_proxies: [{hops}]    # in the source '{log.source}'; only what is your own",
        )


def about_place(log: ProxyLog, facts: ProxyFacts) -> Iterator[Finding]:
    """macOS empties /tmp at every start, and removes what was not touched for three days."""
    if not any(log.real.startswith(f"{folder}/") for folder in facts.emptied):
        return
    if facts.platform != "darwin":
        yield _SAY.note(f"{log.path} lies in a folder that is emptied at a start of the machine")
        return
    folder = f"{facts.home}/Library/Logs/Traefik"
    yield _SAY.wrong(
        f"{log.path} lies in /tmp: macOS empties it at every start, and removes what was untouched for three "
        "days",
        f"mkdir -p {folder}\n"
        f"# in {facts.static}:\n"
        f"accessLog:\n  filePath: {folder}/access.log\n  format: json\n"
        "# in com.traefik.startup.plist, so that its process number is known:\n"
        f"#   /bin/sh -c 'echo $$ > {folder}/traefik.pid; exec /usr/local/bin/traefik ...'\n"
        "# one line in /etc/newsyslog.d/traefik.conf; 30 is SIGUSR1, at which Traefik opens its log anew:\n"
        f"{folder}/access.log {facts.user}:staff 640 5 10240 * J {folder}/traefik.pid 30\n"
        f"# in the source '{log.source}' of Nightporter's config:\n"
        f"paths: [{folder}/access.log]",
    )


def about_freshness(log: ProxyLog, now: Stamp) -> Iterator[Finding]:
    """When was the last request."""
    if not log.last:
        return
    age = max(0, now - max(log.last, log.written))
    if age >= _STALE:
        yield _SAY.blind(
            f"{log.path}: nothing was written for {span(age)}; perhaps Traefik writes elsewhere by now",
            "kill -USR1 $(pgrep -x traefik)    # Traefik opens its logs anew",
        )
    elif now - log.last < HOUR:
        yield _SAY.right(f"{log.path}: the last request was {span(max(0, now - log.last))} ago")


def about_stamps(log: ProxyLog) -> Iterator[Finding]:
    """A file written now, whose lines say another time: one of the two clocks is off."""
    if not (log.last and log.written):
        return
    off = log.last - log.written
    if off > _SKEW:
        yield _SAY.wrong(
            f"{log.path}: its newest line is {span(off)} ahead of the file's own time; such stamps are set "
            "back to their arrival",
            "sudo sntp -sS time.apple.com    # on a Mac; on Linux: timedatectl set-ntp true",
        )
