"""The allow-list: whom Traefik is to let in. Pure: texts in, entries, verdicts and lists for the rules out.

Begin with `entries` (what stands in a file), then `judging` (what is wrong with it) and `given` (what the
rules get of it). Files are read, and names are resolved, in `sources/allowlist`.
"""
