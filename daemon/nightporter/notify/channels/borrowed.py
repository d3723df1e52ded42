"""apprise's own methods, run with other names around them.

apprise answers a send with yes or no; what we must know (the status, Retry-After, whether the body was out)
stays inside its method. `with_names` gives that very method, its code untouched, with a few of its module's
global names bound to ours: nothing of apprise is patched, and no one else sees a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any


def with_names(function: Callable[..., Any], names: Mapping[str, object]) -> Callable[..., Any]:
    """`function` as it is, seeing `names` before its module's own. `Any`: apprise ships no types.

    Raises LookupError where the function does not use one of the names: then this apprise is not the one that
    the caller was written for, and silence would be worse.
    """
    if not isinstance(function, FunctionType):
        raise LookupError(f"{function!r} is no plain function")
    for name in names:
        if name not in function.__code__.co_names:
            raise LookupError(f"{function.__qualname__} does not use {name}")
    borrowed = FunctionType(
        function.__code__,
        {**function.__globals__, **names},
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    borrowed.__kwdefaults__ = function.__kwdefaults__
    return borrowed
