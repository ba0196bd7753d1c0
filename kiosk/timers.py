"""Timers that keep nothing but what they call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import TypeVarTuple, Unpack

Ts = TypeVarTuple("Ts")


def after(
    seconds: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts
) -> asyncio.TimerHandle:
    """Have something called later, like the running loop's `call_later`.

    A loop keeps a timer that was cancelled until its time is over, with the context in which it was
    set; in Textual's that is a screen, and so all screens of the last minutes would be kept.
    """
    return asyncio.get_running_loop().call_later(seconds, callback, *args, context=Context())
