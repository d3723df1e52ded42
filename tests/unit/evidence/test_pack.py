"""The archive: names, hashes, determinism, and that it never takes another file's place."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.incidents import an_incident

from nightporter.errors import Denied, Unreachable, UserError
from nightporter.evidence import pack
from nightporter.evidence.bag import Bag, Full
from nightporter.evidence.pack import member_names, safe_name
from nightporter.evidence.span import around
from nightporter.evidence.story import Case, RuleFile, as_plain, incident_text, rule_block
from nightporter.model import MINUTE, SECOND, IncidentPart, Severity
from nightporter.ruleset import SourceText

RULES = """\
rules:
  other: {title: Other}
  http-404-scan:
    title: Scan
    # a token of ours
    message: "{client_ip}?token=SECRET"

    fix: nothing
  third: {title: Third}
"""
HOSTILE = [
    "../../etc/passwd",
    "/etc/passwd",
    "..",
    "C:\\x",
    "a\x00b",
    "-rf",
    ".bashrc",
    "x" * 500,
    "é/\u202e",
    "",
]


def a_case(**changes: object) -> Case:
    incident = an_incident(1, 1_764_504_000_000_000_000, message="token=SECRET \x1b[31m")
    case = Case(
        incident=incident,
        around=[an_incident(2, incident.told_at)],
        span=around(incident, 30 * MINUTE),
        rules={"http-404-scan": (RuleFile(source=SourceText(name="/r/traefik.yaml", text=RULES)), 3)},
        own_files=[SourceText(name=f"/{n}/mine.yaml", text=b"lists: {}\n") for n in "ab"],
        versions={"nightporter": "1.2.3"},
        made=incident.told_at,
        zone=None,
    )
    for name, value in changes.items():
        object.__setattr__(case, name, value)
    return case


@contextmanager
def a_bag(*streams: str, source: str = "traefik", room: int = 10_000) -> Iterator[Bag]:
    with Bag(source, "file", room) as bag:
        for name in streams:
            with bag.stream(name, path=f"/logs/{name}", start=5) as spool:
                spool.line(b"GET /?token=SECRET")
                spool.original(b"GET /?token=SECRET\n")
        yield bag


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_hashes_are_those_of_what_is_in_it_and_of_what_was_there(tmp_path: Path) -> None:
    with a_bag("access.log") as bag:
        digest = pack.write(tmp_path / "e.zip", a_case(), [bag], force=False)
    assert hashlib.sha256((tmp_path / "e.zip").read_bytes()).hexdigest() == digest
    found = members(tmp_path / "e.zip")
    sums = found.pop("SHA256SUMS").decode().splitlines()
    assert sums == [f"{hashlib.sha256(content).hexdigest()}  {name}" for name, content in found.items()]
    (part,) = json.loads(found["manifest.json"])["sources"][0]["parts"]
    assert found[part["file"]] == b"GET /?token=***\n"
    assert part["original"] == {
        "bytes": 19,
        "sha256": hashlib.sha256(b"GET /?token=SECRET\n").hexdigest(),
        "path": "/logs/access.log",
        "start": 5,
    }


def test_no_member_holds_a_secret_or_a_control_character(tmp_path: Path) -> None:
    with a_bag("access.log") as bag:
        bag.note("token=SECRET")
        bag.trouble("\x1b[2J token=SECRET")
        pack.write(tmp_path / "e.zip", a_case(), [bag], force=False)
    for name, content in members(tmp_path / "e.zip").items():
        assert b"SECRET" not in content, name
        assert b"\x1b" not in content, name
        assert b"\\u001b" not in content, name


def test_the_same_evidence_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        with a_bag("access.log", "error.log") as bag:
            pack.write(tmp_path / name, a_case(), [bag], force=False)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_it_is_its_owners_alone(tmp_path: Path) -> None:
    with a_bag("access.log") as bag:
        pack.write(tmp_path / "e.zip", a_case(), [bag], force=False)
    assert stat.S_IMODE((tmp_path / "e.zip").stat().st_mode) == 0o600
    with zipfile.ZipFile(tmp_path / "e.zip") as archive:
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100600}
        assert {entry.date_time for entry in archive.infolist()} == {pack.DATE}


def test_a_file_of_that_name_stays_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "e.zip"
    path.write_bytes(b"mine")
    with pytest.raises(UserError, match="--force"):
        pack.write(path, a_case(), [], force=False)
    assert path.read_bytes() == b"mine"
    pack.write(path, a_case(), [], force=True)
    assert zipfile.is_zipfile(path)
    assert [p.name for p in tmp_path.iterdir()] == ["e.zip"]


def test_one_that_came_meanwhile_stays_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "e.zip"
    fill = pack._fill

    def filling(archive: zipfile.ZipFile, case: Case, bags: list[Bag]) -> None:
        fill(archive, case, bags)
        path.write_bytes(b"another's")

    monkeypatch.setattr(pack, "_fill", filling)
    with pytest.raises(UserError, match="there is a file"):
        pack.write(path, a_case(), [], force=False)
    assert path.read_bytes() == b"another's"
    assert [p.name for p in tmp_path.iterdir()] == ["e.zip"]


def test_without_hard_links_it_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refused)
    pack.write(tmp_path / "e.zip", a_case(), [], force=False)
    assert zipfile.is_zipfile(tmp_path / "e.zip")
    with pytest.raises(UserError):
        pack.write(tmp_path / "e.zip", a_case(), [], force=False)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises((Unreachable, Denied), match="cannot be written"):
        pack.write(tmp_path / "no" / "e.zip", a_case(), [], force=False)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_leads_out_of_the_archive(name: str, tmp_path: Path) -> None:
    with a_bag(name, name, name.upper(), source=name) as bag:
        rules = [SourceText(name=f"/x/{name}", text="a: 1\n")] * 2
        pack.write(tmp_path / "e.zip", a_case(own_files=rules), [bag], force=False)
    with zipfile.ZipFile(tmp_path / "e.zip") as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "out")
    assert len({n.lower() for n in names}) == len(names)
    written = [p for p in tmp_path.rglob("*") if p.is_file() and p.name != "e.zip"]
    assert len(written) == len(names)
    assert all(p.is_relative_to(tmp_path / "out") for p in written)


@given(st.text())
def test_a_safe_name_is_one_part_of_a_path(text: str) -> None:
    name = safe_name(text)
    assert 0 < len(name) <= pack.NAME_CHARS
    assert name.isascii()
    assert not set(name) & set('/\\:*?"<>|')
    assert name[0] not in ".-"


def test_streams_of_one_name_get_numbers() -> None:
    with a_bag("a/x.log", "b/x.log", "A_X.log") as bag:
        names = member_names([bag]).values()
    assert len({name.lower() for name in names}) == 3


# --- the bag


def test_a_line_that_finds_no_room_is_in_no_count() -> None:
    with Bag("s", "file", 10) as bag:
        with bag.stream("x") as spool:
            for line in (b"1234", b"5678"):
                spool.line(line)
                spool.original(line + b"\n")
            with pytest.raises(Full):
                spool.line(b"9")
        (part,) = bag.parts
        assert (part.lines, part.bytes, part.original.bytes) == (2, 10, 10)
        out = io.BytesIO()
        bag.copy(part, out)
        assert out.getvalue() == b"1234\n5678\n"
        assert bag.is_full


def test_an_emptied_bag_holds_what_comes_then() -> None:
    with a_bag("one", "two") as bag:
        bag.note("a note")
        bag.empty()
        with bag.stream("three") as spool:
            spool.line(b"new")
        assert [part.name for part in bag.parts] == ["three"]
        assert bag.notes == []
        out = io.BytesIO()
        bag.copy(bag.parts[0], out)
        assert out.getvalue() == b"new\n"


def test_a_stream_without_lines_leaves_no_trace() -> None:
    with a_bag() as bag:
        with bag.stream("quiet"):
            pass
        assert bag.parts == []


# --- the texts


def test_the_rule_is_its_block_with_what_stands_below_it(tmp_path: Path) -> None:
    block = rule_block(RULES, 3)
    assert block.startswith("  http-404-scan:\n")
    assert block.endswith("    fix: nothing\n")
    assert rule_block(RULES, 99) == ""
    changed = RuleFile(source=SourceText(name="/r/t.yaml", text=RULES), changed=1_764_504_001_000_000_000)
    pack.write(tmp_path / "e.zip", a_case(rules={"http-404-scan": (changed, 3)}), [], force=False)
    text = members(tmp_path / "e.zip")["rules/http-404-scan.yaml"].decode()
    assert text.startswith(
        "# /r/t.yaml:3, as it is in force\n# That file was changed at 2025-11-30T12:00:01."
    )


def test_an_outage_lists_its_parts() -> None:
    incident = an_incident(1, 1_764_504_000_000_000_000)
    part = IncidentPart(
        rule="container-died",
        title="t",
        key={"container": "plex\x1b"},
        severity=Severity.high,
        first=incident.first,
        last=incident.last,
        count=1,
        message="it died, password: SECRET",
        open=True,
        state=True,
        episode="e",
        crossed=incident.first,
        episode_count=1,
    )
    text = incident_text(msgspec.structs.replace(incident, parts=[part], subject="plex"), None)
    assert "container-died  container plex␛  going on" in text
    assert "SECRET" not in text


def test_times_in_json_can_be_read_by_people() -> None:
    """But what a line's own field is called like one is left as it was."""
    noon = 1_780_315_200 * SECOND + 7
    incident = msgspec.structs.replace(an_incident(1, noon), key={"first": 5}, ended_at=0)
    plain = as_plain(incident)
    assert isinstance(plain, dict)
    assert (plain["first"], plain["first_utc"]) == (noon, "2026-06-01T12:00:00.000000007Z")
    assert plain["episode"]["crossed_utc"] == plain["told_at_utc"] == plain["first_utc"]
    assert plain["key"] == {"first": 5}
    assert "ended_at_utc" not in plain
    assert list(plain).index("first_utc") == list(plain).index("first") + 1
