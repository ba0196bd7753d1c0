"""Which modules are tried for which token."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.config import ConfigError
from kiosk.hardware.catalogue import AtrPattern, Catalogue

SHIPPED = Path(__file__).parents[2] / "config" / "tokens.toml"

ATRS = {
    "epass2003": "3B9F958131FE9F006646530501123471DF000000",
    "etoken5110": "3BFF9600008131FE4380318065B0855956FB120FFE82900000",
    "proxkey": "3B6D00005744364101869390",
    "mtoken": "3B9F118131FE9F006A6D546F6B656E2D0102",
    "bit4id": "3B9F118131FE9F006B42495434494401",
}


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tokens.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("name", "atr"), ATRS.items())
def test_shipped_families_are_known_by_their_atr(name: str, atr: str) -> None:
    assert Catalogue.load(SHIPPED).family(bytes.fromhex(atr)).name == name


@pytest.mark.parametrize("atr", [b"", b"\x3b", bytes.fromhex("3B9F958131FE9F00664653")])
def test_other_tokens_get_the_default(atr: bytes) -> None:
    catalogue = Catalogue.load(SHIPPED)
    assert catalogue.family(atr) is catalogue.default
    assert all(path.name == "opensc-pkcs11.so" for path in catalogue.default.modules)


@pytest.mark.parametrize(
    ("pattern", "atr", "matches"),
    [
        ("3B 01", "3B01", True),
        ("3b01", "3B01", True),
        ("3B 01", "3B", False),
        ("3B 01", "3B0102", False),
        ("3B xx 02", "3BFF02", True),
        ("3B XX 02", "3BFF03", False),
        ("3B 01 …", "3B01", True),
        ("3B 01 …", "3B0102", True),
        ("3B 01 ..", "3B0102", True),
        ("3B 01...", "3B0102", True),
        ("3B 01 …", "3B02", False),
    ],
)
def test_pattern(pattern: str, atr: str, matches: bool) -> None:
    assert AtrPattern.parse(pattern).matches(bytes.fromhex(atr)) is matches


@pytest.mark.parametrize(
    "pattern", ["", "…", "3", "3B x1", "3B … 01", "0x3B", "3B,01", "3B " * 34, "3B ·"]
)
def test_bad_pattern_is_named(tmp_path: Path, pattern: str) -> None:
    path = write(
        tmp_path,
        '[default]\nmodules = ["/m.so"]\n'
        f'[family.some]\natr = ["3B 00", "{pattern}"]\nmodules = ["/m.so"]\n',
    )
    with pytest.raises(ConfigError) as error:
        Catalogue.load(path)
    assert error.value.where == "family.some.atr[1]"
    assert error.value.file == str(path)
    assert error.value.found == repr(pattern)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "default"),
        ("[default]\nmodules = []\n", "default.modules"),
        ('[default]\nmodules = ["opensc-pkcs11.so"]\n', "default.modules"),
        ('[default]\nmodules = ["/m.so"]\n[family.some]\natr = ["3B"]\n', "modules"),
        ('[default]\nmodules = ["/m.so"]\n[family.some]\natr = 1\nmodules = ["/m"]\n', "atr"),
        ('[default]\nmodules = ["/m.so"]\nmodule = ["/m.so"]\n', "default.module"),
    ],
)
def test_bad_file_is_named(tmp_path: Path, text: str, where: str) -> None:
    with pytest.raises(ConfigError) as error:
        Catalogue.load(write(tmp_path, text))
    assert where in error.value.where


def test_first_family_that_matches_is_taken(tmp_path: Path) -> None:
    catalogue = Catalogue.load(
        write(
            tmp_path,
            '[default]\nmodules = ["/default.so"]\n'
            '[family.narrow]\natr = ["3B 01"]\nmodules = ["/one.so", "/two.so"]\n'
            '[family.broad]\natr = ["3B …"]\nmodules = ["/three.so"]\n',
        )
    )
    assert catalogue.family(b"\x3b\x01").modules == (Path("/one.so"), Path("/two.so"))
    assert catalogue.family(b"\x3b\x02").name == "broad"
    assert catalogue.family(b"\x3f").name == "default"
