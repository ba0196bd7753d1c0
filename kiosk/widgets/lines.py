"""Where a text may go on in the next line, by the rules of its language.

Textual breaks at every white space, the one that is meant not to break as well, and it folds
Chinese and Japanese, which have no spaces, wherever the line happens to be full.
"""

from __future__ import annotations

import functools
import itertools
import re

from rich.cells import cell_len, chop_cells

NO_BREAK_SPACE = "\u00a0"
"""Keeps what is on its sides together; on the screen it is a space like any other."""

WITHOUT_SPACES = ("ja", "zh")
"""Languages that go on in the next line without a space."""

_WORD = re.compile(r"[^ ]+ *| +")

_JAPANESE_PHRASE = r"""
      \w(?=[ぁ-ゖ])                      # endings and particles stay with their word
    | [おご](?=[一-龯])                  # polite beginnings, too
    | [いきしちみりけせび](?=[合取込消出直]) # verbs of two, as in 問い合わせ
    | [ァ-ヺー](?=[ァ-ヺー])             # a word of foreign origin
    | [一-龯々](?=[一-龯々])              # a compound
    | [0-9](?=[ぁ-ゖァ-ヺ一-龯])          # a number and what it counts
    """
"""Finds the letters after which a Japanese line could be broken, but does not read well."""

_QUOTES = str.maketrans("“”‘’", "「」『』")
"""By itself UAX #14 cannot tell which of the quotation marks of other languages open."""

_HYPHENATED = re.compile(r"[A-Za-z][-/](?=[A-Za-z])")


def unbroken(text: str) -> str:
    """The text with no break inside it."""
    return text.replace(" ", NO_BREAK_SPACE)


def width_of(text: str) -> int:
    """Cells of the longest line."""
    return max(map(cell_len, text.split("\n")))


@functools.lru_cache(maxsize=512)
def breaks(text: str, width: int, language: str, *, balanced: bool = False) -> tuple[int, ...]:
    """Where the lines of a paragraph begin, the first one left out.

    Args:
        text: one paragraph, without line feeds.
        width: cells of a line, at least 1.
        language: whose rules apply.
        balanced: make the lines about equally long, without needing more of them.
    """
    pieces = _pieces(text, language, width)
    found = _filled(pieces, width)
    if balanced and found:
        low, high = min(width, max(cell_len(piece.rstrip(" ")) for piece in pieces)), width
        while low < high:
            middle = (low + high) // 2
            fits = len(_filled(pieces, middle)) <= len(found)
            low, high = (low, middle) if fits else (middle + 1, high)
        found = _filled(pieces, high)
    return tuple(found)


def _filled(pieces: tuple[str, ...], width: int) -> list[int]:
    """Fill one line after the other."""
    found: list[int] = []
    at = column = 0
    for piece in pieces:
        needed = cell_len(piece.rstrip(" "))
        if column and column + needed > width:
            found.append(at)
            column = 0
        if needed > width:
            # Nothing else is left: a long address or name.
            start = at
            for part in chop_cells(piece.rstrip(" "), width):
                if start > at:
                    found.append(start)
                start += len(part)
                column = cell_len(part)
            column += len(piece) - len(piece.rstrip(" "))
        else:
            column += cell_len(piece)
        at += len(piece)
    return found


def _pieces(text: str, language: str, width: int) -> tuple[str, ...]:
    """Cut the text up into what is not broken, each with the spaces after it."""
    if language not in WITHOUT_SPACES:
        return tuple(_WORD.findall(text))
    kept = {match.end() for match in _HYPHENATED.finditer(text)}
    if language == "ja":
        kept |= {match.end() for match in re.finditer(_JAPANESE_PHRASE, text, re.VERBOSE)}
    chances = _chances(text)
    found: list[str] = []
    for start, end in itertools.pairwise([0, *(at for at in chances if at not in kept)]):
        if cell_len(text[start:end].rstrip(" ")) <= width:
            found.append(text[start:end])
        else:
            inside = [at for at in chances if start < at < end]
            found += [text[a:b] for a, b in itertools.pairwise([start, *inside, end])]
    return tuple(found)


@functools.lru_cache(maxsize=512)
def _chances(text: str) -> tuple[int, ...]:
    """Where UAX #14 lets a line end, the end of the text included."""
    # Its tables take a while to load, and most kiosks speak none of these languages.
    from uniseg.linebreak import line_break_boundaries  # noqa: PLC0415

    return tuple(line_break_boundaries(text.translate(_QUOTES)))
