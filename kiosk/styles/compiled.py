"""Style sheets that were read beforehand, because to read them is a good part of a start.

Kept beside them, one file for each theme, is what Textual makes of each sheet: Python's pickles of
its rules, made when the kiosk is built. Whoever could change them could change the code as well.
What does not fit the sheets, the theme or Textual as they are now is passed over, and the sheets
are read as ever.
"""

from __future__ import annotations

import os
import pickle
import zlib
from collections.abc import Mapping
from pathlib import Path

import textual
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.css.types import CSSLocation

from kiosk.styles import STYLE_SHEETS

SUFFIX = ".compiled"

_FOLDER = Path(__file__).parent

_Rules = dict[str, list[RuleSet]]
"""By the text of the sheet."""


class CompiledStylesheet(Stylesheet):
    """Reads the kiosk's own sheets only where nothing that was read beforehand fits."""

    def __init__(self) -> None:
        """Make one without values, and so without sheets that fit."""
        super().__init__()
        # Of the Textual that is loaded: another one may be installed while the kiosk runs.
        self._made_by = _textual()
        self._compiled: _Rules = {}

    def set_variables(self, variables: dict[str, str]) -> None:
        """Take a theme's values."""
        super().set_variables(variables)
        self._compiled = _load(variables, self._made_by)

    def reparse(self) -> None:
        """Apply other values. Textual would have another style sheet parse everything, in case that
        fails; here it does not, since the same sheets were parsed before."""
        self.parse()

    def _parse_rules(
        self,
        css: str,
        read_from: CSSLocation,
        is_default_rules: bool = False,
        tie_breaker: int = 0,
        scope: str = "",
    ) -> list[RuleSet]:
        if not (is_default_rules or tie_breaker or scope) and css in self._compiled:
            return self._compiled[css]
        return super()._parse_rules(css, read_from, is_default_rules, tie_breaker, scope)


def compile_style_sheets() -> tuple[Path, ...]:
    """Read the style sheets in each theme and write what comes of it beside them.

    Returns:
        The files that were written; those of other sheets, themes or versions are gone.
    """
    # Of no use to a kiosk that runs.
    import pickletools  # noqa: PLC0415

    from textual.app import App  # noqa: PLC0415

    from kiosk.styles.tokens import themes  # noqa: PLC0415

    app: App[None] = App()
    written = []
    for theme in themes():
        app.register_theme(theme)
        app.theme = theme.name
        variables = app.get_css_variables()
        sheets = Stylesheet(variables=variables)
        texts = {path: path.read_text(encoding="utf-8") for path in STYLE_SHEETS}
        rules = {text: sheets._parse_rules(text, (str(path), "")) for path, text in texts.items()}
        target = _path(variables)
        # Several processes may compile at once.
        partial = target.with_suffix(f"{SUFFIX}.{os.getpid()}")
        partial.write_bytes(pickletools.optimize(pickle.dumps((_textual(), variables, rules))))
        partial.replace(target)
        written.append(target)
    for old in set(_FOLDER.glob(f"*{SUFFIX}")) - set(written):
        old.unlink(missing_ok=True)
    return tuple(written)


def _path(variables: Mapping[str, str]) -> Path:
    """Where the rules with these values are; others may have the same place, so they are compared
    as well."""
    return _FOLDER / f"{zlib.crc32(repr(sorted(variables.items())).encode()):08x}{SUFFIX}"


def _load(variables: Mapping[str, str], textual_now: str) -> _Rules:
    """What was read beforehand with these values; nothing if there is none that fits."""
    try:
        made_by, values, rules = pickle.loads(_path(variables).read_bytes())  # noqa: S301
    except Exception:
        # Whatever is wrong with the file, from its absence to a class that is no more.
        return {}
    return rules if made_by and made_by == textual_now and values == variables else {}


def _textual() -> str:
    """Which Textual this is, by the folder that pip made; `textual.__version__` takes longer than
    all that is saved here."""
    site = Path(textual.__file__).parent.parent
    return next((one.name for one in site.glob("textual-*.dist-info")), "")


if __name__ == "__main__":
    compile_style_sheets()
