"""A whole visit of somebody who hears the kiosk, and what of it goes to the speech program."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from kiosk import flow, i18n
from kiosk.app import KioskApp
from kiosk.config import TimeSection
from kiosk.flow import Overlay, State
from kiosk.i18n import translator
from kiosk.sandbox.scenario import PIN, STAFF_PIN
from kiosk.sandbox.server.run import SandboxServer
from kiosk.screens.confirm import ConfirmScreen
from kiosk.speech import narrator
from kiosk.speech.narrator import Narrator
from kiosk.speech.speaker import Speaker, Wish
from kiosk.speech.text import spoken
from kiosk.widgets.checklist import Tick
from kiosk.widgets.presses import PRESSES
from tests.visits.kiosk import Kiosk

t = translator("vi")

SIZE = (120, 34)


class Recorded(Speaker):
    """Says nothing and writes down everything; it never comes to an end by itself."""

    NAME = "recorder"

    def __init__(self) -> None:
        super().__init__(160)
        self.heard: list[Wish] = []
        self.renewed = 0

    def say(self, text: str, language: str) -> None:
        if text:
            self.heard.append(Wish(text, language))
        super().say(text, language)

    def renew(self) -> None:
        self.renewed += 1
        super().renew()

    @property
    def texts(self) -> list[str]:
        return [wish.text for wish in self.heard]

    async def _begin(self, wish: Wish) -> None: ...

    async def _said(self) -> None:
        await asyncio.Event().wait()

    async def _silence(self) -> None: ...

    async def _drop(self) -> None: ...


class Heard:
    """A kiosk with screens, its speaker, and somebody at the keyboard."""

    def __init__(self, kiosk: Kiosk, app: KioskApp, speaker: Recorded, pilot: Pilot[None]) -> None:
        self.kiosk, self.app, self.speaker, self.pilot = kiosk, app, speaker, pilot

    async def hears(self, words: str, since: int = 0) -> str:
        """Wait until a text with these words is said and return it."""
        await self.kiosk.until(
            lambda: any(words in text for text in self.speaker.texts[since:]), words
        )
        return next(text for text in self.speaker.texts[since:] if words in text)

    async def after(self, *keys: str) -> list[str]:
        """What is said because of these keys."""
        before = len(self.speaker.heard)
        await self.pilot.press(*keys)
        await self.pilot.pause()
        return self.speaker.texts[before:]

    async def again(self) -> list[str]:
        """Stop what is being said, and have the screen read."""
        assert self.speaker.speaking
        assert await self.after("f4") == []
        return await self.after("f4")

    async def reaches(self, title: str) -> str:
        """Wait until the screen with this title is read, and return all of it."""
        return await self.hears(t(title))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n.Translator, "strict", True)
    monkeypatch.setattr(PRESSES, "double_tap", 0.0)
    monkeypatch.setattr(PRESSES, "longest_delay", 0.0)
    monkeypatch.setattr(ConfirmScreen, "SETTLE", 0.0)


@pytest.fixture
async def heard(directory: Path, server: SandboxServer) -> AsyncIterator[Heard]:
    kiosk = Kiosk(directory, server.url, TimeSection(goodbye=10))
    speaker = Recorded()

    def make(show: Callable[..., None], crash: Callable[..., None]) -> object:
        kiosk.controller._show, kiosk.controller._crash = show, crash
        return kiosk.controller

    app = KioskApp(make, lambda: kiosk.tools, narration=Narrator(speaker))  # type: ignore[arg-type]
    async with app.run_test(size=SIZE) as pilot:
        await kiosk.reaches(State.WELCOME)
        yield Heard(kiosk, app, speaker, pilot)
    assert not app.crash_report


async def test_a_whole_visit_is_heard_and_its_pin_is_not(heard: Heard) -> None:
    welcome = await heard.reaches("welcome.title")
    assert t("speech.intro") in welcome
    assert welcome.endswith(t("speech.selected", label=t("welcome.start")))
    await heard.pilot.press("enter")
    await heard.reaches("consent.title")
    # Nothing has the focus here: nobody agrees by mistake.
    assert t("consent.agree") in (await heard.after("tab"))[0]
    await heard.pilot.press("enter")
    await heard.reaches("case.title")
    await heard.pilot.press("enter")
    await heard.reaches("insert.title")
    heard.kiosk.reader.insert("hoa-sen")
    await heard.reaches("username.title")
    assert await heard.after("h") == ["h"]
    assert await heard.after(*"oasem") == list("oasem")
    assert await heard.after("backspace") == [t("speech.erased", letters="m")]
    assert await heard.after("n") == ["n"]
    assert t("speech.username.holds", letters="h, o, a, s, e, n") in (await heard.again())[0]
    await heard.pilot.press("enter")
    empty = await heard.reaches("pin.title")
    await heard.after("f4")
    assert [await heard.after(character) for character in PIN] == [
        [t("speech.pin.typed")] for _ in PIN
    ]
    assert await heard.after("backspace") == [t("speech.pin.erased")]
    # The screen sounds the same with seven characters of a PIN as with none.
    assert await heard.again() == [empty]
    await heard.pilot.press("tab", "tab")
    assert (await heard.after("enter"))[-1].splitlines() == [
        t("speech.pin.cleared"),
        t("speech.pin.field"),
    ]
    await heard.pilot.press(*PIN, "enter")
    confirm = await heard.reaches("confirm.title")
    assert "h, o" not in confirm
    assert t("speech.hidden") in confirm
    await heard.pilot.press("enter")
    await heard.reaches("sent.title")
    await heard.pilot.press("enter")
    await heard.reaches("remove.title")
    heard.kiosk.reader.remove()
    await heard.reaches("goodbye.title")
    said = "".join("\n".join(heard.speaker.texts).split())
    assert PIN not in said
    assert PIN not in said.replace(",", "")
    assert {wish.language for wish in heard.speaker.heard} == {"vi"}
    assert heard.app._narration._typed == ""  # type: ignore[attr-defined]


async def test_focus_language_and_silence_follow_the_keys(heard: Heard) -> None:
    await heard.reaches("welcome.title")
    assert heard.speaker.speaking
    # A key stops what is being said, also one that does nothing.
    assert await heard.after("delete") == []
    assert not heard.speaker.speaking
    (language,) = await heard.after("tab")
    assert "English" in language
    before = len(heard.speaker.heard)
    await heard.pilot.press("f2")
    english = await heard.hears(translator("en")("welcome.title"), before)
    assert heard.speaker.heard[-1].language == "en"
    assert t("welcome.title") not in english


async def test_a_countdown_is_told_three_times_and_help_is_told(heard: Heard) -> None:
    await heard.reaches("welcome.title")
    heard.kiosk.do(flow.Started())
    await heard.reaches("consent.title")
    heard.kiosk.do(flow.IdleElapsed())
    assert heard.kiosk.view.overlay is Overlay.TIME_OUT
    await heard.reaches("time_out.title")
    before = len(heard.speaker.heard)
    heard.kiosk.controller._show = lambda _view: None
    for left in range(29, 0, -1):
        heard.app._show(replace(heard.kiosk.view, countdown=left))
        await heard.pilot.pause()
    told = heard.speaker.texts[before:]
    assert [text.splitlines()[0] for text in told] == [
        t("speech.countdown", seconds=20),
        t("speech.countdown", seconds=10),
    ]
    assert all(t("time_out.more") in text for text in told)


async def test_what_a_screen_changes_by_itself_is_read(heard: Heard) -> None:
    await heard.reaches("welcome.title")
    heard.kiosk.do(flow.Started(), flow.Agreed(), flow.ForgotUsername())
    whole = await heard.reaches("hotline.title")
    assert whole.count("1 8 0 0, 1 2 6 0.") == 1
    assert await heard.after("enter") == [
        "\n".join(spoken(t(f"hotline.{key}"), t) for key in ("calling", "say", "asked", "login"))
    ]
    (back,) = await heard.after("enter")
    assert spoken(t("hotline.ready"), t) in back
    identity = t("hotline.identity")
    tick = heard.app.screen.query(Tick).first()
    tick.focus()
    await heard.pilot.pause()
    assert await heard.after("enter") == [t("speech.ticked", label=identity)]
    assert await heard.after("enter") == [t("speech.unticked", label=identity)]


async def test_staff_mode_is_not_read(heard: Heard) -> None:
    await heard.reaches("welcome.title")
    before = len(heard.speaker.heard)
    heard.kiosk.controller._show = lambda _view: None
    heard.app._show(replace(heard.kiosk.view, state=State.STAFF_LOGIN))
    await heard.pilot.pause()
    await heard.pilot.press(*STAFF_PIN, "tab", "f4")
    await heard.pilot.pause()
    assert heard.speaker.texts[before:] == []
    assert not heard.speaker.speaking


async def test_a_fault_of_the_reading_does_not_end_the_kiosk(
    heard: Heard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> tuple[str, ...]:
        raise ValueError("secret")

    await heard.reaches("welcome.title")
    monkeypatch.setattr(narrator, "lines", broken)
    await heard.pilot.press("enter")
    await heard.kiosk.reaches(State.CONSENT)
    await heard.kiosk.until(lambda: "speech: fault at ValueError" in caplog.text, "the line")
    assert "secret" not in caplog.text
    assert heard.app.is_running
