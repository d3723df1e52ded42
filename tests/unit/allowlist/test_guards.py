"""Which routers stand behind an allow-list, by Traefik's dynamic config."""

from __future__ import annotations

from nightporter.traefikconfig import Guard, guards, read_file

YAML = """
http:
  middlewares:
    lanOnly: {ipAllowList: {sourceRange: [192.168.1.0/24, 203.0.113.7]}}
    old: {ipWhiteList: {sourceRange: "10.0.0.0/8, 127.0.0.1/32"}}
    secured: {chain: {middlewares: [headers, lanOnly@file, again]}}
    again: {chain: {middlewares: [secured]}}
    headers: {headers: {frameDeny: true}}
  routers:
    Plex: {rule: Host(`a`), middlewares: [lanOnly]}
    sonarr: {rule: Host(`b`), middlewares: [secured@file]}
    radarr: {rule: Host(`c`), middlewares: old}
    blog: {rule: Host(`d`), middlewares: [headers]}
    bare: {rule: Host(`e`)}
"""
TOML = """
[http.middlewares.lan.ipAllowList]
sourceRange = ["192.168.1.0/24"]
[http.routers.plex]
middlewares = ["lan"]
"""


def test_by_itself_and_in_a_chain_that_goes_round() -> None:
    tree = read_file("dynamic.yml", YAML)
    assert tree is not None
    assert guards(tree) == (
        Guard("lanonly", ("192.168.1.0/24", "203.0.113.7"), ("plex", "sonarr")),
        Guard("old", ("10.0.0.0/8", "127.0.0.1/32"), ("radarr",)),
    )


def test_in_toml() -> None:
    tree = read_file("dynamic.toml", TOML)
    assert tree is not None
    assert guards(tree) == (Guard("lan", ("192.168.1.0/24",), ("plex",)),)


def test_whatever_stands_there() -> None:
    for text in (
        "http: 3",
        "http: {middlewares: [a]}",
        "http: {middlewares: {a: {ipAllowList: 4}}, routers: x}",
    ):
        tree = read_file("x.yml", text)
        assert tree is not None
        assert all(guard.ranges == guard.routers == () for guard in guards(tree))
