"""An entry of `sources:` as YAML; what has its default is left out. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, assert_never

from nightporter.begin.text import quoted, quoted_list
from nightporter.config import (
    AcmeProbe,
    CanaryProbe,
    CommandSource,
    ContainerFileSource,
    ContainerProbe,
    DiskPath,
    DiskSource,
    DockerSource,
    FileSource,
    FirewallProbe,
    HttpProbe,
    IntegritySource,
    JobProbe,
    LogSource,
    Probe,
    ProbeSource,
    SourceConfig,
    TcpProbe,
    TlsProbe,
)

_ANY_STATUS: Final = ("2xx",)
_LEAST: Final = DiskPath(path="/").high_bytes


def entry(source: SourceConfig) -> Iterator[str]:
    """Its lines."""
    yield f"- name: {quoted(source.name)}"
    match source:
        case FileSource() | ContainerFileSource():
            yield from _log(source)
        case DockerSource():
            yield "  kind: docker"
            if source.host:
                yield f"  host: {quoted(source.host)}"
        case IntegritySource():
            yield "  kind: integrity"
            yield f"  paths: {quoted_list(('default', *source.paths)) if source.paths else 'default'}"
        case ProbeSource():
            yield "  kind: probe"
            yield "  probes:"
            for probe in source.probes:
                yield f"    - {{{', '.join(_probe(probe))}}}"
        case DiskSource():
            yield from _disk(source)
        case CommandSource():
            yield "  kind: command"
            yield f"  preset: {source.preset}"
        case _:
            assert_never(source)


def _log(source: LogSource) -> Iterator[str]:
    yield "  kind: file"
    match source:
        case FileSource(paths=paths):
            yield f"  paths: {quoted_list(paths)}"
        case ContainerFileSource(container=container, path=path, host=host):
            at = f", host: {quoted(host)}" if host else ""
            yield f"  from_container: {{name: {quoted(container)}, path: {quoted(path)}{at}}}"
        case _:
            return
    if source.service:
        yield f"  service: {quoted(source.service)}"
    if source.format != "auto":
        yield f"  format: {source.format}"
    if source.trusted_proxies:
        yield f"  trusted_proxies: {quoted_list(source.trusted_proxies)}"


def _probe(probe: Probe) -> Iterator[str]:
    yield f"name: {quoted(probe.name)}"
    match probe:
        case HttpProbe():
            yield f"http: {quoted(probe.url.reveal())}"
            if probe.status != _ANY_STATUS:
                yield f"status: {quoted_list(map(str, probe.status))}"
            if not probe.redirects:
                yield "redirects: false"
        case CanaryProbe():
            yield f"canary: {quoted(probe.url.reveal())}"
        case TcpProbe():
            yield f"tcp: {quoted(_address(probe.host, probe.port))}"
        case TlsProbe():
            yield f"tls: {quoted(_address(probe.host, probe.port))}"
            yield f"server_name: {quoted(probe.server_name)}"
        case AcmeProbe():
            yield f"acme: {quoted(str(probe.path))}"
        case ContainerProbe():
            yield f"container: {quoted(probe.container)}"
            if probe.host:
                yield f"host: {quoted(probe.host)}"
        case JobProbe():
            yield f"job: {quoted(probe.job)}"
        case FirewallProbe():
            yield "firewall: true"
        case _:
            assert_never(probe)
    if isinstance(probe, HttpProbe | CanaryProbe | TlsProbe) and probe.insecure:
        yield "insecure: true"
    if probe.service:
        yield f"service: {quoted(probe.service)}"


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _disk(source: DiskSource) -> Iterator[str]:
    yield "  kind: disk"
    if source.paths:
        yield "  paths:"
    for path in source.paths:
        yield f"    - {{{', '.join(_path(path))}}}"
    if source.newest:
        yield "  newest:"
    for newest in source.newest:
        least = f", min_size: {newest.min_bytes}B" if newest.min_bytes > 1 else ""
        yield f"    - {{path: {quoted(newest.pattern)}, within: {newest.within_s / 3600:.0f}h{least}}}"
    if source.time_machine_s is not None:
        yield "  time_machine: true"
    if source.volumes:
        yield "  volumes: in_use"
    if source.host:
        yield f"  host: {quoted(source.host)}"


def _path(path: DiskPath) -> Iterator[str]:
    yield f"path: {quoted(path.path)}"
    if path.mounted:
        yield "mounted: true"
    if path.holds:
        yield f"holds: {quoted(path.holds)}"
    if path.high_bytes != _LEAST:
        yield f"least: {path.high_bytes}B"
