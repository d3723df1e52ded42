"""Whatever happens to a watched file is told once, and nothing else is."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.parts.logfiles import not_root
from tests.unit.sources.integrity.watching import Watching

from nightporter.model import SECOND
from nightporter.sources.integrity import marks
from nightporter.sources.integrity.accepting import Desk, Request
from nightporter.sources.integrity.source import status_of
from nightporter.sources.integrity.state import look
from nightporter.sources.integrity.watch import LONG_SCAN_S, RESTLESS_S, SETTLE_S, SMALL_BYTES
from nightporter.sources.integrity.watchlist import MOST_FILES

OLD = "services:\n  plex:\n    image: plex:1\n"
NEW = "services:\n  plex:\n    image: plex:2\n"


@pytest.fixture
def compose(tmp_path: Path) -> Path:
    path = tmp_path / "docker-compose.yml"
    path.write_text(OLD)
    path.chmod(0o640)
    return path


@pytest.fixture
def watching(compose: Path) -> Watching:
    watching = Watching(compose)
    assert watching.told() == []
    return watching


# --- what happens to a file


def in_place(path: Path) -> None:
    path.write_text(NEW)


def chmodded(path: Path) -> None:
    path.chmod(0o666)


def to_a_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


def to_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def to_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def to_a_socket(path: Path) -> None:
    path.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def truncated(path: Path) -> None:
    os.truncate(path, 0)


def with_its_times_put_back(path: Path) -> None:
    before = path.stat()
    path.write_text(NEW)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    ("happens", "action", "what"),
    [
        (in_place, "changed", "its content was changed"),
        (truncated, "changed", "its content was changed"),
        (with_its_times_put_back, "changed", "its content was changed"),
        (chmodded, "mode", "its mode is 0666 now, was 0640"),
        (Path.unlink, "deleted", "it was deleted"),
        (to_a_link, "replaced", "it is a link to /etc/hostname now, and was a file"),
        (to_a_folder, "replaced", "it is a folder now, and was a file"),
        (to_a_pipe, "replaced", "it is a pipe or device now, and was a file"),
        (to_a_socket, "replaced", "it is a pipe or device now, and was a file"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_happens_is_told_once(
    compose: Path, watching: Watching, happens: Callable[[Path], None], action: str, what: str
) -> None:
    happens(compose)
    (event,) = watching.told()
    assert (event["action"], event["path"], event["accepted"]) == (action, str(compose), False)
    assert what in event["what"]
    assert event["diff"]
    assert watching.told() + watching.scanned() == []
    watching.begin()
    assert watching.told() == []


def test_a_change_shows_its_lines(compose: Path, watching: Watching) -> None:
    in_place(compose)
    (event,) = watching.told()
    assert event["diff"] == "@ line 3\n-    image: plex:1\n+    image: plex:2"
    assert event["sha256"] == look(str(compose)).state.sha256
    assert event["mode"] == "0640"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_another_owner(compose: Path, watching: Watching) -> None:
    os.chown(compose, 1, 1)
    (event,) = watching.told()
    assert event["action"] == "owner"
    assert event["what"] == "it belongs to daemon:daemon now, before to root:root"


def test_all_at_once_is_one_change(compose: Path, watching: Watching) -> None:
    in_place(compose)
    chmodded(compose)
    (event,) = watching.told()
    assert event["action"] == "changed"
    assert event["what"] == "its content was changed; its mode is 0666 now, was 0640"
    assert event["diff"].startswith("mode 0640 → 0666\n@ line 3\n")


def test_what_was_put_back_before_it_rested_is_no_change(compose: Path, watching: Watching) -> None:
    in_place(compose)
    assert watching.look() == []
    compose.write_text(OLD)
    assert watching.told() == []


def test_touching_is_no_change(compose: Path, watching: Watching) -> None:
    compose.touch()
    os.utime(compose, (0, 0))
    assert watching.told() + watching.scanned() == []


def test_a_secret_that_changed_is_told_and_not_shown(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("DB_PASS=hunter2\nIP_ALLOW_LIST=192.168.1.0/24\n")
    watching = Watching(env)
    watching.look()
    env.write_text("DB_PASS=swordfish\nIP_ALLOW_LIST=0.0.0.0/0\n")
    (event,) = watching.told()
    assert event["diff"].splitlines() == [
        *("@ line 1", "-DB_PASS=***", "-IP_ALLOW_LIST=192.168.1.0/24"),
        *("+DB_PASS=***  (another value)", "+IP_ALLOW_LIST=0.0.0.0/0"),
    ]
    kept = b"".join(watching.marks.values())
    assert not any(secret in kept for secret in (b"hunter2", b"swordfish"))


# --- saves


def as_vim_saves(path: Path) -> None:
    """backupcopy=no: the old file is renamed, a new one takes its place and gets its mode."""
    backup = path.with_name(path.name + "~")
    path.rename(backup)
    path.write_text(NEW)
    path.chmod(backup.stat().st_mode)
    backup.unlink()


def as_vim_saves_a_copy(path: Path) -> None:
    """backupcopy=yes: a copy is kept, the file itself is emptied and written."""
    probe = path.with_name("4913")
    probe.touch()
    probe.unlink()
    path.with_name(path.name + "~").write_text(path.read_text())
    os.truncate(path, 0)
    path.write_text(NEW)


def as_nano_saves(path: Path) -> None:
    os.truncate(path, 0)
    with path.open("r+") as file:
        file.write(NEW)


def as_most_save(path: Path) -> None:
    """A temporary file beside it (mode 0600) is renamed over it, and gets its mode afterwards."""
    beside = path.with_name(f".{path.name}.tmp123")
    beside.write_text(NEW)
    beside.chmod(0o600)
    beside.replace(path)
    path.chmod(0o640)


SAVES = [as_vim_saves, as_vim_saves_a_copy, as_nano_saves, as_most_save]


@pytest.mark.parametrize("pattern", ["docker-compose.yml", "*"])
@pytest.mark.parametrize("save", SAVES)
def test_a_save_is_one_change(compose: Path, save: Callable[[Path], None], pattern: str) -> None:
    watching = Watching(compose.parent / pattern)
    watching.look()
    save(compose)
    events = watching.told() + watching.scanned()
    assert [(event["action"], event["what"]) for event in events] == [("changed", "its content was changed")]


STEPS = ["unlink", "truncate", "chmod", "write", "rename", "half"]


@settings(max_examples=30)
class AnEditor(RuleBasedStateMachine):
    """Steps of a save in any order with looks between them, none of which rests: one change at the end."""

    @initialize(folder=st.integers())
    def open(self, folder: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "docker-compose.yml"
        self.path.write_text(OLD)
        self.path.chmod(0o640)
        self.watching = Watching(self.path)
        assert self.watching.look() == []
        self.told: list[object] = []
        self.steps = 0

    @rule(step=st.sampled_from(STEPS))
    def step(self, step: str) -> None:
        self.steps += 1
        match step:
            case "unlink":
                self.path.unlink(missing_ok=True)
            case "truncate":
                self.path.write_text("")
            case "chmod":
                self.path.touch()
                self.path.chmod(0o600)
            case "write":
                self.path.write_text(NEW * self.steps)
            case "rename":
                beside = self.path.with_name("new")
                beside.write_text(NEW)
                beside.replace(self.path)
            case "half":
                self.path.write_text(NEW[: self.steps])

    @rule()
    def looks(self) -> None:
        self.told += self.watching.look()
        self.watching.passes(0.02)  # so that no run of looks alone is a rest

    @invariant()
    def nothing_is_told_while_it_moves(self) -> None:
        assert self.told == []

    def teardown(self) -> None:
        if not hasattr(self, "watching"):
            return
        self.path.write_text(NEW)
        self.path.chmod(0o640)
        events = self.watching.told()
        assert [event["what"] for event in events] == ["its content was changed"]
        self.folder.cleanup()


TestAnEditor = AnEditor.TestCase


# --- what comes and goes


def test_what_appears_under_a_pattern_was_created(tmp_path: Path) -> None:
    watching = Watching(tmp_path / "*.plist")
    watching.look()
    (tmp_path / ".hidden.plist").write_text("<plist>\n<string>/tmp/evil</string>\n")
    (event,) = watching.told()
    assert event["action"] == "created"
    assert event["path"].endswith("/.hidden.plist")
    assert "+<string>/tmp/evil</string>" in event["diff"]
    (tmp_path / ".hidden.plist").unlink()
    (event,) = watching.told()
    assert (event["action"], event["accepted"]) == ("deleted", True)  # as before it came
    assert set(watching.marks) == {marks.PATTERNS}


def test_a_folder_means_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "dynamic"
    watching = Watching(folder)
    assert watching.told() == []
    (folder / "below").mkdir(parents=True)
    (folder / "a.yml").write_text("x")
    (folder / "below" / "b.yml").write_text("x")
    assert [event["path"] for event in watching.told()] == [str(folder / "a.yml")]


def test_what_editors_leave_in_a_folder_is_passed_over(tmp_path: Path) -> None:
    watching = Watching(tmp_path / "*")
    watching.look()
    for name in ("a.yml~", ".a.yml.swp", "4913", ".#a.yml", "#a.yml#", ".DS_Store"):
        (tmp_path / name).write_text("x")
    assert watching.told() + watching.scanned() == []


def test_a_new_pattern_is_a_first_sight_and_an_old_one_is_forgotten(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("x")
    watching = Watching(tmp_path / "a")
    watching.look()
    watching.patterns = (str(tmp_path / "b"),)
    watching.begin()
    assert watching.told() == []
    assert set(watching.marks) == {marks.PATTERNS, str(tmp_path / "b")}
    (tmp_path / "b").write_text("y")
    assert [event["action"] for event in watching.told()] == ["changed"]


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/\xff\n.yml"
    watching = Watching(tmp_path / "*.yml")
    watching.look()
    with open(odd, "w") as file:  # noqa: PTH123 - bytes
        file.write("x")
    (event,) = watching.told()
    assert event["path"] == f"{tmp_path}/\\xff\n.yml"
    watching.begin()
    os.unlink(odd)  # noqa: PTH108
    assert [event["action"] for event in watching.told()] == ["deleted"]


def test_a_flood_of_files_is_told_and_stops_nothing(tmp_path: Path, compose: Path) -> None:
    watching = Watching(compose, tmp_path / "many" / "*")
    watching.look()
    (tmp_path / "many").mkdir()
    for number in range(MOST_FILES + 5):
        (tmp_path / "many" / f"{number:05}").touch()
    assert len(watching.told()) == MOST_FILES - 1
    assert "more than 1,000 files fit" in str(status_of(watching.watch, "")["blind"])
    in_place(compose)
    assert [event["path"] for event in watching.told()] == [str(compose)]


# --- links


def test_a_link_that_was_turned(tmp_path: Path) -> None:
    (tmp_path / "good").write_text("good\n")
    (tmp_path / "evil").write_text("evil\n")
    link = tmp_path / "dynamic.yml"
    link.symlink_to("good")
    watching = Watching(link)
    watching.look()
    beside = tmp_path / "beside"
    beside.symlink_to("evil")
    beside.replace(link)
    (event,) = watching.told()
    assert (event["action"], event["target"]) == ("replaced", "evil")
    assert event["what"] == "it leads to evil now, before to good; its content was changed"
    assert event["diff"].splitlines() == ["→ evil, was → good", "@ line 1", "-good", "+evil"]


def test_what_a_link_leads_to_is_watched_too(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("a\n")
    (tmp_path / "link").symlink_to("real")
    watching = Watching(tmp_path / "link")
    watching.look()
    (tmp_path / "real").write_text("b\n")
    assert [event["action"] for event in watching.told()] == ["changed"]
    (tmp_path / "real").unlink()
    (event,) = watching.told()
    assert event["what"].startswith("it leads to real (nothing there) now, before to real")


def test_a_link_to_itself_is_a_link_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    watching = Watching(tmp_path / "loop")
    assert watching.told() == []
    assert watching.watch.troubles == {}


# --- time


def test_what_changed_while_it_was_down_is_found_at_the_start(compose: Path, watching: Watching) -> None:
    other = compose.with_name("new.yml")
    watching.patterns = (str(compose.parent / "*.yml"),)
    watching.begin()
    watching.look()
    in_place(compose)
    other.write_text("x\n")
    when = compose.stat().st_ctime_ns
    watching.begin()
    events = {event["path"]: event for event in watching.told()}
    assert {path: event["action"] for path, event in events.items()} == {
        str(compose): "changed",
        str(other): "created",
    }
    assert events[str(compose)]["time"] == when
    assert events[str(compose)]["diff"] == "@ line 3\n-    image: plex:1\n+    image: plex:2"


def test_a_kill_before_the_commit_tells_it_again_and_one_after_it_does_not(
    compose: Path, watching: Watching
) -> None:
    in_place(compose)
    before = dict(watching.marks)
    (first,) = watching.told()
    watching.marks = before
    watching.begin()
    (again,) = watching.told()
    assert {**again, "time": 0} == {**first, "time": 0}
    watching.begin()
    assert watching.told() == []


def test_a_file_that_was_moved_here_is_told_as_of_now(compose: Path, watching: Watching) -> None:
    watching.look()
    begun = watching.wall  # far later than the file's own time
    in_place(compose)
    (event,) = watching.told()
    assert event["time"] == begun + round(SETTLE_S * SECOND)


def test_what_never_rests_is_told_now_and_then(compose: Path, watching: Watching) -> None:
    events = []
    for number in range(round(RESTLESS_S) * 4 + 8):
        compose.write_text(f"x: {number}\n")
        events += watching.look(moved=False)
        watching.passes(0.25)
    assert len(events) == 1


def test_content_is_read_anew_whatever_the_times_say(
    compose: Path, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after `debugfs`, or on a file system that keeps no change times."""
    frozen = look(str(compose)).stat
    monkeypatch.setattr("nightporter.sources.integrity.watch.fingerprint", lambda path: frozen)
    in_place(compose)
    assert watching.told() == []
    assert [event["action"] for event in watching.scanned() + watching.scanned()] == ["changed"]


def test_a_large_file_is_read_once_an_hour(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(SMALL_BYTES + 1))
    watching = Watching(path)
    watching.look()
    first = watching.watch.known[str(path)].read_at
    watching.scanned()
    assert watching.watch.known[str(path)].read_at == first
    watching.passes(LONG_SCAN_S)
    watching.look()
    assert watching.watch.known[str(path)].read_at > first


# --- what cannot be read


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that everyone may enter, as pytest's own is not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_file_that_cannot_be_read_is_not_gone(public: Path) -> None:
    compose = public / "docker-compose.yml"
    compose.write_text(OLD)
    watching = Watching(compose)
    with not_root():
        assert watching.told() == []
    compose.chmod(0o600)
    with not_root():
        (event,) = watching.told()
        assert event["action"] == "mode"
        assert "permission denied" in str(status_of(watching.watch, "")["blind"]).lower()
    compose.write_text(NEW)
    (event,) = watching.told()  # the content of before was not forgotten
    assert event["diff"] == "@ line 3\n-    image: plex:1\n+    image: plex:2"
    assert status_of(watching.watch, "")["blind"] == []


def test_a_closed_folder_is_not_an_empty_one(public: Path) -> None:
    folder = public / "closed"
    folder.mkdir()
    (folder / "a").write_text("x")
    watching = Watching(folder / "a")
    watching.look()
    folder.chmod(0o700)
    with not_root():
        assert watching.told() == []
        assert "permission denied" in str(status_of(watching.watch, "")["blind"])
    assert watching.told() == []
    assert status_of(watching.watch, "")["state"] == "following"


def test_a_mark_that_is_none_of_ours_is_a_first_sight(compose: Path, watching: Watching) -> None:
    watching.marks = {str(compose): b"\x00", marks.PATTERNS: b"nonsense"}
    watching.begin()
    assert watching.told() == []
    in_place(compose)
    assert len(watching.told()) == 1


# --- accepting


@pytest.fixture
def desk(tmp_path: Path, watching: Watching) -> Desk:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    watching.desk = Desk(state, "files")
    watching.begin()
    watching.look()
    return watching.desk


def accepted(watching: Watching, desk: Desk, path: Path, print_: str = "") -> str:
    request = Request(id="1", paths={str(path): print_ or look(str(path)).state.print})
    desk.ask(request)
    told = [(event["action"], event["path"]) for event in watching.look()]
    answer = desk.answered(request)
    assert answer is not None
    verdict = answer.verdicts[str(path)]
    assert told == ([("accepted", str(path))] if verdict == "accepted" else [])
    return verdict


def unaccepted(watching: Watching) -> object:
    return status_of(watching.watch, "")["unaccepted"]


def test_a_change_stays_open_until_it_is_accepted(compose: Path, watching: Watching, desk: Desk) -> None:
    in_place(compose)
    watching.told()
    watching.begin()
    watching.look()
    assert unaccepted(watching) == {str(compose): "its content was changed"}
    assert accepted(watching, desk, compose) == "accepted"
    assert unaccepted(watching) == {}
    watching.begin()
    assert watching.told() == []
    assert unaccepted(watching) == {}
    assert accepted(watching, desk, compose) == "already"
    assert list(desk.request.parent.iterdir()) == []


def test_several_changes_are_open_as_one(compose: Path, watching: Watching, desk: Desk) -> None:
    in_place(compose)
    watching.told()
    chmodded(compose)
    assert [event["what"] for event in watching.told()] == ["its mode is 0666 now, was 0640"]
    assert unaccepted(watching) == {str(compose): "its content was changed; its mode is 0666 now, was 0640"}


def test_what_is_put_back_needs_no_word(compose: Path, watching: Watching, desk: Desk) -> None:
    in_place(compose)
    watching.told()
    compose.write_text(OLD)
    (event,) = watching.told()
    assert event["accepted"] is True
    assert event["what"] == "its content was changed; it is again as it was accepted"
    assert unaccepted(watching) == {}


def test_what_was_changed_after_it_was_accepted_is_not_accepted(
    compose: Path, watching: Watching, desk: Desk
) -> None:
    in_place(compose)
    seen = look(str(compose)).state.print
    compose.write_text("evil\n")
    assert accepted(watching, desk, compose, seen) == "changed"
    assert len(watching.told()) == 1


def test_what_is_accepted_at_once_is_never_told(compose: Path, watching: Watching, desk: Desk) -> None:
    in_place(compose)
    assert watching.look() == []
    assert accepted(watching, desk, compose) == "accepted"
    assert watching.told() == []


def test_a_deletion_is_accepted_too(compose: Path, watching: Watching, desk: Desk) -> None:
    compose.unlink()
    watching.told()
    assert unaccepted(watching) == {str(compose): "it was deleted"}
    assert accepted(watching, desk, compose) == "accepted"
    assert set(watching.marks) == {marks.PATTERNS}
    compose.write_text(OLD)
    assert [event["action"] for event in watching.told()] == ["created"]


def test_a_path_that_is_not_watched(compose: Path, watching: Watching, desk: Desk) -> None:
    assert accepted(watching, desk, compose.with_name("other")) == "unwatched"


def test_requests_that_wait_are_taken_together(tmp_path: Path, watching: Watching, desk: Desk) -> None:
    other = tmp_path / "other.yml"
    watching.patterns = (*watching.patterns, str(other))
    watching.begin()
    watching.told()
    compose = Path(watching.patterns[0])
    in_place(compose)
    other.write_text("x")
    for number, path in enumerate((compose, other)):
        desk.ask(Request(id=str(number), paths={str(path): look(str(path)).state.print}))
    watching.begin()
    assert [event["action"] for event in watching.told()] == ["accepted", "accepted"]
    assert unaccepted(watching) == {}


@pytest.mark.parametrize("junk", [b"", b"nonsense", b'{"id": 1}'], ids=["empty", "no JSON", "another shape"])
def test_a_request_that_is_none_is_taken_away(watching: Watching, desk: Desk, junk: bytes) -> None:
    desk.request.write_bytes(junk)
    assert watching.look() == []
    assert not desk.request.exists()


def test_a_look_that_settles_is_soon(compose: Path, watching: Watching) -> None:
    def soon() -> bool:
        return watching.watch.unsettled

    assert not soon()
    in_place(compose)
    watching.look()
    assert soon()
    watching.passes(SETTLE_S)
    watching.look()
    assert not soon()
