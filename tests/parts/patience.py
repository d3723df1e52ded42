"""How long a test waits for something that will happen.

No promise and no measure: on a machine that many share, what takes a second alone can take a minute. It only
bounds how long a test that has failed goes on. A test's own limit (`timeout` in pyproject.toml) is larger.
"""

from __future__ import annotations

from typing import Final

PATIENCE_S: Final = 90
