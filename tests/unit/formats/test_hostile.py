"""Every byte of a log is an attacker's: no line raises, none takes long, none makes more than its share."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.formats.origins import ARRIVED, origin
from tests.unit.formats.writers import LINES, Name

from nightporter.formats import FORMATS, LooksBack, Parsed, make_format
from nightporter.formats.regexliterals import required

FORMS = {name: make_format(origin(name, tz="Europe/Berlin", trusted=("10.0.0.0/8",))) for name in FORMATS}
MIB = 1 << 20
SLOWEST_S = 0.25
"""Five times what the slowest line takes on a busy machine; a quadratic reader takes minutes."""


def check(name: str, parsed: Parsed) -> None:
    assert parsed.format in FORMS[name].produces
    for stamp in (parsed.time, parsed.started):
        assert stamp is None or isinstance(stamp, int)
    for field, value in parsed.fields.items():
        assert isinstance(field, str)
        assert type(value) in (str, int, float, bool)
        assert value not in ("", None)
        if isinstance(value, str):
            value.encode()  # no half characters, which would break whoever writes it


def all_ways(name: str, before: bytes, line: bytes) -> None:
    form = FORMS[name]
    check(name, form.parse(line, ARRIVED))
    if isinstance(form, LooksBack):
        check(name, form.parse_after(before, line, ARRIVED))


@pytest.mark.parametrize("name", FORMATS)
@given(st.binary(max_size=200), st.binary(max_size=300))
def test_no_bytes_raise(name: str, before: bytes, line: bytes) -> None:
    all_ways(name, before, line)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=60)
@given(st.data())
def test_no_broken_line_raises(name: str, data: st.DataObject) -> None:
    """Real lines of any format with a piece cut out, doubled or changed."""
    line = data.draw(LINES[data.draw(st.sampled_from(get_args(Name)))])
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(line))] * 2)))
    piece = data.draw(st.sampled_from((b"", line[start:end] * 2, b'"', b"\\", b" - ", b"\xff", b"\x00")))
    all_ways(name, line + b"\n", line[:start] + piece + line[end:])


CLF_HEAD = b'1.2.3.4 - x [24/Nov/2026:10:25:10 +0000] "GET /'
HOSTILE = {
    "quotes": b'"' * MIB,
    "quotes with blanks": b' "' * (MIB // 2),
    "escaped quotes": b'\\"' * (MIB // 2),
    "backslashes": b"\\" * MIB,
    "brackets": b"[" * MIB,
    "braces": b"{" * MIB,
    "nested objects": b'{"a":' * (MIB // 5),
    "nested lists": b'{"a":' + b"[" * MIB,
    "closed deep objects": b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
    "many keys": b"{" + b",".join(b'"k%d":%d' % (n, n) for n in range(60_000)) + b"}",
    "one key": b"{" + b'"a":1,' * 150_000 + b'"a":1}',
    "digits": b'{"a":' + b"9" * MIB + b"}",
    "escapes in JSON": b'{"message":"' + b"\\u0041" * (MIB // 6) + b'"}',
    "backslashes in JSON": b'{"message":"' + b"\\\\" * (MIB // 2) + b'"}',
    "half characters": b'{"message":"' + b"\\ud83d" * (MIB // 6) + b'"}',
    "pairs": b"level=info " + b"a=b " * (MIB // 4),
    "open quotes in pairs": b"level=info " + b'a="b ' * (MIB // 5),
    "escaped quotes in pairs": b"level=info " + b'a="\\" ' * (MIB // 6),
    "closed against text": b"level=info " + b'a="b"c ' * (MIB // 7),
    "equals signs": b"level=" + b"=" * MIB,
    "one long key": b"a" * MIB + b"=b",
    "colours": b"\x1b[" * (MIB // 2),
    "colours without end": b"\x1b[" + b"0" * MIB,
    "console pairs": b"2026-11-24T10:24:23Z ERR " + b"a=b c " * (MIB // 6),
    "console caller": b"2026-11-24T10:24:23Z ERR " + b"a/" * (MIB // 2) + b".go:1 > x",
    "dashes": b" - " * (MIB // 3) + b'"',
    "a path of segments": CLF_HEAD + b"1/" * (MIB // 2) + b' HTTP/1.1" 200 1 "-" "-"',
    "a path of digits": CLF_HEAD + b"1" * MIB + b'x HTTP/1.1" 200 1 "-" "-"',
    "a path of hex": CLF_HEAD + b"0123456789abcdef" * (MIB // 16) + b'x HTTP/1.1" 200 1 "-" "-"',
    "a path of dashes": CLF_HEAD + b"12345678-" * (MIB // 9) + b' HTTP/1.1" 200 1 "-" "-"',
    "hops": b"1.2.3.4, " * (MIB // 9) + CLF_HEAD[8:] + b' HTTP/1.1" 200 1 "-" "-"',
    "digits of a stamp": b"2" * MIB,
    "blanks": b" " * MIB,
    "newlines": b"\r" * MIB,
    "no UTF-8": b"\xff" * MIB,
    "NULs": b"\x00" * MIB,
    "syslog": b"Nov 24 10:00:00 " + b"a" * MIB + b": x",
}


def is_quick(work: Callable[[], object]) -> bool:
    """Whether it takes less than SLOWEST_S of the processor, at one of a few tries: the collector's turns and
    a neighbour on the same core are no fault of the work's."""
    for _ in range(5):
        start = time.process_time()
        work()
        if time.process_time() - start < SLOWEST_S:
            return True
    return False


@pytest.mark.parametrize("shape", HOSTILE)
@pytest.mark.parametrize("name", FORMATS)
def test_a_line_of_a_mebibyte_takes_no_time(name: str, shape: str) -> None:
    form, line = FORMS[name], HOSTILE[shape]
    check(name, form.parse(line, ARRIVED))
    assert is_quick(lambda: form.parse(line, ARRIVED))


@pytest.mark.parametrize(
    "before", [b"\n" * 8_192, b"1.2.3.4 - x\n" * 600, b'"' * 8_191 + b"\n", b"x\n" * 4_096]
)
def test_looking_back_takes_no_time(before: bytes) -> None:
    form = FORMS["traefik"]
    assert isinstance(form, LooksBack)
    line = CLF_HEAD + b' HTTP/1.1" 200 1 "-" "-"'
    check("traefik", form.parse_after(before, line, ARRIVED))
    assert is_quick(lambda: form.parse_after(before, line, ARRIVED))


@given(st.text(max_size=60))
@settings(max_examples=300)
def test_no_pattern_raises(pattern: str) -> None:
    found = required(pattern, str.isprintable, lambda run: len(run) > 2)
    assert found is None or all(found)


@pytest.mark.parametrize(
    "pattern",
    ["(" * 3_000, "a{99999}", "(?P<a>b)" * 400, "(" * 90 + "a" + ")" * 90, "x" * 10**6, "[[a-z]--[b]]abc"],
)
def test_no_pattern_is_too_much(pattern: str) -> None:
    assert is_quick(lambda: required(pattern, str.isprintable, lambda run: len(run) > 2))
