"""Which language the kiosk speaks: the usual one, and for a while the one that somebody chose."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Language:
    """Whoever passes by and tries the language key is forgotten when nothing was touched for a
    while; a customer's choice is kept until the visit has ended."""

    def __init__(self, usual: str, patience: float, forgotten: Callable[[], None]) -> None:
        """Make one.

        Args:
            usual: what the kiosk speaks when nobody has chosen.
            patience: seconds without a touch after which a passer-by is forgotten.
            forgotten: called when that has changed the language.
        """
        self._usual = usual
        self._patience = patience
        self._forgotten = forgotten
        self._timer: asyncio.TimerHandle | None = None
        self.current = usual

    def toggle(self, *, unattended: bool) -> None:
        """Take the other one.

        Args:
            unattended: nobody is served; the choice is a passer-by's.
        """
        self.current = "en" if self.current == "vi" else "vi"
        self._stop()
        if unattended:
            self._wait()

    def touched(self) -> None:
        """Somebody is there."""
        if self._timer is not None:
            self._stop()
            self._wait()

    def keep(self) -> None:
        """A visit has begun: the choice is a customer's."""
        self._stop()

    def restore(self) -> None:
        """Take the usual one."""
        self._stop()
        self.current = self._usual

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._patience, self._forget)

    def _stop(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _forget(self) -> None:
        self.restore()
        self._forgotten()
