"""Lines as they are handed on: no secret, nothing that acts on a terminal, and one line each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.evidence.masking import shown


@pytest.mark.parametrize(
    "line",
    [
        b'{"request_Authorization":"Basic SECRET123=","status":200}',
        b'{"request_Cookie":"session=SECRET123; theme=dark"}',
        b'203.0.113.9 - - "GET /?api_key=SECRET123&page=2 HTTP/1.1" 200',
        b"GET /web/index.html?X-Plex-Token=SECRET123 HTTP/1.1",
        b"user ada logged in with password: SECRET123",
        b"Authorization: Bearer SECRET123abcdefgh",
        b"https://ada:SECRET123@nas.example/",
    ],
)
def test_secrets_are_masked(line: bytes) -> None:
    assert b"SECRET123" not in shown(line)
    assert b"***" in shown(line)


@pytest.mark.parametrize("size", [4_000, 5_000, 9_000, 16_000])
@pytest.mark.parametrize("form", ['"request_Cookie":"a=%s; b=1"', "GET /?token=%s HTTP/1.1", "token: %s"])
def test_nothing_of_a_long_secret_is_left(form: str, size: int) -> None:
    secret = "S" * size
    assert b"SS" not in shown((form % secret).encode())


def test_a_line_of_any_length_says_how_much_more_there_was() -> None:
    text = shown(b"x" * 20_000)
    assert text.startswith(b"x" * 16_384)
    assert text.endswith("[… 3,616 characters more]".encode())


@given(st.binary(max_size=300))
def test_whatever_the_bytes_one_printable_line_comes_out(line: bytes) -> None:
    text = shown(line).decode()
    assert all(char.isprintable() for char in text), text


def test_bytes_that_are_no_text_can_be_told_apart() -> None:
    assert shown(b"a\xff\xfeb\x1b[2J") == "a\\xff\\xfeb␛[2J".encode()
