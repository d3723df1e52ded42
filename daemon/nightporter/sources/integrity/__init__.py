"""Integrity: files that nobody should change unseen. Who changed what is told once, with what became another.

It knows which paths (`watchlist`), how each stands (`state`), what may be shown of its text (`masking`,
`difference`), and what a person has accepted (`accepting`, `marks`). What is grave is for the rules to say.

Start at `watch.Watch`; `source.IntegritySource` puts it on a thread.
"""

from nightporter.sources.integrity.source import IntegritySource

__all__ = ["IntegritySource"]
