"""Everything that is wrong with a configuration, not only the first thing.

The kiosk itself stops at the first fault (`Settings.load`); a technician wants them all.
"""

from __future__ import annotations

import tomllib
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from kiosk.assembly import Settings
from kiosk.config import Config, ConfigError, explain, read_toml
from kiosk.hardware.catalogue import CatalogueFile
from kiosk.webmail import WebmailFile

FAULTS_MAX = 50
"""A file that is wrong in more places is another kind of file."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of reading a configuration and every file that it names."""

    path: Path
    settings: Settings | None
    """None where the kiosk could not start with it. The trust folder and the service's part
    may be broken all the same: `faults` tells."""
    faults: tuple[ConfigError, ...]


def check_configuration(path: Path) -> Checked:
    """Read `kiosk.toml` and every file that it names, and gather what is wrong with them.

    Args:
        path: of `kiosk.toml`.
    """
    found: dict[str, ConfigError] = {}

    def note(*errors: ConfigError) -> None:
        for error in errors:
            found.setdefault(str(error), error)

    def attempt(step: Callable[[], object]) -> None:
        try:
            step()
        except ConfigError as error:
            note(error)

    own = faults_of(path, Config)
    note(*own)
    for section, key, usual, kind in (
        ("hardware", "tokens_file", "tokens.toml", CatalogueFile),
        ("mailbox", "webmail_file", "webmail.toml", WebmailFile),
    ):
        note(*faults_of(path.parent / _named(path, section, key, usual), kind))
    settings: Settings | None = None
    try:
        settings = Settings.load(path)
    except ConfigError as error:
        # The first of those above, or one that only the values together show.
        note(error)
    else:
        attempt(settings.trust)
        attempt(settings.service)
        attempt(settings.webhook)
    return Checked(path, settings, tuple(found.values()))


def _named(path: Path, section: str, key: str, usual: str) -> str:
    """The file that a broken `kiosk.toml` still names, or the usual one."""
    try:
        values: Any = tomllib.loads(path.read_text(encoding="utf-8"))
        name = values[section][key]
    except (OSError, ValueError, LookupError, TypeError):
        return usual
    return name if isinstance(name, str) and "\0" not in name else usual


def faults_of(path: Path, kind: type[Any]) -> tuple[ConfigError, ...]:
    """Find all values in a TOML file that are not as `kind` expects them.

    Args:
        path: the file.
        kind: a `msgspec.Struct` for the whole of it.
    """
    try:
        read_toml(path, kind)
    except ConfigError as error:
        first = error
    else:
        return ()
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return (first,)
    errors = [
        ConfigError(path, key, found, expected)
        for key, expected, found in (
            explain(message, values, kind) for message in _messages(values, kind, "")
        )
    ]
    # What only the whole shows is in none of the parts.
    return tuple(errors[:FAULTS_MAX]) or (first,)


def _messages(value: Any, hint: Any, place: str) -> Iterator[str]:
    """What msgspec says about each part, with the part's place in the whole file."""
    bare = typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint
    origin, inside = typing.get_origin(bare), typing.get_args(bare)
    if isinstance(bare, type) and issubclass(bare, Struct) and isinstance(value, dict):
        yield from _table(value, bare, place)
    elif origin is dict and isinstance(value, dict):
        for name, one in value.items():
            yield from _messages(one, inside[1], f"{place}.{name}")
    elif origin is tuple and inside[1:] == (...,) and isinstance(value, list):
        items = [
            message
            for number, one in enumerate(value)
            for message in _messages(one, inside[0], f"{place}[{number}]")
        ]
        # With all items in order the list may still be too short or too long.
        yield from items or _converted(value, hint, place)
    else:
        yield from _converted(value, hint, place)


def _converted(value: Any, hint: Any, place: str) -> Iterator[str]:
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        text, _, deeper = str(error).partition(" - at `$")
        yield f"{text} - at `${place}{deeper.rstrip('`')}`"


def _table(value: dict[str, Any], kind: type[Struct], place: str) -> Iterator[str]:
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name in value:
        if name not in fields:
            yield f"Object contains unknown field `{name}` - at `${place}`"
    for name, field in fields.items():
        if name in value:
            yield from _messages(value[name], hints[field.name], f"{place}.{name}")
        elif field.required:
            yield f"Object missing required field `{name}` - at `${place}`"
