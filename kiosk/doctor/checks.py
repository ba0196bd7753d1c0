"""Runs checks side by side, each with a deadline, whatever becomes of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from kiosk.doctor.findings import Finding, Status, group

Parts = list[Finding]

Look = Callable[[], Parts] | Callable[[], Awaitable[Parts]]

SECONDS = 13.0
"""Longest time for a subject, if nothing else is wanted: all are looked at side by side."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Check:
    """One subject to look at."""

    name: str
    title: str
    look: Look
    """A plain function may block: it gets a thread of its own."""
    seconds: float
    """Longest time that it may take."""


async def carry_out(check: Check) -> Finding:
    """Look, and put what was found under the check's title. Never raises.

    A plain function that does not come back is left behind in its thread, which does not
    keep the process from ending.
    """
    try:
        async with asyncio.timeout(check.seconds):
            if asyncio.iscoroutinefunction(check.look):
                parts = await check.look()
            else:
                parts = await in_a_thread(check.look)
    except TimeoutError:
        return Finding(
            check.name,
            Status.FAILED,
            f"{check.title}: no answer within {check.seconds:g} s",
            "Something on this machine hangs (a file system, pcscd, a name server), or it is slow "
            "or busy: wait longer with --wait, and look at `journalctl -b -p warning`.",
        )
    except Exception as error:
        return fault(check.name, check.title, error)
    return group(check.name, check.title, parts)


def fault(name: str, title: str, error: Exception) -> Finding:
    """The doctor itself failed."""
    return Finding(
        name,
        Status.FAILED,
        f"{title}: the doctor failed at this: {type(error).__name__}: {error}",
        "This is a fault of the doctor, not of the machine: report it with this line.",
        {"fault": True},
    )


async def in_a_thread(work: Callable[[], T]) -> T:
    """Do something that may block, in a thread of its own, and wait for it.

    Whoever stops waiting leaves the thread behind; it does not keep the process from ending.
    """
    loop = asyncio.get_running_loop()
    told: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, error: Exception | None) -> None:
        if told.done():
            return
        if error is not None:
            told.set_exception(error)
        else:
            told.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result: T | None = None
        failure: Exception | None = None
        try:
            result = work()
        except Exception as error:
            failure = error
        # The report may be written by now, and the loop closed.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(tell, result, failure)

    threading.Thread(target=run, name="doctor", daemon=True).start()
    return await told
