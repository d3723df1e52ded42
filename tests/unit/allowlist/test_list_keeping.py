"""The list over time: names, entries that were taken out, and what is told once."""

from __future__ import annotations

from nightporter.allowlist.entries import Listed, entry_of
from nightporter.allowlist.keeping import FAILURES, GRACE, Keeper
from nightporter.model import DAY, MINUTE, Stamp

NOW: Stamp = 10**18


def listed(*texts: str) -> Listed:
    return Listed("/home/ada/.env", "IP_ALLOW_LIST", tuple(entry_of(text, 4) for text in texts))


def networks(keeper: Keeper) -> set[str]:
    state = keeper.state()
    assert state is not None
    return set(state.networks)


def test_what_is_taken_out_is_let_in_for_an_hour_more() -> None:
    keeper = Keeper()
    keeper.see(listed("192.168.1.0/24", "203.0.113.7"), (), NOW)
    keeper.see(listed("192.168.1.0/24"), (), NOW + MINUTE)
    assert networks(keeper) == {"192.168.1.0/24", "203.0.113.7/32"}
    keeper.see(listed("192.168.1.0/24"), (), NOW + GRACE + 1)
    assert networks(keeper) == {"192.168.1.0/24"}


def test_nobody_knows_who_is_let_in_before_a_name_has_resolved_once() -> None:
    keeper = Keeper()
    keeper.see(listed("192.168.1.0/24", "ada.dyn.test"), (), NOW)
    assert keeper.state() is None
    assert keeper.waiting_for == ("ada.dyn.test",)
    keeper.answer("ada.dyn.test", ["203.0.113.7"], NOW)
    assert networks(keeper) == {"192.168.1.0/24", "203.0.113.7/32"}


def test_a_name_that_fails_keeps_its_last_address_and_is_told_at_the_third_time() -> None:
    keeper = Keeper()
    keeper.see(listed("ada.dyn.test"), (), NOW)
    keeper.answer("ada.dyn.test", ["203.0.113.7"], NOW)
    later = NOW + 10 * GRACE
    for number in range(FAILURES):
        assert keeper.records() == []
        keeper.answer("ada.dyn.test", [], later + number)
    (record,) = keeper.records()
    assert (record["action"], record["entry"]) == ("unresolved", "ada.dyn.test")
    assert networks(keeper) == {"203.0.113.7/32"}
    again = Keeper(keeper.mark)
    again.see(listed("ada.dyn.test"), (), later)
    assert again.records() == [], "a restart tells nothing twice"
    again.answer("ada.dyn.test", ["203.0.113.8"], later)
    assert [one["action"] for one in again.records()] == ["right"]


def test_the_old_address_of_a_name_stays_for_an_hour() -> None:
    keeper = Keeper()
    keeper.see(listed("ada.dyn.test"), (), NOW)
    keeper.answer("ada.dyn.test", ["203.0.113.7"], NOW)
    keeper.answer("ada.dyn.test", ["203.0.113.8"], NOW + MINUTE)
    assert networks(keeper) == {"203.0.113.7/32", "203.0.113.8/32"}
    keeper.answer("ada.dyn.test", ["203.0.113.8"], NOW + GRACE + MINUTE)
    assert networks(keeper) == {"203.0.113.8/32"}


def test_a_name_that_is_taken_out_goes_as_any_entry() -> None:
    keeper = Keeper()
    keeper.see(listed("192.168.1.0/24", "ada.dyn.test"), (), NOW)
    keeper.answer("ada.dyn.test", ["203.0.113.7"], NOW)
    keeper.see(listed("192.168.1.0/24"), (), NOW + MINUTE)
    assert "203.0.113.7/32" in networks(keeper)
    keeper.see(listed("192.168.1.0/24"), (), NOW + GRACE + MINUTE)
    assert networks(keeper) == {"192.168.1.0/24"}


def test_a_restart_without_a_name_server_knows_who_is_let_in() -> None:
    keeper = Keeper()
    keeper.see(listed("ada.dyn.test"), (), NOW)
    keeper.answer("ada.dyn.test", ["203.0.113.7"], NOW)
    again = Keeper(keeper.mark)
    again.see(listed("ada.dyn.test"), (), NOW + 50 * GRACE)
    assert networks(again) == {"203.0.113.7/32"}


def test_a_restart_while_the_file_is_away_goes_on_with_the_last_good_list() -> None:
    keeper = Keeper()
    keeper.see(listed("192.168.1.0/24", "203.0.113.7", "10.0.0.0/8"), (), NOW)
    assert keeper.records()
    again = Keeper(keeper.mark)
    assert again.state() == keeper.state()
    assert again.records() == []
    assert Keeper(keeper.mark, "/home/ada/.env").state() == keeper.state()
    assert Keeper(keeper.mark, "/elsewhere/.env").state() is None


def test_a_router_whose_guard_is_taken_away_should_refuse_for_ninety_days_more() -> None:
    keeper = Keeper()
    keeper.see(listed("192.168.1.0/24"), ("plex", "cloud"), NOW)
    again = Keeper(keeper.mark)
    again.see(listed("192.168.1.0/24"), ("cloud",), NOW + DAY)
    state = again.state()
    assert state is not None
    assert state.routers == ("plex", "cloud")
    again.see(listed("192.168.1.0/24"), ("cloud",), NOW + 91 * DAY)
    state = again.state()
    assert state is not None
    assert state.routers == ("cloud",)


def test_each_fault_is_told_once_and_once_more_when_it_is_right() -> None:
    keeper = Keeper()
    keeper.see(listed("192.168.1.0/24", "10.0.0.0/8"), (), NOW)
    (record,) = keeper.records()
    assert record == {
        "probe": "allow_list",
        "name": "IP_ALLOW_LIST",
        "path": "/home/ada/.env",
        "action": "too_wide",
        "entry": "10.0.0.0/8",
        "line": 4,
        "what": record["what"],
        "instead": "IP_ALLOW_LIST=192.168.1.0/24",
    }
    assert keeper.records() == []
    keeper.see(listed("192.168.1.0/24"), (), NOW)
    assert [(one["action"], one["entry"]) for one in keeper.records()] == [("right", "10.0.0.0/8")]
    assert keeper.records() == []


def test_an_empty_list_and_a_mark_of_somebody_elses() -> None:
    keeper = Keeper(b"{nonsense")
    assert keeper.state() is None
    assert keeper.records() == []
    keeper.see(listed(), (), NOW)
    assert keeper.state() is None, "an empty list refuses everybody: it is none that was read right"


def test_what_is_near_are_the_neighbours_outside() -> None:
    keeper = Keeper()
    keeper.see(listed("192.168.1.0/24", "203.0.113.7", "2001:db8:7:1::/64", "198.51.0.0/16"), ("plex",), NOW)
    state = keeper.state()
    assert state is not None
    assert state.near == ("203.0.113.0/24", "2001:db8:7::/48")
    assert state.routers == ("plex",)
    assert (
        state.line == "IP_ALLOW_LIST=192.168.1.0/24,203.0.113.7,2001:db8:7:1::/64,198.51.0.0/16,{client_ip}"
    )


def test_the_line_to_paste_is_one_that_traefik_takes() -> None:
    keeper = Keeper()
    keeper.see(listed("192.168.1.0/24", "YOUR.REMOTE.IP/32", "10.0.0.256", "192.168.1.0/24"), (), NOW)
    state = keeper.state()
    assert state is not None
    assert state.line == "IP_ALLOW_LIST=192.168.1.0/24,{client_ip}"
    keeper.see(Listed("dynamic.yml", "sourceRange", (entry_of("::1"),), is_yaml=True), (), NOW)
    state = keeper.state()
    assert state is not None
    assert state.line == 'sourceRange: ["::1", "{client_ip}"]'


def test_an_entry_outside_by_which_nobody_came_in_for_sixty_days() -> None:
    keeper = Keeper()
    texts = ("192.168.1.0/24", "203.0.113.7", "198.51.100.0/24", "2001:db8:7::/48")
    keeper.see(listed(*texts), (), NOW)
    keeper.came_in([], NOW)
    later = NOW + 61 * DAY
    keeper.see(listed(*texts), (), later)
    clients = [("198.51.100.77", NOW + 30 * DAY), ("2001:db8:7:1::5", later), ("192.168.1.4", NOW)]
    keeper.came_in(clients, later)
    (record,) = keeper.records()
    assert (record["action"], record["entry"]) == ("unused", "203.0.113.7")
    assert record["instead"] == "IP_ALLOW_LIST=192.168.1.0/24,198.51.100.0/24,2001:db8:7::/48"

    again = Keeper(keeper.mark)
    again.see(listed(*texts), (), later)
    assert again.records() == [], "told once, over a restart, and before it was asked who came in"
    again.came_in([*clients, ("203.0.113.7", later)], later)
    assert [(one["action"], one["entry"]) for one in again.records()] == [("right", "203.0.113.7")]


def test_a_new_entry_has_sixty_days_to_be_used() -> None:
    keeper = Keeper()
    for day in range(0, 200, 10):
        keeper.see(listed("203.0.113.7", *(["198.51.100.4"] if day >= 150 else [])), (), NOW + day * DAY)
        keeper.came_in([("203.0.113.7", NOW + day * DAY)], NOW + day * DAY)
        assert keeper.records() == []
