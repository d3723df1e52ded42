"""Shipped files are found in a wheel and in a checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightporter.shipped import shipped


def test_in_this_checkout() -> None:
    assert (shipped("launchd") / "local.nightporter.plist").is_file()
    assert shipped("rules").is_dir()
    assert shipped("config.example.yaml").is_file()


def test_in_a_wheel(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "nightporter"
    (package / "bundled" / "rules").mkdir(parents=True)
    assert shipped("rules", package) == package / "bundled" / "rules"


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="'rules'"):
        shipped("rules", tmp_path / "daemon" / "nightporter")
