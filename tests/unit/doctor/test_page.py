"""What is shown: safe whatever the text, worst first, counted right."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.doctor.finding import STATES, Finding, counted, exit_code, listed, page, pasteable

findings_of_anything = st.lists(
    st.builds(
        Finding,
        subject=st.sampled_from(["config", "docker", "files"]),
        state=st.sampled_from(STATES),
        what=st.text(max_size=80),
        mend=st.text(max_size=80),
    ),
    max_size=12,
)


@given(findings_of_anything)
def test_no_text_reaches_the_terminal_alive(findings: list[Finding]) -> None:
    for line in page(findings):
        assert not [c for c in line if unicodedata.category(c) in ("Cc", "Cf", "Cs")], repr(line)


@given(findings_of_anything)
def test_every_finding_is_shown_once_and_counted(findings: list[Finding]) -> None:
    lines = list(page(findings))
    marks = [line[2] for line in lines if line.startswith("  ") and line[2:3] in "✗○·✓" and line[3:4] == " "]
    assert len(marks) == len(findings)
    *_, last = lines
    assert last == counted(findings)
    assert sum(int(part.split()[0]) for part in last.split(", ")) == len(findings)
    assert exit_code(findings) == int(any(f.state == "wrong" for f in findings))


@given(findings_of_anything)
def test_a_program_gets_it_back(findings: list[Finding]) -> None:
    read = json.loads(json.dumps([finding.as_dict() for finding in findings]))
    assert [Finding(**each) for each in read] == findings


def test_worst_first_within_a_subject_and_mends_indented() -> None:
    found = [
        Finding("config", "right", "fine"),
        Finding("docker", "note", "a note"),
        Finding("config", "wrong", "broken", "do this\n  then: that"),
    ]
    assert list(page(found)) == [
        "config",
        "  ✗ broken",
        "      do this",
        "        then: that",
        "  ✓ fine",
        "",
        "docker",
        "  · a note",
        "",
        "1 wrong, 0 blind, 1 note, 1 right",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "    image: x",
        "curl -4 https://ifconfig.me",
        "open 'x-apple.systempreferences:com.apple.preference.security?Privacy_AllFiles'",
        '  - {name: ombi, kind: file, paths: ["/a/log-*.txt"]}',
        "",
    ],
)
def test_a_mend_is_pasted_as_it_is(line: str) -> None:
    assert pasteable(line) == line


def test_a_mend_can_hold_no_escape() -> None:
    assert pasteable("rm \x1b[2J\u202ex") == "rm ␛[2J\N{REPLACEMENT CHARACTER}x"


def test_a_list_is_cut_and_says_so() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed("abcdefgh", 4) == "a, b, c and 5 more"
