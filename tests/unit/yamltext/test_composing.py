"""YAML with positions: every node's place, what is refused, and that no text breaks the reader."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from nightporter.yamltext.composing import MAX_BYTES, MAX_DEPTH, parse
from nightporter.yamltext.page import MAX_PROBLEMS, Items, Node, Page, Scalar, Table


def found(text: str | bytes) -> list[str]:
    """The first line of every problem, without the file's name."""
    return [
        str(problem).partition("\n")[0].removeprefix("f.yaml:") for problem in parse("f.yaml", text).problems
    ]


def plain(node: Node | None) -> object:
    """The tree as plain Python values, keys and texts as written."""
    match node:
        case Table(entries=entries):
            return {key.text: plain(value) for key, value in entries}
        case Items(items=items):
            return [plain(item) for item in items]
        case Scalar(value=value):
            return value
    return None


def test_places_are_where_an_editor_shows_them() -> None:
    root = parse("f.yaml", "a: 1\nrules:\n  scan: {from: [x, 'y']}\n").root
    assert isinstance(root, Table)
    (a, one), (rules, table) = root.entries
    assert [(n.line, n.column) for n in (a, one, rules, table)] == [(1, 1), (1, 4), (2, 1), (3, 3)]
    assert isinstance(table, Table)
    inner = table.entries[0][1]
    assert isinstance(inner, Table)
    items = inner.entries[0][1]
    assert isinstance(items, Items)
    assert [(n.line, n.column) for n in items.items] == [(3, 17), (3, 20)]


def test_columns_count_characters_not_bytes() -> None:
    root = parse("f.yaml", "ä€😀: {b: *.x}\n")
    assert root.problems[0].place.column == 10
    assert root.problems[0].shown == "ä€😀: {b: *.x}"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("404", 404),
        ("-3", -3),
        ("1.5", 1.5),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("2027-01-31", "2027-01-31"),
        ("5xx", "5xx"),
        ("'404'", "404"),
        ('"no"', "no"),
        ("08", "08"),
        ("y", "y"),
        ("10m", "10m"),
        ("=", "="),
        ("99999999999999999999", "99999999999999999999"),
    ],
)
def test_what_a_value_is(text: str, value: object) -> None:
    page = parse("f.yaml", f"a: {text}\n")
    assert isinstance(page.root, Table)
    node = page.root.entries[0][1]
    assert isinstance(node, Scalar)
    assert (node.value, type(node.value), node.trap) == (value, type(value), "")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no", "YAML reads 'no' as false"),
        ("On", "YAML reads 'On' as true"),
        ("22:30", "base 60"),
        ("1:30.5", "base 60"),
        ("0755", "octal number 493"),
        ("0x1F", "the number 31"),
        ("0b101", "the number 5"),
        ("1_000", "the number 1000"),
        (".inf", "special number"),
        ("1e400", ""),
        ("x #y", "cuts the text"),
    ],
)
def test_traps(text: str, why: str) -> None:
    page = parse("f.yaml", f"a: {text}\n")
    assert isinstance(page.root, Table)
    node = page.root.entries[0][1]
    assert isinstance(node, Scalar)
    assert why in node.trap
    assert bool(why) == bool(node.trap)
    assert node.value == text.partition(" #")[0] or isinstance(node.value, bool)


@pytest.mark.parametrize("text", ["a: x  #y", "a: x # y", 'a: "x" #y', "a: 5 #y", "a: [x] #y", "a: x ##"])
def test_comments_that_are_no_traps(text: str) -> None:
    page = parse("f.yaml", text)
    assert isinstance(page.root, Table)
    node = page.root.entries[0][1]
    assert not isinstance(node, Scalar) or node.trap == ""


def test_a_syntax_error_does_not_hide_the_next_one() -> None:
    text = "a: *.php\nb:\n  - @x\n  - {c: [::1, `y`]}\nd: one: two\ne: {f} g\ne: 2\n"
    places = [line.split(": ")[0] for line in found(text)]
    assert sorted(places) == ["1:4", "3:5", "4:10", "4:15", "5:4", "6:4", "7:1"]


def test_columns_after_a_mended_value_are_the_files_own() -> None:
    page = parse("f.yaml", "{a: *x.y, b: it's: z, c: [@u, `v`], d: end}\n")
    assert isinstance(page.root, Table)
    assert [key.column for key, _ in page.root.entries] == [2, 11, 23, 37]
    assert sorted(p.place.column for p in page.problems) == [5, 14, 27, 31]


def test_what_was_meant_is_read_on() -> None:
    """The value that broke counts as if it stood in quotes, so that later checks see what was meant."""
    page = parse("f.yaml", "a: *.php\nb: it's: here\nc: [x, @y]\n")
    assert plain(page.root) == {"a": "*.php", "b": "it's: here", "c": ["x", "@y"]}
    assert len(page.problems) == 3


def test_without_a_guess_nothing_is_read() -> None:
    page = parse("f.yaml", "a:\n  b: 1\n c: 2\n")
    assert page.root is None
    assert len(page.problems) == 1


def test_billions_of_laughs_are_refused_at_once() -> None:
    layers = zip("abcdefghi", "bcdefghij", strict=True)
    text = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in layers)
    page = parse("f.yaml", text)
    assert len(page.problems) > 80
    assert "YAML anchor" in page.problems[0].found


@pytest.mark.parametrize("opener", ["[", "{a: ", "- "])
def test_deep_nesting_is_refused(opener: str) -> None:
    assert any("nested too deeply" in line or "not closed" in line for line in found("a:\n " + opener * 5000))
    assert found("[" * MAX_DEPTH + "]" * MAX_DEPTH) == []


def test_a_huge_file_is_refused_unread() -> None:
    assert found(b"a" * (MAX_BYTES + 1)) == ["1:1: a file of more than 4 MiB; split it into several files"]


def test_problems_of_one_file_are_capped() -> None:
    assert len(parse("f.yaml", "".join("a: 1\n" for _ in range(1000))).problems) == MAX_PROBLEMS


def test_other_encodings() -> None:
    assert found("a: 1\nb: Schlüssel".encode("latin-1")) == [
        "2:8: byte 0xfc is not UTF-8; save the file as UTF-8"
    ]
    assert plain(parse("f.yaml", "\ufeffa: 1".encode()).root) == {"a": 1}
    assert plain(parse("f.yaml", b"a: 1\r\nb: 2\r\n").root) == {"a": 1, "b": 2}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null\n", "\n\n"])
def test_an_empty_file_has_no_root_and_no_problem(text: str) -> None:
    page = parse("f.yaml", text)
    assert page.root is None
    assert page.problems == []


# PyYAML writes Unicode's line breaks into quotes as they are, and YAML folds them there.
_texts = st.text(st.characters(exclude_characters="\x85\u2028\u2029", exclude_categories=["Cs"]), min_size=1)
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(_texts, _values, min_size=1, max_size=4))
def test_what_pyyaml_writes_is_read_back(value: dict[str, object]) -> None:
    page = parse("f.yaml", yaml.safe_dump(value, allow_unicode=True, default_flow_style=None))
    assert page.problems == []
    assert plain(page.root) == value


_syllables = st.sampled_from(
    ["a", "b: ", "- ", "{", "}", "[", "]", ",", ": ", ":", "*", "&", "@", "`", "%", "'", '"', " ", "\n",
     "\n  ", "\t", "#", " #", "|", ">", "!", "?", "\\", "<<: ", "---", "22:30",
     "no", "é", "\x00", "\x85", "\r\n", "\ud800"]
)  # fmt: skip


@given(st.lists(_syllables, max_size=40).map("".join))
@example("a: '\n")
@example("{a: [b, 'c\n")
@example("- \tb: {")
def test_no_text_breaks_the_reader(text: str) -> None:
    page = parse("f.yaml", text)
    lines = text.count("\n") + text.count("\x85") + text.count("\r") + 2
    for problem in page.problems:
        assert 1 <= problem.place.line <= lines
        assert problem.place.column >= 1
        assert str(problem)


@given(st.binary(max_size=60))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    parse("f.yaml", content)


def test_a_line_that_is_shown_is_short_and_harmless() -> None:
    page = parse("f.yaml", "a: 1\n")
    page.lines = ("\x1b[31m" + "x" * 1000,)
    page.tell(Scalar(line=1, column=3, text="", value=None, plain=True), "it")
    page.tell(Scalar(line=1, column=900, text="", value=None, plain=True), "it")
    near, far = page.problems
    assert "\x1b" not in near.shown
    assert len(near.shown) <= 301
    assert far.shown == ""


def test_readers_tell_and_give_none() -> None:
    page = Page("f.yaml")
    text = Scalar(line=1, column=1, text="no", value=False, plain=True, trap="YAML reads 'no' as false")
    assert page.text(text) is None
    assert page.value(text) is None
    assert page.whole(text, "n", 0, 9) is None
    assert page.flag(text) is False
    assert len(page.problems) == 1  # all but the last, and told once
