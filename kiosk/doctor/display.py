"""Letters on the screen: fonts, locale, and the console's font for the bare terminal."""

from __future__ import annotations

import configparser
import unicodedata
from collections.abc import Sequence

from kiosk.console import FONTS
from kiosk.console_font import HEIGHTS, Size
from kiosk.doctor.findings import Finding, failed, ok, skipped, warning
from kiosk.doctor.machine import CONSOLE_UNIT, UNIT, Machine, Ran
from kiosk.doctor.unit_files import unit_settings

FOOT_FILES = ("/usr/share/vnpt-bhxh-kiosk/foot.ini", "/etc/vnpt-bhxh-kiosk/display.ini")
"""What the kiosk's terminal reads; the package's first."""

USUAL_FONT = "monospace"
"""What foot takes where no file names a font (foot.ini(5))."""

_TONES = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
BLOCKS = "▀▄█"
"""What the QR code is drawn with."""


def vietnamese_letters() -> str:
    """The 134 letters that Vietnamese has beside those of ASCII."""
    vowels = (
        unicodedata.normalize("NFC", base + tone) for base in "aăâeêioôơuưy" for tone in _TONES
    )
    small = [letter for letter in (*vowels, "đ") if not letter.isascii()]
    return "".join(small) + "".join(letter.upper() for letter in small)


def look_at_fonts(machine: Machine) -> list[Finding]:
    """Ask fontconfig whether the terminal's font has all that the kiosk writes."""
    family = terminal_font(machine)
    letters = _charset(vietnamese_letters())
    ran = machine.run(("fc-match", "--format", "%{family[0]}", family))
    if ran is None or ran.code != 0:
        return [_unknown(f"which font {family} is here", "fc-match", ran)]
    taken = ran.output.strip()
    advice = (
        "Install the Debian package fonts-noto-mono, and name its font in display.ini: "
        "font=Noto Sans Mono:pixelsize=22"
    )
    facts = {"wanted": family, "taken": taken}
    ran = _list(machine, taken, letters)
    if ran is None or ran.code != 0:
        return [_unknown(f"whether {taken} has Vietnamese letters", "fc-list", ran)]
    if not ran.output.strip():
        text = f"font {family} is {taken} here, which lacks Vietnamese letters"
        return [failed("fonts", text, advice, **facts)]
    found = [ok("fonts", f"font {family} is {taken} here, with all 134 letters", **facts)]
    ran = _list(machine, taken, _charset(BLOCKS))
    if ran is None or ran.code != 0:
        found.append(_unknown(f"whether {taken} has block elements", "fc-list", ran))
    elif not ran.output.strip():
        # foot draws them itself; another terminal does not.
        text = f"{taken} lacks block elements: only foot draws the QR code with it"
        found.append(warning("blocks", text, advice))
    return found


FONT_LANGUAGES = {"ko": "ko", "ja": "ja", "zh": "zh-cn"}
"""Languages of the kiosk whose letters its font lacks, as fontconfig names them."""


def look_at_language_fonts(machine: Machine, languages: Sequence[str]) -> list[Finding]:
    """Ask fontconfig for a font for each of the languages that customers can choose.

    foot takes letters that its own font lacks from any font that has them.
    """
    found = []
    for language in languages:
        if language not in FONT_LANGUAGES:
            continue
        name = f"fonts_{language}"
        ran = machine.run(("fc-list", f":lang={FONT_LANGUAGES[language]}", "family"))
        if ran is None or ran.code != 0:
            found.append(_unknown(f"whether a font has the letters of {language}", "fc-list", ran))
        elif not ran.output.strip():
            text = f"kiosk.languages has {language}, and no font here has its letters"
            advice = f"Install the Debian package fonts-noto-cjk, or take {language} out."
            found.append(failed(name, text, advice, language=language))
        else:
            found.append(ok(name, f"there is a font for {language}", language=language))
    return found


def _unknown(what: str, program: str, ran: Ran | None) -> Finding:
    """fontconfig has not said."""
    if ran is None:
        text = f"nobody can tell {what}: {program} is not installed"
        return warning("fonts", text, "Install the Debian package fontconfig.")
    if ran.code is None:
        text = f"nobody can tell {what}: {program} does not answer in time"
        return warning("fonts", text, "The machine is slow or busy: wait longer with --wait.")
    text = f"nobody can tell {what}: {program} ended with {ran.code}"
    return warning("fonts", text, f"`{program}` tells why.")


def terminal_font(machine: Machine) -> str:
    """The first font family that the kiosk's terminal is set to."""
    family = USUAL_FONT
    for file in FOOT_FILES:
        parser = configparser.ConfigParser(
            interpolation=None, strict=False, default_section="main", delimiters=("=",)
        )
        try:
            parser.read_string("[main]\n" + (machine.text(file) or ""))
        except configparser.Error:
            continue
        named = parser.defaults().get("font", "").split(",")[0].split(":")[0].strip()
        family = named or family
    return family


def _list(machine: Machine, family: str, charset: str) -> Ran | None:
    """Ask for the fonts of this family that have all these letters."""
    return machine.run(("fc-list", f":family={family}:charset={charset}", "family"))


def _charset(text: str) -> str:
    return " ".join(f"{ord(letter):x}" for letter in text)


def look_at_locale(machine: Machine) -> list[Finding]:
    """Whether the unit's locale is there and writes UTF-8."""
    settings = [
        value
        for value in unit_settings(machine, UNIT).get("Environment", ())
        if value.startswith("LANG=")
    ]
    if not settings:
        return [skipped("locale", f"{UNIT} is not installed, and it sets the locale")]
    name = settings[-1].removeprefix("LANG=")
    ran = machine.run(("locale", "-a"))
    if ran is None or ran.code != 0:
        return [skipped("locale", "`locale -a` does not answer")]
    known = {_plain(line) for line in ran.output.split()}
    if "utf8" not in _plain(name):
        advice = f"Set Environment=LANG=C.UTF-8 in {UNIT}."
        return [failed("locale", f"locale {name} of {UNIT} is not one of UTF-8", advice)]
    if _plain(name) not in known:
        advice = f"Make it with `locale-gen`, or set Environment=LANG=C.UTF-8 in {UNIT}."
        return [failed("locale", f"locale {name} of {UNIT} is not on this machine", advice)]
    return [ok("locale", f"locale {name} of {UNIT} is there")]


def _plain(locale: str) -> str:
    return locale.replace("-", "").lower()


def look_at_console_font(machine: Machine) -> list[Finding]:
    """The fonts of the bare terminal, which only the fallback unit needs."""
    folder = machine.at(FONTS)
    names = [Size(height, 1).name for height in HEIGHTS]
    missing = [name for name in names if not (folder / f"{name}.psf.gz").is_file()]
    if not missing:
        return [ok("console_font", f"console fonts with the letters: {', '.join(names)}")]
    advice = f"Install the Debian package console-setup-linux, if {CONSOLE_UNIT} is used."
    text = f"console fonts that are not installed: {', '.join(missing)}"
    return [warning("console_font", text, advice)]
