"""Makes a stranger's text (from a certificate, from the service) safe to show."""

from __future__ import annotations

import re
import unicodedata

_ESCAPE_SEQUENCES = re.compile(
    r"""
      (?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]                        # CSI …
    | (?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f]).*?(?:\x07|\x1b\\|\x9c)  # OSC, DCS, … with text
    | \x1b[ -/]*[0-~]                                         # two-character escapes
    """,
    re.VERBOSE | re.DOTALL,
)


def clean_text(text: str, limit: int) -> str:
    """Make a stranger's text safe to show in one line of a terminal.

    Terminal escape sequences, control characters, bidirectional overrides and other
    invisible characters are removed, white space is collapsed, the rest is in NFC and
    at most `limit` characters long.
    """
    text = _ESCAPE_SEQUENCES.sub("", text[: 8 * limit])
    text = "".join(
        " " if character.isspace() else character
        for character in text
        if character.isspace() or not unicodedata.category(character).startswith("C")
    )
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
