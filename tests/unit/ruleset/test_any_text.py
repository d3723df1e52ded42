"""No text breaks the loader: whatever is done to good files, the answer is a set and problems with places."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from nightporter import bundled
from nightporter.configfile import World, parse_config
from nightporter.ruleset import SourceText, load, read
from nightporter.ruleset.forms import FORMS, KINDS

WORDS = [
    "rules",
    "events",
    "lists",
    "tune",
    "ignore",
    "defaults",
    "renamed",
    "from",
    "when",
    "unless",
    "by",
    "count",
    "distinct",
    "severity",
    "tests",
    "set",
    "message",
    "sources",
    "destinations",
    "routes",
    "watch",
    "kind",
    *KINDS,
    *dict.fromkeys(key for form in FORMS.values() for key in form.keys),
    "times",
    "for",
    "resolve",
    "subject",
    "pollers",
]
PIECES = st.sampled_from(
    [
        *(f"{word}: " for word in WORDS),
        *"{}[]*0",
        *(
            "\n",
            "\n  ",
            "\n    ",
            ", ",
            "- ",
            "a: ",
            "20%",
            "5GB bytes in 1h",
            "$x",
            "null",
            "no",
            "22:30",
            "5 in 1m",
            "client_ip",
        ),
        *("a|re: ", "'(?P<x>.'", "{high: {a: b}}", '"', "traefik", "file"),
    ]
)
SHIPPED = [text.text for text in read([bundled.rules()]).texts if isinstance(text.text, bytes)]


@given(st.lists(PIECES, max_size=30).map("".join))
@example("rules: {a: {from: {}}}")
@example("lists: {a: {from: [], when: [], field: [], keep: []}}")
@example("rules: {a: {tests: [{events: [{event: {}}, {wait: }], lines: []}]}}")
@example("tune: {a: {}}\nignore: [{}]\nrules: {a: [], b: {by: [{}]}}")
def test_any_pieces(text: str) -> None:
    for problem in load([SourceText(name="f.yaml", text=text)]).problems:
        assert problem.place.line <= text.count("\n") + 2
    parse_config("config.yaml", text, World(env={}))


@given(st.sampled_from(SHIPPED), st.data())
def test_a_shipped_file_with_a_piece_cut_out(text: bytes, data: st.DataObject) -> None:
    lines = text.decode().splitlines(keepends=True)
    start = data.draw(st.integers(0, max(0, len(lines) - 30)))
    piece = "".join(lines[start : start + 30])
    words = list(re.finditer(r"\S+", piece))
    word = data.draw(st.sampled_from(words)) if words else None
    cut = piece[: word.start()] + piece[word.end() :] if word else piece
    load([SourceText(name="f.yaml", text="rules:\n" + cut)])
