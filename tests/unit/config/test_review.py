"""`review:` of the config: what each way of writing it means. What is wrong: tests/broken/config-review."""

from __future__ import annotations

import pytest

from nightporter.config import Review, Turn
from nightporter.configfile import parse_config
from nightporter.configfile.review import monthly, weekly
from nightporter.ruleset.values import NotA


def read(text: str) -> Review:
    loaded = parse_config("config.yaml", f"destinations: [{{name: log, kind: terminal}}]\nreview: {text}")
    assert loaded.ok, loaded.problems
    return loaded.config.review


@pytest.mark.parametrize(
    ("text", "review"),
    [
        ("null", Review()),
        ("{}", Review()),
        ("{weekly: null, monthly: null, to: null}", Review()),
        ("{weekly: never}", Review(weekly=None)),
        ("{monthly: Never, to: log}", Review(monthly=None, to=("log",))),
        ('{weekly: "Mon 07:30", monthly: "28 23:59"}', Review(weekly=Turn(0, 450), monthly=Turn(28, 1439))),
        ('{weekly: "saturday 18:00"}', Review(weekly=Turn(5, 1080))),
    ],
)
def test_what_it_means(text: str, review: Review) -> None:
    assert read(text) == review


@pytest.mark.parametrize("text", ["sun", "sun 25:00", "so 18:00", "18:00", "", "sunda 18:00"])
def test_no_day_of_the_week(text: str) -> None:
    with pytest.raises(NotA):
        weekly(text)


@pytest.mark.parametrize("text", ["0 09:00", "29 09:00", "1", "01 09:00", "sun 09:00", "1 9"])
def test_no_day_of_the_month(text: str) -> None:
    with pytest.raises(NotA):
        monthly(text)
