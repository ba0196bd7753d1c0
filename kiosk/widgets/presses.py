"""Tells what somebody pressed from what a held key or a double tap adds to it.

A terminal delivers no key-up. A key that is held down repeats after a delay (250 ms on the Linux
console, 600 ms under cage, 1 s at most) and from then on at a steady rate (11 to 30 Hz); a
quick finger taps twice. Neither may press something on the screen that comes next.
"""

from __future__ import annotations

from enum import Enum, auto

POINTER = "pointer"
"""Stands for a finger or the mouse, which do not repeat."""

DOUBLE_TAP = 0.3
"""Seconds. A press this soon after another one is its second half."""

APART = frozenset({"f1", "f2", "f3", "f4"})
"""Keys that leave the step as it is: each is compared with itself alone."""

LONGEST_DELAY = 1.1
"""Seconds. A keyboard that repeats a held key has begun to by then."""

REPEAT_INTERVAL = 0.15
"""Seconds. A key that is held has repeated again by then."""


class Verdict(Enum):
    """What to do about a press."""

    ACT = auto()
    IGNORE = auto()
    WAIT = auto()
    """Act after `REPEAT_INTERVAL`, if it is still `PressFilter.due` then."""


class PressFilter:
    """Judges presses that make something happen. Times are seconds on one monotonic clock.

    The first press acts at once. One that follows within `double_tap` does not, and neither do
    those after it until there is a pause: so a held key is silent once it repeats. The first
    repetition alone looks like a second press of the same key, so such a press waits until it
    is known that no other follows at a keyboard's rate.
    """

    def __init__(
        self, double_tap: float = DOUBLE_TAP, longest_delay: float = LONGEST_DELAY
    ) -> None:
        self.double_tap = double_tap
        self.longest_delay = longest_delay
        self._key = ""
        self._at = float("-inf")
        self._apart: dict[str, float] = {}
        """When each of `APART` was pressed last."""
        self._waiting: float | None = None
        self.missed = False
        """Whether a character was pressed that no field has taken. Somebody who types a PIN does
        not see which, and a PIN that lacks it would cost a try."""

    def judge(self, key: str, at: float) -> Verdict:
        """Judge the press of `key`, or of `POINTER`, at the time `at`."""
        # A key that is held stops repeating when another one is pressed.
        again, self._key, self._waiting = key == self._key, key, None
        if key in APART:
            pause = at - self._apart.get(key, float("-inf"))
            self._apart[key] = at
        else:
            pause = at - self._at
            self._at = at
        if pause < self.double_tap:
            return Verdict.IGNORE
        if again and key != POINTER and pause < self.longest_delay:
            self._waiting = at
            return Verdict.WAIT
        return Verdict.ACT

    def due(self, at: float) -> bool:
        """Tell, once, whether the press that came at `at` and had to wait is to act now."""
        due = self._waiting == at
        if due:
            self._waiting = None
        return due

    def types(self, key: str, at: float) -> bool:
        """Tell whether a key that types a character is meant to: it is not if it has chosen
        something on the screen before and is still held."""
        if key == self._key and at - self._at < self.longest_delay:
            self._at = at
            return False
        self._key, self._waiting = "", None
        return True

    def forget(self) -> None:
        """Judge the next press as the first one."""
        self._key, self._at, self._waiting = "", float("-inf"), None
        self.missed = False
        self._apart.clear()


PRESSES = PressFilter()
"""A kiosk has one keyboard and one screen to touch."""


class Typed(Enum):
    """What to do about a character of a PIN."""

    TAKE = auto()
    IGNORE = auto()
    TAKE_BACK = auto()
    """Take the character before it back as well."""


class TypingFilter:
    """Finds the characters that a held key adds to a PIN, where each wrong one costs a try.

    Nobody types the same character nine times a second, but somebody does eight times; so a
    character that follows its like within `FASTEST` is made by the machine. By then the first
    repetition has been taken for a second press, because it comes after a pause like a
    person's: it is taken back.
    """

    FASTEST = 0.11
    """Seconds between two presses of the same key by the quickest typist."""

    BOUNCE = 0.025
    """Seconds. A contact that bounces is quicker than any keyboard repeats."""

    SHORTEST_DELAY = 0.2
    """Seconds. No keyboard begins to repeat a held key before."""

    def __init__(self) -> None:
        self._at = float("-inf")
        self._first_repetition = False
        self._held = False

    def judge(self, again: bool, at: float) -> Typed:
        """Judge a character.

        Args:
            again: it is the same as the one before it.
            at: when it came, in seconds on a monotonic clock.
        """
        pause = at - self._at if again else float("inf")
        self._at = at
        if pause >= (REPEAT_INTERVAL if self._held else self.FASTEST):
            self._held = False
            self._first_repetition = self.SHORTEST_DELAY <= pause < LONGEST_DELAY
            return Typed.TAKE
        if pause < self.BOUNCE:
            return Typed.IGNORE
        self._held = True
        if self._first_repetition:
            self._first_repetition = False
            return Typed.TAKE_BACK
        return Typed.IGNORE
