"""The one place in the UI process where a PIN lives."""

from __future__ import annotations


class PinBuffer:
    """A PIN that is being typed, in one bytearray of fixed size.

    The bytearray never grows, so no copy of it stays behind in memory, and `wipe`
    overwrites it. Between `seal` and `wipe` it does not change: what was confirmed is what
    the token gets. Nothing turns the content into a `str` or `bytes`: who needs it
    (the socket to the token's helper) takes `view`.
    """

    CAPACITY = 64
    """Bytes. No token takes a longer PIN."""

    def __init__(self) -> None:
        self._bytes = bytearray(self.CAPACITY)
        self._used = 0
        self._lengths = bytearray(self.CAPACITY)
        self._characters = 0
        self._sealed = False

    def __len__(self) -> int:
        """Number of characters typed."""
        return self._characters

    def __repr__(self) -> str:
        return "<PinBuffer>"

    def __reduce__(self) -> str:
        raise TypeError("a PIN is not pickled or copied")

    def append(self, character: str) -> bool:
        """Add one character; tell whether it was taken."""
        encoded = character.encode("utf-8")
        end = self._used + len(encoded)
        if self._sealed or end > self.CAPACITY:
            return False
        self._bytes[self._used : end] = encoded
        self._lengths[self._characters] = len(encoded)
        self._used = end
        self._characters += 1
        return True

    def ends_with(self, character: str) -> bool:
        """Tell whether this was the last character typed."""
        encoded = character.encode("utf-8")
        start = self._used - len(encoded)
        return start >= 0 and all(
            byte == self._bytes[start + index] for index, byte in enumerate(encoded)
        )

    def backspace(self) -> None:
        """Take the last character away, if there is one."""
        if self._sealed or not self._characters:
            return
        self._characters -= 1
        start = self._used - self._lengths[self._characters]
        for index in range(start, self._used):
            self._bytes[index] = 0
        self._used = start

    def seal(self) -> None:
        """Take no more characters and give none back, until `wipe` or `release`."""
        self._sealed = True

    def release(self) -> None:
        """Take characters again after `seal`: what is there was not confirmed after all."""
        self._sealed = False

    def clear(self) -> None:
        """Overwrite what was typed, unless it is sealed."""
        if not self._sealed:
            self.wipe()

    def wipe(self) -> None:
        """Overwrite everything and take characters again."""
        self._sealed = False
        for index in range(self.CAPACITY):
            self._bytes[index] = 0
            self._lengths[index] = 0
        self._used = 0
        self._characters = 0

    def view(self) -> memoryview:
        """The PIN as UTF-8, without a copy. Release it before the next `append`."""
        return memoryview(self._bytes)[: self._used]
