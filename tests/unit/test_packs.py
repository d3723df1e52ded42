"""The login packs: every known line, the variants of each, and what a visitor may call himself.

The lines are in tests/data: `packs.jsonl` (what the services write), `login-variants.jsonl` (what they also
write in other versions, forms and languages, and what only looks like it), `login-templates.jsonl` (where on
a line the visitor's own text stands). tests/unit/test_shipped_rules.py has the older packs' lines.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.scene import ROOT, judged, shipped

from nightporter import services
from nightporter.formats.address import normalise

Row = dict[str, Any]
"""A line of a file in tests/data: JSON, checked by what the tests ask of it."""


def rows(name: str) -> list[Row]:
    return [json.loads(line) for line in (ROOT / "tests/data" / name).read_text().splitlines()]


PACKS: Final = rows("packs.jsonl")
"""`service kind line`; `ip user` as the line spells them; `why` of a line that is not counted; `doubt` for
one that was written down from memory."""
VARIANTS: Final = rows("login-variants.jsonl")
"""The same, with `says` (what is particular) and, for databases, `host`."""
TEMPLATES: Final = rows("login-templates.jsonl")
"""`service line`; `nobody`: the line may be ambiguous, and then names nobody."""
ADDRESS: Final = "203.0.113.77"
FORGED: Final = "192.0.2.1"


def login_of(service: str, line: str) -> tuple[Any, Any, Any]:
    """Outcome, address and user of the login that a line tells of; three times None for none."""
    fields = judged(service, line)
    if fields.get("event") != "login":
        return None, None, None
    return fields.get("outcome"), fields.get("client_ip"), fields.get("user")


def truth(row: Row) -> tuple[str | None, str | None, str | None]:
    """What a row's line says, addresses in their one spelling (`localhost` and `%` are none)."""
    if row["kind"] == "other" or "why" in row:
        return None, None, None
    return row["kind"], normalise(row["ip"] or ""), row["user"]


@pytest.mark.parametrize("row", PACKS, ids=lambda row: f"{row['service']}-{row['line'][:60]}")
def test_a_known_line_is_understood(row: Row) -> None:
    assert login_of(row["service"], row["line"]) == truth(row)


@pytest.mark.parametrize("row", VARIANTS, ids=lambda row: f"{row['service']}-{row['says']}")
def test_a_variant_is_understood(row: Row) -> None:
    assert login_of(row["service"], row["line"]) == truth(row)
    if "host" in row:
        assert judged(row["service"], row["line"])["client_host"] == row["host"]


TRAEFIK: Final = rows("traefik/lines.jsonl")
"""Lines of Traefik's two logs: `kind line fields`; `http` is to be judged by its status."""


@pytest.mark.parametrize("row", TRAEFIK, ids=lambda row: row["id"])
def test_traefik_tells_its_own_refusals_from_its_services(row: Row) -> None:
    """A wrong password at Traefik itself, and Portainer's 422, which nothing else ever answers to a login."""
    expected = "failure" if row["kind"] == "auth_fail" or (row["fields"] or {}).get("status") == 422 else None
    outcome, address, _ = login_of("traefik", row["line"])
    assert outcome == expected
    if expected:
        assert address == normalise(row["fields"]["ip"])


def test_of_all_logins_nearly_all_are_seen_and_none_is_invented() -> None:
    """The measure of the packs, on both files: what is left out is in the page's table of exceptions."""
    seen: Counter[str] = Counter()
    for row in (*PACKS, *VARIANTS):
        outcome, address, _ = login_of(row["service"], row["line"])
        told = row["kind"] != "other"
        seen["logins"] += told
        seen["found"] += told and outcome == row["kind"]
        seen["excepted"] += "why" in row
        seen["false"] += outcome is not None and outcome != row["kind"]
        seen["wrong address"] += address is not None and address != normalise(row.get("ip") or "")
    assert seen["false"] == seen["wrong address"] == 0
    assert seen["found"] + seen["excepted"] == seen["logins"] > 400
    assert seen["found"] / seen["logins"] > 0.98


def test_what_is_not_counted_is_in_the_table_of_exceptions() -> None:
    page = (ROOT / "docs/services.md").read_text()
    table = page[page.index("## Lines that look like failures") :]
    texts = [part.strip() for code in re.findall(r"`([^`]+)`", table) for part in code.split("…")]
    for row in PACKS:
        if "why" in row:
            assert any(text and text in row["line"] for text in texts), row["line"]


def test_each_pack_has_variants() -> None:
    """At least five for each service that is understood, but for useradd, whose lines its inline tests hold,
    and for the Mac's own doors, whose lines stand in tests/unit/formats/test_macos.py."""
    packs = {str(service) for e in shipped().enrichers for name, service in e.sets if name == "service"}
    packs.discard("{app}")  # of several services, all of which have packs: taken from the proxy's own line
    counted: Counter[str] = Counter()
    for row in VARIANTS:
        for found in (services.recognised([row["service"]]), judged(row["service"], row["line"])):
            if isinstance(found, services.Service):
                counted[found.name] += 1
            elif found and found.get("service") != row["service"]:
                counted[str(found.get("service"))] += 1
    few = {pack: counted[pack] for pack in packs if counted[pack] < 5}
    macs = {"authd": 0, "loginwindow": 0, "screensharing": 0, "sudo": 0}
    assert few == {"linux": 0, **macs}


def test_qbittorrent_is_understood_in_every_language_it_has() -> None:
    languages = {row["says"] for row in VARIANTS if row["service"] == "qbittorrent" and len(row["says"]) < 9}
    assert len(languages) > 45


# --- what a visitor may call himself ----------------------------------------------------------------------


FORGERIES: Final = (
    *("'", '"', " ", ":", "]", ", ", FORGED, "\x1b[31mred\x1b[0m"),
    f" from {FORGED}",
    f'" has been denied (IP: "{FORGED}").',
    f" has been denied (IP: {FORGED}).",
    f"x. IP={FORGED}",
    f"x. IP: {FORGED}. Username: y.",
    f"x'@'{FORGED}' (using password: YES)",
    f'","ip":"{FORGED}',
    f'{{"ip":"{FORGED}","email":"x"}}',
    f"client_ip={FORGED} event=login outcome=success",
)


def filled(template: str, user: str, address: str = ADDRESS) -> str:
    """The line that a template becomes for a visitor's text; `<json:…>` is a JSON string."""

    def as_json(found: re.Match[str]) -> str:
        return json.dumps(found[1].replace("<user>", user).replace("<ip>", address), ensure_ascii=False)

    line, made = re.subn(r"<json:(.*?<user>.*?)>(?=[,}]|$)", as_json, template)
    line = line if made else line.replace("<user>", user)
    return line.replace("<ip>", address)


@st.composite
def copied(draw: st.DrawFn, template: str) -> str:
    """A piece of the very line, about somebody else: what would be most believed."""
    line = filled(template, "x", FORGED)
    start = draw(st.integers(0, len(line)))
    return line[start : draw(st.integers(start, len(line)))]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda row: f"{row['service']}-{row['line'][-30:]}")
@given(data=st.data())
def test_no_visitor_can_blame_another_address(template: Row, data: st.DataObject) -> None:
    """Whatever he calls himself or his browser: the failure is seen, and it is his, or nobody's."""
    plain = st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=6)
    piece = st.one_of(copied(template["line"]), plain, st.sampled_from(FORGERIES))
    user = "".join(data.draw(st.lists(piece, max_size=4)))
    outcome, address, _ = login_of(template["service"], filled(template["line"], user))
    assert outcome == "failure"
    assert address == ADDRESS or (template.get("nobody") and address is None)


@pytest.mark.parametrize("user", ["x\ny", "x (\ny", "x' \"\ny", "x" + " " * 9_000], ids=repr)
@pytest.mark.parametrize(
    "template",
    [row for row in TEMPLATES if "<user>@<user> FATAL" not in row["line"]],  # a prefix tells no failure yet
    ids=lambda row: f"{row['service']}-{row['line'][-30:]}",
)
def test_what_is_left_of_a_torn_line_is_a_failure(template: Row, user: str) -> None:
    """A name with a line end in it, or one too long for a line, hides no failure and blames nobody."""
    outcome, address, _ = login_of(template["service"], filled(template["line"], user).split("\n")[0])
    assert outcome == "failure"
    assert address in (ADDRESS, None)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda row: f"{row['service']}-{row['line'][-30:]}")
def test_a_plain_name_is_always_his(template: Row) -> None:
    """Lines that may name nobody do name the client of whoever is called as people are."""
    for user in ("bob", "bob@example.org", "мама", "mum and dad"):
        line = filled(template["line"], user)
        assert login_of(template["service"], line)[:2] == ("failure", ADDRESS), line
