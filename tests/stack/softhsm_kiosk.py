"""The kiosk on SoftHSM2 through the real token helper; F5 puts the "token" in and out.

Run by test_journey: python -m tests.stack.softhsm_kiosk CONFIG SANDBOX_DIRECTORY
"""

from __future__ import annotations

import sys
from pathlib import Path

from kiosk.app import KioskApp
from kiosk.assembly import Settings
from kiosk.sandbox.embedded import EmbeddedReader
from kiosk.view import DemoView


def main() -> None:
    config, sandbox = map(Path, sys.argv[1:])
    settings = Settings.load(config)
    reader = EmbeddedReader()

    def act(app: KioskApp, action: str) -> None:
        if action == "insert_or_remove":
            if reader.inserted():
                reader.remove()
            else:
                reader.insert("hoa-sen")
        app.controller.set_demo(DemoView(token=reader.inserted(), next_token=""))

    app = KioskApp(
        lambda show, crash: settings.controller(reader, show, crash),
        lambda: settings.tools(softhsm_driver(settings, sandbox)),
        demo=act,
    )
    app.run()
    sys.exit(app.return_code)


main()
