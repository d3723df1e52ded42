"""The composition root: config in, one group of tasks out. Nothing else builds parts.

How a line goes, and who changes what it is judged by:

    sources ──chunks──▶ judge (lanes, engine, ledger) ──commit──▶ outbox ──▶ people
                          ▲ rulebook (reload)
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import Final

from structlog.typing import FilteringBoundLogger

from nightporter import ownfiles
from nightporter.allowlist.given import with_lists
from nightporter.away import Presence, following
from nightporter.clock import Clock
from nightporter.config import Config
from nightporter.configfile import good
from nightporter.configfile.depends import at_doors
from nightporter.daemon import Daemon, Reading, Run, Signals, statuses
from nightporter.detect.engine import Engine
from nightporter.drill.post import DrillDesk
from nightporter.errors import NightporterError
from nightporter.evidence.keeping import Keeping
from nightporter.following import ConfigFollower, PlacesFollower
from nightporter.history import Tally
from nightporter.incidents.holding import House
from nightporter.incidents.ledger import Ledger
from nightporter.judge import LAST_COMMIT, Judge
from nightporter.mistakes import Mistakes
from nightporter.model import SECOND, Stamp
from nightporter.notify.channels import own_voice
from nightporter.notify.localtime import day_of, zone_of
from nightporter.notify.outbox import Outbox
from nightporter.own import Own
from nightporter.places import places_for
from nightporter.review.desk import ReviewDesk
from nightporter.review.gather import Present
from nightporter.rule import Ruleset
from nightporter.rulebook import Rulebook
from nightporter.sources.allowlist import AllowListSource
from nightporter.sources.base import Labelled
from nightporter.sources.building import build_source
from nightporter.statefolder import DATABASE, STATUS
from nightporter.store import history, incidents, outbox, state
from nightporter.store.database import Database
from nightporter.store.lock import only_one

SCHEMAS: Final = (state.SCHEMA, incidents.SCHEMA, outbox.SCHEMA, history.SCHEMA)


async def build(
    config: Config,
    *,
    clock: Clock,
    log: FilteringBoundLogger,
    signals: Signals,
    stack: AsyncExitStack,
    started: Stamp,
) -> Daemon:
    """Build every part of one config; `stack` closes them. `started`: when the daemon came up, which may have
    been with another config."""
    stack.enter_context(only_one(config.state))
    database = await Database.open(config.state / DATABASE, SCHEMAS)
    stack.push_async_callback(database.close)
    rulebook = Rulebook(config, database, clock, log)
    await rulebook.open()
    last_commit, marks = await database.call(
        lambda connection: (state.load_text(connection, LAST_COMMIT), state.load_positions(connection))
    )
    sender = Outbox(database, config, clock=clock, log=log, here=own_voice())
    places = await asyncio.to_thread(places_for, config.geo)

    def ruleset() -> Ruleset:
        """The rules of the files, with what only the config gives: who is let in, where addresses are."""
        given = allowing.given if allowing is not None else None
        return replace(with_lists(rulebook.in_force.ruleset, given), places=places.fields)

    def swap() -> None:
        judge.swap(ruleset())

    allowing = None
    if config.allow_list is not None:
        allowing = AllowListSource(
            config.allow_list,
            clock,
            lambda _: swap(),
            lambda: judge.engine.learned("allowed_clients"),
            labels=lambda: [labels for one in labelled for labels in one.labels()],
        )
        await asyncio.to_thread(allowing.begin, marks.get(allowing.name, {}))
    rules = ruleset()
    depends_on = at_doors(config.depends_on, config.sources)
    house = House(
        depends_on=depends_on,
        grace=round(config.grace_s * SECOND),
        started=started,
        alive=int(last_commit or 0),
    )
    own = Own(secrets.token_hex(8))
    tally = Tally(partial(day_of, zone=zone_of(config.timezone)))
    judge = Judge(
        engine=Engine(rules, resumed_at=clock.now() if last_commit else None, places=places),
        ledger=Ledger({rule.id: rule for rule in rules.rules}, house),
        database=database,
        outbox=sender,
        clock=clock,
        log=log,
        own=own,
        tally=tally,
    )
    await judge.restore()
    sources = [
        build_source(entry, clock, own, config.state, judge.lanes.own_seen)
        for entry in ownfiles.watching(config)
    ]
    if allowing is not None:
        sources.append(allowing)
    labelled = [source for source in sources if isinstance(source, Labelled)]
    judge.let_go({source.name for source in sources}, marks)
    readings = [Reading(source, dict(marks.get(source.name, {})), judge) for source in sources]
    mistakes = Mistakes(clock, judge.tell)
    return Daemon(
        config=config,
        clock=clock,
        log=log,
        database=database,
        rulebook=rulebook,
        judge=judge,
        outbox=sender,
        readings=readings,
        signals=signals,
        mistakes=mistakes,
        following=ConfigFollower(config, clock, log, mistakes, signals.reload, rulebook.reload),
        places=PlacesFollower(config, clock, places, mistakes, swap),
        swap=swap,
        tally=tally,
        beside=await _beside(config, database, clock, log, judge, sender, readings),
    )


async def _beside(
    config: Config,
    database: Database,
    clock: Clock,
    log: FilteringBoundLogger,
    judge: Judge,
    sender: Outbox,
    readings: Sequence[Reading],
) -> dict[str, Run]:
    """What looks after people and the past, apart from the way of a line: name → what runs for ever."""
    presence = Presence(
        database=database,
        clock=clock,
        log=log,
        running=lambda: following(list(statuses(readings).values())),
        tell=judge.tell,
        zone=zone_of(config.timezone),
    )
    await presence.open(config.state / STATUS)
    reviews = ReviewDesk(
        config,
        database,
        clock,
        log,
        rules=lambda: judge.engine.rules.ruleset,
        present=lambda: Present(as_of=clock.now(), sources=statuses(readings), outbox=sender.status()),
        tell=judge.tell,
    )
    return {
        "presence": presence.run,
        "drill": DrillDesk(config, clock, log, lambda: judge.engine.rules.ruleset, judge.tell).run,
        "review": reviews.run,
        "evidence": Keeping(config, database, clock, log).run,
    }


async def run_daemon(config: Config, *, clock: Clock, log: FilteringBoundLogger, signals: Signals) -> None:
    """The daemon's whole life: one `Daemon` after the other, as the config changes, until told to stop.

    Raises what keeps it from starting at all.
    """
    before: Config | None = None
    refused: Config | None = None
    why = ""
    started = clock.now()
    while True:
        async with AsyncExitStack() as stack:
            try:
                daemon = await build(
                    config, clock=clock, log=log, signals=signals, stack=stack, started=started
                )
            except NightporterError as err:
                if before is None:
                    raise
                # The new config reads well but cannot be lived with (a URL that no service knows …).
                log.error("config.unusable", error=str(err))
                config, before, refused, why = before, None, config, str(err)
                continue
            await asyncio.to_thread(good.keep, config)
            if refused is not None:
                daemon.following.keep_refusing(refused, why)
            successor = await daemon.run()
        if successor is None:
            return
        config, before, refused = successor, config, None
