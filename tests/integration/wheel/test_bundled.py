"""What ships beside the code is found in a checkout, and in an installed wheel."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.parts.patience import PATIENCE_S

from nightporter import bundled

ROOT = Path(__file__).parents[3]
SHIPPED = ("rules", "launchd", "config.example.yaml")


def test_in_a_checkout() -> None:
    assert bundled.rules() == ROOT / "rules"
    assert bundled.launchd() == ROOT / "launchd"
    assert bundled.example_config() == ROOT / "config.example.yaml"


def test_what_is_not_there_is_told() -> None:
    with pytest.raises(bundled.NotBundled, match="no 'nothing'"):
        bundled.path_of("nothing")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this checkout, built without a network: `uv sync` has put hatchling into uv's cache."""
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("needs uv to build a wheel")
    out = tmp_path_factory.mktemp("wheel")
    source = out / "source"
    source.mkdir()
    for name in (*SHIPPED, "daemon", "README.md", "LICENSE", "pyproject.toml"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    build = [uv, "build", "--wheel", "--offline", "--out-dir", str(out), str(source)]
    done = subprocess.run(build, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("*.whl")
    return built


def test_a_wheel_holds_all_of_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = [*(ROOT / "rules").glob("*.yaml"), *(ROOT / "launchd").iterdir(), ROOT / "config.example.yaml"]
    assert {f"nightporter/bundled/{path.relative_to(ROOT)}" for path in shipped} <= names
    assert not any(name.startswith(("daemon/", "tests/", "rules/")) for name in names)


def test_an_unpacked_wheel_finds_its_own(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = "from nightporter import bundled as b; print(b.rules(), b.launchd(), b.example_config())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    base = site / "nightporter" / "bundled"
    assert done.stdout.split() == [str(base / name) for name in SHIPPED]
