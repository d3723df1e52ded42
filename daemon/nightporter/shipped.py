"""Finding the files that Nightporter ships beside its code: rules, the launch agent's template, the example.

A wheel carries them in `nightporter/bundled/`; in a checkout (an editable install, the tests) they lie at its
root, and that is where edits are made, so the checkout wins only where there is no bundle.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).parent


def shipped(name: str, package: Path = _PACKAGE) -> Path:
    """The file or folder of this name: `rules`, `launchd`, `config.example.yaml`.

    Raises FileNotFoundError for an installation that lacks it, which is a mistake of the packaging.
    """
    for place in (package / "bundled", package.parents[1]):
        if (place / name).exists():
            return place / name
    raise FileNotFoundError(f"this installation of Nightporter lacks its file {name!r}")
