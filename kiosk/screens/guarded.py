"""A screen on which a held key or a double tap presses nothing twice."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import ClassVar, NamedTuple, Self

from textual import events
from textual.geometry import Region
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget

from kiosk.screens.compositor import SparingCompositor
from kiosk.widgets.presses import POINTER, PRESSES, REPEAT_INTERVAL, Verdict

ACTING_KEYS = frozenset({"enter", "space", "escape", "f1", "f2", "f3", "f4"})
"""Keys that make something happen."""


class _Late(NamedTuple):
    """A press that had to wait and now comes again."""

    event: events.Key
    screen: Screen[None]
    focused: Widget | None
    """With the screen, what it was meant for; nothing else takes it."""


class Ground(Screen[None]):
    """Lies under all other screens and is never seen, so it draws nothing. Textual's own would have
    the screen above it drawn twice at the start."""

    def _compositor_refresh(self) -> None:
        pass


class GuardedScreen(Screen[None], inherit_bindings=False):
    """Judges presses by `PRESSES` before anything else hears of them.

    A key event comes to the screen before its binding is looked up, unless a field has typed it;
    so what is stopped here does nothing.
    """

    focused: Reactive[Widget | None] = Reactive(None, repaint=False)
    """What has the focus. Textual would draw the whole screen again whenever that changes; the
    widgets that gain and lose it draw themselves."""

    SETTLE: ClassVar[float] = 0.0
    """Seconds for which the screen has to be shown before a button acts."""

    _late: ClassVar[_Late | None] = None

    def __init__(self) -> None:
        super().__init__()
        self._compositor = SparingCompositor()
        self._shown_at = time.monotonic()
        self._held = False
        self._coming = False
        self._rehearsed = False
        """Everything is laid out already."""

    def rehearse(self, *, draw: bool = True) -> bool:
        """Lay everything out, and draw it for nobody, so that nothing of it has to be worked out
        when the screen comes; tell whether there was anything to lay out."""
        if self._rehearsed and not self._layout_required:
            return False
        self._rehearsed, self._layout_required = True, False
        self._refresh_layout(self.app.size)
        self._dirty_widgets.clear()
        if draw:
            self._compositor.render_strips()
        return True

    def heed_layout(self) -> None:
        """Lay everything out before the next drawing if a widget asks for it. Textual's screen
        would know of that only when the widget has found time to say so."""
        self._layout_required |= any(one._layout_required for one in self.walk_children(Widget))

    def hold(self) -> None:
        """Draw nothing until `release`. Textual would draw a new screen whole as often as it finds
        something out about it: when it comes, when it has its size, when the one before goes."""
        self._held = self._coming = True
        self._shown_at = time.monotonic()

    def release(self) -> None:
        """Draw everything, and from now on what changes."""
        if self._held:
            self._held = False
            if self._rehearsed and not self._layout_required:
                self._repaint_required = True
            else:
                # A layout draws what is new, and that is all of it.
                self._layout_required, self._repaint_required = True, False
            self._on_timer_update()

    def arrived(self) -> None:
        """The screen before has gone."""
        self.release()
        self._coming = False

    def refresh(
        self,
        *regions: Region,
        repaint: bool = True,
        layout: bool = False,
        recompose: bool = False,
    ) -> Self:
        """Draw again. Textual asks for a new layout, and for all to be drawn, whenever a widget has
        come and when the screen before has gone; but a layout draws by itself what it has moved.
        """
        repaint = repaint and not layout and not self._coming
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def _compositor_refresh(self) -> None:
        """Draw, unless drawing is held or the whole screen is about to be drawn anyway.

        Textual (8.2) draws what the app's `batch_update` holds back, throws it away, and does it
        again at the end of the batch; and after a change of the layout it draws a screen that was
        to be refreshed as a whole twice.
        """
        if self.app._batch_count:
            self._layout_required = True
        elif not (self._held or self._repaint_required):
            super()._compositor_refresh()

    def digits(self) -> Iterable[int]:
        """Return the digits that press something here."""
        return ()

    def on_key(self, event: events.Key) -> None:
        """Let a key through unless it is held down or hit twice."""
        self.note_missed(event)
        if event.key not in ACTING_KEYS and event.key not in map(str, self.digits()):
            return
        late = GuardedScreen._late
        if late is not None and event is late.event:
            GuardedScreen._late = None
            if late.screen is not self or late.focused is not self.focused:
                event.stop()
            return
        verdict = PRESSES.judge(event.key, event.time)
        if verdict is Verdict.ACT:
            return
        event.stop()
        if verdict is Verdict.WAIT:
            # A Tab that was pressed before it may still be on its way to the app.
            self.app.call_later(self._wait, event.key, event.time)

    def _wait(self, key: str, at: float) -> None:
        """See whether a press that may come of a held key is followed by another."""
        focused = self.focused
        self.set_timer(REPEAT_INTERVAL, lambda: self._press_late(key, at, focused))

    def _press_late(self, key: str, at: float, focused: Widget | None) -> None:
        """Let a key through that has turned out not to be held."""
        if PRESSES.due(at) and self.is_current:
            # Made by the screen itself it would not get beyond the screen, to the bindings.
            self.app.call_later(self._press_again, key, focused)

    def _press_again(self, key: str, focused: Widget | None) -> None:
        event = events.Key(key, None)
        GuardedScreen._late = _Late(event, self, focused)
        self.app.post_message(event)

    @staticmethod
    def forget_late() -> None:
        """Let go of a press that never came again, and of the screen that it was meant for."""
        GuardedScreen._late = None

    @staticmethod
    def note_missed(event: events.Key) -> None:
        """Take note of a character that has come to no field."""
        if event.is_printable and event.key != "space":
            PRESSES.missed = True

    def on_click(self, _event: events.Click) -> None:
        """A tap on nothing counts as a press, too."""
        PRESSES.judge(POINTER, time.monotonic())

    def _is_too_soon(self, *, pointer: bool = True) -> bool:
        """Tell whether a press was meant for what was shown before: the second half of a
        double tap, or quicker than anybody reads this screen.

        Args:
            pointer: it is a finger's or the mouse's; keys have been judged already.
        """
        now = time.monotonic()
        again = pointer and PRESSES.judge(POINTER, now) is not Verdict.ACT
        return again or now - self._shown_at < self.SETTLE

    def _has_just_appeared(self) -> bool:
        """Whether a tap on a key was meant for a button of the screen before."""
        return time.monotonic() - self._shown_at < PRESSES.double_tap
