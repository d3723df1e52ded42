"""Our own files are watched whatever the config says, and by one source."""

from __future__ import annotations

from pathlib import Path

from nightporter import ownfiles
from nightporter.config import Config, DockerSource, IntegritySource

OWN = ("/c/config.yaml", "/c/[[]mine]", "/more")


def a_config(*sources: DockerSource | IntegritySource, path: Path | None = Path("/c/config.yaml")) -> Config:
    return Config(state=Path("/s"), sources=sources, rule_dirs=(Path("/c/[mine]"), Path("/more")), path=path)


def test_they_are_taken_from_the_config_in_force_as_they_are_spelled() -> None:
    assert ownfiles.patterns(a_config()) == OWN
    assert ownfiles.patterns(a_config(path=None)) == OWN[1:]


def test_the_first_source_that_watches_files_watches_them_too() -> None:
    docker, one = DockerSource(name="docker"), IntegritySource(name="one", paths=("/etc/hosts",))
    two = IntegritySource(name="two", usual=True)
    assert ownfiles.watching(a_config(docker, one, two)) == (
        docker,
        IntegritySource(name="one", paths=("/etc/hosts",), own=OWN),
        two,
    )


def test_where_none_does_there_is_one_more_of_a_name_that_is_free() -> None:
    taken = DockerSource(name="own-files")
    assert ownfiles.watching(a_config()) == (IntegritySource(name="own-files", own=OWN),)
    assert ownfiles.watching(a_config(taken)) == (taken, IntegritySource(name="own-files-2", own=OWN))


def test_without_a_file_or_rules_of_ones_own_there_is_nothing_to_watch() -> None:
    assert ownfiles.watching(Config(state=Path("/s"))) == ()
