"""How the screens look: the tokens, and the style sheets that are written in them."""

from pathlib import Path

_FOLDER = Path(__file__).parent

STYLE_SHEETS = [
    _FOLDER / f"{name}.tcss"
    for name in (
        "frame",
        "words",
        "buttons",
        "fields",
        "pictures",
        "steps",
        "welcome",
        "staff",
        "small",
    )
]
"""In the order in which they apply: what small screens need comes last."""
