"""Which keys there are on the screen, page by page."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """One key: types its label, or does something else."""

    label: str
    """What stands on it; a message's key if `spoken`."""
    does: str = ""
    """Empty: types the label. Else `backspace`, `clear`, `enter`, `space`, `shift`, `return` (to
    the page before), or the name of another page."""
    width: int = 1
    """Columns of the grid that it takes."""
    spoken: bool = False
    """Whether the label is in the customer's language."""


Page = Sequence[Sequence[Key]]

DIGITS = "1234567890"


def typing(characters: str) -> list[Key]:
    """Return one typing key per character."""
    return [Key(character) for character in characters]


def shuffled_digits() -> str:
    """Return the ten digits in an order that nobody can foresee."""
    digits = list(DIGITS)
    secrets.SystemRandom().shuffle(digits)
    return "".join(digits)


def _commands(clear: int, backspace: int, enter: int) -> list[Key]:
    """The last row of every page, with the widths of its keys."""
    return [
        Key("key.clear", "clear", clear, spoken=True),
        Key("key.backspace", "backspace", backspace, spoken=True),
        Key("key.enter", "enter", enter, spoken=True),
    ]


def _digit_rows(digits: str) -> list[list[Key]]:
    return [typing(digits[:3]), typing(digits[3:6]), typing(digits[6:9])]


def staff_pin_pages(digits: str = DIGITS) -> Mapping[str, Page]:
    """Digits alone, in this order: a staff PIN has nothing else."""
    rows = _digit_rows(digits)
    return {"digits": [*rows, [Key(digits[9], width=3)], _commands(1, 1, 1)]}


def pin_pages(digits: str = DIGITS) -> Mapping[str, Page]:
    """Digits in this order, and behind them the rest of printable ASCII."""
    return {
        "digits": [
            *_digit_rows(digits),
            [Key("abc", "letters"), Key(digits[9]), Key("#@!", "symbols")],
            _commands(1, 1, 1),
        ],
        "letters": [
            typing("qwertyuiop"),
            typing("asdfghjkl"),
            [Key("Aa", "shift"), *typing("zxcvbnm")],
            [Key("123", "digits", 5), Key("#@!", "symbols", 5)],
            _commands(3, 3, 4),
        ],
        "symbols": [
            typing("!@#$%^&*()"),
            typing("-_=+[]{}\\|"),
            typing(";:'\",.<>/?"),
            [Key("123", "digits", 4), *typing("~`"), Key("abc", "letters", 4)],
            _commands(3, 3, 4),
        ],
    }


def username_pages(first: str = "qwerty") -> Mapping[str, Page]:
    """Letters, digits and what usernames are joined with; behind them the rest of ASCII.

    Args:
        first: `qwerty` or `abc`, the letters in the order that is shown first.
    """
    # Who has never typed looks for letters in the order of the alphabet.
    letters = {
        "qwerty": ("qwertyuiop@", "asdfghjkl_.", "zxcvbnm", Key("ABC", "abc", 2)),
        "abc": ("abcdefghij@", "klmnopqrs_.", "tuvwxyz", Key("QWERTY", "qwerty", 2)),
    }
    pages: dict[str, Page] = {}
    for name in sorted(letters, key=lambda name: name != first):
        upper, middle, lower, other = letters[name]
        pages[name] = [
            typing(f"{DIGITS}-"),
            typing(upper),
            typing(middle),
            [Key("Aa", "shift", 2), *typing(lower), Key("#+=", "signs", 2)],
            [other, *_commands(3, 3, 3)],
        ]
    pages["signs"] = [
        typing(f"{DIGITS}-"),
        typing("!\"#$%&'()*+"),
        typing(",/:;<=>?[]^"),
        [*typing("`{|}~\\"), Key("key.space", "space", 5, spoken=True)],
        [Key("abc", "return", 2), *_commands(3, 3, 3)],
    ]
    return pages
