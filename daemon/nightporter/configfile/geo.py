"""`geo` of config.yaml: databases that say where an address is."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nightporter.config import Geo
from nightporter.configfile.parts import Here, given, got
from nightporter.yamltext.page import Node, Page

_KEYS: Final = ("country", "network")
_EXAMPLE: Final = "{country: ~/geo/GeoLite2-Country.mmdb, network: ~/geo/GeoLite2-ASN.mmdb}"


def read_geo(page: Page, node: Node, here: Here) -> Geo:
    """The two files. Whether they are there is told while it runs: a download may be on its way."""
    table = given(page.keyed(node, f"one database or two, such as {_EXAMPLE}", _KEYS))
    country, network = (got(table, key, lambda n: _path(page, n, here), None) for key in _KEYS)
    return Geo(country=country, network=network)


def _path(page: Page, node: Node, here: Here) -> Path | None:
    text = page.text(node, "the path of an .mmdb file")
    if text is None:
        return None
    if text.lower().endswith((".gz", ".zip", ".csv")):
        page.tell(node, f"'{text}'", expected="an .mmdb file", fix="unpack it, and name the .mmdb file in it")
        return None
    return here.path(text)
