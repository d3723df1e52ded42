"""The look back of `init`: every source's history, and what a person reads of it."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from nightporter.begin import history
from nightporter.begin.history import Found
from nightporter.begin.post import Posted, posted
from nightporter.config import Config, ContainerFileSource
from nightporter.doctor.finding import listed
from nightporter.doctor.looking.containers import EngineView
from nightporter.doctor.looking.view import View
from nightporter.errors import NightporterError
from nightporter.model import DAY, HOUR, Nanos, Telling
from nightporter.rule import Ruleset
from nightporter.sources.docker.engine import ask, connect, find_engine
from nightporter.wording import counted

BUSIEST: Final = 5
"""Rules that are named."""
MUCH_A_DAY: Final = 5
"""Messages a day from which on the owner is told how to have fewer."""


async def look_back(config: Config, docker: EngineView | None, ruleset: Ruleset, view: View) -> Found:
    """Judge what is there already, source by source. What cannot be read is among the troubles."""
    found = Found(now=view.clock.now())
    files, inside, _ = history.kinds(config)
    for source in files:
        await asyncio.to_thread(history.judge_files, source, ruleset, found)
    hosts: dict[str, list[ContainerFileSource]] = defaultdict(list)
    for entry in inside:
        hosts[entry.host].append(entry)
    if docker is not None and docker.facts.containers:
        hosts.setdefault("", [])
    for host, entries in hosts.items():
        try:
            await _through_engine(host, entries, docker if not host else None, ruleset, found, view)
        except NightporterError as err:
            found.troubles.append(str(err))
    return found


async def _through_engine(
    host: str,
    entries: Iterable[ContainerFileSource],
    docker: EngineView | None,
    ruleset: Ruleset,
    found: Found,
    view: View,
) -> None:
    pool = ThreadPoolExecutor(1, thread_name_prefix="init docker")
    try:
        endpoint = await ask(pool, lambda: find_engine(host, view.environ, view.home))
        async with connect(endpoint, pool) as engine:
            for entry in entries:
                await history.judge_container_files(entry, engine, ruleset, found)
            running = docker.facts.containers if docker is not None else ()
            origins = docker.origins if docker is not None else ()
            for one, origin in zip(running, origins, strict=True):
                if not one.refused:
                    await history.judge_container(
                        one.container.id,
                        tty=one.container.tty,
                        origin=origin,
                        docker=engine,
                        ruleset=ruleset,
                        found=found,
                    )
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def told(found: Found, config: Config) -> Iterator[str]:
    """`In the last 6 days these rules would have sent 4 messages: …`, and the busiest rules. May hold text
    of the logs."""
    if not found.lines:
        yield "There is nothing to look back on yet: no source holds a line of the last 7 days."
        return
    would = posted(found.tellings, config)
    span = found.now - found.first if found.first else 0
    messages = counted(len(would.singles), "message")
    digests = f" and {counted(len(would.digests), 'digest')}" if would.digests else ""
    yield (
        f"In the last {in_words(span)} these rules would have sent {messages}{digests}"
        f"{':' if would.singles else '.'}"
    )
    yield from _busiest(would)
    yield f"({found.lines:,} lines of {counted(found.sources, 'log')} were judged; nothing was sent.)"
    if len(would.singles) > MUCH_A_DAY * max(1, span // DAY):
        yield "That is much. 'ignore:' and 'thresholds:' in a rule file make it less: see docs/rules.md."


def _busiest(would: Posted) -> Iterator[str]:
    # The first message of a rule names it: a later one may say that something is over.
    titles = {send.rule: send.rows[0].telling.title for send in reversed(would.singles)}
    counts = Counter(send.rule for send in would.singles)
    for rule, count in counts.most_common(BUSIEST):
        tellings = [row.telling for send in would.singles if send.rule == rule for row in send.rows]
        yield f"  {count:4}  {titles[rule]} ({rule}): {listed(whom(tellings), 4)}"
    if len(counts) > BUSIEST:
        yield f"        and {counted(len(counts) - BUSIEST, 'rule')} more"


def whom(tellings: Iterable[Telling]) -> list[str]:
    """Whom they were about, most often first."""
    keys = Counter(" ".join(str(value) for value in t.key.values()) or "everyone" for t in tellings)
    return [key for key, _ in keys.most_common()]


def in_words(span: Nanos) -> str:
    """A time that has passed, after "in the last": `6 days`, `30 hours`, `hour`."""
    if span >= 2 * DAY:
        return f"{round(span / DAY)} days"
    hours = round(span / HOUR)
    return f"{hours} hours" if hours > 1 else "hour"
