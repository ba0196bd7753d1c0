"""A kiosk that crashes or hangs on F6, in the way its argument says, with a secret in a local.

Run by test_crash: python -m tests.stack.crashing_kiosk STATE WAY, where WAY is handler, task,
callback, thread, input (the terminal's) or panic (Textual's) for a crash, app or screen for a
queue of messages that stands still.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from pathlib import Path

from rich.traceback import Traceback
from textual import events
from textual.message import Message

from kiosk.app import KioskApp
from kiosk.cli import leave
from kiosk.keyboard import KeyByKeyDriver
from kiosk.sandbox.demo import Demo
from kiosk.supervision import Supervisor


def main() -> None:
    state, way = sys.argv[1:]
    logging.basicConfig(filename=Path(state) / "kiosk.log", level=logging.INFO)

    with Demo(Path(state), "embedded", print) as demo:
        app = demo.app()
        usual = app._demo
        assert usual is not None

        def fail() -> None:
            secret = "secret-" + "of-a-local"
            raise ValueError(secret)

        async def fail_later() -> None:
            await asyncio.sleep(0)
            fail()

        def act(app: KioskApp, action: str) -> None:
            if action != "swap":
                usual(app, action)
            elif way == "handler":
                fail()
            elif way == "app":
                app.call_later(asyncio.Event().wait)
            elif way == "screen":
                app.screen.call_later(asyncio.Event().wait)
            elif way == "thread":
                threading.Thread(target=fail).start()
            elif way == "panic":
                try:
                    fail()
                except ValueError:
                    app.call_later(app.panic, Traceback(show_locals=True))
            elif way == "task":
                app.controller._spawn(fail_later())
            else:
                asyncio.get_running_loop().call_soon(fail)

        take = KeyByKeyDriver.process_message

        def take_or_fail(driver: KeyByKeyDriver, message: Message) -> None:
            if isinstance(message, events.Key) and message.key == "f6":
                fail()
            take(driver, message)

        if way == "input":
            KeyByKeyDriver.process_message = take_or_fail  # type: ignore[method-assign]
        app._demo = act
        app._supervisor = Supervisor.from_environment()
        app.run()
    sys.exit(leave(app))


main()
