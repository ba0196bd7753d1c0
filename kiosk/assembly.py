"""Puts the kiosk together from its configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from kiosk.audit import Journal
from kiosk.config import LEAST_ALTERNATE, Config, ConfigError, read_toml
from kiosk.controller import Controller
from kiosk.hardware.catalogue import Catalogue
from kiosk.hardware.readers import ReaderWatcher
from kiosk.hours import DAYS, OpeningHours, Span
from kiosk.machine import Machine
from kiosk.staff.pin_hash import HashInvalid, PinHash
from kiosk.view import View
from kiosk.webmail import WebmailDirectory

if TYPE_CHECKING:
    from kiosk.effects import Tools
    from kiosk.hardware.certificate import TrustStore
    from kiosk.hardware.token import TokenDriver
    from kiosk.hardware.token_client import Deadlines, HelperTokenDriver
    from kiosk.hardware.unknown_tokens import UnknownTokens
    from kiosk.mail_exchange import MailboxFinder
    from kiosk.narration import Narration
    from kiosk.printing.printer import Printer
    from kiosk.service.client import ServiceClient
    from kiosk.service.webhook import StaffWebhook
    from kiosk.staff.mode import StaffRoom


class Settings(msgspec.Struct, frozen=True):
    """A configuration file and the files it names, read and checked."""

    path: Path
    config: Config
    catalogue: Catalogue
    webmail: WebmailDirectory
    hours: OpeningHours

    @classmethod
    def load(cls, path: Path) -> Settings:
        """Read `kiosk.toml` and what it names, except for what is costly to load.

        Raises:
            ConfigError: a file is missing or not as expected.
        """
        config = read_toml(path, Config)
        shortest, longest = config.hardware.pin_length
        if shortest > longest:
            raise ConfigError(
                path,
                "hardware.pin_length",
                f"[{shortest}, {longest}]",
                "the shortest first, then the longest",
            )
        try:
            if config.staff.pin_hash:
                PinHash.parse(config.staff.pin_hash)
                if not config.kiosk.state_directory:
                    expected = "a folder, where staff mode counts wrong PINs"
                    raise ConfigError(path, "kiosk.state_directory", "an empty text", expected)
        except HashInvalid as error:
            # The hash itself is not shown: it may be right but for a letter.
            expected = "the line that `kiosk staff pin` prints, or an empty text"
            raise ConfigError(path, "staff.pin_hash", str(error), expected) from None
        if 0 < config.screen.alternate < LEAST_ALTERNATE:
            expected = f"0, or at least {LEAST_ALTERNATE:g} seconds"
            raise ConfigError(path, "screen.alternate", f"{config.screen.alternate:g}", expected)
        if config.printer.device:
            from kiosk.printing.device import Device  # noqa: PLC0415

            try:
                Device.parse(config.printer.device)
            except ConfigError as error:
                raise ConfigError(path, error.where, error.found, error.expected) from None
        spans = []
        for day in DAYS:
            texts: tuple[str, ...] = getattr(config.hours, day)
            try:
                spans.append([Span.parse(text) for text in texts])
            except ValueError:
                raise ConfigError(
                    path, f"hours.{day}", repr(list(texts)), 'spans of a day such as "07:30-11:30"'
                ) from None
        folder = path.parent
        return cls(
            path,
            config,
            Catalogue.load(folder / config.hardware.tokens_file),
            WebmailDirectory.load(folder / config.mailbox.webmail_file),
            OpeningHours(spans),
        )

    def trust(self) -> TrustStore:
        """Load the trust files.

        Raises:
            ConfigError: there is none, or one is broken.
        """
        from kiosk.hardware.certificate import TrustStore  # noqa: PLC0415

        return TrustStore.load(self.path.parent / self.config.trust.directory)

    def service(self) -> ServiceClient:
        """Make the client of the service.

        Raises:
            ConfigError: its address, a file, a pin or the proxy cannot be used.
        """
        from kiosk.service.client import ServiceClient  # noqa: PLC0415

        section = self.config.service
        try:
            host = urlsplit(section.url).hostname or ""
        except ValueError:
            raise ConfigError(
                self.path, "service.url", "no address", "the address of the BHXH service"
            ) from None
        if host.endswith(".invalid"):
            # RFC 2606, section 2: the file is still as it was shipped.
            raise ConfigError(
                self.path, "service.url", "a placeholder", "the address of the BHXH service"
            )
        try:
            return ServiceClient(
                section.url,
                self.config.kiosk.id,
                ca_file=self._beside(section.ca_file),
                timeout=section.timeout,
                connect_timeout=section.connect_timeout,
                pins=section.pins,
                client_certificate=self._beside(section.client_certificate),
                client_key=self._beside(section.client_key),
                proxy=section.proxy,
                proxy_credentials=self._beside(section.proxy_credentials),
            )
        except ConfigError as error:
            raise ConfigError(self.path, error.where, error.found, error.expected) from None

    def webhook(self) -> StaffWebhook | None:
        """Make what tells the counter's own address of calls for staff; None: there is none.

        Raises:
            ConfigError: its address or its token file cannot be used.
        """
        from kiosk.service.webhook import TOKEN_KEY, URL_KEY, StaffWebhook  # noqa: PLC0415

        section, service = self.config.support, self.config.service
        if not section.webhook:
            if section.webhook_token_file:
                expected = f"an address, since {TOKEN_KEY} is set"
                raise ConfigError(self.path, URL_KEY, "nothing", expected)
            return None
        try:
            return StaffWebhook(
                section.webhook,
                self.config.kiosk.id,
                self._beside(section.webhook_token_file),
                timeout=service.timeout,
                connect_timeout=service.connect_timeout,
            )
        except ConfigError as error:
            raise ConfigError(self.path, error.where, error.found, error.expected) from None

    def printer(self) -> Printer | None:
        """Make the printer; None where none is configured."""
        section = self.config.printer
        if not section.device:
            return None
        from kiosk.printing.printer import Printer  # noqa: PLC0415

        return Printer(section.device, columns=section.columns, dots=section.dots)

    def _beside(self, name: str) -> str:
        """A file that the configuration names, seen from its folder; empty stays empty."""
        return str(self.path.parent / name) if name else ""

    def mailboxes(self) -> MailboxFinder:
        """Make what finds out where a mailbox is opened."""
        from kiosk.mail_exchange import MailboxFinder  # noqa: PLC0415

        return MailboxFinder(self.webmail, timeout=self.config.mailbox.mx_timeout)

    def unknown_tokens(self) -> UnknownTokens | None:
        """The list of unknown ATRs; None where the configuration wants none."""
        from kiosk.hardware.unknown_tokens import UnknownTokens  # noqa: PLC0415

        name = self.config.hardware.unknown_tokens_file
        return UnknownTokens(self.path.parent / name) if name else None

    def driver(
        self, *, note_unknown: bool = True, deadlines: Deadlines | None = None
    ) -> HelperTokenDriver:
        """Make the driver that loads PKCS#11 modules in helper processes.

        Args:
            note_unknown: write the ATRs of unknown tokens down. Not for a technician's
                command, whose user is another: the kiosk could not write to the file then.
            deadlines: other than the configuration's.
        """
        from kiosk.hardware.token_client import Deadlines, HelperTokenDriver  # noqa: PLC0415

        section = self.config.hardware
        opensc_conf = self.path.parent / "opensc.conf"
        return HelperTokenDriver(
            self.catalogue,
            deadlines
            or Deadlines(
                open=section.open_deadline,
                read=section.read_deadline,
                login=section.login_deadline,
                sign=section.sign_deadline,
            ),
            opensc_conf=opensc_conf if opensc_conf.exists() else None,
            unknown=self.unknown_tokens() if note_unknown else None,
        )

    def check(self) -> None:
        """Read everything that `tools` and `controller` read when the kiosk starts.

        Raises:
            ConfigError: something of it cannot be used.
        """
        self.tools()
        self.printer()

    def tools(self, driver: TokenDriver | None = None) -> Tools:
        """Make what the journey's effects work with; with the helper's driver if none is given.

        Raises:
            ConfigError: a file or an address of the configuration cannot be used.
        """
        from kiosk.effects import Tools  # noqa: PLC0415

        return Tools(
            driver=driver or self.driver(),
            trust=self.trust(),
            service=self.service(),
            mailboxes=self.mailboxes(),
            webhook=self.webhook(),
            kiosk_id=self.config.kiosk.id,
        )

    def controller(
        self,
        watcher: ReaderWatcher,
        show: Callable[[View], None],
        crash: Callable[[BaseException], None],
        *,
        simulated: bool = False,
    ) -> Controller:
        """Make the controller of this kiosk's journey."""
        return Controller(
            self.config,
            watcher,
            show,
            crash,
            simulated=simulated,
            machine=self.machine(),
            journal=self.journal(),
            staff=self.staff_room(),
            printer=self.printer(),
        )

    def narration(self) -> Narration | None:
        """Make what reads the screens aloud; None where that is not wanted."""
        if not self.config.speech.enabled:
            return None
        from kiosk.speech import make_narrator  # noqa: PLC0415

        return make_narrator(self.config.speech)

    def staff_room(self) -> StaffRoom | None:
        """Make what staff mode works with; None where no staff PIN is configured."""
        state, audit = self.state_directory, self.audit_directory
        if not self.config.staff.pin_hash or state is None or audit is None:
            return None
        from kiosk.staff.diagnostics import FOLDER, Diagnostics  # noqa: PLC0415
        from kiosk.staff.mode import StaffRoom  # noqa: PLC0415
        from kiosk.staff.qr_test import harmless_url  # noqa: PLC0415
        from kiosk.staff.recent_log import RecentLog  # noqa: PLC0415
        from kiosk.staff.stick import Stick  # noqa: PLC0415
        from kiosk.staff.tries import Tries  # noqa: PLC0415
        from kiosk.staff.visits import visits_page  # noqa: PLC0415

        pin_hash = PinHash.parse(self.config.staff.pin_hash)
        recent = RecentLog.installed()
        diagnostics = Diagnostics(
            self.config, self.path, state / FOLDER, audit, lambda: recent.lines, Stick()
        )
        return StaffRoom(
            verify=lambda pin: asyncio.to_thread(pin_hash.matches, pin),
            tries=Tries(state / "staff-tries.json"),
            visits=lambda: visits_page(audit),
            export=diagnostics.export,
            qr_url=harmless_url(self.webmail),
            given_back=diagnostics.stick.given_back,
        )

    @property
    def state_directory(self) -> Path | None:
        """Where the kiosk writes; None if it keeps nothing."""
        name = self.config.kiosk.state_directory
        return self.path.parent / name if name else None

    @property
    def audit_directory(self) -> Path | None:
        """Where the audit journal is; None if there is none."""
        state = self.state_directory
        return state / "audit" if state else None

    def journal(self) -> Journal | None:
        """The audit journal, not opened yet."""
        section, directory = self.config.audit, self.audit_directory
        if directory is None:
            return None
        return Journal(directory, max_bytes=section.max_bytes, files=section.files)

    def machine(self) -> Machine:
        """What looks at disk, hour and staff's wish."""
        return Machine(self.state_directory, self.hours, least_free=self.config.audit.least_free)
