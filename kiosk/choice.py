"""How the kiosk shows itself: the usual way, and for a while the one that somebody chose."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from kiosk.timers import after


class Choice:
    """One of several values, such as a language. Whoever passes by and tries the key is forgotten
    when nothing was touched for a while; a customer's choice is kept until the visit has ended."""

    def __init__(
        self,
        values: Sequence[str],
        usual: str,
        patience: float,
        forgotten: Callable[[], None],
    ) -> None:
        """Make one.

        Args:
            values: what can be chosen, in the order in which a key goes through them.
            usual: what it is when nobody has chosen.
            patience: seconds without a touch after which a passer-by is forgotten.
            forgotten: called when that has changed the value.
        """
        self.values = tuple(values)
        """What can be chosen."""
        self._usual = usual
        self._patience = patience
        self._forgotten = forgotten
        self._timer: asyncio.TimerHandle | None = None
        self.current = usual

    @property
    def next(self) -> str:
        """What the key would choose."""
        place = self.values.index(self.current) if self.current in self.values else -1
        return self.values[(place + 1) % len(self.values)]

    def take(self, value: str, *, unattended: bool) -> None:
        """Take this one; a value that cannot be chosen changes nothing.

        Args:
            unattended: nobody is served; the choice is a passer-by's.
        """
        if value not in self.values:
            return
        self.current = value
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
        self._timer = after(self._patience, self._forget)

    def _stop(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _forget(self) -> None:
        self.restore()
        self._forgotten()
