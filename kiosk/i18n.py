"""Wording in the customer's language, from gettext catalogues.

A message has a stable identifier such as `welcome.title`, which is the msgid; the text of
every language, Vietnamese included, is in `locale/<language>/LC_MESSAGES/kiosk.po`. Values
are filled in by name: `t("confirm.to", email=...)` for `"Gửi đến {email}"`.

The compiled catalogues (`.mo`) are made at build time by `python -m kiosk.i18n`, which
needs Babel, and are read with the standard library alone.
"""

from __future__ import annotations

import functools
import gettext
import os
from datetime import UTC, datetime
from pathlib import Path

LANGUAGES = ("vi", "en")
"""The languages of the kiosk; the first is the one it starts with."""

DOMAIN = "kiosk"
LOCALE_DIRECTORY = Path(__file__).parent / "locale"

ABSENT_VALUE = "…"
"""Stands where a value is not known. A customer is never shown a bare `{name}`."""


class CatalogueMissing(Exception):
    """A compiled catalogue is not there or cannot be read. The message names the remedy."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is missing or damaged; make it with: python -m kiosk.i18n")
        self.path = path


class MessageMissing(Exception):
    """The catalogue has no such message, or the message wants a value it was not given."""


class _Unknown(gettext.NullTranslations):
    """End of a catalogue's search: the message is not there."""

    def gettext(self, message: str) -> str:
        raise MessageMissing(message)


class _Values(dict[str, object]):
    """Values by name, where an unknown one is shown as absent instead of raising."""

    def __missing__(self, key: str) -> str:
        return ABSENT_VALUE


class Translator:
    """The wording of one language."""

    strict = False
    """Whether a missing message or value raises `MessageMissing`. Tests set this; at the
    counter a customer sees the identifier, which a technician can look up."""

    def __init__(self, language: str, catalogue: gettext.NullTranslations) -> None:
        self.language = language
        self._catalogue = catalogue

    def __call__(self, key: str, /, **values: object) -> str:
        """Return the message `key` with its `{}` fields filled in."""
        try:
            text = self._catalogue.gettext(key)
        except MessageMissing:
            if self.strict:
                raise
            return key
        try:
            return text.format_map(values if self.strict else _Values(values))
        except KeyError as error:
            raise MessageMissing(f"{key} wants {error}") from None


@functools.cache
def translator(language: str) -> Translator:
    """Return the wording of `language`, one of `LANGUAGES`.

    Raises:
        CatalogueMissing: the catalogue has not been compiled.
    """
    path = LOCALE_DIRECTORY / language / "LC_MESSAGES" / f"{DOMAIN}.mo"
    try:
        with path.open("rb") as file:
            catalogue = gettext.GNUTranslations(file)
    except (OSError, ValueError):
        raise CatalogueMissing(path) from None
    catalogue.add_fallback(_Unknown())
    return Translator(language, catalogue)


def compile_catalogues() -> tuple[Path, ...]:
    """Compile every `.po` into a `.mo` beside it and return the files written.

    Needs Babel, which is installed for building and developing only.
    """
    from babel.messages.mofile import write_mo  # noqa: PLC0415
    from babel.messages.pofile import read_po  # noqa: PLC0415

    written = []
    for language in LANGUAGES:
        source = LOCALE_DIRECTORY / language / "LC_MESSAGES" / f"{DOMAIN}.po"
        with source.open("rb") as file:
            catalogue = read_po(file, locale=language, domain=DOMAIN, abort_invalid=True)
        # Babel writes the present time into it; the same words shall make the same file.
        catalogue.creation_date = catalogue.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
        target = source.with_suffix(".mo")
        # Several processes may compile at once.
        partial = target.with_suffix(f".mo.{os.getpid()}")
        with partial.open("wb") as file:
            write_mo(file, catalogue)
        partial.replace(target)
        written.append(target)
    translator.cache_clear()
    return tuple(written)


if __name__ == "__main__":
    compile_catalogues()
