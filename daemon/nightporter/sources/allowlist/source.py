"""`allow_list`: looks at the files again and again, resolves names, and tells what is wrong with the list.

Records (format `record`, `from: probe`) have `probe: allow_list`, `name`, `path`, `action` (the fault, or
`right` once it is none), `entry`, `line`, `what` and `instead`. What was told, and what names resolved to, is
kept in the mark: a restart tells nothing twice, and needs no name server to know who is let in.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

import msgspec

from nightporter.allowlist.given import Given
from nightporter.allowlist.keeping import Keeper
from nightporter.clock import Clock
from nightporter.config import ALLOW_LIST, AllowList
from nightporter.model import Chunk, Origin, Position, Stamp
from nightporter.sources.allowlist.reading import Read, place_of, read
from nightporter.sources.base import Marks, Sink

NAME: Final = ALLOW_LIST
"""The source's name. A config's own sources may not be called so while there is an `allow_list`."""
LOOK_S: Final = 2.0
RESOLVE_S: Final = 300.0
AGAIN_S: Final = 60.0
"""How soon a name that did not resolve is tried again."""
PATIENCE_S: Final = 10.0
"""How long a name server may take."""
MOST_NAMES: Final = 32
"""Names that are resolved; a home has one or two."""

ASK_S: Final = 24 * 3600.0
"""How often it is asked who came in."""

Seen = Callable[[], Iterable[tuple[str, Stamp]]]
"""The clients that were let in, each with when it was last."""
Labels = Callable[[], Iterable[Mapping[str, str]]]
"""The labels of each container that runs."""
Resolve = Callable[[str], Awaitable[Iterable[str]]]
"""The addresses of a name; raises OSError where there are none."""


class AllowListSource:
    """Implements `sources.base.Source`. `publish` gets each new state of the list (None: not known), `seen`
    says who came in,
    `labels` what containers say of their routers."""

    def __init__(
        self,
        config: AllowList,
        clock: Clock,
        publish: Callable[[Given | None], None],
        seen: Seen = lambda: (),
        resolve: Resolve | None = None,
        *,
        labels: Labels = lambda: (),
    ) -> None:
        self._config = config
        self._clock = clock
        self._publish = publish
        self._seen = seen
        self._resolve = resolve or addresses_of
        self._labels = labels
        self._keeper = Keeper()
        self._given: Given | None = None
        self._troubles: tuple[str, ...] = ()
        self._next_s = 0.0
        self._ask_s = 0.0
        self._counts: Counter[str] = Counter()

    @property
    def name(self) -> str:
        return NAME

    @property
    def given(self) -> Given | None:
        """Who is let in, as it was published last."""
        return self._given

    def begin(self, marks: Marks) -> Given | None:
        """The list before anything is judged: from the files, with what names resolved to when they last did.
        Blocking. `run` goes on from here."""
        self._keeper = Keeper(marks.get(NAME, b""), place_of(self._config))
        self._take(read(self._config), ())
        self._given = self._keeper.state()
        return self._given

    async def run(self, marks: Marks, sink: Sink) -> None:
        """Look until cancelled."""
        self._keeper = Keeper(marks.get(NAME, b""), place_of(self._config))
        self._next_s = self._ask_s = 0.0
        while True:
            self._take(await asyncio.to_thread(read, self._config), self._labels())
            if self._clock.monotonic() >= self._next_s:
                await self._resolve_all()
            asked = self._clock.monotonic() >= self._ask_s
            if asked:
                await asyncio.to_thread(self._keeper.came_in, tuple(self._seen()), self._clock.now())
                self._ask_s = self._clock.monotonic() + ASK_S
            await self._tell(sink, keep=asked)
            await self._clock.sleep(LOOK_S)

    def _take(self, looked: Read, labels: Iterable[Mapping[str, str]]) -> None:
        """A file that is gone or half written for a moment changes nothing: the last good list holds."""
        self._troubles = looked.troubles
        if looked.listed is not None:
            fresh = set(looked.listed.names) - set(self._keeper.listed.names if self._keeper.listed else ())
            self._next_s = 0.0 if fresh else self._next_s
            routers = looked.behind(labels, (*looked.listed.networks, *self._keeper.of_names))
            self._keeper.see(looked.listed, routers, self._clock.now())

    async def _resolve_all(self) -> None:
        names = self._keeper.listed.names[:MOST_NAMES] if self._keeper.listed is not None else ()
        for name in names:
            self._counts["resolved"] += 1
            found: tuple[str, ...] = ()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    found = tuple(await self._resolve(name))
            except (OSError, TimeoutError, UnicodeError):  # UnicodeError: a label that IDNA refuses
                self._counts["unresolved"] += 1
            self._keeper.answer(name, found, self._clock.now())
        self._next_s = self._clock.monotonic() + (AGAIN_S if self._keeper.failing else RESOLVE_S)

    async def _tell(self, sink: Sink, *, keep: bool) -> None:
        """Publish a new state, and hand over what is to be told with the mark that goes with both. `keep`:
        the mark is worth keeping in any case."""
        state, records = self._keeper.state(), self._keeper.records()
        if state == self._given and not records and not keep:
            return
        if state != self._given:
            self._given = state
            self._publish(state)
        now = self._clock.now()
        self._counts["records"] += len(records)
        await sink(
            Chunk(
                origin=Origin(source=NAME, kind="probe", stream=NAME, format="record"),
                data=b"".join(msgspec.json.encode(record) + b"\n" for record in records),
                start=now,
                identity=NAME,
                end=Position(NAME, NAME, self._keeper.mark),
                arrived=now,
                stamps=tuple(now for _ in records),
            )
        )

    def status(self) -> Mapping[str, object]:
        """`state` (following, waiting: it is not known who is let in), `blind` (why not), `networks` and
        `routers` (how many), `counts`."""
        given = self._given
        meanwhile = "is off for now" if given is None else "is told as medium, and not as critical"
        waiting = [
            f"{name} has never resolved: 'the door is open' {meanwhile}" for name in self._keeper.waiting_for
        ]
        return {
            "kind": "allow_list",
            "state": "following" if given is not None else "waiting",
            "blind": [*self._troubles, *waiting],
            "networks": len(given.networks) if given is not None else 0,
            "routers": len(given.routers) if given is not None else 0,
            "counts": dict(self._counts),
        }


async def addresses_of(name: str) -> tuple[str, ...]:
    """What the system's resolver says, on a thread of the loop's."""
    found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
