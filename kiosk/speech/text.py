"""Turns what stands on a screen into what a speech program reads well."""

from __future__ import annotations

import re

from kiosk.i18n import Translator
from kiosk.text import clean_text

LONGEST_LINE = 1000

_NAMES = {
    "@": "speech.at",
    ".": "speech.dot",
    "-": "speech.hyphen",
    "_": "speech.underscore",
    " ": "speech.space",
}
"""Signs in usernames and addresses that programs pass over, and the messages that name them."""

_NUMBER = re.compile(r"\d(?:[ .-]?\d){4,}")
"""A number that is dialled, compared or copied, not an amount: five digits at least. A date or a
time has other signs between."""

_ADDRESS = re.compile(r"\S*(?:@|•|://|www\.)\S*")
_PAUSES = re.compile(r"\s*(?:[·|]|\s[-–—])\s+|\s*\n\s*")
_DRAWN = re.compile(r"[\u2190-\u2bff\u25cf•\[\]{}<>|^~`*#=\\]")
"""Arrows, boxes, blocks and dots; and signs that espeak-ng takes for phonemes ("[[") or markup."""


def spoken(text: str, t: Translator) -> str:
    """Return a line of a screen as it is read aloud, ending with a pause.

    Telephone, tax and other long numbers are read digit by digit, masked and whole addresses
    sign by sign; what is drawn falls away. Nothing may be left.
    """
    text = _PAUSES.sub(", ", text.strip())
    text = _ADDRESS.sub(lambda found: _address(found[0], t), clean_text(text, LONGEST_LINE))
    text = _NUMBER.sub(lambda found: _digits(found[0]), text)
    text = " ".join(_DRAWN.sub(" ", text).split())
    text = re.sub(r"\s+(?=[,.;:!?])", "", text).replace("…", ".").strip(" ,")
    if not any(character.isalnum() for character in text):
        return ""
    return text if text[-1] in ".,:;!?" else text + "."


def spelled(text: str, t: Translator) -> str:
    """Return what was typed into a field, one character after the other."""
    names = []
    for character in text:
        name = t(_NAMES[character]) if character in _NAMES else character
        names.append(t("speech.capital", letter=name) if character.isupper() else name)
    return ", ".join(names)


def _digits(number: str) -> str:
    """Digit by digit, with a pause at each gap."""
    groups = re.split(r"[ .-]", number)
    return ", ".join(" ".join(group) for group in groups)


def _address(address: str, t: Translator) -> str:
    """An email or web address, whose hidden letters are called hidden."""
    whole = address.rstrip(".,;:!?)")
    end = address[len(whole) :]
    whole = re.sub(r"^\(?(?:https?://)?", "", whole)
    parts = re.findall(r"•+|[@.]|[^•@.]+", whole)
    names = {"@": t("speech.at"), ".": t("speech.dot")}
    hidden = t("speech.hidden") + ","
    words = [hidden if part[0] == "•" else names.get(part, part) for part in parts]
    return " ".join(words).rstrip(",") + end
