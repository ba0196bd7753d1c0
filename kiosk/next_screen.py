"""Makes the screen that probably comes next while the customer reads the one before.

A screen is some thirty widgets that are made, styled, laid out and drawn: 20 to 60 ms on a small
machine, which would be waited for after the token is read and after the mail is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from msgspec.structs import replace
from textual.geometry import Size
from textual.widget import Widget

from kiosk import memory
from kiosk.flow import Overlay, State
from kiosk.screens import screen_for
from kiosk.timers import after
from kiosk.view import CertificateView, ResetView, View

if TYPE_CHECKING:
    from kiosk.app import KioskApp
    from kiosk.screens.base import JourneyScreen

LIKELY: Mapping[State, State] = {
    State.WELCOME: State.CONSENT,
    State.CONSENT: State.CHOOSE_CASE,
    State.CHOOSE_CASE: State.INSERT_TOKEN,
    State.INSERT_TOKEN: State.USERNAME,
    State.READING: State.USERNAME,
    State.CHOOSE_CERTIFICATE: State.USERNAME,
    State.USERNAME: State.PIN,
    State.PREPARING: State.PIN,
    State.CHOOSE_SIGNER: State.PIN,
    State.PIN_WRONG: State.PIN,
    State.PIN: State.CONFIRM,
    State.VERIFYING: State.CONFIRM,
    State.CONFIRM: State.SENT,
    State.SENDING: State.SENT,
    State.NO_EMAIL: State.SENT,
    State.SENT: State.REMOVE_TOKEN,
    State.REMOVE_TOKEN: State.GOODBYE,
    State.GOODBYE: State.WELCOME,
}
"""Where the customer goes from a state if all is well."""

AHEAD_AFTER = 0.1
"""Seconds for which a screen has been shown before the next one is made: whoever presses a key at
once is served first."""

PAUSE = 0.01
"""Seconds between two pieces of the work."""

_UNKNOWN = "…"

ROUNDS = 3
"""How often a screen is laid out ahead at most: what fits itself to its room asks for another."""

TURNS = 6
"""Turns of the event loop in which a widget that says something else now has told its screen."""


class NextScreen:
    """Keeps one screen ready."""

    def __init__(self, app: KioskApp) -> None:
        self._app = app
        self._begun = False
        self._wish: View | None = None
        """What the next screen will say, until it is made or no longer wanted."""
        self._due: asyncio.TimerHandle | None = None
        self._screen: JourneyScreen | None = None
        self._look: tuple[str, Size] | None = None
        """Theme and size of the terminal for which it was made."""
        self._mounted = asyncio.Event()
        self._making = False

    @property
    def ready(self) -> JourneyScreen | None:
        """The screen that is made and laid out, if there is one."""
        return None if self._making or self._wish is not None else self._screen

    def begin(self, view: View | None) -> None:
        """Everything is loaded: from now on a screen is made ahead."""
        self._begun = True
        if view is not None:
            self.expect(view)

    def expect(self, view: View) -> None:
        """`view` is shown now. What is ready and does not follow it is let go of at once, because
        it may tell something of a visit that is over."""
        self._forget_wish()
        if view.overlay is not Overlay.NONE or not self._begun:
            return
        state = LIKELY.get(view.state)
        if self._screen is not None and self._screen.view.state is not state:
            self._let_go()
        if state is not None:
            self._wish = _likely(view, state)
            self._due = after(AHEAD_AFTER, self._app.call_later, self._start)

    async def take(self, view: View) -> JourneyScreen | None:
        """Return the screen that is ready for `view`, with nothing on it that `view` does not say;
        None if there is none."""
        self._forget_wish()
        screen = self._screen
        if screen is None:
            return None
        await self._mounted.wait()
        if self._screen is not screen or not self._fits(screen, view):
            self._let_go()
            return None
        self._screen = None
        screen.hold()
        screen.show(view)
        screen.heed_layout()
        for _ in range(ROUNDS):
            for _ in range(TURNS):
                await asyncio.sleep(0)
            if not screen.rehearse(draw=False):
                break
        return screen

    @property
    def _present_look(self) -> tuple[str, Size]:
        return self._app.theme, self._app.size

    def _fits(self, screen: JourneyScreen, view: View) -> bool:
        return (
            screen.view.state is view.state
            and self._look == self._present_look
            and screen.suits(view)
        )

    def _forget_wish(self) -> None:
        self._wish = None
        if self._due is not None:
            self._due.cancel()

    def _let_go(self) -> None:
        screen, self._screen = self._screen, None
        # One that is being mounted would fail half-way; `_mount` removes it afterwards.
        if screen is not None and self._mounted.is_set():
            _remove(screen)

    def _start(self) -> None:
        """Make what is wished for, if it still is."""
        if self._wish is None:
            return
        if self._making:
            self._due = after(PAUSE, self._app.call_later, self._start)
            return
        self._making = True
        self._app.keep(asyncio.get_running_loop().create_task(self._work()))

    async def _work(self) -> None:
        try:
            view, self._wish = self._wish, None
            if view is not None:
                await self._make(view)
                memory.look_at_the_youngest()
        finally:
            self._making = False

    async def _make(self, view: View) -> None:
        """Make the screen for `view`, or bring it up to date."""
        screen = self._screen
        if screen is not None and not self._fits(screen, view):
            self._let_go()
            screen = None
        if screen is None:
            screen = await self._mount(view)
        elif screen.view == view:
            return
        else:
            screen.show(view)
            screen.heed_layout()
        for _ in range(ROUNDS):
            # Whatever the customer does meanwhile comes first.
            await asyncio.sleep(PAUSE)
            if self._screen is not screen or not self._app.is_running or not screen.rehearse():
                return

    async def _mount(self, view: View) -> JourneyScreen:
        """Make a screen with all that is on it."""
        self._look, self._mounted = self._present_look, asyncio.Event()
        mounted = self._mounted
        self._screen = screen = screen_for(view)
        screen.hold()
        try:
            await self._app.prepare(screen)
        finally:
            mounted.set()
        if self._screen is not screen:
            _remove(screen)
        return screen


def _remove(screen: JourneyScreen) -> None:
    gone = [screen, *screen.walk_children(Widget)]
    screen.remove()
    memory.forget_drawings(gone)


def _likely(view: View, state: State) -> View:
    """What the screen of this state will say. What is not known yet is not empty, so that it has
    its room already."""
    likely = replace(view, state=state, problem=None)
    match state:
        case State.USERNAME:
            somebody = CertificateView("", _UNKNOWN, _UNKNOWN, date.min)
            return replace(likely, holder=view.holder or somebody)
        case State.CONFIRM:
            something = ResetView(_UNKNOWN, _UNKNOWN, _UNKNOWN)
            reference = view.reference or _UNKNOWN
            return replace(likely, reset=view.reset or something, reference=reference)
        case State.SENT:
            return replace(likely, delivery=view.delivery or "sent")
    return likely
