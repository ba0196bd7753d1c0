"""What all screens have in common: the frame, the keys, and how they speak."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import ClassVar, cast

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.css.scalar import Unit
from textual.geometry import Region, Size
from textual.message import Message
from textual.widget import Widget

from kiosk.flow import OVERLAY_TABLE, TABLE, Event, StaffAsked, StaffCalled
from kiosk.i18n import Translator, speaks_to_staff, translator
from kiosk.screens.guarded import GuardedScreen
from kiosk.styles.tokens import MEDIUM_SCREEN, TALL_SCREEN, VAST_SCREEN, WIDE_SCREEN
from kiosk.view import StaffCall, View
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.brand import Brand
from kiosk.widgets.demo_strip import DEMO_KEYS, DemoStrip
from kiosk.widgets.drawn import Drawn, Words, phrase
from kiosk.widgets.picture import Picture
from kiosk.widgets.presses import PRESSES
from kiosk.widgets.qr import QrCode
from kiosk.widgets.step_bar import StepBar

WORDS_BESIDE_CODE = 36
"""Columns that the words beside a QR code need at least."""

STAFF_CHORD = ("f11", "f12")
"""Pressed together, they open staff mode. No legend names them."""

CHORD_TIME = 1.0
"""Seconds between the two. A terminal delivers keys one after the other."""

_WIDTHS = [(0, "-narrow"), (WIDE_SCREEN, "-wide")]
_HEIGHTS = [(0, "-short"), (MEDIUM_SCREEN, "-medium"), (TALL_SCREEN, "-regular")]


class LanguageToggled(Message):
    """The customer wants the next language."""


class LanguageChosen(Message):
    """The customer wants this language."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self.language = language


class ThemeToggled(Message):
    """The customer wants colours of the highest contrast, or the usual ones again."""


class SpeechAsked(Message):
    """The customer wants to hear the screen again, or no more of it."""


class DemoAsked(Message):
    """Somebody used the demonstration's strip."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.action = action
        """`insert_or_remove`, `swap`, `mailbox` or `quit`."""


class JourneyScreen(GuardedScreen, inherit_bindings=False):
    """One step of the journey.

    A screen draws a `View` and posts what the customer did: `Raised`, `LanguageToggled`,
    `LanguageChosen`, `ThemeToggled`, `SpeechAsked`, `DemoAsked`; and `Redrawn`. It decides nothing.
    After it has raised an event it is deaf to further presses until it is shown a view or comes
    back from under another screen.
    """

    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "step(1)", show=False),
        Binding("shift+tab", "step(-1)", show=False),
        Binding("enter", "begin", show=False),
        Binding("left", "move(-1, 0)", show=False),
        Binding("right", "move(1, 0)", show=False),
        Binding("up", "move(0, -1)", show=False),
        Binding("down", "move(0, 1)", show=False),
        Binding("escape", "leave", show=False),
        Binding("f1", "call_staff", show=False),
        Binding("f2", "toggle_language", show=False),
        Binding("f3", "toggle_theme", show=False),
        Binding("f4", "speak", show=False),
        *(Binding(str(digit), f"choose({digit})", show=False) for digit in range(1, 10)),
        *(Binding(key, f"chord('{key}')", show=False) for key in STAFF_CHORD),
        *(Binding(key, f"demo('{action}')", show=False) for key, action in DEMO_KEYS.items()),
    ]

    STEP: ClassVar[int] = 0
    """Which of the five steps this is; 0: the step bar is not shown."""

    FORGETS_KEYS: ClassVar[bool] = True
    """Whether what was pressed before this screen came was meant for another step."""

    AS_LIST: ClassVar[bool] = False
    """Whether the body is a list, set flush left in a narrower column."""

    ACTIONS_BELOW: ClassVar[bool] = True
    """Whether the buttons stand below the body; if not, the body has their row in it."""

    FOR_STAFF: ClassVar[bool] = False
    """Whether this is a screen of staff mode, which not every language is fit for."""

    class Raised(Message):
        """The customer did something that moves the journey."""

        def __init__(self, event: Event) -> None:
            super().__init__()
            self.event = event

    class Redrawn(Message):
        """The screen has changed what it shows by itself."""

    def __init__(self, view: View) -> None:
        super().__init__()
        self.view = view
        self.t: Translator = self._translator(view)
        self._raised = False
        self._resumed = False
        """Whether it was on top before."""
        self._actions: list[ActionButton] = []
        self._choices: list[ActionButton] = []
        """The buttons in the body."""
        self._chord: dict[str, float] = {}
        """When each of its keys was pressed last (`time.monotonic`)."""
        self._made_from: dict[str, object] = {}
        """What was asked of the view while the widgets were made."""

    def _translator(self, view: View) -> Translator:
        return translator(speaks_to_staff(view.language) if self.FOR_STAFF else view.language)

    # What a screen fills in.

    def body(self) -> ComposeResult:
        """Make the widgets between the step bar and the actions."""
        yield from ()

    def actions(self) -> Iterable[ActionButton]:
        """Make the buttons at the foot, the primary one first."""
        return ()

    def first_focus(self) -> Widget | None:
        """Return what Enter acts on when the screen appears: the first action."""
        return self._actions[0] if self._actions else None

    # The frame.

    def compose(self) -> ComposeResult:
        """Put the frame around the screen's own widgets.

        The head comes last, so that Tab visits the step's own widgets first. The screen has its
        shape before it has widgets, or all of them would be styled a second time.
        """
        self._take_shape()
        view, self.view = self.view, cast(View, _Asked(self.view, self._made_from))
        yield from self._frame(demonstration=view.demo is not None)
        self.view = view

    def _frame(self, *, demonstration: bool) -> ComposeResult:
        with Vertical(id="page"), Vertical(id="stage"):
            with Vertical(id="middle"), _Body(id="body", classes="list" if self.AS_LIST else ""):
                for widget in self.body():
                    if isinstance(widget, ActionButton):
                        self._choices.append(widget)
                    yield widget
            if self.ACTIONS_BELOW:
                yield from self.action_row()
        with Vertical(id="foot"):
            yield Words(_note, "note", when=lambda v: bool(v.problem or v.reference))
            yield Words(self._legend, "legend")
            if demonstration:
                yield DemoStrip()
        with Vertical(id="head"):
            with Brand(id="brand"):
                yield Words("brand.name", "brand-name")
                yield Words("brand.service", "brand-service")
                yield Words("brand.simulated", "simulated", when=lambda v: v.simulated)
                yield ActionButton(_language, classes="small", widget_id="language")
                yield ActionButton(
                    _display, classes="small", when=lambda v: not v.simulated, widget_id="display"
                )
                if self._staff_can_be_called:
                    yield _StaffButton(_staff, StaffCalled, "small", widget_id="staff")
            if self.STEP:
                yield StepBar(self.STEP)

    def action_row(self) -> ComposeResult:
        """Make the row of buttons."""
        self._actions = list(self.actions())
        with Horizontal(id="actions"):
            yield from self._actions

    def _legend(self, view: View, t: Translator) -> Content:
        """Name the keys that do something here; F1, F2 and F3 are named on their buttons."""
        keys = [("Tab", t("legend.tab")), ("Enter", t("legend.enter"))] if self._actions else []
        if last := max(self.digits(), default=0):
            keys.insert(0, (f"1-{last}" if last > 1 else "1", t("legend.number")))
        leaving = self._leaving()
        if leaving is not None:
            keys.append(("Esc", phrase(leaving.source, view, t).plain))
        if view.speech:
            keys.append(("F4", t("legend.speech")))
        spans: list[tuple[str, str] | str] = []
        for key, meaning in keys:
            spans += ["   " if spans else "", (f" {key} ", "reverse"), f" {meaning}"]
        return Content.assemble(*spans)

    def _numbered(self) -> list[ActionButton]:
        """The buttons that a digit presses."""
        return [one for one in (*self._choices, *self._actions) if one.number]

    def digits(self) -> Iterable[int]:
        """Return the digits that press a button."""
        return [one.number for one in self._numbered()]

    def _leaving(self) -> ActionButton | None:
        """Return the button that Esc presses."""
        buttons = (one for one in self._actions if one.escape and one.belongs(self.view))
        return next(buttons, None)

    def on_mount(self) -> None:
        """Focus what Enter shall act on."""
        if self.app._exit:
            # Its widgets may not be made any more.
            return
        if self.is_current:
            self._forget_keys()
        first = self.first_focus()
        if first is not None:
            self.set_focus(first)

    def _forget_keys(self) -> None:
        """What was pressed on the screen before was not meant for this one."""
        if self.FORGETS_KEYS:
            PRESSES.missed = False

    def _take_shape(self) -> None:
        """Textual would have the classes only after the first frame, which would be seen to jump,
        and none of a size that has changed while another screen lay over this one."""
        width, height = self.app.size
        for steps, size in ((_WIDTHS, width), (_HEIGHTS, height)):
            reached = max(step for step in steps if step[0] <= size)
            for step in steps:
                self.set_class(step == reached, step[1])
        self._widen(self.app.size)

    # Being shown something new.

    def show(self, view: View) -> None:
        """Draw `view`, which is of the same state and overlay, in place.

        What was typed and where the focus is stay as they are.
        """
        self.view = view
        self.t = self._translator(view)
        self._raised = False
        if not self.is_mounted:
            return
        for widget in self.walk_children():
            if isinstance(widget, Drawn):
                widget.draw(view, self.t)
        self.query_one(_Body).fit_codes()

    def suits(self, view: View) -> bool:
        """Whether the widgets that were made for the view of before are those for this one of the
        same state, so that `show` is all that it takes."""
        return all(getattr(view, name) == value for name, value in self._made_from.items())

    def cover(self) -> None:
        """Raise nothing until this screen is on top again: something is about to lie over it."""
        self._raised = True

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Listen again after the screen above has gone."""
        # A screen that is new has just found its styles.
        event.refresh_styles = event.refresh_styles and self._resumed
        if self._rehearsed and not self._resumed:
            self._forget_keys()
        self._resumed = True
        self._raised = False
        self._shown_at = time.monotonic()
        self._take_shape()
        for bar in self.query(StepBar):
            bar.fit(self.app.size)
        if self._rehearsed:
            # There is no other size that it would be told of.
            asyncio.get_running_loop().call_soon(self.release)

    def on_resize(self, event: events.Resize) -> None:
        """Adapt what depends on the screen's size."""
        self._widen(event.size)
        for bar in self.query(StepBar):
            bar.fit(event.size)
        for picture in self.query(Picture):
            picture.fit(event.size)
        # Its widgets, which have their sizes as well, are about to take their shapes.
        asyncio.get_running_loop().call_soon(self.release)

    def _widen(self, size: Size) -> None:
        columns, rows = VAST_SCREEN
        self.set_class(size.width >= columns and size.height >= rows, "-vast")

    # Speaking.

    def raise_event(self, event: Event) -> bool:
        """Post a journey event, once, unless something lies over this screen; tell whether it was
        posted."""
        if self._raised or not self.is_current:
            return False
        self._raised = True
        self.post_message(self.Raised(event))
        return True

    @on(ActionButton.Pressed)
    def _pressed(self, message: ActionButton.Pressed) -> None:
        message.stop()
        button = message.button
        if button.id is not None and button.id.startswith("demo-"):
            self.action_demo(button.id.removeprefix("demo-"))
        elif self._is_too_soon(pointer=message.pointer):
            return
        elif button.id == "language":
            self.action_toggle_language()
        elif button.id == "display":
            self.action_toggle_theme()
        else:
            self.press(button)

    def press(self, button: ActionButton) -> None:
        """Do what a button of this screen says: raise its event."""
        if button.event is not None:
            self.raise_event(button.event())

    # Keys.

    def action_choose(self, number: int) -> None:
        """A digit: press the button that shows it."""
        for button in self._numbered():
            if button.number != number or not button.display:
                continue
            if isinstance(button.parent, Widget) and not button.parent.region.contains_region(
                button.region
            ):
                # Nobody chooses what is scrolled out of sight; the next press does.
                self.set_focus(button)
            else:
                button.action_press()

    @property
    def _staff_can_be_called(self) -> bool:
        """False where they have just been called."""
        return StaffCalled in OVERLAY_TABLE[self.view.overlay]

    def action_call_staff(self) -> None:
        """F1."""
        if self._staff_can_be_called:
            self.raise_event(StaffCalled())

    def action_toggle_language(self) -> None:
        """F2."""
        self.post_message(LanguageToggled())

    def action_toggle_theme(self) -> None:
        """F3."""
        self.post_message(ThemeToggled())

    def action_speak(self) -> None:
        """F4."""
        self.post_message(SpeechAsked())

    def action_chord(self, key: str) -> None:
        """F11, F12: both within a second, in either order."""
        now = time.monotonic()
        self._chord[key] = now
        if all(now - self._chord.get(one, -CHORD_TIME) < CHORD_TIME for one in STAFF_CHORD):
            self._chord.clear()
            self._ask_for_staff_mode()

    @on(Brand.Held)
    def _brand_held(self, message: Brand.Held) -> None:
        message.stop()
        self._ask_for_staff_mode()

    def _ask_for_staff_mode(self) -> None:
        """Where no customer is served."""
        if StaffAsked in TABLE[self.view.state]:
            self.raise_event(StaffAsked())

    def action_demo(self, action: str) -> None:
        """F5, F6, F8, F10: only where there is a demonstration."""
        if self.view.demo is not None:
            self.post_message(DemoAsked(action))

    def action_leave(self) -> None:
        """Esc: press the button that leads back or out, if there is one."""
        leaving = self._leaving()
        if leaving is not None and not self._is_too_soon(pointer=False):
            self.press(leaving)

    def action_begin(self) -> None:
        """Enter where nothing has the focus: show which button it would press next time."""
        if self.focused is None:
            self.set_focus(self._first_shown())

    def action_step(self, direction: int) -> None:
        """Tab and Shift+Tab: the next or the last widget; the first action to begin with."""
        if self.focused is None and self._actions:
            self.set_focus(self._first_shown())
        elif direction > 0:
            self.focus_next()
        else:
            self.focus_previous()

    def _first_shown(self) -> ActionButton | None:
        """The first action that can be pressed now."""
        return next((button for button in self._actions if button.display), None)

    def action_move(self, dx: int, dy: int) -> None:
        """Arrow keys: focus the nearest widget in that direction, else the next in order."""
        widgets = [widget for widget in self.focus_chain if widget.display]
        here = self.focused
        if here is None:
            first = self._first_shown()
            nearest: Sequence[Widget] = [first] if first else []
        else:
            nearest = _in_direction(here.region, widgets, dx, dy)
        if nearest:
            self.set_focus(nearest[0])
        elif dx + dy > 0:
            self.focus_next()
        else:
            self.focus_previous()

    def on_paste(self, event: events.Paste) -> None:
        """Refuse: nothing on a kiosk is pasted."""
        event.stop()


class _Asked:
    """A view that takes note of what it is asked."""

    def __init__(self, view: View, asked: dict[str, object]) -> None:
        self._view = view
        self._asked = asked

    def __getattr__(self, name: str) -> object:
        value: object = getattr(self._view, name)
        self._asked[name] = value
        return value


class _StaffButton(ActionButton):
    """Calls staff, and looks different once they have been told."""

    def draw(self, view: View, t: Translator) -> None:
        """Say whether staff come."""
        self.set_class(view.staff is StaffCall.TOLD, "called")
        super().draw(view, t)


class _Body(Vertical):
    """What is between the step bar and the actions."""

    def on_resize(self) -> None:
        """Make room."""
        self.fit_codes()

    def fit_codes(self) -> None:
        """Take away a QR code that would be clipped; its address stands beside it."""
        for code in self.query(QrCode):
            below = sum(_rows(other) for other in code.siblings if other.display)
            code.fit(Size(self.size.width - WORDS_BESIDE_CODE, self.size.height - below))


def _rows(widget: Widget) -> int:
    """Rows that a widget needs at least: one that takes what is left, two."""
    height = widget.styles.height
    return 2 if height is not None and height.unit is Unit.FRACTION else widget.outer_size.height


def _in_direction(here: Region, widgets: Sequence[Widget], dx: int, dy: int) -> list[Widget]:
    """Return the widgets that lie in a direction, the nearest first."""

    def distance(widget: Widget) -> tuple[int, int, int]:
        there = widget.region
        if dx:
            return 0, abs(there.x - here.x), abs(there.y - here.y)
        beside = there.x >= here.right or here.x >= there.right
        return int(beside), abs(there.y - here.y), there.x

    def beyond(widget: Widget) -> bool:
        there = widget.region
        if dx:
            rows_shared = there.y < here.bottom and here.y < there.bottom
            return rows_shared and (there.x - here.x) * dx > 0
        return (there.y - here.y) * dy > 0

    return sorted(filter(beyond, widgets), key=distance)


def _staff(view: View, t: Translator) -> str:
    return t("button.staff.called" if view.staff is StaffCall.TOLD else "button.staff")


def _language(view: View, _t: Translator) -> str:
    """The next language by its own name."""
    return "F2 " + translator(view.next_language)("language.name")


def _display(view: View, t: Translator) -> str:
    return "F3 " + t("display.usual" if view.theme == "contrast" else "display.contrast")


def _note(view: View, t: Translator) -> Content:
    """What is read out on the telephone: the problem's code and the reset's number."""
    parts = []
    if view.problem is not None:
        parts.append(t("note.code", code=view.problem.code))
    if view.reference:
        parts.append(t("note.reference", reference=view.reference))
    return Content("  ·  ".join(parts))
