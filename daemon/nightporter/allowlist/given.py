"""What rules get of an allow-list: the values of the lists that only the config gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, ip_network
from typing import Final

from nightporter.allowlist.entries import Listed
from nightporter.formats.inside import is_inside
from nightporter.rule import Rule, Ruleset, StaticList

NEAR_V4: Final = 24
NEAR_V6: Final = 48
"""What is near an address outside: mostly the same line of the same provider, with another number today."""
PASTE: Final = "{allow_list}"
"""Stands in a rule's message for the list as its file spells it, with the client's address added to it."""
CLIENT: Final = "{client_ip}"
DOUBT: Final = "{allow_list_doubt}"
"""Stands in a rule's message for who else it may have been; empty where everybody's address is known."""
EVERYBODY: Final = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One state of the allow-list."""

    networks: tuple[str, ...]
    """Who is let in: as written, and what names resolve to."""
    near: tuple[str, ...] = ()
    """The neighbourhoods of addresses outside."""
    routers: tuple[str, ...] = ()
    """Routers that stand behind it by Traefik's own config, without their provider."""
    unresolved: tuple[str, ...] = ()
    """Names of the list whose address nobody knows: a client outside may be one of them."""
    line: str = ""
    """The list with a place for one more: `IP_ALLOW_LIST=127.0.0.1/32,192.168.1.0/24,{client_ip}`."""


def given(
    listed: Listed, also: Iterable[str], routers: Iterable[str], unresolved: Iterable[str] = ()
) -> Given:
    """Of a list; `also` are networks that belong besides: what names resolve to, what was let in just now.
    `unresolved`: names that never resolved."""
    networks = tuple(dict.fromkeys([*listed.networks, *also]))
    # What is pasted must be a list that Traefik takes; such entries hold no brace, either.
    right = [entry.text for entry in listed.entries if entry.kind in ("network", "name")]
    return Given(
        networks=networks,
        near=tuple(dict.fromkeys(neighbourhoods(networks))),
        routers=tuple(dict.fromkeys(routers)),
        unresolved=tuple(unresolved),
        line=listed.spelled([*dict.fromkeys(right), CLIENT]),
    )


def neighbourhoods(networks: Iterable[str]) -> Iterator[str]:
    """What is near to networks outside that are no larger themselves: the /24 or the /48 around them."""
    for text in networks:
        network = ip_network(text)
        near = NEAR_V4 if isinstance(network, IPv4Network) else NEAR_V6
        if network.prefixlen >= near and not is_inside(network):
            yield str(network.supernet(new_prefix=near))


def with_lists(ruleset: Ruleset, state: Given | None) -> Ruleset:
    """The rules with these lists (`rule.GIVEN_LISTS`), and in their messages the line to paste and what is
    doubtful. None: it is not known who is let in, and rules that ask are off."""
    if state is None:
        return ruleset
    values = {
        "allow_list": state.networks,
        "allow_list_maybe": EVERYBODY if state.unresolved else (),
        "allow_list_near": state.near,
        "allow_list_routers": state.routers,
    }
    lists = {name: StaticList(name=name, values=texts) for name, texts in values.items()}
    return replace(
        ruleset,
        rules=tuple(_with_words(rule, state) for rule in ruleset.rules),
        lists={**ruleset.lists, **lists},
    )


def _with_words(rule: Rule, state: Given) -> Rule:
    message = rule.message.replace(PASTE, state.line).replace(DOUBT, _doubt(state.unresolved))
    return rule if message == rule.message else replace(rule, message=message)


def _doubt(unresolved: tuple[str, ...]) -> str:
    if not unresolved:
        return ""
    more = f" or one of {len(unresolved) - 1} more names" if unresolved[1:] else ""
    return f"; unless that was {unresolved[0]}{more} of the list, whose address is not known"
