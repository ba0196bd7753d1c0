"""The kiosk on a module with no PC/SC, through the real token helper; F5 is the hand.

The "token" is always behind the module: F5 tells the kiosk that it came or went.
Run by the tests: python -m tests.stack.module_kiosk CONFIG MODULE [NAME=VALUE …]
where the last ones are environment variables of the helper.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from kiosk.app import KioskApp
from kiosk.assembly import Settings
from kiosk.hardware.catalogue import Catalogue, Family
from kiosk.hardware.token_client import HelperTokenDriver
from kiosk.sandbox.embedded import EmbeddedReader
from kiosk.view import DemoView


def command(config: Path, module: Path, environment: Mapping[str, str]) -> list[str]:
    """What starts this program."""
    variables = [f"{name}={value}" for name, value in environment.items()]
    return [sys.executable, "-m", __name__, str(config), str(module), *variables]


def main() -> None:
    config, module, *variables = sys.argv[1:]
    environment = dict(variable.split("=", 1) for variable in variables)
    settings = Settings.load(Path(config))
    reader = EmbeddedReader()

    def driver() -> HelperTokenDriver:
        catalogue = Catalogue(Family("default", (Path(module),)))
        return HelperTokenDriver(catalogue, extra_env=environment)

    def act(app: KioskApp, action: str) -> None:
        if action == "insert_or_remove":
            if reader.inserted():
                reader.remove()
            else:
                reader.insert("module")
        app.controller.set_demo(DemoView(token=reader.inserted()))

    app = KioskApp(
        lambda show, crash: settings.controller(reader, show, crash),
        lambda: settings.tools(driver()),
        demo=act,
    )
    app.run()
    sys.exit(app.return_code)


if __name__ == "__main__":
    main()
