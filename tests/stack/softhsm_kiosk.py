"""The kiosk on SoftHSM2 through the real token helper; F5 puts the "token" in and out.

Run by test_journey: python -m tests.stack.softhsm_kiosk CONFIG SOFTHSM2_CONF
"""

from __future__ import annotations

import sys
from pathlib import Path

from kiosk.app import KioskApp
from kiosk.assembly import Settings
from kiosk.hardware.catalogue import Catalogue, Family
from kiosk.hardware.token_client import HelperTokenDriver
from kiosk.sandbox.embedded import EmbeddedReader
from kiosk.view import DemoView
from tests.stack.softhsm import MODULE


def main() -> None:
    config, softhsm_conf = sys.argv[1:]
    settings = Settings.load(Path(config))
    reader = EmbeddedReader()

    def driver() -> HelperTokenDriver:
        catalogue = Catalogue(Family("default", (MODULE,)))
        return HelperTokenDriver(catalogue, extra_env={"SOFTHSM2_CONF": softhsm_conf})

    def act(app: KioskApp, action: str) -> None:
        if action == "insert_or_remove":
            if reader.inserted():
                reader.remove()
            else:
                reader.insert("softhsm")
        app.controller.set_demo(DemoView(token=reader.inserted()))

    app = KioskApp(
        lambda show, crash: settings.controller(reader, show, crash),
        lambda: settings.tools(driver()),
        demo=act,
    )
    app.run()
    sys.exit(app.return_code)


main()
