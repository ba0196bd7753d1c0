"""Which PKCS#11 modules to try for which token: `config/tokens.toml`.

An ATR names the chip and its operating system, never the CA, so it only chooses
the driver. The module paths in the file are the whole list of what may be loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from kiosk.config import ConfigError, read_toml

ATR_MAX = 33
"""Bytes of the longest ATR (ISO/IEC 7816-3, section 8.2)."""

ModulePath = Annotated[str, Meta(max_length=1024, pattern=r"^/[^\x00]+$")]
"""An absolute path, so that no search path of the dynamic linker is in play."""


class _DriverSection(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    modules: Annotated[tuple[ModulePath, ...], Meta(min_length=1)]
    fixed_buffers: bool = False
    certificates_after_login: bool = False


class _FamilySection(_DriverSection, frozen=True):
    atr: Annotated[tuple[str, ...], Meta(min_length=1)]


class CatalogueFile(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The file as it is written."""

    default: _DriverSection
    family: dict[str, _FamilySection] = {}


class AtrPattern(msgspec.Struct, frozen=True):
    """What an ATR has to look like: fixed bytes, any bytes, and perhaps any rest."""

    octets: tuple[int | None, ...]
    """`None` stands for any byte."""
    open_end: bool = False
    """Whether more bytes may follow."""

    @classmethod
    def parse(cls, text: str) -> AtrPattern:
        """Read hexadecimal bytes, `xx` for any byte, and a trailing `…` or `..` for any rest.

        Raises:
            ValueError: it is not written like that.
        """
        compact = "".join(text.split())
        stem = re.sub(r"(…|\.{2,})$", "", compact)
        if not re.fullmatch(r"([0-9A-Fa-f]{2}|[xX]{2})+", stem):
            raise ValueError(text)
        pairs = [stem[index : index + 2] for index in range(0, len(stem), 2)]
        if len(pairs) > ATR_MAX:
            raise ValueError(text)
        octets = tuple(
            None if pair in ("xx", "XX", "xX", "Xx") else int(pair, 16) for pair in pairs
        )
        return cls(octets, open_end=stem != compact)

    def matches(self, atr: bytes) -> bool:
        """Tell whether this ATR looks like that."""
        if len(atr) < len(self.octets) or (len(atr) > len(self.octets) and not self.open_end):
            return False
        return all(
            octet is None or octet == found for octet, found in zip(self.octets, atr, strict=False)
        )


class Family(msgspec.Struct, frozen=True):
    """Tokens that the same modules drive."""

    name: str
    modules: tuple[Path, ...]
    """PKCS#11 modules, in the order in which they are tried."""
    patterns: tuple[AtrPattern, ...] = ()
    fixed_buffers: bool = False
    """The modules answer a size query with 0: read with buffers of fixed size."""
    certificates_after_login: bool = False
    """The tokens show their certificates only after login."""


class Catalogue(msgspec.Struct, frozen=True):
    """All token families, and the default for the others."""

    default: Family
    families: tuple[Family, ...] = ()

    @classmethod
    def load(cls, path: Path) -> Catalogue:
        """Read the catalogue's file.

        Raises:
            ConfigError: it cannot be read, or a value is not as expected.
        """
        file = read_toml(path, CatalogueFile)
        return cls(
            default=_family("default", file.default),
            families=tuple(
                _family(name, section, tuple(_patterns(path, name, section)))
                for name, section in file.family.items()
            ),
        )

    def family(self, atr: bytes) -> Family:
        """The first family, in the file's order, with a pattern that matches; else the default."""
        for family in self.families:
            if any(pattern.matches(atr) for pattern in family.patterns):
                return family
        return self.default


def _family(name: str, section: _DriverSection, patterns: tuple[AtrPattern, ...] = ()) -> Family:
    return Family(
        name,
        tuple(Path(text) for text in section.modules),
        patterns,
        fixed_buffers=section.fixed_buffers,
        certificates_after_login=section.certificates_after_login,
    )


def _patterns(path: Path, name: str, section: _FamilySection) -> Iterator[AtrPattern]:
    for index, text in enumerate(section.atr):
        try:
            yield AtrPattern.parse(text)
        except ValueError:
            raise ConfigError(
                path,
                f"family.{name}.atr[{index}]",
                repr(text),
                f"1 to {ATR_MAX} bytes in hexadecimal, xx for any byte, … at the end for any rest",
            ) from None
