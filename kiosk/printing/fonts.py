"""The fonts of the slip, as fontconfig knows them."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

USUAL_FAMILY = "Noto Sans Mono"
"""It has all letters of Vietnamese, and the kiosk's terminal has it as well."""

_FAMILIES = {
    "ko": "Noto Sans Mono CJK KR",
    "ja": "Noto Sans Mono CJK JP",
    "zh": "Noto Sans Mono CJK SC",
}

ASK = ("fc-match", "--format", "%{family}\t%{file}\t%{index}")
"""The question to fontconfig, which wants a pattern behind it."""


class FontMissing(Exception):
    """The machine has no font for a language. The message names the family."""


@dataclass(frozen=True, slots=True)
class FontFile:
    """A font in a file that may hold several."""

    path: str
    index: int


def family_for(language: str) -> str:
    """The family in which a language is printed."""
    return _FAMILIES.get(language, USUAL_FAMILY)


def pattern(language: str, *, bold: bool = False) -> str:
    """What fontconfig is asked for."""
    return family_for(language) + (":bold" if bold else "")


def taken(language: str, answer: str) -> FontFile:
    """Read fontconfig's answer.

    Raises:
        FontMissing: it is another family, which fontconfig offers in its place.
    """
    families, _, rest = answer.strip().partition("\t")
    path, _, index = rest.partition("\t")
    family = family_for(language)
    if family not in families.split(",") or not path or not index.isdecimal():
        raise FontMissing(family)
    return FontFile(path, int(index))


def find_font(language: str, *, bold: bool = False) -> FontFile:
    """Ask fontconfig for the file.

    Raises:
        FontMissing: neither this family nor fontconfig may be there.
    """
    try:
        ran = subprocess.run(
            (*ASK, pattern(language, bold=bold)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
            encoding="utf-8",
        )
    except (OSError, subprocess.CalledProcessError, UnicodeDecodeError):
        raise FontMissing(family_for(language)) from None
    return taken(language, ran.stdout)
