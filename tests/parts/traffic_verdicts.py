"""How often the rules of a ruleset are right about simulated weeks: runs, counts and a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice

from tests.parts.traffic_anomalies import FIRST, Anomaly, planted
from tests.parts.traffic_edges import near
from tests.parts.traffic_habits import traffic
from tests.parts.traffic_house import DAYS, Household
from tests.parts.traffic_requests import Hit, Log

from nightporter import origins
from nightporter.detect.changes import LearnedRow, WindowRow
from nightporter.detect.engine import Engine
from nightporter.model import HOUR, Episode, Severity
from nightporter.rule import Absence, Ruleset

BATCH = 500
"""Events between two looks at what changed; a commit of the daemon's."""
AFTER = HOUR
"""How long after its last request an anomaly may still be told of (a window that is over grows on)."""
WEEKS = DAYS // 7


class Watch:
    """An engine over simulated requests, as a replay with `first_seen` asked for has it."""

    def __init__(self, ruleset: Ruleset) -> None:
        self.ruleset = ruleset
        self.engine = Engine(ruleset, without=frozenset({Absence}))
        self._log = Log(origins.named("traefik", tz="UTC"))
        self._plan = self.engine.plan(self._log.origin, ("traefik",))
        self._found: dict[str, Episode] = {}
        self._windows: dict[tuple[str, bytes], WindowRow] = {}
        self._learned: dict[tuple[str, str], LearnedRow] = {}

    def feed(self, hits: Iterable[Hit], *, rows: bool = False) -> None:
        """Judge them in order. With `rows` all is kept that a `goes_on` needs."""
        events = self._log.events(hits)
        while batch := list(islice(events, BATCH)):
            for event in batch:
                self.engine.judge(event, self._plan)
            self.engine.advance(batch[-1].arrived)
            self._take(rows)

    def goes_on(self) -> Watch:
        """Another that knows what this one was fed with `rows`, by the way of the daemon's restart."""
        other = Watch(self.ruleset)
        other._found = dict(self._found)
        other._log.number = self._log.number
        kept = [row for row in self._windows.values() if row.blob is not None]
        unread = other.engine.load(kept, self._learned.values())
        assert unread == []
        return other

    def episodes(self) -> list[Episode]:
        """All episodes, in the order of their crossings; it watches no more."""
        self.engine.finish()
        self._take(rows=False)
        return sorted(self._found.values(), key=lambda episode: episode.crossed)

    def alerts(self) -> list[Episode]:
        """Those that somebody hears of: what is only info stands on a page."""
        return [episode for episode in self.episodes() if episode.severity > Severity.info]

    def _take(self, rows: bool) -> None:
        changes = self.engine.take_changes(rows=rows)
        self._found |= {episode.id: episode for episode in changes.episodes}
        self._windows |= {(row.rule, row.key): row for row in changes.windows}
        self._learned |= {(row.list, row.value): row for row in changes.learned}


@dataclass
class Score:
    """How one rule did over all runs."""

    planted: int = 0
    """Anomalies that it should tell of."""
    told: int = 0
    """Those of them that it told of."""
    right: int = 0
    """Its episodes about something that was planted, and which it may tell of."""
    wrong: int = 0
    """Its episodes about nothing, in weeks with an anomaly."""
    wrong_in_peace: int = 0
    """And in weeks without."""

    @property
    def recall(self) -> float:
        return self.told / self.planted if self.planted else 1.0

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    def __add__(self, other: Score) -> Score:
        return Score(
            self.planted + other.planted,
            self.told + other.told,
            self.right + other.right,
            self.wrong + other.wrong,
            self.wrong_in_peace + other.wrong_in_peace,
        )


@dataclass
class Reached:
    """How often a thing of one size was told by the rule that it is planted for."""

    planted: int = 0
    told: int = 0

    @property
    def recall(self) -> float:
        return self.told / self.planted


@dataclass
class Verdicts:
    """Scores by rule, over so many houses of three weeks."""

    houses: int = 0
    scores: dict[str, Score] = field(default_factory=dict)
    by_size: dict[tuple[str, float], Reached] = field(default_factory=dict)
    """Rule and size, in times its number."""
    in_third_week: int = 0
    """Wrong episodes of the third week in peace: then every rule knows the house."""
    notes: list[str] = field(default_factory=list)
    """What was missed and what was wrong, for whoever tunes."""

    def score(self, rule: str) -> Score:
        return self.scores.setdefault(rule, Score())

    def add(self, other: Verdicts) -> None:
        self.houses += other.houses
        self.in_third_week += other.in_third_week
        self.notes += other.notes
        for rule, score in other.scores.items():
            self.scores[rule] = self.score(rule) + score
        for of, reached in other.by_size.items():
            known = self.by_size.setdefault(of, Reached())
            known.planted += reached.planted
            known.told += reached.told

    @property
    def wrong_a_week(self) -> float:
        """Over all rules, in peace."""
        return sum(score.wrong_in_peace for score in self.scores.values()) / (self.houses * WEEKS)

    @property
    def wrong_in_the_third(self) -> float:
        return self.in_third_week / self.houses


def verdicts(ruleset: Ruleset, seed: int, sizes: Iterable[float] = ()) -> Verdicts:
    """One house: without anomalies, with them, and once for each of the `sizes` with others near the rules'
    numbers. All have the days before the first one in common."""
    house = Household(seed)
    anomalies = planted(house)
    before, after = range(FIRST), range(FIRST, DAYS)
    peace = Watch(ruleset)
    peace.feed(traffic(house, before), rows=True)
    usual = list(traffic(house, after))
    found = Verdicts(houses=1)
    for times in sizes:
        _near(found, peace.goes_on(), usual, near(house, times), times)
    troubled = peace.goes_on()
    troubled.feed(_with(usual, anomalies))
    peace.feed(usual)
    _with_anomalies(found, anomalies, troubled.alerts(), seed)
    third = house.days[14].midnight
    for episode in peace.alerts():
        found.score(episode.rule).wrong_in_peace += 1
        found.in_third_week += episode.crossed >= third
        found.notes.append(f"seed {seed}: in peace {_said(house, episode)}")
    return found


def _with(usual: list[Hit], anomalies: list[Anomaly]) -> Iterator[Hit]:
    return merge(usual, *(anomaly.hits for anomaly in anomalies), key=lambda hit: hit.time)


def _near(found: Verdicts, watch: Watch, usual: list[Hit], anomalies: list[Anomaly], times: float) -> None:
    watch.feed(_with(usual, anomalies))
    told = watch.alerts()
    for anomaly in anomalies:
        for rule, key in anomaly.rules.items():
            reached = found.by_size.setdefault((rule, times), Reached())
            reached.planted += 1
            reached.told += any(e.rule == rule and _about(anomaly, e, key) for e in told)


def _with_anomalies(found: Verdicts, anomalies: list[Anomaly], told: list[Episode], seed: int) -> None:
    for anomaly in anomalies:
        for rule, key in anomaly.rules.items():
            score = found.score(rule)
            score.planted += 1
            if any(episode.rule == rule and _about(anomaly, episode, key) for episode in told):
                score.told += 1
            else:
                found.notes.append(f"seed {seed}: {rule} missed {anomaly.kind} {key}")
    for episode in told:
        if any(_is_right(anomaly, episode) for anomaly in anomalies):
            found.score(episode.rule).right += 1
        else:
            found.score(episode.rule).wrong += 1


def _about(anomaly: Anomaly, episode: Episode, key: tuple[object, ...] | None) -> bool:
    in_time = anomaly.begin <= episode.crossed <= anomaly.end + AFTER
    return in_time and (key is None or tuple(episode.key.values()) == key)


def _is_right(anomaly: Anomaly, episode: Episode) -> bool:
    if episode.rule in anomaly.rules:
        return _about(anomaly, episode, anomaly.rules[episode.rule])
    return episode.rule in anomaly.besides and _about(anomaly, episode, None)


def _said(house: Household, episode: Episode) -> str:
    day = next(day for day in reversed(house.days) if day.midnight <= episode.crossed)
    hour = (episode.crossed - day.midnight) / HOUR
    return f"{episode.rule} on day {day.number + 1} at {hour:.1f} h: {episode.message}"


def table(found: Verdicts) -> str:
    """The scores as people read them."""
    head = f"{'rule':26} {'planted':>7} {'told':>5} {'recall':>7} {'precision':>9} {'false/week':>10}"
    rows = [
        f"{rule:26} {score.planted:7} {score.told:5} {score.recall:7.0%} {score.precision:9.0%} "
        f"{score.wrong_in_peace / (found.houses * WEEKS):10.3f}"
        for rule, score in sorted(found.scores.items())
    ]
    foot = (
        f"{found.houses} houses of {WEEKS} weeks, each with and without anomalies; false alerts a week "
        f"of all rules together: {found.wrong_a_week:.2f}, in the third week {found.wrong_in_the_third:.2f}"
    )
    return "\n".join([head, *rows, foot])


def table_by_size(found: Verdicts) -> str:
    """How much of what lies near each rule's number was told, by size."""
    sizes = sorted({times for _, times in found.by_size})
    rows = [
        f"{rule:26} " + " ".join(f"{found.by_size[rule, times].recall:7.0%}" for times in sizes)
        for rule in sorted({rule for rule, _ in found.by_size})
    ]
    return "\n".join([f"{'told, by size':26} " + " ".join(f"{times:6g}x" for times in sizes), *rows])


def over(seeds: Iterable[int], judged: Callable[[int], Verdicts]) -> Verdicts:
    """The verdicts over many houses."""
    found = Verdicts()
    for seed in seeds:
        found.add(judged(seed))
    return found
