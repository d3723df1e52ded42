"""Containers' logs and what happens to containers, from a Docker engine.

For: reading every chosen container's lines once, over restarts of the container, the engine and the daemon,
and telling a crash from a stop. Not for: understanding the lines (formats/), starting or changing anything
(only GET requests are sent). Start at `source.py`, then `watch.py`: it keeps one `follow.Follower` a
container and feeds `events.Lifecycle`. Pure: `frames` (the wire), `repeats` (what was seen before),
`container` (inspect → origin), `events`. `engine` is the only one that touches a socket.
"""
