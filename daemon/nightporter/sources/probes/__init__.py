"""Probes: what we ask ourselves, from outside: services that answer, certificates that end.

`ask` asks once, `state` says what changed, `certificates` reads certificates, `source` keeps asking.
"""

from nightporter.sources.probes.source import ProbeSource

__all__ = ["ProbeSource"]
