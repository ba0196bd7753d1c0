"""The Textual application: draws the controller's views, locked down, and dies cleanly.

Textual's own way with an unhandled exception is to print every frame's local variables.
Here a crash logs where it happened and nothing of what was there, and the process ends
with `CRASHED`, so that whoever supervises it starts a fresh one.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import select
import signal
import sys
import termios
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace
from textual import events
from textual.app import App, ScreenStackError
from textual.binding import BindingType
from textual.css.query import NoMatches
from textual.timer import Timer
from textual.widget import AwaitMount, Widget

from kiosk import memory, module_bundle
from kiosk.config import ConfigError
from kiosk.controller import Controller
from kiosk.flow import BUSY_STATES, Overlay, State
from kiosk.keyboard import KeyByKeyDriver, hung_up
from kiosk.narration import Narration
from kiosk.next_screen import NextScreen
from kiosk.screens import load_all, screen_for
from kiosk.screens.base import (
    DemoAsked,
    JourneyScreen,
    LanguageChosen,
    LanguageToggled,
    SpeechAsked,
    ThemeToggled,
)
from kiosk.screens.guarded import Ground, GuardedScreen
from kiosk.screens.note import NoteScreen
from kiosk.screens.too_small import TooSmallScreen, fits
from kiosk.styles import STYLE_SHEETS
from kiosk.styles.compiled import CompiledStylesheet
from kiosk.styles.tokens import theme_name, themes
from kiosk.supervision import LeaveWish, Supervisor, where
from kiosk.view import View
from kiosk.widgets.demo_strip import DEMO_KEYS
from kiosk.widgets.presses import POINTER, PRESSES

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.widgets import Input

    from kiosk.effects import Tools
    from kiosk.widgets.hint import Hint
    from kiosk.widgets.pin_entry import PinEntry

log = logging.getLogger(__name__)

CRASHED = 70
"""Exit code after an unhandled exception (EX_SOFTWARE of sysexits.h)."""

MISCONFIGURED = 2
"""Exit code when a file that the configuration names cannot be used."""

BUSY_AFTER = 0.25
"""Seconds. What the machine does in less is not announced: a screen that comes and goes is only
seen to flash."""

BETWEEN_VISITS = frozenset({State.WELCOME, State.OUT_OF_SERVICE})
LAST_OF_A_VISIT = frozenset({State.REMOVE_TOKEN, State.GOODBYE})

HANGUP_POLL = 1.0
"""Seconds between two looks at whether the terminal is still there."""


class KioskApp(App[None], inherit_bindings=False):
    """The kiosk's screen."""

    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    ESCAPE_TO_MINIMIZE = False
    NOTIFICATION_TIMEOUT = 0
    BINDINGS: ClassVar[list[BindingType]] = []
    CSS_PATH: ClassVar[list[Path]] = STYLE_SHEETS  # type: ignore[assignment]

    def __init__(
        self,
        make_controller: Callable[
            [Callable[[View], None], Callable[[BaseException], None]], Controller
        ],
        load_tools: Callable[[], Tools],
        *,
        demo: Callable[[KioskApp, str], None] | None = None,
        supervisor: Supervisor | None = None,
        wish: LeaveWish | None = None,
        narration: Narration | None = None,
        alone: bool = False,
    ) -> None:
        """Make the app.

        Args:
            make_controller: called with the app's `show` and `crash`.
            load_tools: makes what the effects work with; called in a thread after the
                first frame, because importing all of it takes a while.
            demo: called with this app and the action's name when the demo strip is
                used, and once with `started`.
            supervisor: is told when the first frame is drawn, and that the screen's own loop
                turns.
            wish: hears the signals that ask the kiosk to end; None: the app does, while it runs.
            narration: reads the screens aloud; None: nobody does.
            alone: the process is this app's alone, so that it may look after its memory.
        """
        super().__init__(driver_class=KeyByKeyDriver)
        # No screen has either, and each would be two widgets more on every one.
        self._disable_notifications = self._disable_tooltips = True
        # It gets its values with the theme.
        self.stylesheet = CompiledStylesheet()
        for theme in themes():
            self.register_theme(theme)
        self.theme = theme_name("light")
        self.controller = make_controller(self._show, self.crash)
        self.controller.leave = self.exit
        self.crash_report = ""
        """Where an unhandled exception came from, without any value."""
        self.config_error = ""
        """What is wrong with the configuration, if that ended the app."""
        self._load_tools = load_tools
        self._demo = demo
        self._supervisor = supervisor or Supervisor()
        self._wish = wish
        self._narration = narration or Narration()
        self._alone = alone
        self._status = ""
        self._wanted: View | None = None
        self._shown: View | None = None
        self._drawing = False
        self._next = NextScreen(self)
        self._patience: Timer | None = None
        """Runs while a busy screen is not drawn yet."""
        self._patience_over = False
        self._kept: set[asyncio.Task[None]] = set()

    # Life

    def get_default_screen(self) -> Ground:
        """Put something under all screens."""
        return Ground(id="_default")

    def on_load(self) -> None:
        """Hear of every fault before the terminal's thread is there to have one."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._loop_failed)
        threading.excepthook = lambda failed: self._thread_failed(loop, failed)

    async def on_mount(self) -> None:
        """Show the welcome screen, then begin to work."""
        loop = asyncio.get_running_loop()
        if self._wish is not None:
            self._wish.heed(lambda: self._leave_from_outside(loop))
        # One that has hung up already is none any more, but was one when the wish was listened for.
        if self._wish is not None or (sys.stdin is not None and sys.stdin.isatty()):
            if self._wish is None:
                for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                    loop.add_signal_handler(number, self.exit)
            signal.signal(signal.SIGTSTP, signal.SIG_IGN)
            self._watch_terminal(loop)
        if self._demo is not None:
            self._demo(self, "started")
        self.controller.refresh()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """The first frame is on the screen: start, and load the rest beside it."""
        self._supervisor.ready()
        if self._supervisor.ping_interval:
            self.set_interval(self._supervisor.ping_interval, self._sign_of_life)
        self.controller.start()
        self.keep(asyncio.get_running_loop().create_task(self._equip()))

    def _sign_of_life(self) -> None:
        """Through the app's queue of messages and then the screen's, because either may be
        the one that hangs; the timer itself goes round both."""
        self.call_later(lambda: self.screen.call_later(self._supervisor.alive))

    async def _equip(self) -> None:
        try:
            await asyncio.to_thread(load_all)
            tools = await asyncio.to_thread(self._load_tools)
            module_bundle.put_away()
            if self._alone:
                memory.settle()
            self.controller.equip(tools)
            self._next.begin(self._shown)
        except ConfigError as error:
            self.config_error = str(error)
            self.exit(return_code=MISCONFIGURED)

    async def on_unmount(self) -> None:
        """Leave nothing behind."""
        if self._wish is not None:
            self._wish.heed(lambda: None)
        try:
            await self._narration.stop()
        finally:
            await self.controller.stop()

    def _leave_from_outside(self, loop: asyncio.AbstractEventLoop) -> None:
        """End the app from another thread or a signal."""
        if not loop.is_closed():
            loop.call_soon_threadsafe(self.exit)

    def _watch_terminal(self, loop: asyncio.AbstractEventLoop) -> None:
        """Leave when the terminal hangs up; Textual would read from it in a tight loop."""
        poll = select.poll()
        poll.register(sys.stdin.fileno(), 0)

        def watch() -> None:
            while self._running or not self._shown:
                if any(event & select.POLLHUP for _, event in poll.poll(HANGUP_POLL * 1000)):
                    self._leave_from_outside(loop)
                    return

        threading.Thread(target=watch, name="terminal hang-up", daemon=True).start()

    # Drawing

    def _show(self, view: View) -> None:
        self._wanted = view
        problem = view.problem if view.state is State.OUT_OF_SERVICE else None
        status = f"out of service: {problem.code}" if problem else "in service"
        if status != self._status:
            self._status = status
            self._supervisor.status(status)
        self._redraw()

    def _redraw(self) -> None:
        """Draw soon, unless that is under way."""
        if not self._drawing and self.is_running:
            self._drawing = True
            self.call_next(self._draw)

    async def _draw(self) -> None:
        """Bring the screen up to the newest view; several changes in a row are one."""
        try:
            # At the end of the app, the screens go before what has still to be drawn.
            while self.screen_stack and (view := self._wanted) is not None:
                if view is not self._shown and not self._may_wait(view):
                    await self._draw_one(view)
                    left, self._shown = self._shown, view
                    self._tidy_after(left, view)
                    self._next.expect(view)
                    if any(isinstance(one, JourneyScreen) for one in self.screen_stack):
                        self._narrate(self._journey_screen, view.countdown)
                elif (self._cover is None) is not fits(self.size):
                    await self._cover_or_uncover()
                else:
                    return
        except ScreenStackError:
            # The app has ended while this was under way, and has taken its screens along.
            if self.screen_stack:
                raise
        finally:
            self._drawing = False

    def _tidy_after(self, left: View | None, view: View) -> None:
        """Clear up when a visit is over. By then the kiosk may have gone out of service, or the
        next visit have begun, with a token that was put in while this one ended."""
        if left is None or left.state in BETWEEN_VISITS:
            return
        begins = view.state is State.CONSENT and left.state in LAST_OF_A_VISIT
        if self._alone and (begins or view.state in BETWEEN_VISITS):
            self.call_after_refresh(self._tidy)

    def _tidy(self) -> None:
        GuardedScreen.forget_late()
        # Textual keeps what was tapped last until the next tap.
        self._mouse_down_widget = None
        memory.tidy()

    async def _draw_one(self, view: View) -> None:
        self.theme = theme_name(view.theme)
        waited = self._end_patience()
        shown = self._shown
        place = view.state, view.overlay
        if shown is not None and place == (shown.state, shown.overlay) and not waited:
            self._journey_screen.show(view)
            return
        hidden = self._cover is not None
        if not hidden and view.overlay is Overlay.NONE and not self._is_covered:
            await self._move(shown, view, anew=waited)
            return
        with self.batch_update():
            # Half of a change is never seen, nor what is hidden while it changes.
            if hidden:
                await self.pop_screen()
            await self._move(shown, view, anew=waited)
            if hidden:
                await self._cover_or_uncover()
        self.screen.check_idle()

    async def _move(self, shown: View | None, view: View, *, anew: bool) -> None:
        """Go to another step, or to the same one `anew`; open or close what lies over it."""
        if isinstance(self.screen, NoteScreen):
            await self.pop_screen()
        if shown is not None and shown.overlay is not Overlay.NONE:
            await self.pop_screen()
        if shown is None or shown.state is not view.state or anew:
            await self._replace(_without_overlay(view), first=shown is None)
        else:
            self._journey_screen.show(_without_overlay(view))
        if view.overlay is not Overlay.NONE:
            self._journey_screen.cover()
            await self.push_screen(screen_for(view))

    async def _replace(self, view: View, *, first: bool) -> None:
        """Show another screen instead of the one that is shown, if there is one."""
        screen = await self._next.take(view) or screen_for(view)
        while isinstance(self.screen, NoteScreen):
            # It has come meanwhile.
            await self.pop_screen()
        gone = [] if first else [self.screen, *self.screen.walk_children(Widget)]
        screen.hold()
        await (self.push_screen if first else self.switch_screen)(screen)
        screen.arrived()
        memory.forget_drawings(gone)

    async def prepare(self, screen: JourneyScreen) -> None:
        """Make everything that is on a screen, without showing it."""
        # Textual does it when a screen is put on the stack, and keeps keys waiting meanwhile.
        await AwaitMount(screen, self._register(self, screen))

    @property
    def _is_covered(self) -> bool:
        """Whether something lies over the step's own screen."""
        return len(self.screen_stack) > 2

    def _narrate(self, screen: JourneyScreen, countdown: int) -> None:
        """Have it read aloud once its words are drawn."""

        def drawn() -> None:
            if screen.is_current:
                self._narration.showed(screen, countdown)

        screen.call_after_refresh(drawn)

    def show_note(self, text: str) -> None:
        """Lay a page of text over the screen, until a key closes it or the journey goes on. While
        one lies there, or nothing can be shown, another is not shown."""
        if not isinstance(self.screen, NoteScreen | TooSmallScreen):
            self.push_screen(NoteScreen(text))

    @property
    def _journey_screen(self) -> JourneyScreen:
        """The topmost; a note and the page about the screen's size may lie over it."""
        return next(one for one in reversed(self.screen_stack) if isinstance(one, JourneyScreen))

    # A screen that is too small

    @property
    def _cover(self) -> TooSmallScreen | None:
        """What hides everything, if the screen is too small."""
        return self.screen if isinstance(self.screen, TooSmallScreen) else None

    async def _cover_or_uncover(self) -> None:
        """Hide the journey if the screen is too small for it, and show it again as it was."""
        if not fits(self.size):
            await self.push_screen(TooSmallScreen())
        elif self._cover is not None:
            await self.pop_screen()
            if self._shown is not None:
                self._narrate(self._journey_screen, self._shown.countdown)

    def on_resize(self) -> None:
        """Look whether everything still has room, once Textual has taken note of the size."""
        self._redraw()

    # A step that takes no time

    def _may_wait(self, view: View) -> bool:
        """Whether this is a busy screen for which it is too early. The screen before stays, and
        is deaf."""
        shown = self._shown
        if (
            view.state not in BUSY_STATES
            or view.overlay is not Overlay.NONE
            or shown is None
            or shown.overlay is not Overlay.NONE
            or shown.state is view.state
            or not isinstance(self.screen, JourneyScreen)
        ):
            return False
        if self._patience is None:
            self._patience = self.set_timer(BUSY_AFTER, self._lose_patience)
        return not self._patience_over

    def _lose_patience(self) -> None:
        self._patience_over = True
        self._redraw()

    def _end_patience(self) -> bool:
        """Forget that a busy screen was waited with, and tell whether one was."""
        if self._patience is None:
            return False
        self._patience.stop()
        self._patience = None
        self._patience_over = False
        return True

    @property
    def _deaf(self) -> bool:
        """Whether the machine works, and what is shown is the step before."""
        wanted, shown = self._wanted, self._shown
        if wanted is None or shown is None or wanted.state not in BUSY_STATES:
            return False
        return shown.state is not wanted.state

    # What screens and people do

    def keep(self, task: asyncio.Task[None]) -> None:
        """Hold on to a task until it is done, and crash if it fails."""

        def finished(done: asyncio.Task[None]) -> None:
            self._kept.discard(done)
            if not done.cancelled() and (error := done.exception()) is not None:
                self.crash(error)

        self._kept.add(task)
        task.add_done_callback(finished)

    def on_journey_screen_raised(self, message: JourneyScreen.Raised) -> None:
        """A screen raised an event of the journey."""
        self.controller.dispatch(message.event)

    def on_journey_screen_redrawn(self, _message: JourneyScreen.Redrawn) -> None:
        """A screen has changed by itself."""
        if self._shown is not None:
            self._narrate(self._journey_screen, self._shown.countdown)

    def on_language_toggled(self, message: LanguageToggled) -> None:
        """The language button."""
        message.stop()
        self.controller.toggle_language()

    def on_language_chosen(self, message: LanguageChosen) -> None:
        """One of the welcome screen's languages."""
        message.stop()
        self.controller.choose_language(message.language)

    def on_theme_toggled(self, message: ThemeToggled) -> None:
        """The contrast button."""
        message.stop()
        self.controller.toggle_theme()

    def on_speech_asked(self, message: SpeechAsked) -> None:
        """F4."""
        message.stop()
        self._narration.asked()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Something has the focus now; on a screen that is not shown yet, nobody is told."""
        if self.screen_stack and self.screen in event.widget.ancestors:
            self._narration.focused(event.widget)

    def on_input_changed(self, message: Input.Changed) -> None:
        """Somebody types a username, the only text that is shown as it is typed."""
        self._narration.username_changed(message.value)

    def on_pin_entry_changed(self, message: PinEntry.Changed) -> None:
        """Somebody types a PIN."""
        self._narration.pin_changed(erased=message.erased)

    def on_hint_shown(self, message: Hint.Shown) -> None:
        """A field has not taken something."""
        self._narration.hinted(message.text)

    def on_demo_asked(self, message: DemoAsked) -> None:
        """The demo strip."""
        message.stop()
        if self._demo is None:
            return
        if message.action == "quit":
            self.exit()
        else:
            self._demo(self, message.action)

    async def on_event(self, event: events.Event) -> None:
        """See every key and touch before the screens do, for the idle clock, and keep it from
        them while the screen is one whose step is over."""
        if not self.screen_stack and isinstance(event, events.InputEvent | events.Paste):
            # The app ends; a key that nobody can take any more would be a crash.
            return
        if isinstance(event, events.Key):
            if self._demo is not None and event.key == "ctrl+c":
                self.exit()
                return
            self.controller.touched()
            if event.key != "f4":
                self._narration.interrupted()
        elif isinstance(event, events.MouseDown | events.MouseScrollDown | events.MouseScrollUp):
            self.controller.touched()
            self._narration.interrupted()
        if self._deaf and self._is_meant_for_a_step(event):
            if isinstance(event, events.Key):
                JourneyScreen.note_missed(event)
                PRESSES.judge(event.key, event.time)
            elif isinstance(event, events.MouseDown):
                PRESSES.judge(POINTER, event.time)
            return
        await super().on_event(event)

    def _is_meant_for_a_step(self, event: events.Event) -> bool:
        """The demonstration's keys are hands at the reader, which no screen delays."""
        if isinstance(event, events.Key):
            return self._demo is None or event.key not in DEMO_KEYS
        return isinstance(event, events.InputEvent | events.Paste) and not isinstance(
            event, events.MouseMove
        )

    def refresh_css(self, animate: bool = True) -> None:
        """Give the style sheets the theme's values. Before there is a screen, Textual would read
        them all to see whether they are in order, and then read them again."""
        if self._screen_stack:
            super().refresh_css(animate)
        else:
            self.stylesheet.set_variables(self.get_css_variables())

    def copy_to_clipboard(self, text: str) -> None:
        """Nothing is ever copied: a terminal would hand it to the next customer."""

    # The end

    def exit(
        self,
        result: None = None,
        return_code: int = 0,
        message: RenderableType | None = None,
    ) -> None:
        """End the app. A fault that was met once stays the exit code, whatever ends it as well."""
        super().exit(result, max(return_code, self.return_code or 0), message)

    def crash(self, error: BaseException) -> None:
        """End the process after an unhandled exception, without telling any value."""
        if _terminal_gone(error):
            self.exit()
            return
        if self._exit and isinstance(error, NoMatches) and not self.crash_report:
            # A screen that goes while it is drawn is no fault that anybody has to act on.
            log.warning("while leaving: %s", where(error))
            return
        if not self.crash_report:
            self.crash_report = where(error)
            log.critical("crash: %s", self.crash_report)
            self.controller.crashed(self.crash_report)
        self.exit(return_code=CRASHED)

    def panic(self, *_renderables: RenderableType) -> None:
        """Crash without printing what Textual would: it may hold what somebody has typed."""
        self.crash(sys.exception() or RuntimeError())

    def _handle_exception(self, error: Exception) -> None:
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self.crash(error)

    def _thread_failed(
        self, loop: asyncio.AbstractEventLoop, failed: threading.ExceptHookArgs
    ) -> None:
        """A thread has ended that nobody would miss until it was needed."""
        error = failed.exc_value
        if error is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self.crash, error)

    def _loop_failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            self.crash(error)
        else:
            log.error("event loop: %s", context.get("message"))


def _without_overlay(view: View) -> View:
    """What lies under the overlay."""
    return replace(view, overlay=Overlay.NONE)


def _terminal_gone(error: BaseException) -> bool:
    """Whether this comes of a terminal that has hung up, which is no fault of the kiosk's."""
    of_terminal = isinstance(error, termios.error | OSError) and error.args[:1] == (errno.EIO,)
    return of_terminal and hung_up(sys.stdin.fileno())
