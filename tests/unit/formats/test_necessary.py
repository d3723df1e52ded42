"""The promise to the scanner: a line whose field passes a test holds one of the literals given for it.

A literal that a line may lack would switch a rule off in silence, so this is held against lines written as
real programs write them, and judged by the judge itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.formats import writers
from tests.unit.formats.origins import ARRIVED, DATA, origin, sample, with_before
from tests.unit.formats.writers import LINES, Name

from nightporter.detect.predicates import compile_condition
from nightporter.errors import UserError
from nightporter.formats import Format, LooksBack, make_format
from nightporter.model import Fields, Value
from nightporter.rule import Op, Test

TEXT_OPS = (Op.EQUALS, Op.CONTAINS, Op.STARTSWITH, Op.ENDSWITH, Op.GLOB, Op.RE)
FORMS = {name: make_format(origin(name, trusted=("1.2.3.4",))) for name in LINES}


def events_of(form: Format, data: bytes) -> list[tuple[bytes, Fields]]:
    """Every line of some data with the fields that the judge sees."""
    found = []
    for before, line in with_before(data + b"\n"):
        parse = partial(form.parse_after, before) if isinstance(form, LooksBack) else form.parse
        fields = {**parse(line, ARRIVED).fields, "raw": line.decode("utf-8", "replace")}
        found.append((line, fields))
    return found


@st.composite
def pieces(draw: st.DrawFn, text: str) -> str:
    """Some part of a text."""
    start = draw(st.integers(0, max(0, len(text) - 1)))
    return text[start : start + draw(st.integers(0, 14))]


@st.composite
def regexes(draw: st.DrawFn, text: str) -> str:
    """A regex that often matches `text`: some parts of it, with classes, choices and repeats between."""
    parts = [re.escape(draw(pieces(text))) for _ in range(draw(st.integers(1, 2)))]
    shapes: list[Callable[[str], str]] = [
        lambda p: p,
        lambda p: f"({p}|other)",
        lambda p: f"(?:{p})?",
        lambda p: f"(?P<x>{p})+",
        lambda p: f"(?i:{p})",
        lambda p: rf"\b{p}",
        lambda p: f"[{re.escape(p[:1] or 'a')}x]{p[1:]}" if not p.startswith("\\") else p,
        lambda p: f"(?:{p}){{1,3}}",
    ]
    joined = draw(st.sampled_from((".*", "", r"\S*"))).join(draw(st.sampled_from(shapes))(p) for p in parts)
    return draw(st.sampled_from(("", "", "(?i)", "^", "(?i)^"))) + joined


@st.composite
def asked_of(draw: st.DrawFn, fields: Fields) -> Test:
    """A test that often passes on these fields."""
    name = draw(st.sampled_from([*fields, "absent", "status", "level", "client_ip", "service", "event"]))
    value = fields.get(name, "absent")
    text = value if isinstance(value, str) else str(value)
    op = draw(st.sampled_from(TEXT_OPS if name not in ("status", "client_ip") else (*TEXT_OPS, *Op)))
    wanted: list[Value] = []
    for _ in range(draw(st.integers(1, 2))):
        wanted.append(draw(operands(op, text)))
        wanted[-1] = draw(st.sampled_from((wanted[-1], wanted[-1], value)))
    flags = {flag: draw(st.sampled_from((False, False, True))) for flag in ("cased", "every", "negated")}
    return Test(field=name, op=op, values=tuple(wanted), **flags)


@st.composite
def operands(draw: st.DrawFn, op: Op, text: str) -> Value:
    match op:
        case Op.STATUS:
            codes: tuple[Value, ...] = (404, "404", "4xx", "400-499", "5xx", "499-503", 200)
            return draw(st.sampled_from(codes))
        case Op.CIDR:
            return draw(
                st.sampled_from(("203.0.113.9", "203.0.113.0/24", "203.0.0.0/12", "2001:db8::/32", "::/0"))
            )
        case Op.EXISTS:
            return draw(st.booleans())
        case Op.LT | Op.LTE | Op.GT | Op.GTE:
            return draw(st.sampled_from((200, 404, 450, 500, 999)))
        case Op.HOUR:
            return "22-6"
        case Op.WEEKDAY:
            return "mon-fri"
        case Op.RE:
            return draw(regexes(text))
        case Op.GLOB:
            part = draw(pieces(text))
            return draw(
                st.sampled_from((f"*{part}*", f"{text[:5]}*", f"*{text[-5:]}", part.replace("a", "?")))
            )
        case Op.STARTSWITH:
            part = text[: draw(st.integers(0, 9))]
        case Op.ENDSWITH:
            part = text[len(text) - draw(st.integers(0, min(9, len(text)))) :]
        case Op.CONTAINS:
            part = draw(pieces(text))
        case Op.EQUALS:
            part = text
    return draw(st.sampled_from((part, part.upper(), part.lower())))


def passes(test: Test, fields: Fields) -> bool:
    try:
        return compile_condition(test, {}, timezone="UTC")(fields, None)
    except UserError:
        return False  # an operand that the loader refuses


def hold(form: Format, test: Test, line: bytes, fields: Fields) -> bool:
    """Whether the promise about a test is kept on a line that passes it; True where there is none."""
    values = tuple(v for v in test.values if isinstance(v, str | int | float | bool))
    found = form.literals(test, values)
    if found is None:
        return True
    assert all(one == one.lower() and len(one) >= 2 and one.isascii() for one in found)
    if not passes(test, fields):
        return True
    return any(one in line.lower() for one in found)


@pytest.mark.parametrize("name", LINES)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.data())
def test_every_line_that_passes_holds_a_literal(name: Name, data: st.DataObject) -> None:
    form = FORMS[name]
    for line, fields in events_of(form, data.draw(LINES[name])):
        test = data.draw(asked_of(fields))
        assert hold(form, test, line, fields), (test, line, fields)


def recorded() -> list[tuple[str, bytes]]:
    names = sorted(path.name for path in DATA.glob("*.log"))
    corpus = "\n".join(json.loads(row)["line"] for row in (DATA / "lines.jsonl").read_text().splitlines())
    return [*((name, sample(name)) for name in names), ("lines.jsonl", corpus.encode() + b"\n")]


@pytest.mark.parametrize(("name", "data"), recorded(), ids=[name for name, _ in recorded()])
@pytest.mark.parametrize("form", ["traefik", "auto"])
def test_recorded_lines_hold_the_literals_of_their_own_values(form: Name, name: str, data: bytes) -> None:
    """Each value of each recorded line, asked for in every way."""
    made = FORMS[form]
    asked = set()
    for line, fields in events_of(made, data.removesuffix(b"\n")):
        for field, value in fields.items():
            if (field, value) in asked or not isinstance(value, str):
                continue
            asked.add((field, value))
            wanted = [(op, value) for op in TEXT_OPS[:-1]]
            wanted += [(Op.RE, re.escape(value[:200])), (Op.RE, f"(?i){re.escape(value[-40:])}$")]
            for op, operand in wanted:
                test = Test(field=field, op=op, values=(operand,))
                assert hold(made, test, line, fields), (test, line)


FOUND: list[tuple[Name, bytes, Test]] = [
    (
        "traefik_service",
        b'{"message":"f\\u001b[31mailed"}',
        Test(field="message", op=Op.EQUALS, values=("failed",)),
    ),
    ("logfmt", b'level=warn msg="f\\x1b[31mailed"', Test(field="message", op=Op.EQUALS, values=("failed",))),
    ("auto", b'level=warn msg="f\\x1b[31mailed"', Test(field="message", op=Op.EQUALS, values=("failed",))),
    ("json", b'{"code":1e3}', Test(field="code", op=Op.EQUALS, values=("1000",))),
    (
        "json",
        b'{"client_ip":"::ffff:cb00:7109"}',
        Test(field="client_ip", op=Op.CIDR, values=("203.0.113.9",)),
    ),
]
"""Lines that broke a promise once, or would break a simpler one."""


@pytest.mark.parametrize(("name", "line", "test"), FOUND, ids=[f"{n}-{t.values[0]}" for n, _, t in FOUND])
def test_lines_found_before(name: Name, line: bytes, test: Test) -> None:
    ((one, fields),) = events_of(FORMS[name], line)
    assert passes(test, fields)
    assert hold(FORMS[name], test, one, fields)


def test_what_a_torn_request_says_stands_in_another_line() -> None:
    """Client and user of the second line are told by the first: no literal of theirs may be promised."""
    form = FORMS["traefik"]
    data = b'203.0.113.9 - mallory\n- - y [24/Nov/2026:10:25:10 +0000] "GET /p HTTP/1.1" 401 17 "-" "-"'
    _, (line, fields) = events_of(form, data)
    assert (fields["client_ip"], fields["user"]) == ("203.0.113.9", "mallory\n- - y")
    for test in (wants("user", Op.CONTAINS, "mallory"), wants("client_ip", Op.CIDR, "203.0.113.9")):
        assert passes(test, fields)
        assert hold(form, test, line, fields)


def promised(name: Name, test: Test) -> frozenset[bytes] | None:
    return FORMS[name].literals(
        test, tuple(v for v in test.values if isinstance(v, str | int | float | bool))
    )


def wants(field: str, op: Op, *values: Value, negated: bool = False, every: bool = False) -> Test:
    return Test(field=field, op=op, values=values, negated=negated, every=every)


E = Op.EQUALS
ANSI = (b"\x1b[", b"\\x1b[", b"\\u001b[")
PROMISES: list[tuple[Name, Test, set[bytes] | None]] = [
    (
        "traefik",
        wants("status", Op.STATUS, 404),
        {b'"downstreamstatus":404', b'"downstreamstatus": 404', b'" 404 '},
    ),
    (
        "traefik",
        wants("status", Op.STATUS, "5xx"),
        {b'"downstreamstatus":5', b'"downstreamstatus": 5', *(b'" 5%02d ' % n for n in range(100))},
    ),
    ("traefik", wants("origin_status", Op.GTE, 900), {b'"originstatus":9', b'"originstatus": 9'}),
    (
        "traefik",
        wants("origin_status", Op.LTE, 404),
        {b'"originstatus":%s%d' % (b, n) for b in (b"", b" ") for n in (1, 2, 3, 4)},
    ),
    ("traefik", wants("origin_status", E, 502), {b'"originstatus":502', b'"originstatus": 502'}),
    ("traefik", wants("status", Op.STATUS, 404, negated=True), None),
    ("traefik", wants("path", Op.GLOB, "/.env*"), {b"/.env"}),
    ("traefik", wants("path", Op.GLOB, "/a&b<login>*"), {b"login"}),
    ("traefik", wants("path", Op.GLOB, "*"), None),
    ("traefik", wants("path", Op.GLOB, "/.env*", "/wp-*.php"), {b"/.env", b"/wp-"}),
    ("traefik", wants("path", Op.CONTAINS, "../", "etc/passwd", every=True), {b"etc/passwd"}),
    ("traefik", wants("path_shape", Op.CONTAINS, "/admin/N"), None),
    ("traefik", wants("client_ip", Op.CIDR, "203.0.113.9"), None),
    ("traefik", wants("event", E, "login"), set()),
    ("traefik", wants("event", Op.EXISTS, False), None),
    ("traefik", wants("event", Op.EXISTS, True), set()),
    ("traefik", wants("message", Op.CONTAINS, "does not exist"), {b"does not exist", *ANSI}),
    ("traefik", wants("stream", E, "stderr"), None),
    ("text", wants("message", Op.CONTAINS, "Access denied"), {b"access denied", b"\x1b["}),
    ("text", wants("message", Op.CONTAINS, "naïve user"), {b"ve user", b"\x1b["}),
    ("text", wants("message", Op.CONTAINS, "su"), None),
    ("text", wants("status", Op.STATUS, 404), set()),
    ("text", wants("container", E, "ombi"), None),
    ("text", wants("raw", Op.CONTAINS, "Access"), {b"access"}),
    (
        "text",
        wants("message", Op.RE, r"Failed (?P<how>\w+) for (invalid user )?\S+ from"),
        {b"failed ", b"\x1b["},
    ),
    ("text", wants("message", Op.RE, r"(?i)denied"), {b"den", b"\x1b["}),
    ("text", wants("message", Op.RE, r"(foobar|bazz+|quxx\d) x"), {b"foobar", b"baz", b"quxx", b"\x1b["}),
    ("text", wants("message", Op.RE, r"[Ff]ailed"), {b"failed", b"\x1b["}),
    ("text", wants("message", Op.RE, r"(abc|\d)"), None),
    ("text", wants("message", Op.RE, r"[[:alpha:]]abcdef"), None),
    ("text", wants("message", Op.RE, r"(?<!x)abc(?=def)"), {b"abc", b"\x1b["}),
    ("text", wants("message", Op.RE, r"(abc"), None),
    ("text", wants("message", Op.RE, r"(?:failure)?"), None),
    ("text", wants("message", Op.RE, r"(?:failure){2}"), {b"failure", b"\x1b["}),
    ("text", wants("message", Op.RE, r"(?:abcdef){e<=1}"), None),
    ("json", wants("message", Op.CONTAINS, 'x "y" failed/now'), {b" failed", b"\\u00", b"\x1b["}),
    ("json", wants("code", E, "1000"), None),
    ("json", wants("user", E, "mallory"), {b"mallory", b"\\u00", b"\x1b["}),
    ("json", wants("client_ip", Op.CIDR, "203.0.113.9"), {b"203.0.113.9", b"ffff:", b"\\u00", b"\x1b["}),
    ("json", wants("client_ip", Op.CIDR, "203.0.0.0/12"), {b"203.", b"ffff:", b"\\u00", b"\x1b["}),
    ("json", wants("client_ip", Op.CIDR, "2001:db8::/32"), None),
    ("json", wants("service", E, "ombi"), None),
    ("json", wants("outcome", E, "failure"), set()),
    ("logfmt", wants("msg", Op.CONTAINS, 'a "b" login'), {b" login", *ANSI}),
    ("syslog", wants("program", E, "sshd"), {b"sshd", b"\x1b["}),
    ("auto", wants("message", Op.CONTAINS, "unauthorized"), {b"unauthorized", b"\\u00", b"\x1b[", b"\\x1b["}),
    ("record", wants("container", E, "ombi"), {b"ombi", b"\\u00", b"\x1b["}),
]


@pytest.mark.parametrize(
    ("name", "test", "expected"),
    PROMISES,
    ids=[f"{n}-{t.field}-{t.op.value}-{t.values}" for n, t, _ in PROMISES],
)
def test_promises(name: Name, test: Test, expected: set[bytes] | None) -> None:
    """Promises are worth something: this is what a scanner looks for."""
    found = promised(name, test)
    assert (None if found is None else set(found)) == expected


@pytest.mark.parametrize("name", ["text", "auto", "json"])
def test_a_level_is_promised_by_all_its_words(name: Name) -> None:
    found = promised(name, wants("level", E, "error"))
    assert found is not None
    assert {b"err", b"eror", b"[e]", b"(e)", b"[e "} <= found


def test_too_many_values_are_not_worth_looking_for() -> None:
    paths = [f"/path-{index:04}" for index in range(2_000)]
    assert promised("traefik", wants("path", E, *paths)) is None
    assert promised("traefik", wants("path", E, *paths[:50])) is not None


def test_the_writers_write_what_the_formats_read() -> None:
    """The property above would be empty if the lines were not understood."""
    for name, wanted in (("traefik", "status"), ("json", "message"), ("logfmt", "msg"), ("auto", "message")):
        form = FORMS[name]  # type: ignore[index]  # the names are literals of this very tuple
        assert any(wanted in fields for _, fields in events_of(form, _example(name)))


def _example(name: str) -> bytes:
    return {
        "traefik": b'{"RequestPath":' + writers.go_json("/a<b").encode() + b',"DownstreamStatus":404}',
        "json": b'{"message":'
        + writers.any_json("x/y", frozenset({0}), solidus=True, ascii_only=True).encode()
        + b"}",
        "logfmt": b"level=info msg=" + writers.go_quote('a "b"').encode(),
        "auto": b"2026-11-24 10:00:00 [ERR] x",
    }[name]
