"""`nightporter tail` as a process: lines as they come, beside a daemon that hears nothing of it."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

import pytest
from tests.parts.access import as_json, clf
from tests.parts.daemon import PROGRAM, Daemon
from tests.parts.patience import PATIENCE_S

HOSTILE = "/\x1b]0;owned\x07<script>?apikey=SECRET123456"


@pytest.fixture
def house(tmp_path: Path) -> Daemon:
    """A config with a proxy's log; its daemon runs only where a test starts it."""
    log = tmp_path / "access.log"
    log.touch()
    return Daemon(
        tmp_path, sources=[{"name": "traefik", "kind": "file", "format": "traefik", "paths": [str(log)]}]
    )


@contextmanager
def tailing(house: Daemon, *words: str) -> Iterator[tuple[subprocess.Popen[str], Queue[str]]]:
    """The process, and its lines as they come."""
    command = [PROGRAM, "tail", *words, "--config", str(house.config_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        lines: Queue[str] = Queue()
        assert process.stdout is not None
        stdout = process.stdout
        reader = threading.Thread(target=_pass_on, args=(stdout, lines))
        reader.start()
        try:
            yield process, lines
        finally:
            process.kill()
            reader.join()


def _pass_on(stream: Iterable[str], lines: Queue[str]) -> None:
    for line in stream:
        lines.put(line)


def write(house: Daemon, *lines: str) -> None:
    with (house.folder / "access.log").open("a") as file:
        file.writelines(lines)


def test_past_and_coming_lines_that_fit_with_the_rules_that_count_them(house: Daemon) -> None:
    write(house, as_json("203.0.113.9", "/old", 404), *[as_json("203.0.113.9", "/", 200)] * 2000)
    write(house, as_json("203.0.113.9", "/.env", 404), as_json("203.0.113.9", "/wp-login.php", 500))
    words = ("--from", "traefik", "status=4xx,5xx", "--last", "2")
    with tailing(house, *words) as (process, lines):
        line, _, rules = lines.get(timeout=PATIENCE_S).partition("  ← ")
        assert line.endswith("203.0.113.9 GET app.lan/.env 404")
        assert "http-404-scan" in rules.strip().split(", ")
        assert "/wp-login.php 500" in lines.get(timeout=PATIENCE_S)
        write(house, as_json("203.0.113.9", "/fine", 200), clf("203.0.113.9", "/.git/config", 404))
        assert "/.git/config" in lines.get(timeout=PATIENCE_S)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=PATIENCE_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert lines.empty()


def test_the_daemon_beside_it_hears_nothing_of_it(house: Daemon) -> None:
    with house:
        write(house, as_json("203.0.113.9", "/", 200))
        house.wait_until(lambda: house.last_chunk("traefik"), "the log is followed")
        with tailing(house, "--from", "traefik", "--json", "--last", "1") as (_, lines):
            lines.get(timeout=PATIENCE_S)  # from here on it follows
            scan = [as_json("203.0.113.9", f"/missing-{number}.php", 404) for number in range(19)]
            write(house, *scan)
            for _ in scan:
                shown = json.loads(lines.get(timeout=PATIENCE_S))
                assert "http-404-scan" in shown["rules"]
                assert shown["fields"]["status"] == 404
            write(house, as_json("203.0.113.9", "/the-twentieth.php", 404))
            (alert,) = house.wait_for_alerts(1, "http-404-scan")
            assert alert["count"] == 20


def test_a_hostile_line_is_inert_and_its_secret_masked(house: Daemon) -> None:
    write(house, as_json("203.0.113.9", HOSTILE, 404))
    for words in ((), ("--json",)):
        with tailing(house, "--from", "traefik", "--last", "1", *words) as (_, lines):
            line = lines.get(timeout=PATIENCE_S)
            assert "203.0.113.9" in line
            assert "\x1b" not in line
            assert "SECRET" not in line


def test_a_reader_that_goes_ends_it_without_a_word(house: Daemon) -> None:
    write(house, *[as_json("203.0.113.9", "/", 200)] * 5000)
    command = f"{PROGRAM} tail --from traefik --last 5000 --config {house.config_file} | head -1"
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_a_reader_that_goes_ends_it_though_nothing_new_comes(house: Daemon) -> None:
    write(house, as_json("203.0.113.9", "/", 200))
    command = f"{PROGRAM} tail --from traefik --last 1 --config {house.config_file} | head -1"
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_a_log_that_is_not_there_is_named(house: Daemon) -> None:
    (house.folder / "access.log").unlink()
    with tailing(house, "--from", "traefik") as (process, _):
        assert process.stderr is not None
        assert "traefik: nothing there yet: " in process.stderr.readline()


def test_mistakes_are_told_at_once(house: Daemon) -> None:
    command = [PROGRAM, "tail", "--from", "traefik", "statu=4xx", "--config", str(house.config_file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "did you mean 'status'" in done.stderr
