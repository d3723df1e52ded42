"""Where alerts go, as a person says it: the secret goes into a file of its own."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from nightporter.begin.wish import Wish, pasted, usual, wished, write_new
from nightporter.errors import UserError

HOOK = "https://discord.com/api/webhooks/1/SECRET"


def test_a_url_goes_into_a_file_that_only_its_owner_can_read(tmp_path: Path) -> None:
    assert wished(f" {HOOK}\n", tmp_path / "new") == Wish(name="discord", url="file:discord-url")
    file = tmp_path / "new" / "discord-url"
    assert file.read_text() == f"{HOOK}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_nothing_is_overwritten_and_the_same_secret_is_kept_once(tmp_path: Path) -> None:
    (tmp_path / "discord-url").write_text("another")
    assert wished(HOOK, tmp_path) == Wish(name="discord", url="file:discord-url-2")
    assert wished(HOOK, tmp_path) == Wish(name="discord", url="file:discord-url-2")
    assert (tmp_path / "discord-url").read_text() == "another"
    (tmp_path / "discord-url-2").chmod(0o644)  # others can read it: it is not used
    assert wished(HOOK, tmp_path) == Wish(name="discord", url="file:discord-url-3")


@pytest.mark.parametrize(
    "make",
    [Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path.parent / "nowhere")],
    ids=["folder", "pipe", "dangling link"],
)
def test_what_is_no_file_stands_in_the_way(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "discord-url")
    with pytest.raises(UserError, match="discord-url") as told:
        wished(HOOK, tmp_path)
    assert "SECRET" not in str(told.value)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        wished(HOOK, tmp_path / "file" / "nightporter")


@pytest.mark.parametrize(("text", "names"), [(HOOK, ["discord"]), ("${URL}", []), ("none", [])])
def test_a_pasted_url_is_a_destination_before_it_is_written(text: str, names: list[str]) -> None:
    assert [destination.name for destination in pasted(text)] == names


def test_without_writing_nothing_is_written(tmp_path: Path) -> None:
    assert wished("mailtos://me:pw@example.org", tmp_path, write=False) == Wish(
        name="mail", url="file:mail-url"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["file:secret", "keychain:nightporter", "${DISCORD_URL}"])
def test_what_is_kept_elsewhere_stays_there(text: str, tmp_path: Path) -> None:
    assert wished(text, tmp_path) == Wish(name="phone", url=text)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", " ", "none", "Terminal"])
def test_nobody_is_the_terminal(text: str, tmp_path: Path) -> None:
    assert wished(text, tmp_path) is None


@pytest.mark.parametrize("text", ["SECRET", "discord.com/SECRET", "https://a b/SECRET"])
def test_what_is_no_url_is_refused_without_being_shown(text: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="that is no URL") as told:
        wished(text, tmp_path)
    assert "SECRET" not in str(told.value)


def test_a_file_is_never_replaced(tmp_path: Path) -> None:
    write_new(tmp_path / "x", "one")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "x", "two")
    assert (tmp_path / "x").read_text() == "one"


def test_the_usual_variable_is_taken_if_it_is_set() -> None:
    assert usual({"DISCORD_URL": "x"}) == "${DISCORD_URL}"
    assert usual({"DISCORD_URL": ""}) == usual({}) == ""
