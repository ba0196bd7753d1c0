"""What stands on a screen, in the order in which it is read.

Only words that are drawn are looked at: neither the view nor any field's content, so that a PIN
is out of reach from here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from textual.containers import Horizontal
from textual.widget import Widget

from kiosk.screens.base import JourneyScreen
from kiosk.speech.text import spoken
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.checklist import Tick
from kiosk.widgets.drawn import Drawn, Words
from kiosk.widgets.pin_entry import PinEntry
from kiosk.widgets.username_input import UsernameInput

UNSPOKEN = "silent"
"""Class of words that only explain a picture."""


def lines(screen: JourneyScreen) -> tuple[str, ...]:
    """Title, sentences and list lines, then the note with code and reference.

    What is drawn twice comes twice.
    """
    found: list[tuple[Widget, list[str]]] = []
    for widget in (*screen.query("#body *"), *screen.query("#foot .note")):
        if isinstance(widget, ActionButton) or not _shown(widget):
            continue
        if isinstance(widget, Tick):
            found.append((widget, [_told(widget, screen)]))
            continue
        text = plain(widget) if isinstance(widget, Words) else _large(widget)
        if not text or widget.has_class(UNSPOKEN) or isinstance(widget.parent, Tick):
            continue
        row = widget.parent if isinstance(widget.parent, Horizontal) else widget
        if found and found[-1][0] is row:
            found[-1][1].append(text)
        else:
            found.append((row, [text]))
    read = (spoken(_row(texts), screen.t) for _, texts in found)
    return tuple(line for line in read if line)


def _row(texts: list[str]) -> str:
    """A number or a label, and what belongs to it."""
    return ": ".join(text.rstrip(" :") if place < len(texts) - 1 else text
                     for place, text in enumerate(texts))  # fmt: skip


def _large(widget: Widget) -> str:
    """A telephone number in large digits. Large words stand in plain letters on the same screen,
    and a number of fewer digits is seconds that are counted down."""
    text = getattr(widget, "_text", "") or getattr(widget, "_number", "")
    is_telephone = isinstance(widget, Drawn) and re.fullmatch(r"(?:[ ().+-]*[0-9]){4,}", text)
    return text if is_telephone else ""


def _told(tick: Tick, screen: JourneyScreen) -> str:
    """What is ticked or not, and that it is."""
    label = " ".join(plain(words) for words in tick.query(Words) if words.has_class("item-text"))
    return screen.t("speech.ticked" if tick.ticked else "speech.unticked", label=label.rstrip("."))


def buttons(screen: JourneyScreen) -> list[ActionButton]:
    """What can be pressed in the middle and at the foot, in the order of Tab."""
    return [
        button
        for place in ("#body", "#actions")
        for button in screen.query_one(place).query(ActionButton)
        if _shown(button)
    ]


def invitation(screen: JourneyScreen) -> Iterator[str]:
    """The buttons; the one that Enter presses comes last, as what it is."""
    for button in buttons(screen):
        if button is not screen.focused:
            yield spoken(_label(button), screen.t)
    if screen.focused is not None:
        yield described(screen.focused, screen)


def described(widget: Widget, screen: JourneyScreen) -> str:
    """What has the focus. Of a field that is its name, of nothing known an empty text."""
    t = screen.t
    if isinstance(widget, PinEntry):
        return t("speech.pin.field")
    if isinstance(widget, UsernameInput):
        return t("speech.username.field")
    if isinstance(widget, Tick):
        return spoken(_told(widget, screen), t)
    if not isinstance(widget, Words):
        texts = (plain(words) for words in widget.query(Words) if _shown(words))
        return spoken(_row([text for text in texts if text.strip()]), t)
    label = _label(widget) if isinstance(widget, ActionButton) else plain(widget)
    return t("speech.selected", label=spoken(label, t).rstrip("."))


def _label(button: ActionButton) -> str:
    """A button's words, after the digit that presses it if it shows one. No other number may be
    heard here: somebody would press it, and it would go into the field for the PIN."""
    text = plain(button)
    if not button.number:
        return text
    return f"{button.number}: {text.removeprefix(f'{button.number}{button.NUMBER_GAP}')}"


def plain(words: Words) -> str:
    """The text as it is drawn now. The mark before a line of a list is no part of it: a number that
    is heard is taken for one to press, and lines are heard in their order anyway."""
    return str(getattr(words.content, "plain", words.content))


def _shown(widget: Widget) -> bool:
    return all(node.display for node in widget.ancestors_with_self if isinstance(node, Widget))
