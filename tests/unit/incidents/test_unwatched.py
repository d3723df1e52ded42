"""What a source told that the config no longer has: it ends, and nobody is told that it is well again."""

from __future__ import annotations

from typing import Literal

from tests.parts.scene import NOON, shipped

from nightporter.detect.changes import WindowRow
from nightporter.detect.engine import Engine
from nightporter.incidents.ledger import Ledger
from nightporter.model import MINUTE, Event, Fields, Incident, Origin, Telling, Untrusted, Value

Kind = Literal["probe", "docker_events"]


class House:
    """The shipped rules, from records to tellings, over restarts. Minutes are after noon."""

    def __init__(self) -> None:
        self.engine = Engine(shipped())
        self.ledger = Ledger({rule.id: rule for rule in shipped().rules})
        self.incidents: dict[str, Incident] = {}
        self.rows: dict[tuple[str, bytes], WindowRow] = {}

    def hears(self, minute: int, source: str, *, kind: Kind = "probe", **fields: Value) -> list[Telling]:
        now = NOON + minute * MINUTE
        origin = Origin(source=source, kind=kind, stream=source, format="record")
        said: Fields = {**fields, "source": source}
        position = f"{source}:{minute}"
        event = Event(
            fields=said, time=now, arrived=now, origin=origin, format="record", position=position,
            raw=Untrusted(""),
        )  # fmt: skip
        self.engine.judge(event, self.engine.plan(origin, ("record",)))
        return self.commits(minute)

    def commits(self, minute: int) -> list[Telling]:
        changes = self.engine.take_changes()
        self.rows |= {(row.rule, row.key): row for row in changes.windows}
        entered = self.ledger.take(changes.episodes, NOON + minute * MINUTE)
        self.incidents |= {incident.id: incident for incident in entered.incidents}
        return entered.tellings

    def begins_anew(self, *watched: str) -> frozenset[str]:
        """A new life on what was kept, with these sources; gives those that it lets go of."""
        self.engine = Engine(shipped())
        self.engine.load([row for row in self.rows.values() if row.blob is not None], [])
        self.ledger = Ledger({rule.id: rule for rule in shipped().rules})
        self.ledger.load(self.incidents.values())
        return self.engine.let_go(watched)

    @property
    def open(self) -> list[str]:
        return [incident.rule for incident in self.incidents.values() if incident.open]


def down(house: House, minute: int, source: str) -> list[str]:
    told = house.hears(minute, source, probe="http", name="plex", action="down", service="plex", failures=3)
    return [telling.kind for telling in told]


def test_a_source_that_was_taken_out_ends_its_outage_with_an_honest_word() -> None:
    house = House()
    assert down(house, 0, "web") == ["alert"]
    assert house.begins_anew("traefik", "docker") == {"web"}
    (word,) = house.commits(5)
    assert word.kind == "resolved"
    assert word.title == "plex: no longer watched"
    assert "back" not in word.title + word.message
    assert "nobody knows whether it is well again" in word.message
    assert house.open == []
    assert house.begins_anew("traefik") == frozenset()
    assert house.commits(6) == []


def test_a_source_that_is_still_there_ends_nothing() -> None:
    house = House()
    assert down(house, 0, "web") == ["alert"]
    assert house.begins_anew("web", "traefik") == frozenset()
    assert house.commits(5) == []
    assert house.open == ["service-down"]
    (back,) = house.hears(
        10, "web", probe="http", name="plex", service="plex", action="up", down_for="10 min"
    )
    assert back.title == "plex is back after 10 min"


def test_under_its_new_name_a_source_tells_anew_what_is_still_down() -> None:
    house = House()
    assert down(house, 0, "web") == ["alert"]
    assert house.begins_anew("outside") == {"web"}
    assert [telling.title for telling in house.commits(5)] == ["plex: no longer watched"]
    assert down(house, 11, "outside") == ["alert"]
    assert house.open == ["service-down"]


def test_what_another_source_saw_end_is_back_whoever_else_watched_it() -> None:
    house = House()
    died: Fields = {
        "action": "die",
        "container": "plex",
        "service": "plex",
        "exit_code": 137,
        "by_hand": False,
    }
    house.hears(0, "docker", kind="docker_events", **died)
    house.engine.advance(NOON + 3 * MINUTE)
    assert [telling.rule for telling in house.commits(3)] == ["container-died"]
    down(house, 3, "web")
    assert house.begins_anew("docker") == {"web"}
    assert house.commits(4) == []  # it goes on: its container is dead
    assert house.open == ["container-died"]
    (back,) = house.hears(9, "docker", kind="docker_events", **{**died, "action": "start"})
    assert back.title.startswith("plex is back after")


def test_a_disk_and_the_list_go_as_a_probe_does() -> None:
    house = House()
    house.hears(0, "disks", probe="disk", name="/", path="/", state="low", was="ok", free=5e9, total=1e11)
    wrong: Fields = {"name": "IP_ALLOW_LIST", "entry": "YOUR.REMOTE.IP/32", "what": "x", "instead": "x"}
    house.hears(1, "allow_list", kind="probe", probe="allow_list", action="placeholder", **wrong)
    assert sorted(house.open) == ["allow-list-placeholder", "disk-low"]
    assert house.begins_anew("traefik") == {"disks", "allow_list"}
    assert all(telling.title.endswith(": no longer watched") for telling in house.commits(2))
    assert house.open == []
