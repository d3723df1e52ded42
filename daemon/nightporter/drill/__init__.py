"""Drills: a rule's own test lines through the whole of it, marked DRILL.

`tellings` makes what is told of a rule's tests, pure; `post` carries the request to the running daemon and
its answer back. Start at `tellings`.
"""
