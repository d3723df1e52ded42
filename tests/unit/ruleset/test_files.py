"""Which files of a folder are rules, in which order, and what is said of those that cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

from nightporter import bundled
from nightporter.ruleset import load, read
from nightporter.yamltext.composing import MAX_BYTES


def test_rule_files_of_a_folder_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in (
        "b.yaml",
        "a.yml",
        "c.yaml~",
        "#d.yaml#",
        ".e.yaml",
        ".a.yaml.swp",
        "README.md",
        "f.yaml.bak",
    ):
        (tmp_path / name).write_text(name)
    (tmp_path / "sub.yaml").mkdir()
    (tmp_path / "sub.yaml" / "x.yaml").write_text("below")
    found = read([tmp_path], shipped=True)
    assert [(Path(t.name).name, t.text, t.shipped) for t in found.texts] == [
        ("a.yml", b"a.yml", True),
        ("b.yaml", b"b.yaml", True),
    ]
    assert found.problems == ()


def test_paths_are_read_in_their_order_and_no_file_twice(tmp_path: Path) -> None:
    folder, file = tmp_path / "rules", tmp_path / "first.conf"
    folder.mkdir()
    (folder / "a.yaml").write_text("a")
    file.write_text("x")
    (folder / "link.yaml").symlink_to(folder / "a.yaml")
    found = read([file, folder, folder / "a.yaml"])
    assert [Path(t.name).name for t in found.texts] == ["first.conf", "a.yaml"]


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    found = read([tmp_path / "none", tmp_path / "gone.yaml", tmp_path / "loop.yaml"])
    assert found.texts == ()
    assert [problem.found.partition(": ")[0] for problem in found.problems] == ["cannot be read"] * 3


def test_a_link_in_a_folder_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a")
    (tmp_path / "mine.yaml").symlink_to(tmp_path / "moved" / "mine.yaml")
    (tmp_path / ".#a.yaml").symlink_to("ada@hallway.4711")  # Emacs' mark on a file that is being edited
    found = read([tmp_path])
    assert [text.text for text in found.texts] == [b"a"]
    assert [str(problem) for problem in found.problems] == [
        f"{tmp_path}/mine.yaml:1:1: cannot be read: it leads to {tmp_path}/moved/mine.yaml, "
        "which is not there; mend the link, or take it out"
    ]


def test_a_name_that_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (problem,) = read([tmp_path / "ruels"]).problems
    assert "no such file" in problem.found
    assert problem.nearest == "rules"


def test_a_pipe_is_told_and_waits_for_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (tmp_path, tmp_path / "pipe.yaml"):
        (problem,) = read([path]).problems
        assert problem.found == "cannot be read: a pipe, not a file"


def test_a_file_larger_than_the_cap_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "big.yaml").open("wb") as stream:
        stream.truncate(MAX_BYTES * 4)
    (text,) = read([tmp_path]).texts
    assert len(text.text) == MAX_BYTES + 1
    assert "more than 4 MiB" in load([text]).problems[0].found


def test_the_shipped_rules_load_without_a_mistake() -> None:
    found = read([bundled.rules()], shipped=True)
    loaded = load(found.texts)
    assert [str(problem) for problem in (*found.problems, *loaded.problems)] == []
    assert loaded.ruleset.rules
