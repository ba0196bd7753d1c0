"""Draws a slip as the picture that is printed.

Receipt printers know no Vietnamese letters, each lacks others, and which ones is set by switches
inside: a picture looks the same on all of them. Loaded by the printing process alone.
"""

from __future__ import annotations

import qrcode
from PIL import Image, ImageDraw, ImageFont
from qrcode.constants import ERROR_CORRECT_M

from kiosk.printing.fonts import FontFile
from kiosk.printing.slip import Section, Slip

ADVANCE = 0.6
"""Width of a letter of Noto Sans Mono, in sizes of the font."""

QUIET = 4
"""Modules of white around a QR code (ISO/IEC 18004)."""

_BLACK, _WHITE = 0, 255
_CLOSING = "、。，．：；！？）」』】”,.:;!?)"
_LONGEST = 8192
# Dots: a metre of paper. The longest slip of the catalogues is a fifth of it.


class PictureTooLong(Exception):
    """The slip has more to say than a slip may."""


def draw(slip: Slip, regular: FontFile, bold: FontFile, *, columns: int, dots: int) -> Image.Image:
    """Draw the slip.

    Args:
        slip: what it says.
        regular: font of the text.
        bold: font of what stands out.
        columns: letters in a line of text, which gives their size.
        dots: width of the picture.

    Returns:
        A picture of black and white alone (mode "1"), as wide as the paper.

    Raises:
        PictureTooLong: it would be longer than a metre.
        OSError: a font file cannot be read.
    """
    paper = _Paper(regular, bold, columns, dots)
    paper.banner(slip.brand, slip.subject)
    paper.centred(slip.title, paper.strong)
    paper.largest(slip.hotline)
    paper.code(slip.telephone_url)
    paper.centred(slip.scan, paper.text)
    for section in slip.sections:
        paper.section(section)
    paper.rule()
    paper.centred(slip.date, paper.text)
    return paper.picture()


class _Paper:
    """The paper from the top down."""

    def __init__(self, regular: FontFile, bold: FontFile, columns: int, dots: int) -> None:
        self._bold = bold
        self._dots = dots
        size = dots / columns / ADVANCE
        self.text = _font(regular, size)
        self.strong = _font(bold, size)
        self._size = size
        self._gap = round(size * 0.45)
        self._image = Image.new("L", (dots, _LONGEST), _WHITE)
        self._draw = ImageDraw.Draw(self._image)
        self._y = 0

    def picture(self) -> Image.Image:
        """What was drawn, cut off below."""
        if self._y > _LONGEST:
            raise PictureTooLong
        drawn = self._image.crop((0, 0, self._dots, self._y))
        return drawn.point(lambda light: 255 if light > 144 else 0).convert("1")

    def banner(self, brand: str, subject: str) -> None:
        """White letters on black across the paper."""
        fonts = (_font(self._bold, self._size * 1.5), self.strong)
        rows = [
            (line, font)
            for text, font in zip((brand, subject), fonts, strict=True)
            for line in self._wrapped(text, font, self._dots - 2 * self._gap)
        ]
        height = sum(_height(font) for _, font in rows) + 2 * self._gap
        self._draw.rectangle((0, self._y, self._dots - 1, self._y + height - 1), fill=_BLACK)
        self._y += self._gap
        for line, font in rows:
            self._middle(line, font, _WHITE)
        self._y += 3 * self._gap

    def centred(self, text: str, font: ImageFont.FreeTypeFont) -> None:
        """Text in the middle."""
        for line in self._wrapped(text, font, self._dots):
            self._middle(line, font, _BLACK)
        self._y += self._gap

    def largest(self, text: str) -> None:
        """One line that fills the width."""
        trial = _font(self._bold, 100)
        font = _font(self._bold, min(100 * self._dots / trial.getlength(text), self._size * 5))
        # A number has no letters that reach below the line or need room for accents above it.
        left, top, right, bottom = font.getbbox(text)
        x = (self._dots - (right - left)) / 2 - left
        self._draw.text((x, self._y + self._gap - top), text, font=font, fill=_BLACK)
        self._y += round(bottom - top) + 2 * self._gap

    def code(self, data: str) -> None:
        """A QR code in the middle, its modules as large as three fifths of the width allow."""
        code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=QUIET)
        code.add_data(data)
        code.make(fit=True)
        matrix = code.get_matrix()
        module = max(3, int(self._dots * 0.6) // len(matrix))
        left = (self._dots - module * len(matrix)) // 2
        for row, modules in enumerate(matrix):
            for column, dark in enumerate(modules):
                if dark:
                    x, y = left + column * module, self._y + row * module
                    self._draw.rectangle((x, y, x + module - 1, y + module - 1), fill=_BLACK)
        self._y += module * len(matrix)

    def section(self, section: Section) -> None:
        """A rule, a heading, and lines, with boxes where they are ticked off."""
        self.rule()
        for line in self._wrapped(section.title, self.strong, self._dots):
            self._line(0, line, self.strong)
        self._y += self._gap // 2
        indent = round(self._size * 1.5) if section.ticks else 0
        for text in section.lines:
            if section.ticks:
                self._box()
            for line in self._wrapped(text, self.text, self._dots - indent):
                self._line(indent, line, self.text)
            self._y += self._gap

    def rule(self) -> None:
        """A line across the paper."""
        self._y += self._gap
        self._draw.rectangle((0, self._y, self._dots - 1, self._y + 1), fill=_BLACK)
        self._y += self._gap + 2

    def _box(self) -> None:
        side = round(self._size * 0.85)
        top = self._y + (_height(self.text) - side) // 2
        self._draw.rectangle((1, top, side, top + side - 1), outline=_BLACK, width=2)

    def _middle(self, line: str, font: ImageFont.FreeTypeFont, colour: int) -> None:
        x = round((self._dots - font.getlength(line)) / 2)
        self._line(x, line, font, colour)

    def _line(self, x: int, line: str, font: ImageFont.FreeTypeFont, colour: int = _BLACK) -> None:
        self._draw.text((x, self._y), line, font=font, fill=colour)
        self._y += _height(font)

    def _wrapped(self, text: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
        """Break a text into lines: between words, and within one that is too long by itself."""
        lines = [""]
        for word in text.split():
            longer = f"{lines[-1]} {word}".lstrip()
            if font.getlength(longer) <= width:
                lines[-1] = longer
                continue
            if lines[-1]:
                lines.append("")
            for letter in word:
                if lines[-1] and font.getlength(lines[-1] + letter) > width:
                    # What ends a clause does not begin a line.
                    kept = lines[-1][-1] if letter in _CLOSING and len(lines[-1]) > 1 else ""
                    lines[-1] = lines[-1].removesuffix(kept)
                    lines.append(kept)
                lines[-1] += letter
        return lines


def _font(file: FontFile, size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file.path, size, index=file.index)


def _height(font: ImageFont.FreeTypeFont) -> int:
    ascent, descent = font.getmetrics()
    return ascent + descent
