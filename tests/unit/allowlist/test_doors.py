"""Which routers stand behind the list: by labels of containers, by chains, by entry points."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from nightporter.allowlist.doors import DOCKER, FILE, behind, of_labels, within
from nightporter.traefikconfig import EntryPoint, Tree, dynamic, of_tree

HOME = ("192.168.1.0/24", "203.0.113.7/32")
LAN = {"traefik.http.middlewares.lan.ipallowlist.sourcerange": "192.168.1.0/24, 203.0.113.7"}
FILE_TREE: Tree = {
    "http": {
        "middlewares": {
            "lan": {"ipAllowList": {"sourceRange": ["192.168.1.0/24"]}},
            "secured": {"chain": {"middlewares": ["headers", "lan"]}},
            "headers": {"headers": {"frameDeny": True}},
        },
        "routers": {
            "nas": {"rule": "Host(`nas`)", "middlewares": ["secured"]},
            "blog": {"rule": "Host(`b`)"},
        },
    }
}


def router(name: str, middlewares: str = "", points: str = "") -> dict[str, str]:
    """A container's labels, as Compose writes them."""
    labels = {f"traefik.http.routers.{name}.rule": f"Host(`{name}.example`)", "traefik.enable": "true"}
    if middlewares:
        labels[f"traefik.http.routers.{name}.middlewares"] = middlewares
    if points:
        labels[f"traefik.http.routers.{name}.entrypoints"] = points
    return labels


def found(
    *containers: Mapping[str, str], file: Tree | None = None, points: tuple[EntryPoint, ...] = ()
) -> set[str]:
    known = {DOCKER: of_labels(containers)} | ({FILE: dynamic(file)} if file is not None else {})
    return set(behind(known, points, lambda provider, ranges: provider == FILE or within(ranges, HOME)))


def point(name: str, *middlewares: str, **more: bool) -> EntryPoint:
    return EntryPoint(name=name, host="127.0.0.1", port=80, middlewares=middlewares, **more)


def test_a_container_s_router_behind_another_container_s_middleware() -> None:
    assert found(LAN, router("plex", "lan@docker"), router("Ombi", "gzip,LAN"), router("blog")) == {
        "plex",
        "ombi",
    }


def test_a_name_is_its_provider_s() -> None:
    """`lan` of a label is not the file's `lan`."""
    assert found(router("plex", "lan"), file=FILE_TREE) == {"nas"}
    assert found(router("plex", "lan@file"), router("tv", "secured@file"), file=FILE_TREE) == {
        "nas",
        "plex",
        "tv",
    }


@pytest.mark.parametrize(
    "ranges", ["0.0.0.0/0", "192.168.0.0/16", "192.168.1.0/24,198.51.100.4", "${IP_ALLOW_LIST}", ""]
)
def test_a_label_whose_list_lets_in_others_than_ours_says_nothing(ranges: str) -> None:
    other = {"traefik.http.middlewares.other.ipallowlist.sourcerange": ranges}
    assert found(other, router("friends", "other")) == set()


def test_a_container_that_traefik_leaves_out_has_no_say() -> None:
    assert found(LAN, router("plex", "lan") | {"traefik.enable": "False"}) == set()


def test_a_router_of_two_providers_is_guarded_only_where_both_are() -> None:
    assert found(LAN, router("nas", "lan"), file=FILE_TREE) == {"nas"}
    assert found(LAN, router("nas"), file=FILE_TREE) == set()


def test_an_entry_point_guards_whatever_has_no_other_way_in() -> None:
    secure, web, open_one = point("websecure", "lan@docker"), point("web", redirects=True), point("open")
    internal = point("traefik")
    plex, both, named = router("plex"), router("both", points="websecure,open"), router("tv", "", "WebSecure")
    containers = (LAN, plex, both, named, router("odd", points="unheard-of"))
    assert found(*containers, points=(secure, web, internal)) == {"plex", "tv"}
    assert found(*containers, points=(secure, web, open_one, internal)) == {"tv"}
    assert found(*containers, points=(point("websecure", "lan@docker", chosen=True), open_one)) == {
        "plex",
        "tv",
    }
    assert found(*containers, points=(web,)) == set()
    assert found(*containers) == set()


def test_what_a_static_config_says_of_entry_points() -> None:
    redirections = {"entryPoint": {"to": "websecure", "scheme": "https"}}
    tree = {
        "entryPoints": {
            "web": {"address": ":80", "http": {"redirections": redirections}},
            "websecure": {"address": ":443", "asDefault": True, "http": {"middlewares": ["Lan@file"]}},
        }
    }
    web, secure = of_tree("traefik.yml", tree).points
    assert (web.redirects, web.chosen, web.middlewares) == (True, False, ())
    assert (secure.redirects, secure.chosen, secure.middlewares) == (False, True, ("lan@file",))


def test_chains_that_go_round_end() -> None:
    chains = {
        "traefik.http.middlewares.a.chain.middlewares": "b",
        "traefik.http.middlewares.b.chain.middlewares": "a@docker",
    }
    assert found(chains, router("plex", "a")) == set()
    assert found(
        chains | LAN | {"traefik.http.middlewares.b.chain.middlewares": "lan"}, router("plex", "a")
    ) == {"plex"}


def test_whatever_stands_in_labels() -> None:
    odd = {
        "traefik.http.routers": "x",
        "traefik.http.middlewares.a.chain": "b",
        "traefik.": "",
        "": "",
        "traefik": "1",
    }
    assert found(odd, {}, file={"http": [1]}) == set()
