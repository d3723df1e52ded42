"""Tokens of our own requests: what each explains, and what none does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nightporter.model import MINUTE, Stamp
from nightporter.own import LIVES, MAX_LINES, MAX_NONCES, Own

PREFIX = "f00ba4f00ba4f00b"
NOW = 1_795_516_000_000_000_000


def line(*tokens: str) -> bytes:
    return " ".join(["GET", *(f"/?nightporter={token}" for token in tokens)]).encode()


def test_a_token_is_the_prefix_and_a_nonce_that_is_new_each_time() -> None:
    own = Own(PREFIX)
    tokens = [own.issue(NOW) for _ in range(100)]
    assert len(set(tokens)) == 100
    for token in tokens:
        assert token.startswith(PREFIX)
        assert len(bytes.fromhex(token)) == 16


@given(ages=st.lists(st.integers(-2 * LIVES, 2 * LIVES), max_size=40))
def test_a_token_explains_a_few_lines_of_a_few_minutes(ages: list[int]) -> None:
    """Whatever order they come in, and wherever the clock is set: the first MAX_LINES within LIVES."""
    own = Own(PREFIX)
    token = own.issue(NOW)
    explained = [age for age in ages if own.fits(line(token), NOW + age)]
    assert explained == [age for age in ages if -LIVES < age < LIVES][:MAX_LINES]


def test_ten_minutes_and_eight_lines() -> None:
    own = Own(PREFIX)
    token = own.issue(NOW)
    assert not own.fits(line(token), NOW + 10 * MINUTE)
    assert [own.fits(line(token), NOW + 10 * MINUTE - 1) for _ in range(9)] == [True] * 8 + [False]


@given(text=st.binary(max_size=80), nonce=st.binary(max_size=20))
def test_what_was_not_issued_explains_nothing(text: bytes, nonce: bytes) -> None:
    """A chance of one in 2^64 aside, for each text."""
    own = Own(PREFIX)
    token = own.issue(NOW)
    elsewhere = Own("0123456789abcdef").issue(NOW)
    for held in (nonce, elsewhere.encode(), elsewhere[16:].encode(), token[16:].encode()):
        assert not own.fits(text + held + text, NOW)
    for held in (nonce, elsewhere[16:].encode(), token[16:-1].encode() + b"x", token[16:].upper().encode()):
        known = held[:16] == token[16:].encode()  # digits alone have no capitals
        assert own.fits(PREFIX.encode() + held, NOW) == known


def test_a_token_twice_on_one_line_explains_one_line() -> None:
    own = Own(PREFIX)
    token = own.issue(NOW)
    assert [own.fits(line(token, token), NOW) for _ in range(MAX_LINES + 1)] == [True] * MAX_LINES + [False]


def test_a_token_is_found_behind_others_that_explain_nothing() -> None:
    own = Own(PREFIX)
    assert own.fits(line(PREFIX, PREFIX + "0" * 16, own.issue(NOW)), NOW)
    assert own.fits(PREFIX.encode() + own.issue(NOW).encode(), NOW)


@given(
    requests=st.lists(st.tuples(st.integers(0, 2 * MINUTE), st.integers(0, 12)), min_size=1, max_size=20),
)
def test_tokens_know_nothing_of_each_other(requests: list[tuple[int, int]]) -> None:
    """Each has lines of its own, while other requests come and go."""
    own = Own(PREFIX)
    now: Stamp = NOW
    issued: list[tuple[str, Stamp, int]] = []
    for gap, lines in requests:
        now += gap
        issued.append((own.issue(now), now, lines))
    for token, at, lines in issued:
        expected = min(lines, MAX_LINES) if now - at < LIVES else 0
        assert sum(own.fits(line(token), now) for _ in range(lines)) == expected


def test_it_remembers_so_many_and_forgets_the_oldest() -> None:
    own = Own(PREFIX)
    tokens = [own.issue(NOW) for _ in range(MAX_NONCES + 1)]
    assert [own.fits(line(token), NOW) for token in tokens] == [False] + [True] * MAX_NONCES
