"""CLF: everything that a visitor may write into a line, and lines that a user name tore apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.formats.origins import ARRIVED, origin, stamp, with_before

from nightporter.formats import make_format
from nightporter.formats.base import LooksBack, Parsed
from nightporter.formats.traefik import TraefikFormat
from nightporter.formats.traefik_clf import client_and_user, tail_of

DATE = "[24/Nov/2026:10:25:10 +0000]"
FORM = make_format(origin("traefik"))
ANY_CHARACTER = st.characters(exclude_characters="\n\r", codec="utf-8")


def line(
    head: str = "203.0.113.9 - -",
    *,
    target: str = "/p",
    status: str = "401",
    agent: str = "-",
    referer: str = "-",
    router: str = "auth@file",
    generic: bool = False,
) -> str:
    """A line as Traefik writes it: quotes of the headers escaped, the head raw."""
    quoted = [value.replace('"', '\\"') for value in (referer, agent)]
    start = f'{head} {DATE} "GET {target} HTTP/1.1" {status} 17 "{quoted[0]}" "{quoted[1]}"'
    return start if generic else f'{start} 7 "{router}" "http://10.0.0.5:80" 12ms'


def parsed(text: str) -> Parsed:
    return FORM.parse(text.encode(), ARRIVED)


def judged(text: str, trusted: tuple[str, ...] = ()) -> list[Parsed]:
    """All lines of a log, each with what stands before it."""
    form = make_format(origin("traefik", trusted=trusted))
    assert isinstance(form, LooksBack)
    return [form.parse_after(before, one, ARRIVED) for before, one in with_before(text.encode())]


def test_time_is_start_and_duration() -> None:
    event = parsed(line())
    assert event.started == stamp("2026-11-24T10:25:10+00:00")
    assert event.time == event.started + 12_000_000
    assert event.fields["duration"] == 0.012
    assert event.fields["service"] == event.fields["router"] == "auth"


def test_the_generic_form_has_the_start_alone() -> None:
    event = parsed(line(agent="curl/8", generic=True))
    assert event.time == event.started == stamp("2026-11-24T10:25:10+00:00")
    assert event.fields["user_agent"] == "curl/8"
    assert "duration" not in event.fields
    assert "router" not in event.fields


AGENTS = [
    'a" 1 "fake@file" "http://x" 0ms',
    "ends in a backslash\\",
    'quote"at the end"',
    '" 200 8 "-" "-" 1 "r" "u" 1ms',
    '\\" \\\\" x',
    "[24/Nov/2026:10:25:10 +0000]",
    "",
]


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("generic", [False, True])
def test_no_user_agent_reaches_beyond_its_quotes(agent: str, generic: bool) -> None:
    event = parsed(line(agent=agent, referer=agent, generic=generic))
    assert event.fields["status"] == 401
    assert event.fields.get("router") == (None if generic else "auth")
    assert event.fields["client_ip"] == "203.0.113.9"
    if "\\" not in agent:
        assert event.fields.get("user_agent", "") == agent


@given(st.text(ANY_CHARACTER, max_size=40), st.booleans())
def test_any_user_agent(agent: str, generic: bool) -> None:
    event = parsed(line(agent=agent, generic=generic))
    assert event.format == "traefik"
    assert event.fields["client_ip"] == "203.0.113.9"
    assert event.fields["path"] == "/p"


@given(st.text(ANY_CHARACTER, min_size=1, max_size=40))
def test_any_user_name_on_one_line(user: str) -> None:
    event = parsed(line(f"203.0.113.9 - {user}"))
    assert event.fields["client_ip"] == "203.0.113.9"
    assert event.fields.get("user") == (None if user == "-" else user)


@pytest.mark.parametrize(
    "user",
    [
        "x\n198.51.100.66 - y",
        "x\n198.51.100.66 - -",
        "\n198.51.100.66 - y",
        "x\n\n198.51.100.66 - y",
        "x\nnothing\n198.51.100.66 - y",
        "x\r\n198.51.100.66 - y",
        "x\n198.51.100.65 - z\n198.51.100.66 - y",
        'x "quoted" [y]\n198.51.100.66 - y',
        "x\n" + "a" * 3_000 + "\n198.51.100.66 - y",
    ],
)
def test_a_torn_request_is_its_own_clients(user: str) -> None:
    log = line("192.0.2.1 - -") + "\n" + line(f"203.0.113.9 - {user}") + "\n" + line("192.0.2.2 - -") + "\n"
    events = judged(log)
    assert [e.fields.get("client_ip") for e in events if e.format == "traefik"] == [
        "192.0.2.1",
        "203.0.113.9",
        "192.0.2.2",
    ]
    assert [e.fields.get("user") for e in events if e.format == "traefik"] == [None, user, None]


def test_where_the_beginning_is_out_of_sight_nobody_is_blamed() -> None:
    user = "x\n" + "a" * 50 + "\n" * 9_000 + "198.51.100.66 - y"
    events = judged(line("192.0.2.1 - -") + "\n" + line(f"203.0.113.9 - {user}") + "\n")
    forged = events[-1]
    assert forged.format == "traefik"
    assert "client_ip" not in forged.fields
    assert "user" not in forged.fields
    assert forged.fields["status"] == 401


@pytest.mark.parametrize(
    "before",
    [
        "2026-11-24T10:02:59Z INF \nVersion check is disabled.\n\n",
        "2026-11-24T10:02:59Z INF Starting provider - x\n",
        '{"level":"info","time":"2026-11-24T10:01:20Z","message":"x"}\n',
        "\x1b[90m2026-11-24T10:24:23Z\x1b[0m \x1b[33mWRN\x1b[0m x\n",
        'time="2026-09-28T17:21:24Z" level=warning msg="x"\n',
        "More details on: https://doc.traefik.io - x\n",
        "\n",
        line("192.0.2.1 - -", generic=True) + "\n",
        line(target="/" + "a" * 9_000) + "\n",
        line(target="/" + "a" * 9_000, generic=True) + "\n",
        line() + "\n" + line(target="/" + "a" * 9_000, generic=True) + "\n",
        line(agent="a" * 900_000, generic=True) + "\n",
    ],
)
def test_whole_lines_before_change_nothing(before: str) -> None:
    assert judged(before + line() + "\n")[-1].fields["client_ip"] == "203.0.113.9"


@pytest.mark.parametrize(
    ("head", "trusted", "client", "user"),
    [
        ("203.0.113.9 - -", False, "203.0.113.9", "-"),
        ("203.0.113.7, 198.51.100.9 - mario", True, "198.51.100.9", "mario"),
        ("203.0.113.7, 10.0.0.1 - mario", True, "203.0.113.7", "mario"),
        ("10.0.0.1 - -", True, "10.0.0.1", "-"),
        ("2001:db8::1 - a - b", False, "2001:db8::1", "a - b"),
        ("203.0.113.9 - x, 198.51.100.66 - y", False, "203.0.113.9", "x, 198.51.100.66 - y"),
        # A list of hops with a dash in it, or a user with a comma: nobody can tell, so nobody is blamed.
        ("203.0.113.9 - x, 198.51.100.66 - y", True, None, ""),
        ("garbage - -", False, None, "-"),
        ("nothing", False, None, ""),
    ],
)
def test_client_and_user(head: str, trusted: bool, client: str | None, user: str) -> None:
    form = TraefikFormat(origin("traefik", trusted=("10.0.0.0/8",) if trusted else ()))
    assert client_and_user(head, form._trusted) == (client, user)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ms",
        " 1ms",
        '"',
        "203.0.113.9 - -",
        line().replace("24/Nov", "31/Feb"),
        line().replace(" 401 ", " 4x1 "),
        line().replace(" 7 ", " x "),
        line().replace("12ms", "-12ms"),
        line().replace("12ms", "1" * 12 + "ms"),
        line().replace(' "GET', ' "" "GET').replace(DATE, ""),
    ],
)
def test_what_is_no_line(text: str) -> None:
    assert tail_of(text) is None


def test_a_line_without_status_and_size() -> None:
    fields = parsed(line(status="-").replace(" 17 ", " - ")).fields
    assert "status" not in fields
    assert "bytes" not in fields
    assert fields["path"] == "/p"


@pytest.mark.parametrize(
    ("target", "path", "query", "shape"),
    [
        ("/a/123/b?x=1", "/a/123/b", "x=1", "/a/N/b"),
        ("/v/0123456789abcdef/", "/v/0123456789abcdef/", None, "/v/H/"),
        ("/u/6F9619FF-8B86-D011-B42D-00CF4FC964FF", "/u/6F9619FF-8B86-D011-B42D-00CF4FC964FF", None, "/u/H"),
        ("/1234567890123456", "/1234567890123456", None, "/N"),
        ("/a1/0123456789abcde/12x", "/a1/0123456789abcde/12x", None, "/a1/0123456789abcde/12x"),
        ("/1/2/3", "/1/2/3", None, "/N/N/N"),
        ("/?a?b", "/", "a?b", "/"),
        ("*", "*", None, "*"),
        ("/x?", "/x", None, "/x"),
    ],
)
def test_targets(target: str, path: str, query: str | None, shape: str) -> None:
    fields = parsed(line(target=target)).fields
    assert fields["uri"] == target
    assert fields["path"] == path
    assert fields.get("query") == query
    assert fields["path_shape"] == shape
