"""`allow_list` of config.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightporter.config import AllowList
from nightporter.configfile import World, parse_config

WORLD = World(env={}, home=Path("/home/ada"), state=Path("/state"), platform="linux")
FILE = "/home/ada/.config/nightporter/config.yaml"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("allow_list: null", None),
        ("allow_list: {env: ~/traefik/.env}", AllowList(env=Path("/home/ada/traefik/.env"))),
        (
            "allow_list: {env: /srv/.env, static: ~/traefik/traefik.yml}",
            AllowList(env=Path("/srv/.env"), static=Path("/home/ada/traefik/traefik.yml")),
        ),
        (
            "allow_list: {env: .env, name: WHITELIST, file: /etc/traefik/dynamic.yml, middleware: lan}",
            AllowList(
                env=Path("/home/ada/.config/nightporter/.env"),
                variable="WHITELIST",
                file=Path("/etc/traefik/dynamic.yml"),
                middleware="lan",
            ),
        ),
        (
            'allow_list: {values: [192.168.1.0/24, "2001:db8::/64", ada.dyn.test]}',
            AllowList(values=("192.168.1.0/24", "2001:db8::/64", "ada.dyn.test")),
        ),
    ],
)
def test_what_it_means(text: str, expected: AllowList | None) -> None:
    loaded = parse_config(FILE, text, WORLD)
    assert loaded.problems == ()
    assert loaded.config.allow_list == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("allow_list: {}", "stands nowhere"),
        ("allow_list: {name: X}", "stands nowhere"),
        ("allow_list: {file: /x.yml, name: X}", "'name' without 'env'"),
        ("allow_list: {env: /x, middleware: X}", "'middleware' without 'file'"),
        ("allow_list: {env: /x, values: [10.0.0.1]}", "'values' beside 'env'"),
        ("allow_list: {env: /x, name: 'A B'}", "'A B' as a variable's name"),
        ("allow_list: {values: [10.0.0.0/99]}", "an address, a network or a host's name"),
        ("allow_list: {values: [YOUR.REMOTE.IP/32]}", "an address, a network or a host's name"),
        ("allow_list: {path: /x}", "unknown key 'path'"),
        (
            "allow_list: {env: /x}\nsources: [{name: allow_list, kind: file, paths: [/x]}]",
            "a source called 'allow_list'",
        ),
    ],
)
def test_what_is_wrong_is_said(text: str, told: str) -> None:
    loaded = parse_config(FILE, text, WORLD)
    assert not loaded.ok
    assert told in "\n".join(map(str, loaded.problems))
