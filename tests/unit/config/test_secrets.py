"""Secrets from files and from the macOS keychain; and what is said when there is none."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

from nightporter.configfile import secrets
from nightporter.configfile.secrets import NoSecret, resolve

HOME = Path("/home/ada")


def test_a_plain_value_is_itself() -> None:
    assert resolve("discord://1/T", Path("/"), HOME).reveal() == "discord://1/T"


def test_a_file_of_the_owners_alone(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("discord://1/T\n")
    (tmp_path / "url").chmod(0o600)
    secret = resolve("file:url", tmp_path, HOME)
    assert secret.reveal() == "discord://1/T"
    assert "T" not in repr(secret).removeprefix("Secret")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "url").write_text("discord://1/HIDDEN")
    (tmp_path / "url").chmod(mode)
    with pytest.raises(NoSecret, match="chmod 600") as caught:
        resolve("file:url", tmp_path, HOME)
    assert "HIDDEN" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"a\nb\n", b"x" * 70_000], ids=["empty", "blank", "lines", "huge"]
)
def test_a_file_that_holds_no_secret(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "url").write_bytes(content)
    (tmp_path / "url").chmod(0o600)
    with pytest.raises(NoSecret, match="does not hold one line"):
        resolve("file:url", tmp_path, HOME)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(NoSecret, match="cannot be read: no such file"):
        resolve("file:~/none", Path("/"), HOME)


def test_a_pipe_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "url", 0o600)
    with pytest.raises(NoSecret, match="cannot be read: a pipe, not a file"):
        resolve("file:url", tmp_path, HOME)


class Keyring(ModuleType):
    """The package keyring, as far as it is asked."""

    def __init__(self, answer: str | Exception | None) -> None:
        super().__init__("keyring")
        self.asked: list[tuple[str, str]] = []
        self._answer = answer

    def get_password(self, service: str, user: str) -> str | None:
        self.asked.append((service, user))
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def test_elsewhere_the_keyring_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = Keyring("mailto://u:HIDDEN@h\n")
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    assert resolve("keychain:mail", Path("/"), HOME, "linux").reveal() == "mailto://u:HIDDEN@h"
    assert keyring.asked == [("mail", "nightporter")]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "the keyring has no item 'mail'; add it: keyring set 'mail' nightporter"),
        ("", "the keyring has no item 'mail'"),
        (RuntimeError("HIDDEN"), "the keyring did not answer for 'mail' .RuntimeError."),
    ],
)
def test_a_keyring_without_an_answer(
    monkeypatch: pytest.MonkeyPatch, answer: str | Exception | None, words: str
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", Keyring(answer))
    with pytest.raises(NoSecret, match=words) as caught:
        resolve("keychain:mail", Path("/"), HOME, "linux")
    assert "HIDDEN" not in str(caught.value)


def test_a_keyring_that_waits_for_a_person_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    unlocked = threading.Event()
    keyring = Keyring(None)
    monkeypatch.setattr(keyring, "get_password", lambda *_: unlocked.wait())
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setattr(secrets, "KEYCHAIN_SECONDS", 0.05)
    with pytest.raises(NoSecret, match="TimeoutError"):
        resolve("keychain:mail", Path("/"), HOME, "linux")
    unlocked.set()


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(NoSecret, match=r"pip install 'nightporter\[keyring\]'.*file:PATH"):
        resolve("keychain:mail", Path("/"), HOME, "linux")


@pytest.fixture
def security(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `security` on PATH that writes down its arguments and knows one item."""
    program = tmp_path / "bin" / "security"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        f'printf "%s\\n" "$@" > {tmp_path}/asked\n'
        '[ "$4" = mail ] && { echo mailto://u:HIDDEN@h; exit 0; }\n'
        '[ "$4" = locked ] && exit 51\n'
        "exit 44\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return tmp_path / "asked"


def test_the_keychain_is_asked_for_a_password_alone(security: Path) -> None:
    assert resolve("keychain:mail", Path("/"), HOME, "darwin").reveal() == "mailto://u:HIDDEN@h"
    assert security.read_text().split() == ["find-generic-password", "-w", "-s", "mail"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none", "has no item 'none'; add it: security add-generic-password"),
        ("locked", "refuses 'locked' .security ended with 51."),
        ("", "no name after 'keychain:'"),
    ],
)
def test_what_is_said_when_the_keychain_has_none(security: Path, name: str, words: str) -> None:
    with pytest.raises(NoSecret, match=words):
        resolve(f"keychain:{name}", Path("/"), HOME, "darwin")
