"""What the pictures show: small drawings of square dots, put together from a few parts.

A letter of a part is the role of a dot: `b` brand, `q` quiet, `h` heading, `f` focus, `a` alarm,
`o` ok, `p` paper; `.` leaves what is behind. Roles that are one colour in the theme of
the highest contrast never touch without paper between them.
"""

from __future__ import annotations

from dataclasses import dataclass

Rows = tuple[str, ...]
"""Dots, a letter each; all rows are of one length."""

Part = tuple[int, int, Rows]
"""Columns and rows from the upper left corner, and what is there."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture, or several that follow each other."""

    frames: tuple[Rows, ...]
    still: int = 0
    """Which of them tells most, for those who want nothing to move."""

    @property
    def width(self) -> int:
        """Dots from left to right."""
        return len(self.frames[0][0])

    @property
    def height(self) -> int:
        """Dots from top to bottom."""
        return len(self.frames[0])


def put_together(width: int, height: int, *parts: Part) -> Rows:
    """Lay parts over each other, the later ones on top; what lies outside falls away."""
    dots = [["."] * width for _ in range(height)]
    for left, top, rows in parts:
        for y, row in enumerate(rows, top):
            for x, dot in enumerate(row, left):
                if dot != "." and 0 <= x < width and 0 <= y < height:
                    dots[y][x] = dot
    return tuple("".join(row) for row in dots)


def mirrored(rows: Rows) -> Rows:
    """Return the drawing with left and right exchanged."""
    return tuple(row[::-1] for row in rows)


_TOKEN = (
    "..bbbbbbbbbbbb........",
    ".bbbbbbbbbbbbbb.......",
    "bbbbbbbbbbbbbbb.qqqqqq",
    "bbbpppbbbbbbbbb.qqqppq",
    "bbpbbbpbbbfffbb.qqqqqq",
    "bbbpppbbbbbbbbb.qqqppq",
    "bbbbbbbbbbbbbbb.qqqqqq",
    ".bbbbbbbbbbbbbb.......",
    "..bbbbbbbbbbbb........",
)
"""A token, its plug to the right."""

_PORT = (
    ".bbbbbbbbbbbbb",
    "bbbbbbbbbbbbbb",
    "bbbbbbbbbbbbbb",
    "bbbbbbbbbbbbbb",
    "ppppppppbbbbbb",
    "ppppppppbbbbbb",
    "ppppppppbbbbbb",
    "ppppppppbbbbbb",
    "ppppppppbbbbbb",
    "ppppppppbbbbbb",
    "ppppppppbbbbbb",
    "bbbbbbbbbbbbbb",
    "bbbbbbbbbbbbbb",
    "bbbbbbbbbbbbbb",
    ".bbbbbbbbbbbbb",
)
"""The kiosk's port, cut open."""

_ARROW = (
    ".....h....",
    ".....hh...",
    "hhhhhhhh..",
    "hhhhhhhhh.",
    "hhhhhhhh..",
    ".....hh...",
    ".....h....",
)

_FAR, _NEAR, _IN = 0, 9, 19
"""Where the token is."""

_PORT_AT = 36


def _token_at(place: int, *others: Part) -> Rows:
    return put_together(50, 15, (_PORT_AT, 0, _PORT), (place, 3, _TOKEN), *others)


_BEFORE = _token_at(_FAR, (24, 4, _ARROW))
_AFTER = _token_at(_FAR, (24, 4, mirrored(_ARROW)))

INSERT = Drawing((_BEFORE, _token_at(_NEAR), _token_at(_IN), _token_at(_IN)))
"""A token goes into the port."""

REMOVE = Drawing((_token_at(_IN), _token_at(_NEAR), _AFTER, _AFTER), still=2)
"""A token comes out of it."""

REMOVED = Drawing((_AFTER,))
"""A token is out."""

_TWO_PORTS = (*_PORT[:2], *_PORT[4:11], *_PORT[1:3], *_PORT[4:11], *_PORT[-2:])

SEVERAL = Drawing(
    (
        put_together(
            50,
            20,
            (_PORT_AT, 0, _TWO_PORTS),
            (_IN, 1, _TOKEN),
            (_FAR, 10, _TOKEN),
            (24, 11, mirrored(_ARROW)),
        ),
    )
)
"""Two tokens; one comes out."""

_KIOSK = (
    ".bbbbbbbbbbbbbbbbbbbbbbbbbb.",
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "bbbbbbbbbbbppppppppppppppbbb",
    "bbbbbbbbbbbppppppppppppppbbb",
    "ppppppppbbbppppppppppppppbbb",
    "ppppppppbbbppppppppppppppbbb",
    "ppppppppbbbppppppppppppppbbb",
    "ppppppppbbbppppppppppppppbbb",
    "ppppppppbbbppppppppppppppbbb",
    "ppppppppbbbppppppppppppppbbb",
    "ppppppppbbbppppppppppppppbbb",
    "bbbbbbbbbbbppppppppppppppbbb",
    "bbbbbbbbbbbppppppppppppppbbb",
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    ".bbbbbbbbbbbbbbbbbbbbbbbbbb.",
)
"""The port again, with a window in which dots say that something goes on."""

_DOT = ("hh", "hh")
_LARGE_DOT = (".hh.", "hhhh", "hhhh", ".hh.")


def _dots(lit: int, left: int, top: int) -> tuple[Part, ...]:
    """Three dots, one of them large."""
    return tuple(
        (left + 4 * place - 1, top - 1, _LARGE_DOT)
        if place == lit
        else (left + 4 * place, top, _DOT)
        for place in range(3)
    )


READING = Drawing(
    tuple(
        put_together(45, 15, (17, 0, _KIOSK), (0, 3, _TOKEN), *_dots(lit, 30, 6))
        for lit in range(3)
    )
)
"""The kiosk works with the token."""

_ENVELOPE = (
    ".bbbbbbbbbbbbbbbbbbbbbbbbbb.",
    "bpbbbbbbbbbbbbbbbbbbbbbbbbpb",
    "bbppbbbbbbbbbbbbbbbbbbbbppbb",
    "bbbbppbbbbbbbbbbbbbbbbppbbbb",
    "bbbbbbppbbbbbbbbbbbbppbbbbbb",
    "bbbbbbbbppbbbbbbbbppbbbbbbbb",
    "bbbbbbbbbbppbbbbppbbbbbbbbbb",
    "bbbbbbbbbbbbppppbbbbbbbbbbbb",
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    ".bbbbbbbbbbbbbbbbbbbbbbbbbb.",
)

SENDING = Drawing(
    tuple(put_together(45, 15, (0, 0, _ENVELOPE), *_dots(lit, 31, 7)) for lit in range(3))
)
"""A letter is on its way."""

_BADGE = (
    "...ppppppp...",
    "..pxxxxxxxp..",
    ".pxxxxxxxxxp.",
    "pxxxxxxxxxxxp",
    "pxxxxxxxxxxxp",
    "pxxxxxxxxxxxp",
    "pxxxxxxxxxxxp",
    "pxxxxxxxxxxxp",
    "pxxxxxxxxxxxp",
    "pxxxxxxxxxxxp",
    ".pxxxxxxxxxp.",
    "..pxxxxxxxp..",
    "...ppppppp...",
)
"""A round badge with paper around it; `x` is its colour."""

_CHECK = (
    ".......p",
    "......pp",
    "p....pp.",
    "pp..pp..",
    ".pppp...",
    "..pp....",
)
_QUESTION = (
    ".pppp.",
    "pp..pp",
    "....pp",
    "...pp.",
    "..pp..",
    "......",
    "..pp..",
)
_EXCLAMATION = ("ppp", "ppp", "ppp", "ppp", "...", "ppp", "ppp")


def _badge(colour: str, sign: Rows) -> Rows:
    left, top = (13 - len(sign[0]) + 1) // 2, (13 - len(sign)) // 2
    badge = tuple(row.replace("x", colour) for row in _BADGE)
    return put_together(13, 13, (0, 0, badge), (left, top, sign))


def _letter(colour: str, sign: Rows) -> Drawing:
    badge = _badge(colour, sign)
    return Drawing((put_together(34, 19, (0, 0, _ENVELOPE), (21, 6, badge)),))


LETTER_WAITING = Drawing((put_together(34, 19, (3, 2, _ENVELOPE)),))
"""A letter."""
LETTER = _letter("o", _CHECK)
"""A letter that has left."""
LETTER_WANTED = _letter("h", _QUESTION)
"""A letter of which nothing is known."""
LETTER_FAILED = _letter("a", _EXCLAMATION)
"""A letter that did not arrive, or did not leave."""

_SCREEN = (
    ".bbbbbbbbbbbbbbbbbbbbbbbbbb.",
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    *("bbppppppppppppppppppppppppbb",) * 9,
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    ".bbbbbbbbbbbbbbbbbbbbbbbbbb.",
    "...........bbbbbb...........",
    ".......bbbbbbbbbbbbbb.......",
)

_LARGE_CHECK = (
    "...........oo",
    "..........ooo",
    ".........ooo.",
    "oo......ooo..",
    "ooo....ooo...",
    ".ooo..ooo....",
    "..oooooo.....",
    "...oooo......",
    "....oo.......",
)

_KEYS = (
    ".bbbbbbbbbbbbbbbbbbbbbb.",
    *("bbbbbbbbbbbbbbbbbbbbbbbb",) * 18,
    ".bbbbbbbbbbbbbbbbbbbbbb.",
)

_KEYPAD = put_together(
    24,
    20,
    (0, 0, _KEYS),
    *((3 + 7 * x, 3 + 4 * y, ("pppp", "pppp")) for x in range(3) for y in range(4)),
)

_HAND = (
    "...........ppppppppppppp....",
    "........ppphhhhhhhhhhhhhp...",
    "......pphhhhhhhhhhhhhhhhp...",
    ".....phhhhhhhpppppppppppppp.",
    "....phhhhhhhhhhhhhhhhhhhhhhp",
    "...phhhhhhhhhhhhhhhhhhhhhhhp",
    "..phhhhhhhhhhppppppppppppppp",
    "..phhhhhhhhhhhhhhhhhhhhhhhp.",
    "..phhhhhhhhhhhhhhhhhhhhhhhp.",
    "..phhhhhhhhhhpppppppppppppp.",
    "...phhhhhhhhhhhhhhhhhhhp....",
    "....phhhhhhhhhhhhhhhhhhp....",
    ".....pppppppppppppppppp.....",
)
"""Seen from above, with paper around it."""

COVER = Drawing((put_together(38, 20, (14, 0, _KEYPAD), (0, 1, _HAND)),))
"""A hand covers a keypad."""

CLEAN = Drawing((put_together(28, 15, (0, 0, _SCREEN), (8, 2, _LARGE_CHECK)),))
"""A screen on which nothing is left."""
