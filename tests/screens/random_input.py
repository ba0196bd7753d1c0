"""Random keys, touches, pastes, sizes and tokens against one whole kiosk, and what must hold.

Bytes go through the product's own parser and Textual's driver into the product's app; the token
is embedded, and the service is the walks'. People are in a hurry here: pauses that the product
measures in seconds last milliseconds, so that as much happens as in a day at a counter.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rich.console import RenderableType
from textual import events
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import Input

from kiosk import app as app_module
from kiosk import i18n, idle
from kiosk.app import KioskApp
from kiosk.config import Config, KioskSection, ServiceSection, StaffSection, TimeSection
from kiosk.controller import Controller
from kiosk.effects import Tools
from kiosk.flow import Overlay, State
from kiosk.hardware.certificate import TrustStore
from kiosk.hardware.token_client import Deadlines
from kiosk.keyboard import _Parser
from kiosk.sandbox import tokens as sandbox_tokens
from kiosk.sandbox.embedded import Hang, Operation
from kiosk.sandbox.hand import HandError
from kiosk.sandbox.pki import SandboxPki
from kiosk.sandbox.scenario import ACCOUNTS, TOKENS
from kiosk.screens.base import JourneyScreen
from kiosk.screens.confirm import ConfirmScreen
from kiosk.screens.mail_bounced import MailBouncedScreen
from kiosk.screens.problem import ProblemScreen
from kiosk.screens.token_stalled import TokenStalledScreen
from kiosk.screens.too_small import TooSmallScreen
from kiosk.view import View
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.brand import Brand
from kiosk.widgets.presses import PRESSES
from tests.mailboxes import listed_mailboxes
from tests.walks.room import staff_room
from tests.walks.service import CALLS, FakeService, Fate, Fault
from tests.walks.token import WalkDriver, WalkReader

PIN = "86429173"
"""It is nowhere else in what the kiosk shows."""

STAFF_PIN = "97135862"

TIMES = TimeSection(idle=2.0, idle_result=2.0, question=1, goodbye=0.03)
FALLS_ASLEEP = TIMES.idle_result + TIMES.question + 1.0
"""Seconds after which a visit that nobody touches is over."""

MOST_WIDGETS = 400
"""Of all screens that lie on one another."""

MOST_SCREENS = 40
"""Alive at once, those included that Python has not yet thrown away."""

PARTS = 20
"""How often memory is looked at."""

MOST_GROWTH = 4 * 1024 * 1024
"""Bytes by which memory may grow in the second half; in the first, caches fill."""

KEYS = [
    *(f"\x1b[{end}" for end in "ABCDHFZ"),
    *(f"\x1bO{end}" for end in "PQRS"),
    *(f"\x1b[{number}~" for number in (2, 3, 5, 6, 15, 17, 18, 19, 20, 21, 23, 24)),
    *(f"\x1b[1;{modifier}{end}" for modifier in (2, 3, 5, 6) for end in "ABCDPQRS"),
    *map(chr, range(1, 32)),
    "\x7f",
    "\x1b[I",
    "\x1b[O",
    "\x1b[97;5u",
    "\x1b[112;5u",
    "\x1b[?2026;2$y",
    "\x1b[48;2;2;2;2t",
    "\x1b[999999999;0H",
    "\x1b[<0;0M",
]
LETTERS = "abcđệổữ0123456789 .-_@ÀỸ中🙂\u0301"
PASTES = ["hoasen", "\x1b[A", "a" * 300, "mật khẩu\r\n", "1234"]
SIZES = [(20, 5), (79, 40), (80, 24), *[(80, 25)] * 5, *[(100, 30)] * 2, *[(120, 34)] * 2]
WHOLE_SIZES = (240, 67)
GOOD_TOKENS = ("hoa-sen", "binh-minh", "two-certificates")


class Broken(AssertionError):
    """Something that must never be."""


class WatchedApp(KioskApp):
    """The product's app, whose drawn frames are read."""

    def __init__(self, *arguments: Any, read: Callable[[str], None]) -> None:
        super().__init__(*arguments)
        self._read = read
        self.frames = 0
        self.fault = ""

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        super()._display(screen, renderable)
        if renderable is not None:
            self.frames += 1
            self._read(_text_of(renderable))

    def crash(self, error: BaseException) -> None:
        self.fault = self.fault or "".join(traceback.format_exception(error))
        super().crash(error)

    def suspend(self) -> Any:
        raise Broken("the kiosk was suspended")

    def action_suspend_process(self) -> None:
        raise Broken("the kiosk was suspended")


def _text_of(drawn: RenderableType) -> str:
    """What is written to the terminal, without what is between the words."""
    match drawn:
        case LayoutUpdate():
            strips = [strip for line in drawn.strips for strip in line]
        case ChopsUpdate():
            strips = [
                strip
                for y in sorted({span[0] for span in drawn.spans})
                for strip in drawn.chops[y].values()
                if strip is not None
            ]
        case _:
            raise Broken(f"a frame that cannot be read: {type(drawn).__name__}")
    return "".join("".join(strip.text for strip in strips).split())


class _Ears(logging.Handler):
    """Reads the log."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = ""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if PIN in text or STAFF_PIN in text:
            self.heard = text.replace(PIN, "PIN").replace(STAFF_PIN, "PIN")


@dataclass
class Report:
    """What was seen."""

    seed: int
    events: int = 0
    seconds: float = 0.0
    frames: int = 0
    visits: int = 0
    time_outs: int = 0
    pins: int = 0
    mails: int = 0
    most_widgets: int = 0
    most_screens: int = 0
    memory: list[int] = field(default_factory=list)
    """Bytes resident after each part."""
    states: Counter[str] = field(default_factory=Counter)

    @property
    def growth(self) -> int:
        """Bytes in the second half; 0 if there was too little to tell."""
        half = len(self.memory) // 2
        return max(self.memory[half:]) - self.memory[half - 1] if half else 0

    def __str__(self) -> str:
        curve = " ".join(f"{size / 2**20:.1f}" for size in self.memory)
        return (
            f"seed {self.seed}: {self.events} events in {self.seconds:.0f} s, "
            f"{self.frames} frames read, {self.visits} visits, {self.time_outs} time-outs, "
            f"{self.pins} PINs typed, {self.mails} mails, {len(self.states)} states, "
            f"at most {self.most_widgets} widgets and {self.most_screens} screens; "
            f"memory in MB: {curve}"
        )


@contextmanager
def _hurried() -> Iterator[None]:
    """The product's pauses, a hundredth as long; and PINs that are nowhere else."""
    with (
        patch.object(sandbox_tokens, "PIN", PIN),
        patch.object(app_module, "BUSY_AFTER", 0.01),
        patch.object(PRESSES, "double_tap", 0.003),
        patch.object(PRESSES, "longest_delay", 0.011),
        patch.object(Brand, "HOLD", 0.1),
        patch.object(idle, "LOGIN_CLOSE", 2.0),
        patch.object(idle, "LOGIN_WAIT", 3.0),
        patch.object(i18n.Translator, "strict", True),
        patch.object(ConfirmScreen, "SETTLE", 0.01),
        patch.object(MailBouncedScreen, "SETTLE", 0.01),
        patch.object(ProblemScreen, "SETTLE", 0.01),
        patch.object(TokenStalledScreen, "SETTLE", 0.01),
    ):
        yield


class Crowd:
    """People who do anything at one kiosk."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.report = Report(seed)
        self._reader = WalkReader()
        pki = SandboxPki.open(directory)
        self._driver = WalkDriver(self._reader, pki)
        self._driver.deadlines = Deadlines(0.3, 0.3, 0.3, 0.3)
        self._service = FakeService()
        self._trust = TrustStore.load(pki.trust_directory)
        self._parser = _Parser(False)
        self._ears = _Ears()
        self._last: deque[str] = deque(maxlen=40)
        """What was done last, for whoever looks into a fault. No PIN is among it."""
        self.app = WatchedApp(self._controller, self._tools, read=self._read_frame)
        # Staff may restart the program; here it goes on.
        self.app.controller.leave = lambda: None

    def _controller(
        self, show: Callable[[View], None], crash: Callable[[BaseException], None]
    ) -> Controller:
        async def verify(pin: memoryview) -> bool:
            return bytes(pin) == STAFF_PIN.encode()

        return Controller(
            Config(
                kiosk=KioskSection(id="random"),
                service=ServiceSection(url=self._service.audience, health_interval=1.0),
                time=TIMES,
                staff=StaffSection(auto_close=2.0),
            ),
            self._reader,
            show,
            crash,
            staff=replace(staff_room(time.monotonic), verify=verify),
        )

    def _tools(self) -> Tools:
        return Tools(self._driver, self._trust, self._service, "random", listed_mailboxes())  # type: ignore[arg-type]

    # Running

    async def run(self, events_wanted: int, progress: Callable[[str], None]) -> Report:
        """Do so many things, then let the kiosk find back by itself.

        Raises:
            Broken: something was as it must never be; with the seed and what was done last.
        """
        began = time.monotonic()
        first: Exception | None = None
        logging.getLogger().addHandler(self._ears)
        try:
            with _hurried():
                async with self.app.run_test(size=(120, 34)) as pilot:
                    try:
                        await pilot.pause()
                        await self._go_on(events_wanted, progress)
                        await self._find_back()
                    except Exception as fault:
                        first = fault
                        raise
        except Exception as last:
            # What goes wrong while the app is torn down comes of the first fault.
            fault = first or last
            done = "\n  ".join(self._last)
            raise Broken(
                f"seed {self.report.seed}, after {self.report.events} events: "
                f"{fault or type(fault).__name__}\n{self.app.fault}\n  {done}"
            ) from fault
        finally:
            logging.getLogger().removeHandler(self._ears)
        self.report.seconds = time.monotonic() - began
        self.report.frames = self.app.frames
        self.report.mails = len(self._service.book.mails)
        return self.report

    async def _go_on(self, events_wanted: int, progress: Callable[[str], None]) -> None:
        part = max(1000, events_wanted // PARTS)
        nap = self.random.randint(500, 2500)
        next_part = part
        await self._go_some_steps(min(60, events_wanted // 25))
        while self.report.events < events_wanted:
            await self._do_something()
            self._look()
            if self.report.events >= nap:
                await self._nobody_is_there()
                nap = self.report.events + 5000
            if self.report.events >= next_part:
                next_part += part
                self._weigh()
                progress(str(self.report))

    async def _do_something(self) -> None:
        if self.random.random() < 0.15:
            await self._go_some_steps(self.random.choice((1, 3, 8, 20)))
        else:
            doings: list[tuple[Callable[[], Any], float]] = [
                (self._press_any_key, 25),
                (self._type_a_letter, 10),
                (self._touch_anywhere, 20),
                (self._paste, 2),
                (self._resize, 0.6),
                (self._move_a_token, 0.3),
                (self._break_something, 0.3),
            ]
            kinds, shares = zip(*doings, strict=True)
            # Hands are quicker than the kiosk draws.
            for doing in self.random.choices(kinds, shares, k=self.random.choice((1, 8, 24, 60))):
                doing()
        await self._breathe()

    async def _breathe(self) -> None:
        """Let the kiosk take what was done; sometimes also what comes of it."""
        for _ in range(1000):
            await asyncio.sleep(0)
            if self.app._message_queue.empty():
                break
        if self.random.random() < 0.25:
            await asyncio.sleep(self.random.choice((0.001, 0.001, 0.02)))

    # What people do

    def _send(self, octets: str, name: str = "") -> None:
        self._last.append(name or repr(octets))
        driver = self.app._driver
        assert driver is not None
        for character in octets:
            for message in self._parser.feed(character):
                self.report.events += 1
                driver.process_message(message)
        for message in self._parser.tick():
            driver.process_message(message)

    def _press_any_key(self) -> None:
        self._send(self.random.choice(KEYS))

    def _type_a_letter(self) -> None:
        self._send(self.random.choice(LETTERS))

    def _paste(self) -> None:
        self._send(f"\x1b[200~{self.random.choice(PASTES)}\x1b[201~")

    def _touch_anywhere(self) -> None:
        width, height = self.app.size
        x, y = self.random.randint(0, width + 2), self.random.randint(0, height + 2)
        if self.random.random() < 0.05:
            x, y = self.random.choice([(0, 0), (99999, 1), (1, 99999), (-5, -5)])
        button = self.random.choice((0, 0, 0, 0, 1, 2, 32, 35, 64, 65, 66, 67, 16))
        self._send(f"\x1b[<{button};{x};{y}M")
        if self.random.random() < 0.25:
            self._send(f"\x1b[<{button | 32};{x + 3};{y + 1}M")
        if self.random.random() < 0.8:
            self._send(f"\x1b[<{button & 3};{x};{y}m")

    def _resize(self) -> None:
        if self.random.random() < 0.15:
            size = Size(self.random.randint(1, 240), self.random.randint(1, 67))
        elif self.random.random() < 0.05:
            size = Size(*WHOLE_SIZES)
        else:
            size = Size(*self.random.choice(SIZES))
        self._last.append(f"size {size}")
        self.report.events += 1
        driver = self.app._driver
        assert driver is not None
        driver._size = (size.width, size.height)
        self.app.post_message(events.Resize(size, size))

    async def _go_some_steps(self, steps: int) -> None:
        for _ in range(steps):
            await self._go_the_way()
            await self._breathe()
            # Until the next frame.
            await asyncio.sleep(0.02)
            self._look()

    async def _go_the_way(self) -> None:
        """What a customer does who reads the screen: so that these people get somewhere."""
        screen = self.app.screen
        if isinstance(screen, TooSmallScreen):
            self._resize()
            return
        if not isinstance(screen, JourneyScreen):
            return
        state = screen.view.state
        if screen.view.overlay is Overlay.NONE:
            if state in (State.PIN, State.STAFF_LOGIN):
                await self._type_pin(STAFF_PIN if state is State.STAFF_LOGIN else PIN)
            elif state is State.USERNAME:
                self._enter_username(screen)
            elif state in (State.INSERT_TOKEN, State.REMOVE_TOKEN):
                self._move_a_token(State.INSERT_TOKEN is state)
            elif state is State.OUT_OF_SERVICE:
                self._repair()
            elif self.random.random() < 0.01:
                self._send("\x1b[23~\x1b[24~", "staff's keys")
        buttons = [one for one in screen.query(ActionButton) if one.display and one.region.area]
        # What leads on is the first choice, or the first of the buttons at the foot.
        choices = [*screen.query("#body ActionButton").results(ActionButton), *screen._actions]
        onwards = [one for one in choices if one in buttons]
        if onwards and self.random.random() < 0.9:
            buttons = onwards[:1]
        if buttons:
            x, y = self.random.choice(buttons).region.offset
            self._send(f"\x1b[<0;{x + 2};{y + 1}M\x1b[<0;{x + 2};{y + 1}m", f"touch {x} {y}")

    async def _type_pin(self, pin: str) -> None:
        """Only there: a digit on another screen might be shown rightly."""
        screen = self.app.screen
        self.report.pins += 1
        for digit in pin:
            if self.app.screen is not screen or isinstance(self.app.focused, Input):
                return
            self._send(digit, "a digit of the PIN")
            await asyncio.sleep(0.001)

    def _enter_username(self, screen: JourneyScreen) -> None:
        holder = screen.view.holder
        names = [one.username for one in ACCOUNTS if holder and one.tax_code == holder.tax_code]
        field = next(iter(screen.query(Input)), None)
        if field and names and self.app.focused is field and self.random.random() < 0.8:
            self._send("\x7f" * len(field.value) + self.random.choice(names))

    # What happens to the machine

    def _move_a_token(self, insert: bool | None = None) -> None:
        self.report.events += 1
        if insert is None:
            insert = self.random.random() < 0.5
        good = self.random.random() < 0.85
        name = self.random.choice(GOOD_TOKENS if good else [one.name for one in TOKENS])
        self._last.append(f"token {name if insert else 'out'}")
        with suppress(HandError):
            if insert and self.random.random() < 0.1:
                self._reader.swap_unseen(name)
            elif insert:
                self._reader.insert(name)
            else:
                self._reader.remove()
        self._driver.opened.clear()

    def _break_something(self) -> None:
        self.report.events += 1
        what = self.random.randrange(6)
        self._last.append(f"breaks {what}")
        asyncio.get_running_loop().call_later(0.5, self._repair)
        match what:
            case 0:
                self._driver.pace = self.random.choice((0.0, 0.0, 0.005, 0.02, 0.1))
            case 1:
                self._driver.inject(self.random.choice(list(Operation)), Hang())
            case 2:
                self._reader.second = True
                self._reader.report_again()
            case 3:
                self._service.down = True
            case 4:
                call = self.random.choice(CALLS)
                self._service.plan(call, Fault(self.random.choice(list(Fate)), seconds=0.05))
            case _:
                # Every token that they have locked is replaced by a fresh one.
                self._driver.watched.clear()

    def _repair(self) -> None:
        self._service.down = False
        self._reader.second = False
        self._reader.report_again()

    async def _nobody_is_there(self) -> None:
        """Whatever was going on ends by itself; only a forgotten token keeps its screen."""
        self._last.append("nobody")
        self._repair()
        await asyncio.sleep(0.05)
        view = self.app.controller.view
        visit = view.state not in (State.WELCOME, State.OUT_OF_SERVICE, State.REMOVE_TOKEN)
        ends = time.monotonic() + 4 * FALLS_ASLEEP + 10
        while not self._idle_again():
            if time.monotonic() > ends:
                raise Broken(f"nobody is there, and still {self.app.controller.view.state}")
            await asyncio.sleep(0.02)
        self.report.time_outs += visit

    def _idle_again(self) -> bool:
        view = self.app.controller.view
        if view.state is State.CONSENT and self._reader.inserted():
            # A token that was left in begins a visit of its own.
            self._reader.remove()
        return view.state in (State.WELCOME, State.OUT_OF_SERVICE, State.REMOVE_TOKEN)

    async def _find_back(self) -> None:
        """Everything is repaired and everybody gone: the welcome screen, and nothing of anybody."""
        self._reader.remove()
        await self._nobody_is_there()
        ends = time.monotonic() + FALLS_ASLEEP + 10
        while (view := self.app.controller.view).state is not State.WELCOME:
            if time.monotonic() > ends:
                raise Broken(f"the kiosk does not find back: {view.state} {view.problem}")
            self._reader.remove()
            await asyncio.sleep(0.05)
        visit = self.app.controller._visit
        if any(view.pin._bytes) or visit.username or visit.token or visit.reset:
            raise Broken("something of a visit has stayed")
        self._look()

    # What must hold

    def _read_frame(self, text: str) -> None:
        for pin in (PIN, STAFF_PIN):
            # Half of one is too much, too.
            if any(pin[start : start + 5] in text for start in range(len(pin) - 4)):
                raise Broken("a PIN is on the screen")

    def _look(self) -> None:
        app = self.app
        if app.fault or app._exit or not app.is_running:
            raise Broken(f"the kiosk has ended: {app.return_code} {app.crash_report}")
        if self._ears.heard:
            raise Broken(f"a PIN is in the log: {self._ears.heard}")
        if app.clipboard:
            raise Broken("something is on the clipboard")
        state = app.controller.view.state
        if state is State.CONSENT and self._state is not State.CONSENT:
            self.report.visits += 1
        self._state = state
        self.report.states[state.value] += 1
        if self.report.events >= self._next_count:
            self._next_count = self.report.events + 50
            widgets = sum(len(screen.query("*")) for screen in app.screen_stack)
            self.report.most_widgets = max(self.report.most_widgets, widgets)
            if widgets > MOST_WIDGETS or len(app.screen_stack) > 5:
                raise Broken(f"{widgets} widgets on {len(app.screen_stack)} screens")

    _state = State.WELCOME
    _next_count = 0

    def _weigh(self) -> None:
        gc.collect()
        screens = sum(isinstance(one, JourneyScreen) for one in gc.get_objects())
        self.report.most_screens = max(self.report.most_screens, screens)
        if screens > MOST_SCREENS:
            raise Broken(f"{screens} screens are alive")
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        self.report.memory.append(pages * 4096)
