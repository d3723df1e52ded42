"""The allow-list as a source: its files are read, its names resolved, its faults made records, and what it
says of who is let in is given to the rules. What a list means is `nightporter.allowlist`'s affair; begin with
`source`.
"""

from nightporter.sources.allowlist.source import AllowListSource

__all__ = ["AllowListSource"]
