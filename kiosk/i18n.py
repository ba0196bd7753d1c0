"""Wording in the customer's language, from gettext catalogues.

A message has a stable identifier such as `welcome.title`, which is the msgid; the text of
every language, Vietnamese included, is in `locale/<language>/LC_MESSAGES/kiosk.po`. Values
are filled in by name: `t("confirm.to", email=...)` for `"Gửi đến {email}"`.

The compiled catalogues (`.mo`) are made at build time by `python -m kiosk.i18n`, which
needs Babel, and are read with the standard library alone.
"""

from __future__ import annotations

import fnmatch
import functools
import gettext
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

LANGUAGES = ("vi", "en")
"""The languages that say everything; the first is the one the kiosk starts with."""

PREPARED = ("ko", "ja", "zh")
"""Languages that say everything a customer meets, and nothing else. `zh` is simplified Chinese."""

ALL = LANGUAGES + PREPARED
"""Every language that has a catalogue."""

BORROWED: Mapping[str, str] = {
    "staff.*": "vi",
    "staff_login.*": "vi",
    "note.close": "vi",
    "problem.for_staff": "vi",
    "problem.*.staff": "vi",
    "problem.kiosk_clock.*": "vi",
    "problem.kiosk_config.*": "vi",
    "problem.kiosk_crashes.*": "vi",
    "problem.kiosk_taken_out.*": "vi",
    "demo.*": "en",
}
"""Messages that no prepared language has, and the language that says them instead: those for
staff and technicians, and the faults whose own words no customer is shown."""

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


class _Borrowed(gettext.NullTranslations):
    """End of the search in a prepared language: what it borrows from the others."""

    def gettext(self, message: str) -> str:
        language = lender(message)
        if language is None:
            raise MessageMissing(message)
        return translator(language).unfilled(message)


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

    def unfilled(self, key: str) -> str:
        """Return the message `key` with its `{}` fields as they are.

        Raises:
            MessageMissing: the catalogue has no such message.
        """
        return self._catalogue.gettext(key)

    def __call__(self, key: str, /, **values: object) -> str:
        """Return the message `key` with its `{}` fields filled in.

        A value named `date` is in the Vietnamese order and is shown in that of the language.
        """
        if "date" in values:
            values["date"] = _date(self.language, str(values["date"]))
        try:
            text = self.unfilled(key)
        except MessageMissing:
            if self.strict:
                raise
            return key
        try:
            return text.format_map(values if self.strict else _Values(values))
        except KeyError as error:
            raise MessageMissing(f"{key} wants {error}") from None


_DATES = {
    "ko": ("{year}년 ", "{month}월 {day}일"),
    "ja": ("{year}年", "{month}月{day}日"),
    "zh": ("{year}年", "{month}月{day}日"),
}
"""How a date is written, its year apart; elsewhere it is written as in Vietnam."""

_VIETNAMESE_DATE = re.compile(r"(?P<day>\d\d)/(?P<month>\d\d)(?:/(?P<year>\d{4}))?")


def _date(language: str, text: str) -> str:
    """`text`, which is 30/06/2026 or 30/06, as `language` writes it."""
    match = _VIETNAMESE_DATE.fullmatch(text)
    if match is None or language not in _DATES:
        return text
    with_year, day = _DATES[language]
    form = with_year + day if match["year"] else day
    numbers = {name: int(number) for name, number in match.groupdict(default="0").items()}
    return form.format_map(numbers)


def lender(key: str) -> str | None:
    """The language in which a prepared language says this message; None: its own words."""
    matching = (one for pattern, one in BORROWED.items() if fnmatch.fnmatchcase(key, pattern))
    return next(matching, None)


def speaks_to_staff(language: str) -> str:
    """The language for staff where a customer has chosen this one: they get no mixture."""
    return language if language in LANGUAGES else LANGUAGES[0]


@functools.cache
def translator(language: str) -> Translator:
    """Return the wording of `language`, one of `ALL`.

    Raises:
        CatalogueMissing: the catalogue has not been compiled.
    """
    path = LOCALE_DIRECTORY / language / "LC_MESSAGES" / f"{DOMAIN}.mo"
    try:
        with path.open("rb") as file:
            catalogue = gettext.GNUTranslations(file)
    except (OSError, ValueError):
        raise CatalogueMissing(path) from None
    catalogue.add_fallback(_Borrowed() if language in PREPARED else _Unknown())
    return Translator(language, catalogue)


def compile_catalogues() -> tuple[Path, ...]:
    """Compile every `.po` into a `.mo` beside it and return the files written.

    Needs Babel, which is installed for building and developing only.
    """
    from babel.messages.mofile import write_mo  # noqa: PLC0415
    from babel.messages.pofile import read_po  # noqa: PLC0415

    written = []
    for language in ALL:
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
