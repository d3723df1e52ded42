"""Blocking work on threads that no one waits for at the end.

The interpreter joins the threads of a ThreadPoolExecutor when it ends, so one send that hangs would hold the
whole shutdown. A daemon thread dies with the process.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def in_daemon_thread(work: Callable[[], T], name: str) -> T:
    """Run `work` on a daemon thread of its own and give what it returns or raises.

    Cancelled, this returns at once; the thread goes on to its end, and what it brings is dropped.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def finish(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # None only where T allows it

    def run() -> None:
        try:
            result, error = work(), None
        except BaseException as err:  # noqa: BLE001  # carried over to the one who waits
            result, error = None, err
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(finish, result, error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await future
