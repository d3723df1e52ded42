"""The tables that rules, errors and docs are made from."""

from __future__ import annotations

import pytest
from tests.unit.formats.origins import ARRIVED, origin, sample

from nightporter.formats import FORMATS, field_type, fields_of, levels, make_format
from nightporter.formats.base import FieldType
from nightporter.formats.fields import COMMON, CONTAINER
from nightporter.model import Fields

TRAEFIK = (
    "client_ip user host method path path_shape query uri protocol status origin_status bytes duration router"
    " service upstream entrypoint user_agent referer retries tls container_age"
)
"""Every field that the rule language promises of an access line."""


@pytest.mark.parametrize(
    "name", [*FORMATS, "docker_events", "probe", "integrity", "macos", "detection", "any"]
)
def test_every_table_is_complete(name: str) -> None:
    specs, _ = fields_of(name)
    assert specs.keys() >= {*COMMON, *CONTAINER}
    for field, spec in specs.items():
        assert spec.doc
        assert spec.type == field_type(field), f"{field} is one thing everywhere"


def test_an_access_line_has_what_is_promised() -> None:
    specs, is_open = fields_of("traefik")
    assert not is_open
    assert specs.keys() >= set(TRAEFIK.split())
    assert "message" not in specs


@pytest.mark.parametrize(
    ("from_name", "field", "has", "is_open"),
    [
        ("service:ombi", "message", True, True),
        ("service:ombi", "status", False, True),
        ("any", "status", True, True),
        ("docker", "exit_code", True, True),
        ("docker_events", "exit_code", True, False),
        ("docker_events", "path", False, False),
        ("text", "user", True, False),
        ("text", "path", False, False),
        ("my-own-source", "path", True, True),
    ],
)
def test_what_a_from_may_have(from_name: str, field: str, has: bool, is_open: bool) -> None:
    specs, may_have_others = fields_of(from_name)
    assert (field in specs, may_have_others) == (has, is_open)


@pytest.mark.parametrize(
    ("field", "type_"),
    [
        ("client_ip", "address"),
        ("client_host", "text"),
        ("path", "path"),
        ("path_shape", "path"),
        ("host", "name"),
        ("container", "name"),
        ("router", "name"),
        ("message", "message"),
        ("raw", "message"),
        ("status", "status"),
        ("origin_status", "status"),
        ("bytes", "number"),
        ("up", "flag"),
        ("time", "time"),
        ("who_knows", "text"),
    ],
)
def test_types_by_name(field: str, type_: FieldType) -> None:
    assert field_type(field) == type_


@pytest.mark.parametrize(
    ("name", "log"),
    [
        ("traefik", "access-json-keep-trusted.log"),
        ("traefik", "access-clf-keep-odd.log"),
        ("text", "service-clf-trusted-debug.log"),
    ],
)
def test_a_closed_format_gives_no_field_that_its_table_lacks(name: str, log: str) -> None:
    form = make_format(origin(name))
    given: Fields = {}
    for line in sample(log).splitlines():
        given |= form.parse(line, ARRIVED).fields
    assert given.keys() <= form.fields.keys()
    kinds = {"number": (int, float), "status": int}
    for field, value in given.items():
        assert isinstance(value, kinds.get(form.fields[field].type, str)), field  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FORMATS)
def test_formats_keep_their_protocol(name: str) -> None:
    form = make_format(origin(name))
    assert name in form.produces or name == "auto"
    assert form.parse(b"x", ARRIVED).format in form.produces


def test_an_unknown_format_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        make_format(origin("nginx"))


@pytest.mark.parametrize(
    ("word", "level"),
    [
        ("WRN", "warning"),
        ("Warn", "warning"),
        (" eror ", "error"),
        ("FATAL", "critical"),
        ("Note", "info"),
        ("trc", "trace"),
        ("Odd", "odd"),
        ("E", "e"),
    ],
)
def test_levels_have_one_name(word: str, level: str) -> None:
    assert levels.canonical(word) == level


def test_no_word_means_two_levels() -> None:
    words = [word for spelled in levels.SPELLINGS.values() for word in spelled]
    assert len(words) == len(set(words))
    assert all(level in spelled for level, spelled in levels.SPELLINGS.items())
