"""Names of cards from the list of pcsc-tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.hardware.card_names import LIST, CardNames

SAMPLE = """\
# a comment, and a name that belongs to nothing:
\tnobody
3B 01 AA
\tFirst name
\tSecond name
\thttps://card.example/

3B 01 ..
\tAny of one byte

3B 02 1[0-3]
\tTen to thirteen

3B 03 .* 90 00
\tAny middle

3b 04 0a
\tLower case

3B 05 [
\tNo regular expression
3B 05 01
\tBehind an odd line
3B 06 (01
\tSigns that no ATR has
3B 07 .*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*X
\tA trap
3B 08 01
3B 08 02
\tThe one above has no name
\t
3B 09 01
\tControl \x1b[31mcharacters\x07
"""


@pytest.fixture
def names(tmp_path: Path) -> CardNames:
    path = tmp_path / "list.txt"
    path.write_bytes(SAMPLE.encode() + b"3B 0A 01\n\tNo UTF-8: \xff\n")
    return CardNames(path)


@pytest.mark.parametrize(
    ("atr", "expected"),
    [
        ("3B 01 AA", ("First name", "Second name", "https://card.example/", "Any of one byte")),
        ("3B 01 BB", ("Any of one byte",)),
        ("3B 01 BB 00", ()),
        ("3B 02 12", ("Ten to thirteen",)),
        ("3B 02 14", ()),
        ("3B 03 01 02 03 90 00", ("Any middle",)),
        ("3B 04 0A", ("Lower case",)),
        ("3B 05 01", ("Behind an odd line",)),
        ("3B 06 01", ()),
        ("3B 07" + " 00" * 31, ()),
        ("3B 08 01", ()),
        ("3B 08 02", ("The one above has no name",)),
        ("3B 09 01", ("Control characters",)),
        ("3B 0A 01", ("No UTF-8: \N{REPLACEMENT CHARACTER}",)),
        ("", ()),
    ],
)
def test_names_of_a_card(names: CardNames, atr: str, expected: tuple[str, ...]) -> None:
    assert names.installed
    assert names.names(bytes.fromhex(atr)) == expected


def test_without_the_list_no_card_has_a_name(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        names = CardNames(path)
        assert not names.installed
        assert names.names(b"\x3b\x01\xaa") == ()


def test_the_list_of_pcsc_tools_knows_tokens_that_are_sold_in_vietnam() -> None:
    if not LIST.exists():
        pytest.skip("not installed: pcsc-tools")
    names = CardNames()
    epass = bytes.fromhex("3B9F958131FE9F006646530510043171DF000000000026")
    proxkey = bytes.fromhex("3B6D000057443641018693010203040506")
    assert any("ePass2003" in name for name in names.names(epass))
    assert any("Proxkey" in name for name in names.names(proxkey))
    assert names.names(bytes.fromhex("3B0102030405")) == ()
