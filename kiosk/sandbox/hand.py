"""The hand that puts virtual tokens into a reader and takes them out."""

from __future__ import annotations

from typing import Protocol


class HandError(Exception):
    """The token could not be put in or taken out. The message is for a technician."""


class TokenHand(Protocol):
    """Does what a customer's hand does to one reader."""

    def insert(self, name: str) -> None:
        """Put in the token with this name (`TokenProfile.name`).

        Raises:
            HandError: a token is in already, there is none of this name, or there is
                no reader to put it into.
        """
        ...

    def remove(self) -> None:
        """Take the token out; nothing happens if none is in.

        Raises:
            HandError
        """
        ...

    def inserted(self) -> str:
        """Name of the token that is in; empty if none is.

        Raises:
            HandError
        """
        ...
