"""`kiosk run --unattended` that is asked to end at the moment its argument says.

Run by test_unattended: python -m tests.unit.leaving_kiosk CONFIG MOMENT WAY, where MOMENT is one of
`MOMENTS`, and WAY is SIGTERM, SIGHUP, `hang-up` for a terminal that goes, or `unheard hang-up` for
one whose signal is lost. Before a hang-up, the file `ready` is made in the runtime folder, and the
kiosk stands still until the terminal has gone.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kiosk import unattended
from kiosk.app import KioskApp
from kiosk.config import ConfigError
from kiosk.supervision import CrashCounter

MOMENTS = ("counted", "loaded", "made", "shown", "returned", "page", "mended", "good-bye")


def main() -> None:
    config, moment, way = sys.argv[1:]

    def ask() -> None:
        if "hang-up" not in way:
            signal.raise_signal(signal.Signals[way])
            return
        if way == "unheard hang-up":
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        (Path(os.environ["RUNTIME_DIRECTORY"]) / "ready").touch()
        terminal = select.poll()
        terminal.register(sys.stdin.fileno(), 0)
        terminal.poll(20_000)

    def at(name: str, owner: Any, attribute: str, *, before: bool = False) -> None:
        usual: Callable[..., Any] = getattr(owner, attribute)

        def wrapped(*arguments: Any, **named: Any) -> Any:
            if before and moment == name:
                ask()
            result = usual(*arguments, **named)
            if not before and moment == name:
                ask()
            return result

        setattr(owner, attribute, wrapped)

    at("counted", CrashCounter, "started")
    at("good-bye", CrashCounter, "ended_well", before=True)
    at("made", KioskApp, "__init__")
    at("shown", KioskApp, "_begin")
    if moment in ("returned", "good-bye"):
        # It ends by itself.
        KioskApp._begin = KioskApp.exit  # type: ignore[method-assign]
    at("returned", KioskApp, "run")
    if moment in ("page", "mended"):
        looks = iter([True, moment == "page"])
        usual = unattended._load

        def load(path: Path) -> Any:
            broken = next(looks, False)
            if not broken or moment == "page":
                ask()
            if broken:
                raise ConfigError(path, "kiosk.id", "nothing", "a name")
            return usual(path)

        unattended._load = load
    else:
        at("loaded", unattended, "_load")
    sys.exit(unattended.run_unattended(Path(config)))


if __name__ == "__main__":
    main()
