"""What patterns mean, and what `default` does."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightporter.sources.integrity.watchlist import covers, listing, named_by_traefik, targets, usual


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("/a/b", "/a/b", True),
        ("/a/b", "/a/b/c", True),  # a folder means its files
        ("/a/b", "/a/b/c/d", False),
        ("/a/*", "/a/b", True),
        ("/a/*", "/a/.b", True),
        ("/a/*", "/a/b/c", False),
        ("/a/*/c.yml", "/a/b/c.yml", True),
        ("/a/**/c", "/a/c", True),
        ("/a/**/c", "/a/x/y/c", True),
        ("/a/**/c", "/a/x/y/d", False),
        ("/a/[[]b", "/a/[b", True),
        ("/a/b", "/a", False),
    ],
)
def test_what_a_pattern_covers(pattern: str, path: str, fits: bool) -> None:
    assert covers(pattern, path) is fits


@pytest.mark.parametrize("pattern", ["*", "*.yml", "sub", "sub/*", "**/c.yml", "a.yml", "gone", ".*"])
def test_what_is_listed_is_covered(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    for name in ("a.yml", ".hidden.yml", "sub/b", "sub/c.yml", "sub/deep/c.yml"):
        (tmp_path / name).write_text("x")
    wanted = f"{tmp_path}/{pattern}"
    found = listing([wanted]).paths
    assert bool(found) == (pattern != "gone")
    assert all(covers(wanted, path) for path in found)
    assert not any(Path(path).is_dir() for path in found)


def test_a_home_is_not_listened_to(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    folders = {target.folder for target in targets(usual(tmp_path), (), loud=tmp_path)}
    assert tmp_path / "docker" in folders
    assert tmp_path not in folders


def test_default_finds_a_home_server(tmp_path: Path) -> None:
    wanted = [
        *("docker/docker-compose.yml", "docker/.env", "docker/media/compose.yaml", ".env"),
        *("traefik/traefik.yml", "traefik/certificates/acme.json", "traefik/dynamic/plex.yml"),
        *("Library/LaunchAgents/com.traefik.startup.plist", ".ssh/authorized_keys"),
    ]
    for name in (*wanted, "docker/notes.txt", "Documents/.env"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x: 1\n")
    found = {path for path in listing(usual(tmp_path)).paths if path.startswith(str(tmp_path))}
    assert found == {str(tmp_path / name) for name in wanted}


def test_traefik_names_the_rest_of_its_files(tmp_path: Path) -> None:
    static = tmp_path / "traefik.yml"
    static.write_text(
        "providers:\n  file:\n    directory: /etc/traefik/routes\n    watch: true\n"
        "certificatesResolvers:\n  le:\n    acme:\n      storage: keys/acme.json\n"
    )
    assert list(named_by_traefik([str(static), str(tmp_path / "other.yml")])) == [
        *("/etc/traefik/routes", str(tmp_path / "routes")),
        *(str(tmp_path / "keys/acme.json"), str(tmp_path / "acme.json")),
    ]


@pytest.mark.parametrize("text", ["", "- a list", "providers: [", "providers: {file: 7}"])
def test_a_static_config_that_is_none_names_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "traefik.yml").write_text(text)
    assert list(named_by_traefik([str(tmp_path / "traefik.yml")])) == []


def test_a_pipe_in_the_place_of_the_static_config_is_not_waited_for(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "traefik.yml")
    assert list(named_by_traefik([str(tmp_path / "traefik.yml")])) == []
