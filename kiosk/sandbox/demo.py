"""The demo: the real kiosk on a sandbox service and a virtual token.

The service and the virtual card are processes of their own; they end with the demo,
whatever ends it. Where no virtual reader can be had, the token is embedded in the
program, and the screens say so.
"""

from __future__ import annotations

import asyncio
import fcntl
import importlib.util
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from kiosk.sandbox import processes
from kiosk.sandbox.hand import HandError, TokenHand
from kiosk.sandbox.scenario import ACCOUNTS, PIN, STAFF_PIN_HASH, TOKENS_BY_NAME
from kiosk.view import DemoView

if TYPE_CHECKING:
    from kiosk.app import KioskApp
    from kiosk.hardware.readers import ReaderWatcher
    from kiosk.hardware.token import TokenDriver

PATIENCE = 20.0
"""Seconds for the sandbox's parts to start; the first start makes keys."""

DELIVERY = 4.0
"""Seconds that the demo's mails take, so that the result screen has something to follow."""

TOUR = ("hoa-sen", "binh-minh", "two-certificates", "expired", "foreign", "revoked", "last-try")
"""The tokens that the swap key puts in, in turn."""


class DemoFailed(Exception):
    """The demo cannot start. The message is for who started it."""


class Demo:
    """Starts what the kiosk needs; a context manager that ends it all again."""

    def __init__(self, state: Path, token: str, say: Callable[[str], None]) -> None:
        """Prepare; nothing is started yet.

        Args:
            state: folder of the sandbox.
            token: `card`, `embedded`, or `auto` for the first of them that can be had.
            say: tells the person at the terminal what is going on.
        """
        self._state = state
        self._token = token
        self._say = say
        self._children: list[subprocess.Popen[bytes]] = []
        self._hand: TokenHand | None = None
        self._watcher: ReaderWatcher | None = None
        self._driver: TokenDriver | None = None
        self._next = 0
        self._mailbox = ""
        self._service = ""
        self.log = state / "demo.log"
        """What the started programs print."""
        self.restart_asked = False
        """Whether staff mode has ended the program; nobody starts a demo again."""

    def __enter__(self) -> Demo:
        try:
            self._state.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.log.touch(mode=0o600)
            self._lock = self.log.open("rb")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoFailed(
                f"a demo is running on {self._state} already; end it, or name another --state"
            ) from None
        except OSError as error:
            raise DemoFailed(f"{self._state}: {error.strerror}") from None
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        for child in reversed(self._children):
            processes.end(child)
        self._children.clear()

    # Start

    def _start(self) -> None:
        service = self._start_service()
        if self._token == "embedded":
            self._embed()
        else:
            why = self._start_card()
            if why and self._token == "card":
                raise DemoFailed(why)
            if why:
                self._say(f"{why}; going on with a token simulated in the program")
                self._embed()
        self._await_service(service)

    def _start_service(self) -> subprocess.Popen[bytes]:
        self._ready_file.unlink(missing_ok=True)
        arguments = ["sandbox", "serve", "--state", str(self._state)]
        arguments += ["--http-port", "0", "--smtp-port", "0", "--delivery-delay", f"{DELIVERY}"]
        child = processes.start_kiosk(arguments, self.log)
        self._children.append(child)
        return child

    @property
    def _ready_file(self) -> Path:
        return self._state / "serving.json"

    def _await_service(self, child: subprocess.Popen[bytes]) -> None:
        if not processes.wait_for(
            lambda: self._ready_file.exists() or child.poll() is not None, PATIENCE
        ):
            raise DemoFailed(f"the sandbox service does not start; see {self.log}")
        if not self._ready_file.exists():
            raise DemoFailed(f"the sandbox service ended at once; see {self.log}")
        addresses = json.loads(self._ready_file.read_text(encoding="utf-8"))
        self._service, self._mailbox = addresses["url"], addresses["mail_url"]

    def _start_card(self) -> str:
        """Start the virtual card; returns why it cannot be had, or nothing."""
        if importlib.util.find_spec("smartcard") is None:
            return "pyscard is not installed"
        if processes.readers() is None:
            command = processes.pcscd_command()
            if command is None:
                return "pcscd is not installed"
            if os.geteuid() != 0:
                return "pcscd is not running, and only root may start it"
            self._children.append(processes.start(command, self.log))
            if not processes.wait_for(lambda: processes.readers() is not None, PATIENCE):
                return f"pcscd does not start; see {self.log}"
        if not processes.wait_for(processes.virtual_reader_there, 3):
            return "pcscd has no virtual reader (package vsmartcard-vpcd)"
        from kiosk.sandbox.card import CardControl  # noqa: PLC0415

        socket = self._state / "card.sock"
        socket.unlink(missing_ok=True)
        child = processes.start_kiosk(["sandbox", "card", "--state", str(self._state)], self.log)
        self._children.append(child)
        control = CardControl(socket)
        answers = processes.wait_for(
            lambda: _answers(control) or child.poll() is not None, PATIENCE
        )
        if not answers or child.poll() is not None:
            return f"the virtual card does not start; see {self.log}"
        from kiosk.hardware.readers import PcscWatcher  # noqa: PLC0415

        self._hand, self._watcher = control, PcscWatcher()
        return ""

    def _embed(self) -> None:
        from kiosk.sandbox.embedded import EmbeddedDriver, EmbeddedReader  # noqa: PLC0415
        from kiosk.sandbox.pki import SandboxPki  # noqa: PLC0415

        reader = EmbeddedReader()
        self._hand, self._watcher = reader, reader
        self._driver = EmbeddedDriver(reader, SandboxPki.open(self._state))

    # Run

    def app(self) -> KioskApp:
        """Make the kiosk on what was started."""
        from kiosk.app import KioskApp  # noqa: PLC0415
        from kiosk.assembly import Settings  # noqa: PLC0415

        settings = Settings.load(self._write_config())
        watcher = self._watcher
        if watcher is None:
            raise DemoFailed("the demo was not started")
        app = KioskApp(
            lambda show, crash: settings.controller(
                watcher, show, crash, simulated=self._driver is not None
            ),
            lambda: settings.tools(self._driver),
            demo=self._act,
            narration=settings.narration(),
        )

        def restart() -> None:
            self.restart_asked = True
            app.exit()

        app.controller.leave = restart
        return app

    def _write_config(self) -> Path:
        """Write the configuration of a kiosk that belongs to this sandbox."""
        shipped = Path(__file__).parents[2] / "config"
        path = self._state / "kiosk.toml"
        path.write_text(
            "# Written anew by every start of the demo.\n"
            f'[kiosk]\nid = "demo"\nstate_directory = "."\n\n'
            f'[service]\nurl = "{self._service}"\n\n'
            f'[staff]\npin_hash = "{STAFF_PIN_HASH}"\n\n'
            '[support]\nemail = "hotro@vnpt.example"\nfanpage = "vnpt.example/bhxh"\n',
            encoding="utf-8",
        )
        for name in ("tokens.toml", "webmail.toml", "opensc.conf"):
            (self._state / name).write_bytes((shipped / name).read_bytes())
        return path

    def _act(self, app: KioskApp, action: str) -> None:
        """Do what the demo strip asks for."""
        if action == "started":
            app.controller.set_demo(self._strip(""))
        elif action == "mailbox":
            app.show_note(self._mail_text())
        else:
            moving = self._move_token(app, action)
            app.keep(asyncio.get_running_loop().create_task(moving))

    async def _move_token(self, app: KioskApp, action: str) -> None:
        hand = self._hand
        if hand is None:
            return

        def move() -> str:
            inside = hand.inserted()
            if inside:
                hand.remove()
            if action == "insert_or_remove" and inside:
                return ""
            if action == "swap":
                self._next = (self._next + 1) % len(TOUR)
            hand.insert(TOUR[self._next])
            return TOUR[self._next]

        try:
            name = await asyncio.to_thread(move)
        except HandError as error:
            app.show_note(str(error))
            name = ""
        app.controller.set_demo(self._strip(name))

    def _strip(self, inserted: str) -> DemoView:
        tax_code = TOKENS_BY_NAME[TOUR[self._next]].tax_code
        return DemoView(
            token=inserted,
            # Those that are in order; the others are for the curious.
            accounts=tuple(
                account.username
                for account in ACCOUNTS
                if account.tax_code == tax_code
                and (account.status, account.mailbox) == ("active", "open")
            ),
            pin=PIN,
            mailbox_url=self._mailbox,
        )

    def _mail_text(self) -> str:
        from kiosk.sandbox.server.mail import latest_mails  # noqa: PLC0415

        mails = latest_mails(self._state)
        newest = mails[0].as_text() if mails else "Chưa có thư nào. / No mail yet."
        return f"{self._mailbox}\n\n{newest}"


def _answers(control: TokenHand) -> bool:
    try:
        control.inserted()
    except HandError:
        return False
    return True
