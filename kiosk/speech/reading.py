"""What stands on a screen, in the order in which it is read.

Only words that are drawn are looked at: neither the view nor any field's content, so that a PIN
is out of reach from here.
"""

from __future__ import annotations

from collections.abc import Iterator

from textual.containers import Horizontal
from textual.widget import Widget

from kiosk.screens.base import JourneyScreen
from kiosk.speech.text import spoken
from kiosk.widgets.action_button import ActionButton
from kiosk.widgets.drawn import Words
from kiosk.widgets.pin_entry import PinEntry
from kiosk.widgets.username_input import UsernameInput

UNSPOKEN = "caption"
"""Class of words that only explain a picture."""


def lines(screen: JourneyScreen) -> tuple[str, ...]:
    """Title, sentences and list lines, then the note with code and reference."""
    found: list[tuple[Widget, list[str]]] = []
    for words in (*screen.query("#body Words"), *screen.query("#foot .note")):
        if not isinstance(words, Words) or isinstance(words, ActionButton) or not _shown(words):
            continue
        if words.has_class(UNSPOKEN):
            continue
        row = words.parent if isinstance(words.parent, Horizontal) else words
        if found and found[-1][0] is row:
            found[-1][1].append(plain(words))
        else:
            found.append((row, [plain(words)]))
    read = (spoken(_row(texts), screen.t) for _, texts in found)
    return tuple(line for line in read if line)


def _row(texts: list[str]) -> str:
    """A number or a label, and what belongs to it."""
    return ": ".join(text.rstrip(" :") if place < len(texts) - 1 else text
                     for place, text in enumerate(texts))  # fmt: skip


def buttons(screen: JourneyScreen) -> list[ActionButton]:
    """What can be pressed in the middle and at the foot, in the order of Tab."""
    return [
        button
        for place in ("#body", "#actions")
        for button in screen.query_one(place).query(ActionButton)
        if _shown(button)
    ]


def invitation(screen: JourneyScreen) -> Iterator[str]:
    """The buttons by number; the one that Enter presses comes last, as what it is."""
    for number, button in enumerate(buttons(screen), 1):
        if button is not screen.focused:
            yield spoken(_numbered(number, button, screen), screen.t)
    if screen.focused is not None:
        yield described(screen.focused, screen)


def described(widget: Widget, screen: JourneyScreen) -> str:
    """What has the focus. Of a field that is its name, of nothing known an empty text."""
    t = screen.t
    if isinstance(widget, PinEntry):
        return t("speech.pin.field")
    if isinstance(widget, UsernameInput):
        return t("speech.username.field")
    if not isinstance(widget, Words):
        texts = (plain(words) for words in widget.query(Words) if _shown(words))
        return spoken(_row([text for text in texts if text.strip()]), t)
    among = buttons(screen)
    if isinstance(widget, ActionButton) and widget in among:
        label = _numbered(among.index(widget) + 1, widget, screen)
    else:
        label = plain(widget)
    return t("speech.selected", label=spoken(label, t).rstrip("."))


def _numbered(number: int, button: ActionButton, screen: JourneyScreen) -> str:
    return screen.t("speech.button", number=number, label=plain(button))


def plain(words: Words) -> str:
    """The text as it is drawn now."""
    return str(getattr(words.content, "plain", words.content))


def _shown(widget: Widget) -> bool:
    return all(node.display for node in widget.ancestors_with_self if isinstance(node, Widget))
