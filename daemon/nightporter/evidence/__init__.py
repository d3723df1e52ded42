"""Evidence of one incident: the lines around it from every source, masked, with hashes, in one archive.

For keeping what rotation, /tmp and Docker would forget. Not for finding anything: what was found stands in
the store. `ranges` finds a span of time in a log without reading all of it; `files`, `volumes`, `containers`
and `programs` fetch lines into a `Bag` each, which masks and hashes them; `story` writes the texts, `pack`
the archive. Start at `gather.gather`.
"""
