"""`kiosk run` for customers who do not dawdle, and who are told what is on the screen.

Run by `tests.endurance.hall`: python -m tests.endurance.hurried_kiosk SOCKET run --config FILE …

The pauses that protect slow people (a double tap, a screen that has just appeared) are taken
away, and so is the time that is given to slow readers; everything else is as in `kiosk run`.
Whatever was drawn is told over SOCKET, one line of JSON each, and so is, on request, what is
alive in this process.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from collections import Counter
from typing import ClassVar

import msgspec

from kiosk import __main__ as command
from kiosk import effects
from kiosk.narration import Narration
from kiosk.screens.base import JourneyScreen
from kiosk.widgets.action_button import ActionButton
from tests.speed.quick_kiosk import be_quick

REMOVAL_GRACE = 0.25
"""Seconds, instead of those that a reader needs that is looked at every 0.4 s."""


class Shown(msgspec.Struct, frozen=True, tag=True):
    """What was drawn."""

    state: str
    overlay: str
    problem: str
    buttons: dict[str, tuple[int, int]]
    """Names of journey events, and where on the screen the button is that raises them."""


class Alive(msgspec.Struct, frozen=True, tag=True):
    """What is alive in the process after its garbage was collected."""

    screens: int
    widgets: int
    tasks: int
    timers: int
    objects: int
    """All that the garbage collector knows of."""
    most: dict[str, int]
    """The kinds of objects of which there are most, where that was asked for."""


class Reporter(Narration):
    """Stands where a screen reader would, and tells what is on the screen."""

    path: ClassVar[str]

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.connect(self.path)
        self._listening = False

    def showed(self, screen: JourneyScreen, countdown: int) -> None:
        """Tell it, once the screen has its shape."""
        if not self._listening:
            self._listening = True
            asyncio.get_running_loop().add_reader(self._socket, self._answer)
        view = screen.view
        shown = Shown(
            view.state.value,
            view.overlay.value,
            view.problem.code if view.problem else "",
            {
                type(button.event()).__name__: _middle(button)
                for button in screen.query(ActionButton)
                if button.event is not None and button.display and button.region.area
            },
        )
        self._send(shown)

    def _answer(self) -> None:
        request = self._socket.recv(16)
        if not request:
            asyncio.get_running_loop().remove_reader(self._socket)
            return
        self._send(_alive(detailed=request == b"details"))

    def _send(self, report: Shown | Alive) -> None:
        try:
            self._socket.sendall(msgspec.json.encode(report))
        except OSError:
            # Whoever asked has gone; the kiosk goes on.
            return


def _middle(button: ActionButton) -> tuple[int, int]:
    region = button.region
    return region.x + region.width // 2, region.y + region.height // 2


def _alive(*, detailed: bool) -> Alive:
    from textual.screen import Screen
    from textual.timer import Timer
    from textual.widget import Widget

    gc.collect()
    objects = gc.get_objects()
    most: dict[str, int] = {}
    if detailed:
        kinds = Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in objects)
        most = dict(kinds.most_common(60))
    return Alive(
        screens=sum(isinstance(one, Screen) for one in objects),
        widgets=sum(isinstance(one, Widget) for one in objects),
        tasks=len(asyncio.all_tasks()),
        timers=sum(isinstance(one, Timer) for one in objects),
        objects=len(objects),
        most=most,
    )


def hurry() -> None:
    """Take away what keeps quick hands from being misunderstood."""
    from kiosk.screens.mail_bounced import MailBouncedScreen
    from kiosk.screens.problem import ProblemScreen
    from kiosk.screens.token_stalled import TokenStalledScreen

    be_quick()
    for screen in (MailBouncedScreen, ProblemScreen, TokenStalledScreen):
        screen.SETTLE = 0.0
    effects.REMOVAL_GRACE = REMOVAL_GRACE


def main() -> None:
    """Run it."""
    from kiosk.assembly import Settings

    Reporter.path = sys.argv.pop(1)
    hurry()
    Settings.narration = lambda _: Reporter()  # type: ignore[method-assign, assignment]
    command.main()


if __name__ == "__main__":
    main()
