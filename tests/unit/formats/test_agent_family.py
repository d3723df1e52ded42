"""`agent`: the program without its versions, so that an update makes no stranger of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.formats.access import LONGEST_AGENT, family_of, put_agent


@pytest.mark.parametrize(
    ("before", "after", "family"),
    [
        (
            "PlexForIOS/8.41 (iPhone; iOS 18.1)",
            "PlexForIOS/9.0.1 (iPhone; iOS 26)",
            "PlexForIOS/N (iPhone; iOS N)",
        ),
        ("Sonarr/4.0.10.2544 (alpine 3.20.3)", "Sonarr/4.1 (alpine 3.21)", "Sonarr/N (alpine N)"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0_1 like Mac OS X) AppleWebKit/619.2 Mobile/23A5",
            "Mozilla/N (iPhone; CPU iPhone OS N like Mac OS X) AppleWebKit/N Mobile/N",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:131.0)",
            "Mozilla/5.0 (Windows NT 11; Win64; x64; rv:140)",
            "Mozilla/N (Windows NT N; Win64; x64; rv:N)",
        ),
    ],
)
def test_an_update_keeps_the_family(before: str, after: str, family: str) -> None:
    assert family_of(before) == family_of(after) == family


def test_other_programs_are_other_families() -> None:
    agents = ("PlexForIOS/8.41", "PlexForAndroid/8.41", "okhttp/4.12.0", "curl/8.9.1", "Plex/1.41.2 (Roku)")
    assert len({family_of(agent) for agent in agents}) == len(agents)


@given(st.text())
def test_a_family_is_its_own_family_and_bounded(agent: str) -> None:
    family = family_of(agent)
    assert family_of(family) == family
    assert len(family) <= LONGEST_AGENT


@given(
    st.from_regex(r"[A-Za-z]{1,12}/", fullmatch=True),
    st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,4}){0,3}", fullmatch=True),
)
def test_whatever_the_version_is(program: str, version: str) -> None:
    assert family_of(program + version) == program + "N"


def test_no_agent_no_family() -> None:
    for nothing in (None, "", "-"):
        fields: dict[str, str | int | float | bool] = {}
        put_agent(fields, nothing)
        assert fields == {}
