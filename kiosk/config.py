"""TOML to typed configuration. A bad file names itself, the key, what was found and expected."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import msgspec.inspect
from msgspec import Meta, Struct

Seconds = Annotated[float, Meta(gt=0, le=3600)]
PinBytes = Annotated[int, Meta(ge=1, le=64)]

LEAST_ALTERNATE = 10.0
"""Fewest seconds between two changes of the welcome screen's layout: it has to be read."""


class ConfigError(Exception):
    """A configuration cannot be used. The message is for a technician."""

    def __init__(self, file: Path | str, where: str, found: str, expected: str) -> None:
        super().__init__(f"{file}: {where}: found {found}, expected {expected}")
        self.file = str(file)
        self.where = where
        """Key such as `service.url`, or a line."""
        self.found = found
        self.expected = expected


class _Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of a configuration file: no unknown keys, so that a misspelt one is seen."""


class KioskSection(_Section, frozen=True):
    """`[kiosk]`"""

    id: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]
    """Name of this machine towards the service."""
    language: Literal["vi", "en", "ko", "ja", "zh"] = "vi"
    """Language of the welcome screen."""
    languages: tuple[Literal["vi", "en", "ko", "ja", "zh"], ...] = ("vi", "en")
    """Languages that customers can choose, in the order in which the key goes through them."""
    state_directory: str = ""
    """Folder that the kiosk writes to: its audit journal, what staff have set. Empty: it keeps
    nothing, which an unattended kiosk may not."""


class ServiceSection(_Section, frozen=True):
    """`[service]`"""

    url: Annotated[str, Meta(pattern=r"^https?://[^\s/]+(/[^\s]*)?$", max_length=256)]
    ca_file: str = ""
    """PEM file of the service's CA; empty: the system's."""
    pins: Annotated[tuple[str, ...], Meta(max_length=8)] = ()
    """Hashes of the service's key, one of which has to match; none: any key of the CA's."""
    client_certificate: str = ""
    """PEM file of this machine's own certificate; empty: it shows none."""
    client_key: str = ""
    """PEM file of its key."""
    proxy: Annotated[str, Meta(max_length=256)] = ""
    """`http://host:port`; empty: connections are made directly."""
    proxy_credentials: str = ""
    """File with one line `user:password` for the proxy."""
    connect_timeout: Seconds = 3.0
    """Longest wait for a connection, with TLS."""
    timeout: Seconds = 10.0
    """Longest wait for one answer, with connecting."""
    health_interval: Seconds = 30.0
    """How often the kiosk asks whether the service is there."""


class HardwareSection(_Section, frozen=True):
    """`[hardware]`"""

    fixed_reader: bool = False
    """The machine has a reader of its own, so that having none is a fault. A USB token
    brings its reader along, so without one no reader at all is the normal state."""
    tokens_file: str = "tokens.toml"
    open_deadline: Seconds = 15.0
    read_deadline: Seconds = 20.0
    login_deadline: Seconds = 30.0
    sign_deadline: Seconds = 30.0
    pin_length: tuple[PinBytes, PinBytes] = (8, 12)
    """Shortest and longest PIN, where a token tells none that makes sense."""
    unknown_tokens_file: str = ""
    """Where the ATRs of tokens of no family are written down; empty: nowhere."""


class TrustSection(_Section, frozen=True):
    """`[trust]`"""

    directory: str = "trust"
    """PEM files of the roots and the CAs under them."""


class TimeSection(_Section, frozen=True):
    """`[time]`"""

    idle: Seconds = 60.0
    idle_result: Seconds = 120.0
    question: Annotated[int, Meta(ge=5, le=600)] = 30
    goodbye: Seconds = 6.0


class SupportSection(_Section, frozen=True):
    """`[support]`"""

    hotline: Annotated[str, Meta(min_length=3, max_length=24, pattern=r"^[0-9 +]+$")] = "1800 1260"
    email: Annotated[str, Meta(max_length=254)] = ""
    fanpage: Annotated[str, Meta(max_length=254)] = ""
    webhook: Annotated[str, Meta(pattern=r"^(https?://[^\s/]+(/[^\s]*)?)?$", max_length=512)] = ""
    """Address that is told as well when staff are called; empty: none."""
    webhook_token_file: str = ""
    """File with one line, the bearer token that goes with it; empty: none."""


class ScreenSection(_Section, frozen=True):
    """`[screen]`"""

    theme: Literal["light", "dark", "contrast"] = "light"
    """Colours of the screens."""
    reduced_motion: bool = False
    """Pictures stand still."""
    shuffle_pin_pad: bool = False
    """The digits of the PIN pad stand in another order each time."""
    keyboard: Literal["qwerty", "abc"] = "qwerty"
    """Which keys the username's keyboard begins with."""
    alternate: Annotated[float, Meta(ge=0, le=3600)] = 120.0
    """Seconds after which the welcome screen changes its layout, at least 10; 0: never."""


class SpeechSection(_Section, frozen=True):
    """`[speech]`: the screens read aloud, for a headphone."""

    enabled: bool = False
    program: Literal["speech-dispatcher", "espeak-ng"] = "speech-dispatcher"
    rate: Annotated[int, Meta(ge=80, le=400)] = 160
    """Words a minute."""


class PrinterSection(_Section, frozen=True):
    """`[printer]`: a receipt printer that speaks ESC/POS."""

    device: str = ""
    """Device file such as `/dev/usb/lp0`, or `tcp://host:9100`; empty: there is no printer."""
    columns: Annotated[int, Meta(ge=24, le=64)] = 32
    """Characters that a line of its paper has room for."""
    dots: Annotated[int, Meta(ge=200, le=1024)] = 384
    """Dots across the paper."""


class AuditSection(_Section, frozen=True):
    """`[audit]`: the journal in the state directory."""

    max_bytes: Annotated[int, Meta(ge=4096, le=1 << 30)] = 1 << 20
    """Size at which a new file is begun."""
    files: Annotated[int, Meta(ge=2, le=1000)] = 24
    """How many files are kept."""
    least_free: Annotated[int, Meta(ge=0, le=1 << 40)] = 64 << 20
    """With fewer bytes free on its disk the kiosk serves nobody."""


HoursOfDay = tuple[Annotated[str, Meta(pattern=r"^\d\d:\d\d-\d\d:\d\d$")], ...]


class HoursSection(_Section, frozen=True):
    """`[hours]`: when the counter is open, by the machine's time zone; none: always."""

    monday: HoursOfDay = ()
    tuesday: HoursOfDay = ()
    wednesday: HoursOfDay = ()
    thursday: HoursOfDay = ()
    friday: HoursOfDay = ()
    saturday: HoursOfDay = ()
    sunday: HoursOfDay = ()


class MailboxSection(_Section, frozen=True):
    """`[mailbox]`"""

    webmail_file: str = "webmail.toml"
    mx_timeout: Annotated[float, Meta(ge=0, le=10)] = 2.0
    """Longest wait for the MX records of a domain that is not listed; 0: they are not asked for."""


class StaffSection(_Section, frozen=True):
    """`[staff]`"""

    pin_hash: Annotated[str, Meta(max_length=256)] = ""
    """Argon2id hash of the staff PIN, as `kiosk staff pin` prints it; empty: there is no staff
    mode."""
    auto_close: Seconds = 120.0
    """Staff mode closes after this long without a touch."""


class Config(_Section, frozen=True):
    """`kiosk.toml`"""

    kiosk: KioskSection
    service: ServiceSection
    hardware: HardwareSection = HardwareSection()
    trust: TrustSection = TrustSection()
    time: TimeSection = TimeSection()
    support: SupportSection = SupportSection()
    mailbox: MailboxSection = MailboxSection()
    audit: AuditSection = AuditSection()
    hours: HoursSection = HoursSection()
    staff: StaffSection = StaffSection()
    screen: ScreenSection = ScreenSection()
    speech: SpeechSection = SpeechSection()
    printer: PrinterSection = PrinterSection()


T = TypeVar("T")


def read_toml(path: Path, kind: type[T]) -> T:
    """Read a TOML file into `kind`.

    Raises:
        ConfigError: it cannot be read, is not TOML, or a value is not as expected.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(path, "file", error.strerror or "an error", "a readable file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(path, f"byte {error.start}", "no UTF-8", "text in UTF-8") from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where, what = _toml_fault(str(error))
        raise ConfigError(path, where, what, "valid TOML") from None
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        key, expected, found = explain(str(error), values, kind)
        raise ConfigError(path, key, found, expected) from None


def _toml_fault(message: str) -> tuple[str, str]:
    """Split tomllib's "what (at line 3, column 4)"."""
    match = re.fullmatch(r"(.*) \(at (.*)\)", message)
    return (match[2], match[1]) if match else ("file", message)


def explain(message: str, values: dict[str, Any], kind: type) -> tuple[str, str, str]:
    """Turn msgspec's "Expected X, got Y - at `$.a.b`" into key, expected and found."""
    text, _, path = message.partition(" - at `$")
    key = path.rstrip("`").lstrip(".")
    if missing := re.search(r"missing required field `(.+)`", text):
        return f"{key}.{missing[1]}".lstrip("."), "a value", "nothing"
    if unknown := re.search(r"unknown field `(.+)`", text):
        expected = "one of " + ", ".join(_known_keys(kind, key))
        return f"{key}.{unknown[1]}".lstrip("."), expected, "an unknown key"
    found: Any = values
    for part in re.findall(r"[^.\[\]]+", key):
        found = found[int(part)] if isinstance(found, list) else found.get(part)
    shown = "a value that is not shown" if key in _NOT_SHOWN else repr(found)
    if text.startswith("Invalid enum value"):
        place = _place(kind, key)
        return key, "one of " + ", ".join(repr(value) for value in place.values), repr(found)
    expected = re.sub(r"^Expected |, got .*$|`", "", text)
    for name, words in _WORDS.items():
        expected = re.sub(rf"\b{name}\b", words, expected)
    return key, expected, shown


_NOT_SHOWN = frozenset({"staff", "staff.pin_hash", "support.webhook"})
"""Where a technician may have typed the staff PIN itself, and an address that may hold a secret:
messages go to the system's journal."""

_WORDS = {
    "float": "a number",
    "int": "a whole number",
    "str": "text",
    "bool": "true or false",
    "object": "a table",
    "array": "a list",
}
"""What the decoder's names of types are called for a technician."""


def _known_keys(kind: type, key: str) -> list[str]:
    """The keys that the table at this place may have."""
    return [field.encode_name for field in _place(kind, key).fields]


def _place(kind: type, key: str) -> Any:
    """What is known of the type of the value with this key."""
    place: Any = msgspec.inspect.type_info(kind)
    for part in re.findall(r"[^.\[\]]+", key):
        if isinstance(place, msgspec.inspect.StructType):
            place = next(field.type for field in place.fields if field.name == part)
        elif isinstance(place, msgspec.inspect.DictType):
            place = place.value_type
        else:
            place = place.item_type
    return place
